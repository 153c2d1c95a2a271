"""Optimism by hand, and on data without any signal, where the best of sixty configurations must look good."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import roc_auc_score

import bench
from bench.evaluation.optimism import Optimism, optimism, summary
from bench.evaluation.protocol import Protocol
from bench.evaluation.tuning import tune
from bench.experiments.worker import FoldJob, fit_fold
from bench.features.store.entry import open_features, write_entry
from bench.plugins.registry import Plugin
from bench.scores.metrics import weighted_auroc
from bench.splits.folds import PatientKFold

CONFIGURATIONS, PATIENTS, CELLS = 60, 40, 6


class OneFeature(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Looks at a single feature, on which side of the middle between the classes' means a cell lies."""

    def __init__(self, *, feature: int = 0) -> None:
        self.feature = feature

    def fit(self, X: npt.NDArray[Any], y: Any, groups: Any = None) -> OneFeature:
        self.classes_ = np.unique(y)
        column = X[:, self.feature].astype(np.float64)
        self.means_ = [float(column[y == c].mean()) for c in self.classes_]
        return self

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        column = X[:, self.feature].astype(np.float64)
        p = 1 / (1 + np.exp((self.means_[0] - self.means_[1]) * (column - sum(self.means_) / 2)))
        return np.column_stack([1 - p, p])

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Each trial another feature: sixty configurations that have nothing to do with each other."""
        return {"feature": trial.number}


def _null_jobs(seed: int, place: Path) -> Iterator[FoldJob]:
    """Five outer folds of 40 patients whose classes do not differ; half of the variance lies between patients."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(PATIENTS), CELLS)
    labels = np.where(patient % 2, "sick", "healthy")
    units = np.array([f"p{i:02d}" for i in patient])
    between, within = rng.normal(size=(PATIENTS, CONFIGURATIONS)), rng.normal(size=(len(units), CONFIGURATIONS))
    write_entry(place, (between[patient] + within).astype(np.float32), [f"f{i}" for i in range(CONFIGURATIONS)])
    plugin = Plugin("one", f"{__name__}:OneFeature", {}, consumes="features")
    protocol = Protocol(folds=5, tune=CONFIGURATIONS)
    splits = PatientKFold(5, random_state=seed).split(labels, labels, units)
    for fold, (train, test) in enumerate(splits):
        yield FoldJob(None, plugin, protocol, "sick", labels, units, str(place), None, 0, fold, train, test)


def _flat_best(job: FoldJob) -> float:
    """Best score of a patient-grouped cross-validation over all patients: what `study.best_value` would claim."""
    X = open_features(str(job.features))
    splits = list(PatientKFold(5, random_state=1).split(X, job.labels, job.units))

    def score(candidate: Any, train: npt.NDArray[Any], test: npt.NDArray[Any]) -> float:
        p = clone(candidate).fit(X[train], job.labels[train]).predict_proba(X[test])[:, 1]
        return weighted_auroc(p, job.labels[test] == "sick", job.units[test])

    def evaluate(candidate: Any) -> list[Callable[[], float]]:
        return [lambda a=a, b=b: score(candidate, a, b) for a, b in splits]  # type: ignore[misc]

    return float(tune(OneFeature(), evaluate, trials=CONFIGURATIONS, seed=0).trials["value"].max())


def _nested(jobs: Sequence[FoldJob]) -> pd.DataFrame:
    results = [fit_fold(job) for job in jobs]
    predictions = pd.concat([r.predictions for r in results], ignore_index=True)
    rows = predictions["row"].to_numpy()
    described = predictions.assign(label=jobs[0].labels[rows], unit=jobs[0].units[rows])
    trials = pd.concat([r.trials for r in results], ignore_index=True)
    return optimism(trials, described, classes=["healthy", "sick"], positive="sick")


@pytest.mark.slow
def test_on_null_data_the_best_of_sixty_looks_like_a_finding_and_the_outer_folds_say_it_is_none(tmp_path: Path) -> None:
    """EVALUATION 2.5 and 12: 40 patients, no signal, 60 configurations; flat 0.65, nested 0.50."""
    data_sets = [list(_null_jobs(seed, tmp_path / str(seed))) for seed in range(12)]
    flat = np.array([_flat_best(jobs[0]) for jobs in data_sets])
    nested = pd.concat([_nested(jobs) for jobs in data_sets], ignore_index=True)
    found = summary(nested)
    assert found is not None
    assert found.folds == 60
    assert flat.mean() == pytest.approx(0.65, abs=0.03)
    assert found.outer == pytest.approx(0.5, abs=0.04)
    assert found.inner_best > 0.62
    assert found.mean > 0.12


def _predictions(fold: int, scores: Sequence[float], labels: str, *, repeat: int = 0) -> pd.DataFrame:
    """Cells of one patient each, called by their places."""
    p = np.asarray(scores)
    named = {"label": list(labels), "unit": [f"{fold}-{i}" for i in range(len(p))], "repeat": repeat, "fold": fold}
    return pd.DataFrame({**named, "p_a": 1 - p, "p_b": p})


def _trials(fold: int, *values: tuple[str, float], repeat: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        [{"trial": i, "state": s, "value": v, "repeat": repeat, "fold": fold} for i, (s, v) in enumerate(values)]
    )


BY_HAND = (
    pd.concat(
        [
            _trials(1, ("complete", 0.6), ("complete", 0.9), ("pruned", 0.99)),
            _trials(0, ("complete", 0.7), ("pruned", 0.1), ("complete", 0.65)),
        ]
    ),
    pd.concat([_predictions(0, [0.1, 0.9, 0.2, 0.8], "abba"), _predictions(1, [0.1, 0.9, 0.3, 0.8], "abab")]),
)
"""Fold 0: of 4 pairs, (0.9, 0.2) against (0.1, 0.8), three are in order; fold 1: all. Pruned trials do not count."""


def test_inner_best_less_outer_by_hand() -> None:
    found = optimism(*BY_HAND, classes=["a", "b"], positive="b")
    assert found.columns.tolist() == ["repeat", "fold", "inner_best", "outer", "optimism"]
    assert found[["repeat", "fold"]].to_numpy().tolist() == [[0, 0], [0, 1]]
    assert found["inner_best"].tolist() == [0.7, 0.9]
    assert found["outer"].tolist() == [0.75, 1.0]
    np.testing.assert_allclose(found["optimism"], [-0.05, -0.1])
    told = summary(found)
    assert told is not None
    assert (told.inner_best, told.outer, told.mean, told.folds) == pytest.approx((0.8, 0.875, -0.075, 2))
    assert told.sd == pytest.approx(0.05 / np.sqrt(2))


def test_it_is_told_in_a_line() -> None:
    told = Optimism(inner_best=0.84, outer=0.79, mean=0.05, sd=0.03, folds=5)
    assert str(told) == "inner best 0.84 - outer 0.79 = 0.05 (mean of 5 folds, SD 0.03)"


def test_the_positive_class_of_two_may_be_either() -> None:
    """The AUROC of a against b and that of b against a are the same, as long as the column goes with the class."""
    one, other = (optimism(*BY_HAND, classes=["a", "b"], positive=c) for c in ("a", "b"))
    pd.testing.assert_frame_equal(one, other)


def test_patients_weigh_the_same_in_the_outer_score() -> None:
    """One b of 9 wrong cells and one b of 1 right cell, against one a: 1/2, where cells would say 1/10."""
    cells = pd.DataFrame({"label": ["a"] + ["b"] * 10, "unit": ["x"] + ["y"] * 9 + ["z"], "repeat": 0, "fold": 0})
    p = np.array([0.5] + [0.1] * 9 + [0.9])
    found = optimism(_trials(0, ("complete", 0.5)), cells.assign(p_a=1 - p, p_b=p), classes=["a", "b"], positive="b")
    assert found["outer"].tolist() == [pytest.approx(0.5)]


def test_under_a_split_by_image_cells_weigh_the_same_as_they_did_in_tuning() -> None:
    """The cells of the test above: one of ten pairs is in order."""
    cells = pd.DataFrame({"label": ["a"] + ["b"] * 10, "unit": ["x"] + ["y"] * 9 + ["z"], "repeat": 0, "fold": 0})
    p = np.array([0.5] + [0.1] * 9 + [0.9])
    table = cells.assign(cell=[str(i) for i in range(11)], p_a=1 - p, p_b=p)
    found = optimism(_trials(0, ("complete", 0.5)), table, classes=["a", "b"], positive="b", unit="cell")
    assert found["outer"].tolist() == [pytest.approx(0.1)]


@pytest.mark.slow
def test_a_run_split_by_image_is_told_its_optimism_in_the_score_of_its_trials(tmp_path: Path) -> None:
    """Through the whole engine; the outer score is scikit-learn's on cells that weigh the same."""
    found = bench.run(
        "size", "knn", data="phantom[patients=6,cells=20,size=64]", folds=2, inner_folds=2, split="image", tune=2,
        jobs=1, out=tmp_path / "out", store=tmp_path / "store",
    )  # fmt: skip
    outer = pd.read_parquet(found.folder / "optimism.parquet").set_index("fold")["outer"].to_dict()
    positive = found.record["data"]["positive"]
    for fold, part in found.predictions.groupby("fold"):
        assert outer[fold] == pytest.approx(roc_auc_score(part["label"] == positive, part[f"p_{positive}"]), abs=1e-12)


def test_scores_before_calibration_are_those_that_tuning_saw() -> None:
    trials, predictions = BY_HAND
    turned = predictions.rename(columns={"p_a": "raw_a", "p_b": "raw_b"}).assign(p_a=0.5, p_b=0.5)
    pd.testing.assert_frame_equal(
        optimism(trials, turned, classes=["a", "b"], positive="b"),
        optimism(trials, predictions, classes=["a", "b"], positive="b"),
    )


def test_three_classes_are_averaged_one_against_the_rest() -> None:
    labels = np.array(list("abcabc"))
    p = np.random.default_rng(0).dirichlet(np.ones(3), 6)
    cells = pd.DataFrame({"label": labels, "unit": list("uvwxyz"), "repeat": 2, "fold": 1})
    cells = cells.assign(p_a=p[:, 0], p_b=p[:, 1], p_c=p[:, 2])
    found = optimism(_trials(1, ("complete", 0.5), repeat=2), cells, classes=["a", "b", "c"], positive=None)
    expected = roc_auc_score(labels, p, multi_class="ovr", average="macro")
    assert found["outer"].tolist() == [pytest.approx(expected)]


def test_a_fold_that_lacks_a_class_is_left_out_of_the_mean() -> None:
    trials = pd.concat([_trials(0, ("complete", 0.7)), _trials(1, ("complete", 0.9))])
    predictions = pd.concat([_predictions(0, [0.1, 0.9], "ab"), _predictions(1, [0.1, 0.9], "aa")])
    found = optimism(trials, predictions, classes=["a", "b"], positive="b")
    assert np.isnan(found["outer"].to_numpy()).tolist() == [False, True]
    told = summary(found)
    assert told is not None
    assert (told.folds, told.inner_best, told.outer) == (1, 0.7, 1.0)
    assert str(told) == "inner best 0.70 - outer 1.00 = -0.30 (mean of 1 fold)"
    assert summary(found[found["fold"] == 1]) is None


def test_without_tuning_there_is_none() -> None:
    none = optimism(pd.DataFrame(), BY_HAND[1], classes=["a", "b"], positive="b")
    assert none.columns.tolist() == ["repeat", "fold", "inner_best", "outer", "optimism"]
    assert len(none) == 0
    assert summary(none) is None
    assert summary(pd.DataFrame()) is None
