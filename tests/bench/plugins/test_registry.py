"""Selectors are resolved to classes with all parameters in canonical form."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

import bench
from bench.errors import BenchError
from bench.plugins.importing import installed
from bench.plugins.listing import plugins_of
from bench.plugins.plugin import Plugin
from bench.plugins.registry import classifier, extractor

LOGISTIC = "sklearn.linear_model.LogisticRegression"
CALIBRATED = "sklearn.calibration.CalibratedClassifierCV"


PLUGINS = """
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin

class WithoutConsumes(ClassifierMixin, BaseEstimator):
    def __init__(self, depth=3):
        self.depth = depth
    def fit(self, X, y, groups=None):
        return self
    def predict_proba(self, X):
        return X

class Plain(WithoutConsumes):
    tunable = False
    def fit(self, X, y):
        return self
    def search_space(self, trial):
        return {"depth": 4}

class OfCells(Plain):
    consumes = "cells"

class OfImages(Plain):
    consumes = "images"

class NoClassifier:
    pass

class WithoutTags:
    def transform(self, X):
        return X

class Untagged(TransformerMixin, WithoutTags, BaseEstimator):
    pass

class Stateless(Untagged):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags
"""

Install = Callable[[str, str, str], None]


@pytest.fixture
def plugins(install: Install) -> None:
    """A distribution of the classes of `PLUGINS`, each an entry point with the name of the class."""
    names = (
        ("WithoutConsumes", "Plain", "OfCells", "OfImages", "NoClassifier"),
        ("Untagged", "WithoutTags", "Stateless"),
    )
    groups = ("[bench.classifiers]", *(f"{name} = their_lab:{name}" for name in names[0]))
    groups += ("[bench.extractors]", *(f"{name} = their_lab:{name}" for name in names[1]))
    install("their_lab", PLUGINS, "\n".join(groups))


def test_defaults_are_filled_in() -> None:
    plain = classifier("svm")
    assert plain.selector == "svm"
    assert (plain.params["C"], plain.params["kernel"]) == (1.0, "rbf")
    assert plain.consumes == "features"
    assert "cv" in plain.accepts
    assert "cv" not in plain.params


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("svm", "svm[C=1]"),
        ("svm[C=1]", "svm[C=1.0]"),
        ("svm[C=10,kernel=linear]", "svm[kernel=linear,C=10.0]"),
        ("knn[n_neighbors=5]", "knn[n_neighbors=5.0]"),
        (LOGISTIC, f"{LOGISTIC}[C=1]"),
        (f"{CALIBRATED}[estimator=knn[]]", f"{CALIBRATED}[estimator=knn[n_neighbors=15.0],method=sigmoid]"),
    ],
)
def test_one_estimator_has_one_identity(one: str, other: str) -> None:
    assert classifier(one) == classifier(other)
    assert classifier(one).canonical == classifier(other).canonical


def test_another_parameter_is_another_identity() -> None:
    forms = {classifier(text).canonical for text in ("svm", "svm[C=2]", "svm[kernel=linear]", "rf_svm", "knn")}
    assert len(forms) == 5
    nested = {classifier(f"{CALIBRATED}[estimator=knn[n_neighbors={k}]]").canonical for k in (1, 2)}
    assert len(nested) == 2


def test_a_model_name_is_an_extractor_of_one_identity() -> None:
    plain = extractor("resnet18")
    assert plain == extractor("embedding[model=resnet18]") == extractor("resnet18[weights=default,pool=default]")
    assert plain.selector == "resnet18"
    assert not plain.requires_fit
    assert not plain.random_weights
    assert extractor("resnet18[weights=random]").random_weights


def test_joined_poolings_are_one_identity_with_and_without_quotes() -> None:
    plain, quoted = extractor("resnet18[pool=avg+max]"), extractor('resnet18[pool="avg+max"]')
    assert plain == quoted
    assert (plain.canonical, plain.selector) == (quoted.canonical, "resnet18[pool=avg+max]")
    assert plain.build().spec().pool == "avg+max"
    assert extractor("resnet18[pool=max+]").canonical == extractor("resnet18[pool=max]").canonical
    assert extractor("resnet18[pool=default+]") == extractor("resnet18")
    path = extractor('resnet18[weights="a+b.safetensors"]')
    assert path.params["weights"] == "a+b.safetensors"


def test_a_parameter_that_is_a_list_takes_one_value() -> None:
    assert extractor("handcrafted[families=size]") == extractor("handcrafted[families=size+]")
    assert extractor("handcrafted[families=size]").build().families == ("size",)


def test_build_gives_the_class_its_parameters_and_those_of_the_engine() -> None:
    built = classifier("rf_svm[C=3]").build(random_state=7, cv=None, threads=2, weights_dir="/nowhere")
    assert (built.C, built.random_state) == (3.0, 7)
    assert not hasattr(built, "weights_dir")


def test_an_import_path_is_a_classifier() -> None:
    plugin = classifier(f"{LOGISTIC}[C=0.1]")
    assert plugin.consumes == "features"
    assert plugin.selector == f"{LOGISTIC}[C=0.1]"
    assert plugin.build(random_state=3).estimator.C == 0.1
    assert "n_jobs" not in plugin.canonical
    assert plugin.nested_modules == ("sklearn.linear_model",)


@pytest.mark.parametrize(
    ("selector", "canonical"),
    [
        ("naive_bayes", "naive_bayes[balance=patients,var_smoothing=1e-09]"),
        (LOGISTIC, f"{LOGISTIC}[C=1.0,"),
        (f"{CALIBRATED}[estimator=knn[]]", f"{CALIBRATED}[ensemble=auto,estimator=knn["),
    ],
)
def test_the_identity_is_the_name_and_never_a_module_of_ours(selector: str, canonical: str) -> None:
    plugin = classifier(selector)
    assert plugin.canonical.startswith(canonical), plugin.canonical
    assert "classifiers." not in plugin.canonical
    assert classifier(plugin.canonical).canonical == plugin.canonical


def test_selectors_inside_a_selector_are_built() -> None:
    built = classifier(f"{CALIBRATED}[estimator=sklearn.svm.SVC[C=2]]").build()
    assert built.estimator.estimator.C == 2.0
    assert classifier(f"{CALIBRATED}[estimator=knn[]]").nested_modules == ("classifiers.knn", "sklearn.calibration")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("svmm", "no classifier is called 'svmm'. Did you mean svm"),
        ("svm[kernal=rbf]", "svm has no parameter 'kernal'. Did you mean kernel?.*It takes C, "),
        ("svm[cv=3]", "inner splits are drawn by patient"),
        ("rf_svm[random_state=3]", "seeds follow from --seed"),
        (f"{LOGISTIC}[n_jobs=2]", "use --jobs and --threads"),
        (f"{LOGISTIC}[CC=2]", "no parameter 'CC'"),
        ("sklearn.linear_model.LogisticRegresion", "cannot be imported"),
        ("nowhere.at.all.Classifier", "cannot be imported"),
        ("sklearn.cluster.KMeans", "scikit-learn classifier"),
        ("json.dumps", "scikit-learn classifier"),
        ("sklearn.multiclass.OneVsRestClassifier", r"needs estimator: write .*\[estimator=...\]"),
        (f"{CALIBRATED}[estimator=svmm[]]", "svmm: a selector inside another one names .* Did you mean svm"),
        (f"{CALIBRATED}[estimator=svm[kernal=rbf]]", "Did you mean kernel?"),
        (f"{CALIBRATED}[cv=3]", "inner splits are drawn by patient"),
        (f"{CALIBRATED}[estimator=svm[]]", "no patient-disjoint splits are available"),
    ],
)
def test_classifiers_that_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        classifier(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("handcraftd", "no extractor is called 'handcraftd'. Did you mean handcrafted"),
        ("resnte18", "Did you mean .*resnet18"),
        ("handcrafted[familys=size]", "Did you mean families?"),
        ("resnet18[weights_dir=x]", "use --weights-dir"),
        ("resnet18[model=resnet34]", "no parameter 'model'"),
        ("embedding[model=3]", r"write embedding\[model=resnet50\]"),
    ],
)
def test_extractors_that_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        extractor(text)


def test_two_distributions_of_one_name_are_an_error_that_names_both(install: Install) -> None:
    install("their_lab", "", "[bench.classifiers]\nsvm = their_lab.svm:Svm\n")
    with pytest.raises(BenchError, match="'svm' in classifiers") as caught:
        classifier("svm")
    for word in ("cytobench", "their_lab", "classifiers.svm:Svm", "their_lab.svm:Svm"):
        assert word in str(caught.value)


BROKEN = {
    "def broken(": "SyntaxError",
    "import no_such_module": "ModuleNotFoundError: No module named 'no_such_module'",
    "raise SystemExit(3)": "SystemExit: 3",
    "import sys; sys.exit('bye')": "SystemExit: bye",
    "1 / 0": "ZeroDivisionError: division by zero",
    "class Stop(BaseException): pass\nraise Stop('here')": "Stop: here",
    "def f(): f()\nf()": "RecursionError",
    "raise GeneratorExit": "GeneratorExit",
    "value = 1": "AttributeError",
}
"""Modules that fail when they are imported, or lack the class, and what the message says."""


@pytest.mark.parametrize("source", BROKEN)
def test_a_plugin_that_fails_at_import_is_named_and_stops_nothing_else(source: str, install: Install) -> None:
    groups = "".join(f"[bench.{kind}]\nbroken = broken_lab:Broken\n" for kind in ("extractors", "classifiers"))
    install("broken_lab", source, groups)
    message = rf"broken_lab\.Broken of broken_lab cannot be imported \({BROKEN[source]}"
    for resolve, nested in ((classifier, f"{CALIBRATED}[estimator=broken[]]"), (extractor, "broken[depth=1]")):
        for text in ("broken", nested):
            with pytest.raises(BenchError, match=message):
                resolve(text)
    assert classifier("knn").name == "knn"
    assert extractor("size").name == "size"
    assert ("broken", "", "broken_lab") in plugins_of("classifiers")


def test_a_plugin_that_is_no_class_is_named(install: Install) -> None:
    install("broken_lab", "def Broken(): pass", "[bench.classifiers]\nbroken = broken_lab:Broken\n")
    with pytest.raises(BenchError, match=r"broken_lab\.Broken of broken_lab is a function, not a class"):
        classifier("broken")


def test_an_interrupt_during_an_import_is_one(install: Install) -> None:
    install("broken_lab", "raise KeyboardInterrupt", "[bench.classifiers]\nbroken = broken_lab:Broken\n")
    with pytest.raises(KeyboardInterrupt):
        classifier("broken")


def test_a_plan_that_does_not_use_a_broken_plugin_is_made(install: Install) -> None:
    install("broken_lab", "raise SystemExit", "[bench.classifiers]\nbroken = broken_lab:Broken\n")
    data = {"data": "phantom[patients=4,cells=2,size=64]", "folds": 2, "baselines": False}
    assert bench.plan("size", "knn", **data)["state"].tolist() == ["to run"]
    for chosen in ("knn,broken", None):
        with pytest.raises(BenchError, match="broken_lab cannot be imported"):
            bench.plan("size", chosen, **data)


def test_plugins_are_listed_without_importing_them(plugins: None) -> None:
    assert installed("classifiers")["Plain"].value == "their_lab:Plain"
    assert "their_lab" not in sys.modules


def test_a_classifier_without_consumes_consumes_features(plugins: None) -> None:
    plugin = classifier("WithoutConsumes[depth=4]")
    assert (plugin.consumes, plugin.target) == ("features", "their_lab:WithoutConsumes")
    assert plugin.build().depth == 4
    with pytest.raises(BenchError, match='OfImages: consumes is \'images\'; expected "features" or "cells"'):
        classifier("OfImages")


def test_a_classifier_without_groups_goes_through_the_adapter(plugins: None) -> None:
    plugin = classifier("Plain[depth=4]")
    assert (plugin.selector, plugin.canonical) == ("Plain[depth=4]", "Plain[depth=4]")
    assert (plugin.consumes, plugin.nested_modules) == ("features", ("their_lab",))
    built = plugin.build(random_state=1)
    assert (type(built).__name__, built.estimator.depth) == ("SklearnAdapter", 4)
    assert (built.tunable, built.search_space(None)) == (False, {"estimator__depth": 4})
    with pytest.raises(BenchError, match="OfCells: fit of a classifier of cells needs the parameter groups=None"):
        classifier("OfCells")
    with pytest.raises(BenchError, match="scikit-learn classifier"):
        classifier("NoClassifier")


def test_an_extractor_is_fitted_in_each_fold_without_the_tag(plugins: None) -> None:
    names = ("Untagged", "WithoutTags", "Stateless")
    assert [extractor(name).requires_fit for name in names] == [True, True, False]


def test_a_plugin_travels_between_processes() -> None:
    import pickle  # noqa: PLC0415 (what the worker pool does)

    plugin = classifier(f"{CALIBRATED}[estimator=knn[n_neighbors=2]]")
    again = pickle.loads(pickle.dumps(plugin))  # noqa: S301 (our own bytes)
    assert isinstance(again, Plugin)
    assert again == plugin
