"""Selectors of classifiers that are made of others: ensembles and bagging."""

from __future__ import annotations

from typing import Any

import pytest

from bench.errors import BenchError
from bench.plugins import recorded, registry
from bench.plugins.members import MemberText, member_texts, member_value
from bench.plugins.pipeline import PipelineSpec
from bench.plugins.selectors import Selector, parse

ENSEMBLE = "classifiers.ensemble:Ensemble"


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("e[members=svm+knn]", [(None, "svm"), (None, "knn")]),
        ("e[members=svm[C=10]+size:knn]", [(None, "svm[C=10]"), ("size", "knn")]),
        (
            'e[members="size[regions=cell]:svm[C=3]"+cnn[epochs=2]]',
            [("size[regions=cell]", "svm[C=3]"), (None, "cnn[epochs=2]")],
        ),
        ('e[members="size:svm+shape:knn"]', [("size", "svm"), ("shape", "knn")]),
        ('e[members="a[x=\\"head:10+all:10\\"]:knn"+svm]', [('a[x="head:10+all:10"]', "knn"), (None, "svm")]),
    ],
)
def test_members_are_split_at_plus_and_colon_outside_brackets(text: str, members: list[Any]) -> None:
    assert member_texts(parse(text), ENSEMBLE) == tuple(MemberText(*m) for m in members)


def test_a_member_is_written_as_it_is_read() -> None:
    for member in (MemberText(None, "svm"), MemberText(None, "svm[C=3]"), MemberText("size[regions=cell]", "knn")):
        written = str(Selector("e", {"members": (member_value(member), "knn")}))
        assert member_texts(parse(written), ENSEMBLE)[0] == member


def test_the_identity_of_an_ensemble_has_all_parameters_of_all_members() -> None:
    short = registry.classifier("ensemble[members=svm+knn]")
    full = registry.classifier("ensemble[rule=mean,members=svm[C=1,kernel=rbf]+knn[n_neighbors=15]]")
    other = registry.classifier("ensemble[members=svm[C=2]+knn]")
    assert short.canonical == full.canonical != other.canonical
    assert "svm[C=1.0,balance=patients" in short.canonical
    assert registry.classifier(short.canonical).canonical == short.canonical
    assert other.selector == "ensemble[members=svm[C=2.0]+knn]"
    assert (short.consumes, short.is_ensemble) == ("features", True)


def test_a_named_extractor_is_part_of_the_identity() -> None:
    one = registry.classifier('ensemble[members="size:svm"+"shape:knn"]')
    other = registry.classifier('ensemble[members="size[regions=cell]:svm"+"shape:knn"]')
    assert one.canonical != other.canonical
    assert (one.consumes, one.selector) == ("cells", "ensemble[members=size:svm+shape:knn]")
    assert [m.extractor and m.extractor.selector for m in one.members] == ["size", "shape"]
    assert '"size[regions=cell+nucleus]:svm[C=1.0' in one.canonical


def test_bagging_consumes_what_its_classifier_consumes() -> None:
    assert registry.classifier("bagging[of=svm]").consumes == "features"
    cells = registry.classifier("bagging[of=cnn[epochs=2],balance=true,disjoint=true,n=2]")
    assert cells.consumes == "cells"
    assert cells.selector == "bagging[of=cnn[epochs=2],balance=true,disjoint=true,n=2]"


def test_members_enter_the_key_with_their_modules() -> None:
    plugin = registry.classifier("ensemble[members=bagging[of=xgboost]+sklearn.linear_model.LogisticRegression+knn]")
    assert plugin.class_modules == (
        "classifiers.bagging",
        "classifiers.ensemble",
        "classifiers.knn",
        "classifiers.sklearn_adapter",
        "classifiers.xgboost",
    )
    assert "sklearn.linear_model" in plugin.nested_modules
    assert "classifiers.xgboost" in plugin.nested_modules


@pytest.mark.parametrize("by", ["by=anova,k=10", "by=pca,k=0.95", "by=rf,k=mean"])
@pytest.mark.parametrize(
    "classifier",
    ["sklearn.ensemble.AdaBoostClassifier", "svm", "sklearn.neural_network.MLPClassifier", "naive_bayes"],
)
def test_the_grid_of_sulaiman_2023_is_a_list_of_selectors(by: str, classifier: str) -> None:
    plugin = registry.classifier(f"select[{by},classifier={classifier}]")
    assert registry.classifier(plugin.canonical).canonical == plugin.canonical
    assert (plugin.consumes, plugin.leaves[0].name) == ("features", classifier)
    nested = plugin.build(random_state=1, cv=None).classifier
    assert (
        type(getattr(nested, "estimator", nested)).__name__.lower()
        == classifier.rpartition(".")[2].replace("_", "").lower()
    )
    recorded.check_recorded(plugin.selector)


def test_members_are_built_with_the_parameters_of_the_engine() -> None:
    plugin = registry.classifier('ensemble[members="size:svm"+cnn[epochs=2],weights=1+3]')
    built = plugin.build(random_state=5, cv=None, threads=2, weights_dir="/w", checkpoint_dir="/c")
    (svm_name, svm), (cnn_name, cnn) = built.members
    assert (svm_name, cnn_name) == ("size:svm", "cnn[epochs=2]")
    assert (type(svm).__name__, type(cnn).__name__, cnn.threads, cnn.epochs) == ("Svm", "Cnn", 2, 2)
    assert (built.weights, built.random_state, built.threads, built.checkpoint_dir) == ((1, 3), 5, 2, "/c")
    bagged = registry.classifier("bagging[of=sklearn.linear_model.LogisticRegression[C=3]]").build(random_state=1)
    assert type(bagged.of).__name__ == "SklearnAdapter"
    assert bagged.of.estimator.C == 3


@pytest.mark.parametrize(
    "text",
    [
        "ensemble[members=svm+xgboost+knn,rule=stack]",
        # The averages of iiti (equal weights), of two and three members with extractors of their own, with classifiers
        # at hand in place of the networks.
        'ensemble[members="size:svm"+"shape:svm"]',
        'ensemble[members="size:svm"+"shape:svm"+"glcm:svm"]',
        # shah-2019: three end-to-end classifiers of cells.
        "ensemble[members=cnn+cnn[dropout=0.1]+cnn[size=32]]",
        # liu-2019: two bagged networks on all cells of the minority and halves of the majority.
        "bagging[of=cnn,n=2,balance=true,disjoint=true]",
        # sulaiman-2023: the best of its 84 combinations.
        "select[by=rf,k=mean,classifier=svm]",
    ],
)
def test_published_combinations_are_one_selector(text: str) -> None:
    plugin = registry.classifier(text)
    assert registry.classifier(plugin.canonical).canonical == plugin.canonical
    recorded.check_recorded(plugin.selector)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ensemble", r"ensemble needs members: write ensemble\[members=svm\+knn\]"),
        ("bagging", r"bagging needs of: write bagging\[of=svm\]"),
        ("ensemble[member=svm+knn]", "ensemble has no parameter 'member'. Did you mean members"),
        ("ensemble[members=svm]", r"ensemble\[members=svm\]: at least two members are combined, not 1"),
        ("ensemble[members=smv+knn]", "member smv of ensemble: no classifier is called 'smv'. Did you mean svm"),
        ('ensemble[members="siz:svm"+"size:svm"]', "member siz:svm of ensemble: no extractor is called 'siz'. Did you"),
        ("ensemble[members=svm[c=1]+knn]", r"member svm\[c=1\] of ensemble: svm has no parameter 'c'"),
        ("ensemble[members=svm+cnn]", "member svm of ensemble needs features, .* such as handcrafted:svm"),
        ("ensemble[members=svm+size:knn]", "member svm of ensemble needs features, .* such as handcrafted:svm"),
        (
            'ensemble[members="size:cnn"+"size:svm"]',
            "member size:cnn of ensemble: cnn is fitted on cells, .* leave out size:",
        ),
        (
            "ensemble[members=ensemble[members=svm+knn]+knn]",
            r"member ensemble\[members=svm\+knn\] of ensemble: an ensemble is",
        ),
        ("bagging[of=ensemble[members=svm+knn]]", r"member ensemble\[.* of bagging: an ensemble is not a member"),
        (
            'bagging[of="size:svm"]',
            "member size:svm of bagging: it takes the extractor of the row; write --extractor size",
        ),
        ("ensemble[members=their.Class+svm]", "member their.Class of ensemble: their.Class is neither an installed"),
        ("ensemble[members=svm+knn,rule=median]", r"ensemble\[.*\]: rule='median' is not known"),
        ("ensemble[members=svm+knn,weights=1]", r"ensemble\[.*\]: weights=1: one positive number for each of the 2"),
        ("ensemble[members=svm+knn,random_state=1]", r"ensemble\[random_state=1\]: random_state is set by the engine"),
        ("ensemble[members=3+4]", "ensemble: 3 is not a classifier"),
        (
            'ensemble[members="a:b:c"+svm]',
            "ensemble: 'a:b:c' is not a member; write CLASSIFIER or EXTRACTOR:CLASSIFIER",
        ),
        ("select[by=pca]", r"select needs classifier: write select\[classifier=svm\]"),
        (
            "select[classifier=cnn]",
            r"select\[classifier=cnn\]: select has a classifier of features; this one is fitted",
        ),
        ("select[by=anova,classifier=svm]", r"select\[.*\]: k=mean is not valid with by=anova; it is a number of"),
        ("bagging[of=svm,n=0]", r"bagging\[of=svm,n=0\]: n=0 is not valid"),
        (
            'ensemble[members="size:bagging[of=bagging[of=bagging[of=bagging[of=svm[C=1]]]]]"+"size:knn"]',
            "ensemble: selectors are nested at most 5 deep, with those of its members",
        ),
        (
            "sklearn.calibration.CalibratedClassifierCV[estimator=ensemble[members=svm+knn]]",
            "sklearn.calibration.CalibratedClassifierCV: estimator: ensemble is not nested in a class of another",
        ),
    ],
)
def test_wrong_members_are_sentences(text: str, message: str) -> None:
    with pytest.raises(BenchError, match=f"^{message}"):
        registry.classifier(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('ensemble[members="size:os.path"+svm]', "os.path is neither an installed plugin"),
        ("ensemble[members=evil.Class+svm]", "evil.Class is neither an installed plugin"),
        ("select[classifier=evil.Class]", "evil.Class is neither an installed plugin"),
        ("bagging[of=evil.Class]", "evil.Class is neither an installed plugin"),
        ('ensemble[members="evil.Extractor:svm"+"size:knn"]', "evil.Extractor is neither an installed plugin"),
        (
            'ensemble[members="resnet18[weights=/x.safetensors]:svm"+"size:knn"]',
            "resnet18 loads its weights from a file",
        ),
        ('ensemble[members="size:bagging[of=\\"evil.Class\\"]"+svm]', "evil.Class is neither an installed plugin"),
    ],
)
def test_members_of_a_record_are_checked_before_anything_is_imported(text: str, message: str) -> None:
    with pytest.raises(BenchError, match=f"^{message}"):
        recorded.check_recorded(text)


def test_the_row_of_an_ensemble() -> None:
    size = registry.extractor("size")
    shared = PipelineSpec("none", size, registry.classifier("ensemble[members=svm+knn]"))
    assert (shared.member_extractors, shared.fitted_on_images) == ((), False)
    own = PipelineSpec("none", None, registry.classifier('ensemble[members="size:svm"+"shape:knn"]'))
    assert own.name == "pixels x ensemble[members=size:svm+shape:knn]"
    assert [x and x.selector for x in own.member_extractors] == ["size", "shape"]
    assert not own.fitted_on_images
    cells = PipelineSpec("none", None, registry.classifier('ensemble[members="size:svm"+cnn]'))
    assert cells.fitted_on_images
    assert PipelineSpec("none", None, registry.classifier("ensemble[members=cnn+cnn]")).member_extractors == ()
