"""Selection and projection before a classifier: scikit-learn's results, seeds, importances, and training rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectFromModel, SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classifiers.knn import Knn
from classifiers.selection import Select, variance_ratio
from classifiers.sklearn_adapter import SklearnAdapter
from classifiers.svm import Svm
from classifiers.xgboost import XGBoost
from extractors.random_state import random_seed

SEED = 5


def _forest() -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=20, random_state=random_seed(SEED))


STEPS: dict[str, tuple[dict[str, Any], Callable[[], Any]]] = {
    "anova": ({"by": "anova", "k": 7}, lambda: SelectKBest(f_classif, k=7)),
    "pca": ({"by": "pca", "k": 5}, lambda: PCA(5, random_state=0)),
    "pca share": ({"by": "pca", "k": 0.8}, lambda: PCA(0.8, random_state=0)),
    "rf": ({"by": "rf", "k": 6, "n_estimators": 20}, lambda: SelectFromModel(_forest(), max_features=6, threshold=-1)),
    "rf mean": ({"by": "rf", "n_estimators": 20}, lambda: SelectFromModel(_forest())),
}
NESTED = [
    GaussianNB(),
    LogisticRegression(),
    AdaBoostClassifier(n_estimators=10, random_state=random_seed(random_seed(SEED))),
    MLPClassifier(hidden_layer_sizes=(8,), max_iter=50, random_state=random_seed(random_seed(SEED))),
]


@pytest.mark.filterwarnings("ignore:.*Maximum iterations")
@pytest.mark.parametrize("nested", NESTED, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("name", STEPS)
def test_predictions_equal_those_of_a_pipeline_of_scikit_learn(name: str, nested: Any, planted: Any) -> None:
    seen, unseen = (planted(features=25, informative=4, signal=1.0, seed=s) for s in (1, 2))
    seen.X[np.random.default_rng(0).random(seen.X.shape) < 0.05] = np.nan
    parameters, step = STEPS[name]
    ours = Select(classifier=SklearnAdapter(nested), random_state=SEED, **parameters).fit(seen.X, seen.y, seen.groups)
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), step(), StandardScaler(), clone(nested))
    scaled.fit(seen.X, seen.y)
    np.testing.assert_allclose(ours.predict_proba(unseen.X), scaled.predict_proba(unseen.X), atol=1e-7)
    np.testing.assert_array_equal(ours.predict(unseen.X), scaled.predict(unseen.X))


@pytest.mark.parametrize("name", ["anova", "rf", "rf mean"])
def test_the_selected_columns_are_those_of_scikit_learn(name: str, planted: Any) -> None:
    data = planted(features=25, informative=4, signal=1.0, seed=3)
    data.X[:, 2] = np.nan
    parameters, step = STEPS[name]
    fitted = Select(classifier=Knn(), random_state=SEED, **parameters).fit(data.X, data.y, data.groups)
    rest = np.delete(np.arange(25), 2)
    theirs = step().fit(StandardScaler().fit_transform(data.X[:, rest]), data.y)
    np.testing.assert_array_equal(fitted.selected_, rest[theirs.get_support(indices=True)])
    assert {0, 1, 3} <= set(fitted.selected_)


def test_a_share_of_the_variance_takes_as_many_components_as_it_needs(planted: Any) -> None:
    data = planted(features=12)
    for share in (0.5, 0.9, 0.99):
        step = Select(classifier=Knn(), by="pca", k=share).fit(data.X, data.y).selection_[-1]
        explained = np.cumsum(PCA().fit(StandardScaler().fit_transform(data.X)).explained_variance_ratio_)
        assert step.n_components_ == np.searchsorted(explained, share) + 1


def test_importances_are_those_of_the_classifier_or_of_the_selection(planted: Any) -> None:
    data = planted(features=20, informative=3)
    forest = Select(classifier=Svm(), k=4, n_estimators=20, random_state=0).fit(data.X, data.y, data.groups)
    own = forest.selection_[-1].importances_
    expected = np.where(own >= np.sort(own)[-4], own, 0) / np.sort(own)[-4:].sum()
    np.testing.assert_allclose(forest.feature_importances_, expected)
    anova = Select(classifier=Svm(), by="anova", k=4).fit(data.X, data.y, data.groups)
    F = f_classif(data.X, data.y)[0]
    np.testing.assert_allclose(anova.feature_importances_, np.where(np.sort(F)[-4] <= F, F, 0) / np.sort(F)[-4:].sum())
    trees = Select(classifier=XGBoost(n_estimators=10), by="anova", k=4, random_state=0).fit(
        data.X, data.y, data.groups
    )
    np.testing.assert_array_equal(trees.feature_importances_[trees.selected_], trees.members_[0].feature_importances_)
    components = Select(classifier=XGBoost(n_estimators=10), by="pca", k=4).fit(data.X, data.y, data.groups)
    assert not hasattr(components, "feature_importances_")
    assert not hasattr(components, "selected_")


def test_a_feature_that_separates_the_classes_without_spread_takes_all_importance(planted: Any) -> None:
    data = planted(features=5)
    data.X[:, 3] = data.y
    fitted = Select(classifier=Knn(), by="anova", k=2).fit(data.X, data.y, data.groups)
    assert fitted.feature_importances_.tolist() == [0, 0, 0, 1, 0]


def test_the_ratio_of_variances_equals_scikit_learn_and_is_nan_for_constants(planted: Any) -> None:
    data = planted(features=6)
    F, p = variance_ratio(data.X, data.y)
    expected = f_classif(data.X, data.y)
    np.testing.assert_array_equal(F, expected[0])
    np.testing.assert_array_equal(p, expected[1])
    data.X[:, 4] = 7.0
    assert np.flatnonzero(np.isnan(variance_ratio(data.X, data.y)[0])).tolist() == [4]
    assert np.isnan(variance_ratio(np.ones((8, 3)), np.arange(8) % 2)[0]).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"classifier": None}, "select needs a classifier: write"),
        ({"by": "chi2"}, "by='chi2' is not known; it is one of anova, pca, rf"),
        ({"by": "anova"}, "k=mean is not valid with by=anova; it is a number of features, such as k=100"),
        ({"by": "anova", "k": 0.5}, "k=0.5 is not valid with by=anova"),
        (
            {"by": "pca", "k": 1.0},
            "k=1.0 is not valid with by=pca; it is a number of components, such as k=50, or a share",
        ),
        (
            {"by": "rf", "k": "median"},
            "k=median is not valid with by=rf; it is a number of features, such as k=100, or mean",
        ),
        ({"k": 0}, "k=0 is not valid"),
        ({"k": True}, "k=True is not valid"),
        ({"n_estimators": 0}, "n_estimators=0 is not valid"),
        ({"by": "pca", "k": 2, "n_estimators": 5}, "n_estimators is the number of trees of by=rf; omit it with by=pca"),
        (
            {"by": "anova", "k": 7},
            "k=7 is more than the 6 features that have a value in the training cells; use k of at most 6",
        ),
        ({"by": "rf", "k": 7}, "k=7 is more than the 6 features"),
        ({"by": "pca", "k": 7}, "k=7 is more than the 6 features"),
    ],
)
def test_wrong_parameters_are_sentences(parameters: dict[str, Any], message: str, planted: Any) -> None:
    data = planted()
    with pytest.raises(ValueError, match=f"^{message}"):
        Select(**{"classifier": Knn(), **parameters}).fit(data.X, data.y, data.groups)


def test_more_components_than_training_cells_are_refused(planted: Any) -> None:
    data = planted((3, 3), cells=2, features=40)
    with pytest.raises(ValueError, match=r"^k=13 components need as many training cells; there are 12$"):
        Select(classifier=Knn(), by="pca", k=13).fit(data.X, data.y, data.groups)


def test_a_feature_without_a_value_does_not_count(planted: Any) -> None:
    data = planted()
    data.X[:, 5] = np.nan
    with pytest.raises(ValueError, match=r"^k=6 is more than the 5 features"):
        Select(classifier=Knn(), by="anova", k=6).fit(data.X, data.y, data.groups)


def test_the_classifier_gets_patients_splitter_seed_and_threads(planted: Any, spy: Any) -> None:
    data = planted()
    fitted = Select(classifier=Svm(), by="anova", k=3, cv=spy, random_state=1).fit(data.X, data.y, data.groups)
    np.testing.assert_array_equal(spy.groups[0], data.groups)
    assert fitted.members_[0].n_features_in_ == 3
    nested = Select(classifier=XGBoost(n_estimators=3), by="anova", k=3, random_state=1, threads=2)
    member = nested.fit(data.X, data.y, data.groups).members_[0]
    assert (member.random_state, member.threads) == (random_seed(1), 2)


def test_the_search_space_is_that_of_the_classifier() -> None:
    from bench.contract.parameters import drawn_parameters  # noqa: PLC0415

    (drawn,) = drawn_parameters(Select(classifier=Knn(), by="anova", k=3), 1)
    assert set(drawn) == {"classifier__n_neighbors", "classifier__weights", "classifier__metric"}


def test_an_error_of_the_classifier_names_it(planted: Any) -> None:
    data = planted()
    with pytest.raises(ValueError, match=r"^select\[classifier=Svm\]: "):
        Select(classifier=Svm(C=-1.0), by="anova", k=2).fit(data.X, data.y, data.groups)
