"""Plugins made from estimator objects."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.feature_selection import RFECV
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from bench.errors import BenchError
from bench.plugins import objects, registry
from bench.plugins.objects import ObjectPlugin
from classifiers.svm import Svm
from extractors.handcrafted.size import Size


class Brightness(TransformerMixin, BaseEstimator):
    """Mean of the image; `fit` takes no groups, and there are no names."""

    def __init__(self, power: float = 1.0, random_state: int | None = None) -> None:
        self.power = power
        self.random_state = random_state

    def fit(self, cells: Any, y: Any = None) -> Brightness:
        self.seed_ = self.random_state
        return self

    def transform(self, cells: Any) -> Any:
        return np.array([[float(np.mean(cell)) ** self.power] for cell in cells])


class Grouped(ClassifierMixin, BaseEstimator):
    """A classifier that follows the contract."""

    def __init__(self, cv: Any = None, random_state: int | None = None) -> None:
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> Grouped:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.repeat(self.classes_[:1], len(X))

    def predict_proba(self, X: Any) -> Any:
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def test_selector_is_resolved_by_the_registry() -> None:
    assert objects.classifier("svm[C=10]") == registry.classifier("svm[C=10]")
    assert objects.extractor("size") == registry.extractor("size")


@pytest.mark.parametrize(
    ("item", "selector"),
    [
        (LogisticRegression(C=3), "sklearn.linear_model.LogisticRegression[C=3]"),
        (Svm(C=10), "svm[C=10]"),
        (LogisticRegression(random_state=1, n_jobs=2), "sklearn.linear_model.LogisticRegression"),
    ],
)
def test_importable_classifier_equals_its_selector(item: Any, selector: str) -> None:
    assert objects.classifier(item).canonical == registry.classifier(selector).canonical


def test_installed_extractor_equals_its_selector() -> None:
    assert objects.extractor(Size()) == registry.extractor("size")


def test_replaced_parameters_are_reported() -> None:
    plugin = objects.classifier(LogisticRegression(random_state=1))
    assert "random_state set by the engine" in plugin.notices[0]  # type: ignore[attr-defined]


def test_pipeline_is_calibrated_where_it_has_no_probabilities() -> None:
    plugin = objects.classifier(make_pipeline(StandardScaler(), SVC(C=2)))
    assert isinstance(plugin, ObjectPlugin)
    assert plugin.selector == "Pipeline(StandardScaler(), SVC(C=2))"
    assert "has no predict_proba; it is calibrated" in plugin.notices[0]
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b"], 40)
    X = rng.normal(size=(80, 2)) + (y == "b")[:, None] * 3
    fitted = plugin.build(random_state=0, cv=None).fit(X, y, groups=np.arange(80) // 4)
    assert (fitted.classes_[fitted.predict_proba(X).argmax(axis=1)] == y).mean() > 0.9


def test_classifier_that_takes_groups_needs_no_adapter() -> None:
    plugin = objects.classifier(Grouped())
    built = plugin.build(random_state=7, cv="splitter", threads=1)
    assert (type(built), built.random_state, built.cv) == (Grouped, 7, "splitter")


def test_extractor_without_groups_and_names_is_adapted() -> None:
    plugin = objects.extractor(Brightness(2.0))
    assert (plugin.selector, plugin.requires_fit) == ("Brightness(power=2.0)", True)
    built = plugin.build(random_state=5, device="cpu")
    values = built.fit([np.ones(3)], ["a"], groups=["p"]).transform([np.full(3, 2.0)])
    assert values.tolist() == [[4.0]]
    assert list(built.get_feature_names_out()) == ["brightness0"]
    assert built.estimator_.seed_ == 5


def test_seeds_reach_the_steps_of_an_extractor() -> None:
    built = objects.extractor(make_pipeline(Brightness(), PCA(1))).build(random_state=5)
    assert built.estimator.named_steps["pca"].random_state == 5


def test_objects_reach_other_processes() -> None:
    class Local(Brightness):
        pass

    plugin = objects.extractor(Local(3.0))
    copy = pickle.loads(pickle.dumps(plugin))  # noqa: S301 (written one line above)
    assert copy == plugin
    assert hash(copy) == hash(plugin)
    assert copy.build().estimator.power == 3.0


@pytest.mark.parametrize(
    ("resolve", "item", "message"),
    [
        (objects.extractor, SVC(), r"SVC\(\) is not an extractor: it needs fit\(cells, y=None\) and transform"),
        (objects.classifier, Brightness(), r"Brightness\(\) is not a classifier: it needs fit"),
        (objects.classifier, make_pipeline(LogisticRegression(n_jobs=2)), "n_jobs"),
        (objects.extractor, make_pipeline(Brightness(), RFECV(SVC())), "rfecv__cv would split cells of one patient"),
    ],
)
def test_invalid_objects(resolve: Any, item: Any, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        resolve(item)


def test_object_names_differ_from_selectors() -> None:
    assert objects.is_object_name("Pipeline(StandardScaler(), SVC())")
    assert not objects.is_object_name('folder[pattern="(a)"]')
