"""One fold sees training patients alone, and its threshold is the best one on their inner predictions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.model_selection import KFold

from bench.errors import BenchError
from bench.evaluation import fold as experiment
from bench.evaluation.protocol import Protocol
from bench.experiments.worker import FoldJob, fit_fold
from bench.features.store.entry import digests_array, entry_record, open_features, write_entry, write_record
from bench.features.store.fit_key import FitPlace
from bench.plugins.registry import Plugin
from bench.scores.decisions import Inner, decide
from bench.scores.thresholds import choose_threshold, parse_threshold, patient_weights
from bench.splits.folds import InnerPatientKFold, PatientKFold
from extractors.cells import CellFile, Cells

PATIENTS, CELLS = 24, 4
ODD = {"half": [0.25, 0.25], "below": [-0.2, 1.2], "three": [0.2, 0.3, 0.5]}
"""Rows that are no probabilities of two classes."""


class Spy(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Notes which rows it is fitted and asked on: the first feature is the row's number, the second its score."""

    events: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, *, slope: float = 1.0, fault: str = "", cv: Any = None, random_state: Any = None) -> None:
        self.slope = slope
        self.fault = fault
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: npt.NDArray[Any], y: Any, groups: Any = None) -> Spy:
        self.classes_ = np.unique(y) if self.fault != "classes" else np.unique(y)[::-1]
        self.events.append(
            {"do": "fit", "rows": _rows(X), "y": list(y), "groups": list(groups), "slope": self.slope, "cv": self.cv,
             "seed": self.random_state}
        )  # fmt: skip
        return self

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        self.events.append({"do": "predict", "rows": _rows(X), "slope": self.slope})
        p = 1 / (1 + np.exp(-self.slope * X[:, 1].astype(np.float64)))
        if self.fault == "nan":
            p[0] = np.nan
        if self.fault in ODD:
            return np.tile(ODD[self.fault], (len(X), 1))
        return np.column_stack([1 - p, p + (self.fault == "sum")])

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Negative slopes turn the ranking round, so that the positive ones win."""
        return {"slope": trial.suggest_categorical("slope", [-2.0, 2.0, -3.0])}


class SpyExtractor(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Learns nothing but notes on which cells it was fitted; their ids are the rows' numbers."""

    events: ClassVar[list[list[int]]] = []
    groups: ClassVar[list[list[str]]] = []
    seeds: ClassVar[list[Any]] = []

    def __init__(self, *, wide: bool = False, random_state: Any = None) -> None:
        self.wide = wide
        self.random_state = random_state

    def fit(self, X: Cells, y: Any = None, groups: Any = None) -> SpyExtractor:
        self.events.append([int(c.id) for c in X])
        self.groups.append(list(groups))
        self.seeds.append(self.random_state)
        return self

    def transform(self, X: Cells) -> npt.NDArray[np.float32]:
        rows = np.array([int(c.id) for c in X], dtype=np.float32)
        return np.column_stack([rows, np.sin(rows)]).astype(np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        return np.array(["row", "sine"], dtype=object)


def _rows(X: npt.NDArray[Any]) -> list[int]:
    return [int(r) for r in X[:, 0]]


@pytest.fixture(autouse=True)
def unseen() -> Iterator[None]:
    """Nothing is noted before a test."""
    Spy.events.clear()
    SpyExtractor.events.clear()
    SpyExtractor.groups.clear()
    SpyExtractor.seeds.clear()
    yield


@pytest.fixture
def job(tmp_path: Path) -> FoldJob:
    """24 patients of 4 cells, the last third of them tested; the second feature tells the classes apart, roughly."""
    units = np.repeat([f"p{i:02d}" for i in range(PATIENTS)], CELLS)
    labels = np.repeat(np.where(np.arange(PATIENTS) % 2, "sick", "healthy"), CELLS)
    rng = np.random.default_rng(0)
    rows = np.arange(len(units))
    features = np.column_stack([rows, rng.normal(size=len(units)) + 1.2 * (labels == "sick")]).astype(np.float32)
    write_entry(tmp_path / "entry", features, ["row", "signal"])
    return FoldJob(
        extractor=None,
        classifier=_spy(),
        protocol=Protocol(folds=3),
        positive="sick",
        labels=labels,
        units=units,
        features=str(tmp_path / "entry"),
        cells=None,
        repeat=0,
        fold=2,
        train=rows[:64],
        test=rows[64:],
    )


def _spy(**params: Any) -> Plugin:
    return Plugin("spy", f"{__name__}:Spy", params, frozenset({"cv", "random_state"}), consumes="features")


def _stateful(job: FoldJob) -> FoldJob:
    extractor = Plugin("eye", f"{__name__}:SpyExtractor", {}, frozenset({"random_state"}), requires_fit=True)
    cells = Cells(CellFile(str(i), "nowhere.png") for i in range(len(job.labels)))
    digests = digests_array([sha256(file.id.encode()).hexdigest() for file in cells.files])
    fits = FitPlace(None, {}, {}, digests, job.units)
    return replace(job, extractor=extractor, features=None, cells=cells, fits=fits)


def _check_no_leak(job: FoldJob, events: list[dict[str, Any]]) -> None:
    """Every prediction is of patients that the fit before it has not seen, and no fit sees a test patient."""
    tested = set(job.units[job.test])
    seen: set[str] = set()
    for event in events:
        units = set(job.units[event["rows"]])
        if event["do"] == "fit":
            assert not units & tested
            assert event["groups"] == list(job.units[event["rows"]])
            assert event["y"] == list(job.labels[event["rows"]])
            seen = units
        else:
            assert not units & seen


def test_no_fit_sees_a_test_patient_nor_an_inner_validation_patient(job: FoldJob) -> None:
    result = fit_fold(job)
    _check_no_leak(job, Spy.events)
    assert [e["do"] for e in Spy.events] == ["fit", "predict"] * 4
    assert Spy.events[-2]["rows"] == list(job.train)
    assert Spy.events[-1]["rows"] == list(job.test) == list(result.predictions["row"])
    inner = [row for e in Spy.events[1:-2:2] for row in e["rows"]]
    assert sorted(inner) == list(job.train), "every training cell is predicted out of fold once"
    assert sorted(result.inner["row"]) == list(job.train)
    assert set(result.inner["inner_fold"]) == {0, 1, 2}


def test_tuning_sees_inner_patients_alone_and_its_best_parameters_are_applied(job: FoldJob) -> None:
    result = fit_fold(replace(job, protocol=replace(job.protocol, tune=5)))
    _check_no_leak(job, Spy.events)
    assert len(Spy.events) == 2 * (5 * 3 + 3 + 1)
    assert {e["slope"] for e in Spy.events[-8:]} == {2.0}
    assert len(result.trials) == 5
    assert (result.trials["repeat"] == job.repeat).all()
    best = result.trials.loc[result.trials["value"].idxmax()]
    assert best["param_slope"] == "2.0"
    assert set(result.seconds) == {"tune", "inner", "fit", "predict"}


@pytest.mark.parametrize("tune", [0, 2])
def test_inner_folds_through_patients_stop_the_fold_before_anything_is_fitted(
    job: FoldJob, tune: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ByCell(PatientKFold):
        def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Any]:
            return KFold(self.n_splits).split(X)

    monkeypatch.setattr(experiment, "PatientKFold", ByCell)
    with pytest.raises(BenchError, match="inner fold 0: patients on both sides of the split: p05"):
        fit_fold(replace(job, protocol=replace(job.protocol, tune=tune)))
    assert not Spy.events


def test_a_classifier_that_splits_gets_the_patient_splitter(job: FoldJob) -> None:
    fit_fold(job)
    for event in (e for e in Spy.events if e["do"] == "fit"):
        assert isinstance(event["cv"], InnerPatientKFold)
        assert event["cv"].n_splits == 3
        y, groups = np.array(event["y"]), np.array(event["groups"])
        for train, test in event["cv"].split(y, y, groups):
            assert not set(groups[train]) & set(groups[test])


def test_few_patients_of_a_class_still_leave_something_to_split(job: FoldJob) -> None:
    """Five folds of five sick patients: four in training, two or three in an inner fit, fewer than inner folds."""
    kept = np.array([u in {"p01", "p03", "p05", "p07"} for u in job.units]) | (job.labels == "healthy")
    svm = Plugin("svm", "classifiers.svm:Svm", {}, frozenset({"cv"}), consumes="features")
    result = fit_fold(replace(job, classifier=svm, train=job.train[kept[job.train]]))
    assert np.isfinite(result.predictions["p_sick"]).all()


def test_labels_of_test_patients_change_no_prediction(job: FoldJob) -> None:
    labels = job.labels.copy()
    labels[job.test] = np.where(labels[job.test] == "sick", "healthy", "sick")
    plain, swapped = fit_fold(job), fit_fold(replace(job, labels=labels))
    pd.testing.assert_frame_equal(plain.predictions, swapped.predictions)
    pd.testing.assert_frame_equal(plain.inner, swapped.inner)


def test_the_threshold_follows_from_the_inner_predictions_alone(job: FoldJob, tmp_path: Path) -> None:
    plain = fit_fold(job)
    rows = plain.inner["row"].to_numpy()
    scores, weights = plain.inner["p_sick"].to_numpy(), patient_weights(job.units[rows])
    expected = choose_threshold(parse_threshold("balanced"), scores, job.labels[rows] == "sick", weights)
    assert (plain.predictions["threshold"] == expected).all()
    features = np.array(open_features(tmp_path / "entry"))
    features[job.test, 1] += 100
    write_entry(tmp_path / "moved", features, ["row", "signal"])
    moved = fit_fold(replace(job, features=str(tmp_path / "moved")))
    assert (moved.predictions["threshold"] == expected).all()
    assert (moved.predictions["p_sick"] > plain.predictions["p_sick"]).all()


@pytest.mark.parametrize("calibrate", ["none", "sigmoid", "temperature"])
def test_predictions_are_mended_and_kept_as_they_were(job: FoldJob, calibrate: str) -> None:
    plain = fit_fold(job)
    protocol = replace(job.protocol, calibrate=calibrate, threshold="sens@0.9", aggregate="logit")
    found = fit_fold(replace(job, protocol=protocol))
    pd.testing.assert_frame_equal(found.inner, plain.inner)
    assert ("raw_sick" in found.predictions) == (calibrate != "none")
    raw = found.predictions["raw_sick" if calibrate != "none" else "p_sick"]
    assert (raw == plain.predictions["p_sick"]).all()
    rows = plain.inner["row"].to_numpy()
    inner = Inner(
        plain.inner[["p_healthy", "p_sick"]].to_numpy(),
        (job.labels[rows] == "sick").astype(np.intp),
        job.units[rows],
        plain.inner["inner_fold"].to_numpy(),
    )
    expected = decide(plain.predictions[["p_healthy", "p_sick"]].to_numpy(), inner, protocol.decision, positive=1)
    assert found.predictions["p_sick"].to_numpy() == pytest.approx(expected.probabilities[:, 1])
    assert (found.predictions["threshold"] == expected.threshold).all()
    assert (found.predictions["patient_threshold"] == expected.patient_threshold).all()


def test_a_stateful_extractor_is_fitted_on_training_cells_alone(job: FoldJob) -> None:
    job = _stateful(job)
    result = fit_fold(job)
    assert SpyExtractor.events[-1] == list(job.train)
    assert SpyExtractor.groups == [list(job.units[rows]) for rows in SpyExtractor.events]
    inner = SpyExtractor.events[:-1]
    assert len(inner) == 3
    for number, fitted_on in enumerate(inner):
        validated = result.inner.loc[result.inner["inner_fold"] == number, "row"]
        assert not set(job.units[fitted_on]) & set(job.units[validated])
        assert not set(job.units[fitted_on]) & set(job.units[job.test])
    _check_no_leak(job, Spy.events)


def test_tuning_a_classifier_does_not_fit_its_extractor_again(job: FoldJob) -> None:
    job = _stateful(job)
    result = fit_fold(replace(job, protocol=replace(job.protocol, tune=5)))
    assert len(result.trials) == 5
    assert "param_slope" in result.trials
    assert [len(rows) for rows in SpyExtractor.events].count(len(job.train)) == 1
    assert len(SpyExtractor.events) == 3 + 1
    tested = set(job.test)
    assert all(not tested & set(rows) for rows in SpyExtractor.events)
    _check_no_leak(job, Spy.events)


def _stored(job: FoldJob, store: Path) -> FoldJob:
    stateful = _stateful(job)
    assert stateful.fits is not None
    return replace(stateful, fits=replace(stateful.fits, store=store))


def _three_folds(job: FoldJob) -> Iterator[FoldJob]:
    rows = np.arange(len(job.labels))
    for fold in range(3):
        tested = rows // (2 * CELLS) % 3 == fold
        yield replace(job, fold=fold, train=rows[~tested], test=rows[tested])


def test_each_training_set_is_fitted_once_for_all_classifiers_and_runs(job: FoldJob, tmp_path: Path) -> None:
    """Three outer fits and three times three inner ones, whatever is fitted on their features afterwards."""
    knn = Plugin("knn", "classifiers.knn:Knn", {}, frozenset(), consumes="features")
    for classifier in (_spy(), knn, _spy(), _spy(slope=3.0)):
        for fold in _three_folds(_stored(replace(job, classifier=classifier), tmp_path / "store")):
            fit_fold(replace(fold, protocol=replace(fold.protocol, tune=2)))
            assert len(SpyExtractor.events) <= 12
    assert len({tuple(rows) for rows in SpyExtractor.events}) == len(SpyExtractor.events) == 12
    assert len(list((tmp_path / "store" / "fitted").glob("*/*/entry.json"))) == 12
    assert len([e for e in Spy.events if e["do"] == "fit"]) == 3 * 3 * (2 * 3 + 3 + 1)


@pytest.mark.parametrize("tune", [0, 2])
def test_kept_fits_change_no_bit_of_the_predictions(job: FoldJob, tmp_path: Path, tune: int) -> None:
    protocol = replace(job.protocol, tune=tune)
    kept = replace(_stored(job, tmp_path / "store"), protocol=protocol)
    given = replace(_stateful(job), protocol=protocol)
    first, again, without = fit_fold(kept), fit_fold(kept), fit_fold(given)
    assert len(SpyExtractor.events) == 4 + 0 + 4
    for other in (again, without):
        pd.testing.assert_frame_equal(first.predictions, other.predictions, check_exact=True)
        pd.testing.assert_frame_equal(first.inner, other.inner, check_exact=True)
    # What the extractor gives, computed here without the engine's help.
    signal = np.sin(np.arange(len(job.labels), dtype=np.float32))[job.test].astype(np.float64)
    slope = float(first.trials.loc[first.trials["value"].idxmax(), "param_slope"]) if tune else 1.0
    assert first.predictions["p_sick"].to_numpy() == pytest.approx(1 / (1 + np.exp(-slope * signal)), rel=1e-6)


def _plant(folder: Path, **told: list[str]) -> None:
    """Have an entry say that it was fitted on more patients, with its digests made right again."""
    record = entry_record(folder)
    fields = {k: v for k, v in record.items() if k not in ("format", "key", "written", "environment", "digest")}
    more = {kind: [*record["fitted_on"][kind], *names] for kind, names in told.items()}
    write_record(folder, {**fields, "fitted_on": {**record["fitted_on"], **more}})


def _entry_fitted_on(store: Path, cells: int) -> Path:
    found = [p.parent for p in store.glob("fitted/*/*/entry.json")]
    return next(folder for folder in found if entry_record(folder)["fitted_on"]["cells"] == cells)


@pytest.mark.parametrize("kind", ["units", "patients"])
def test_an_entry_that_says_it_saw_a_tested_patient_stops_the_fold(job: FoldJob, tmp_path: Path, kind: str) -> None:
    job = _stored(job, tmp_path / "store")
    fit_fold(job)
    _plant(_entry_fitted_on(tmp_path / "store", len(job.train)), **{kind: ["p20"]})
    Spy.events.clear()
    with pytest.raises(BenchError, match=r"outer split: the stored features of eye .* patients who are tested: p20"):
        fit_fold(job)
    assert not Spy.events, "no classifier was fitted on its features"
    assert len(SpyExtractor.events) == 4


@pytest.mark.parametrize("whose", ["outer", "inner"])
def test_an_inner_entry_may_have_seen_neither_validated_nor_tested_patients(
    job: FoldJob, tmp_path: Path, whose: str
) -> None:
    job = _stored(job, tmp_path / "store")
    result = fit_fold(job)
    validated = result.inner.loc[result.inner["inner_fold"] == 1, "row"]
    name = "p23" if whose == "outer" else str(job.units[validated.iloc[0]])
    others = [rows for rows in SpyExtractor.events if not set(rows) & set(validated)]
    folders = [p.parent for p in (tmp_path / "store").glob("fitted/*/*/entry.json")]
    inner = next(f for f in folders if entry_record(f)["fitted_on"]["units"] == sorted(set(job.units[others[0]])))
    _plant(inner, units=[name])
    Spy.events.clear()
    with pytest.raises(BenchError, match=f"inner split: the stored features of eye .* who are tested: {name}, "):
        fit_fold(job)
    assert not Spy.events


def test_the_entry_of_another_fold_is_refused_in_this_ones_place(job: FoldJob, tmp_path: Path) -> None:
    """Renamed from where it belongs: whole, and fitted on patients whom this fold tests."""
    first, second, _ = _three_folds(_stored(job, tmp_path / "store"))
    fit_fold(first)
    place = _entry_fitted_on(tmp_path / "store", len(first.train))
    fit_fold(_stored(second, tmp_path / "other"))
    shutil.rmtree(place)
    shutil.copytree(_entry_fitted_on(tmp_path / "other", len(second.train)), place)
    with pytest.raises(BenchError, match="patients who are tested: p00, p01, p06, p07, p12"):
        fit_fold(first)


def test_by_image_and_in_official_folds_patients_may_lie_on_both_sides(job: FoldJob, tmp_path: Path) -> None:
    """By image a cell is its own unit; official folds are taken as they are, and torn patients told elsewhere."""
    train, test = np.flatnonzero(np.arange(96) % 4 != 0), np.flatnonzero(np.arange(96) % 4 == 0)
    torn = replace(_stored(job, tmp_path / "store"), train=train, test=test)
    by_image = replace(torn, units=np.array([f"c{i}" for i in range(96)]))
    found = fit_fold(replace(by_image, protocol=replace(job.protocol, split="image")))
    assert list(found.predictions["row"]) == list(test)
    official = replace(torn, protocol=replace(job.protocol, split="official"))
    assert list(fit_fold(official).predictions["row"]) == list(test)
    with pytest.raises(BenchError, match=r"stored features of eye .* patients who are tested: p00, p01, "):
        fit_fold(replace(by_image, protocol=replace(job.protocol, split="patient")))


def test_the_seed_of_an_extractor_comes_from_its_own_name(job: FoldJob) -> None:
    def seed(**changes: Any) -> int:
        SpyExtractor.seeds.clear()
        fit_fold(replace(_stateful(job), **changes))
        assert len(set(SpyExtractor.seeds)) == 1
        return int(SpyExtractor.seeds[0])

    plain = seed()
    assert plain == seed() == seed(classifier=_spy(slope=2.0)) == seed(protocol=replace(job.protocol, tune=1))
    others = [seed(fold=1), seed(repeat=1), seed(protocol=replace(job.protocol, seed=1))]
    other_name = Plugin("eye", f"{__name__}:SpyExtractor", {"wide": True}, frozenset({"random_state"}), "cells", True)
    others.append(seed(extractor=other_name))
    assert len({plain, *others}) == 5


def test_what_an_extractor_says_is_told(job: FoldJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpyExtractor, "notices_", ("it has seen nothing",), raising=False)
    assert fit_fold(_stateful(job)).notices == ("it has seen nothing",)
    assert fit_fold(job).notices == ()


def test_the_time_of_a_stateful_extractor_stands_apart(job: FoldJob) -> None:
    assert set(fit_fold(_stateful(job)).seconds) == {"extract", "tune", "inner", "fit", "predict"}
    assert set(fit_fold(job).seconds) == {"tune", "inner", "fit", "predict"}


def test_the_seed_comes_from_names(job: FoldJob) -> None:
    def seed(**changes: Any) -> int:
        Spy.events.clear()
        fit_fold(replace(job, **changes))
        seeds = {e["seed"] for e in Spy.events if e["do"] == "fit"}
        assert len(seeds) == 1
        return int(seeds.pop())

    plain = seed()
    assert plain == seed() == seed(protocol=Protocol(folds=3, threads=2), features=job.features)
    others = [
        seed(fold=1), seed(repeat=1), seed(classifier=_spy(slope=2.0)), seed(protocol=Protocol(folds=3, seed=1))
    ]  # fmt: skip
    assert len({plain, *others}) == 5


def test_by_image_each_cell_is_its_own_unit(job: FoldJob) -> None:
    """Only there may a patient lie on both sides; the caller gives cells as units."""
    train, test = np.flatnonzero(np.arange(96) % 4 != 0), np.flatnonzero(np.arange(96) % 4 == 0)
    torn = replace(job, train=train, test=test)
    with pytest.raises(BenchError, match="outer split: patients on both sides of the split: p00, "):
        fit_fold(torn)
    assert not Spy.events
    cells = np.array([f"c{i}" for i in range(96)])
    by_image = replace(torn, units=cells, protocol=replace(job.protocol, split="image"))
    assert list(fit_fold(by_image).predictions["row"]) == list(test)
    official = replace(torn, protocol=replace(job.protocol, split="official"))
    fit_fold(official)


def test_more_than_two_classes_have_no_threshold(job: FoldJob) -> None:
    labels = np.repeat(np.array(["a", "b", "c"])[np.arange(PATIENTS) % 3], CELLS)
    knn = Plugin("knn", "classifiers.knn:Knn", {}, frozenset(), consumes="features")
    result = fit_fold(replace(job, labels=labels, positive=None, classifier=knn))
    assert result.predictions["threshold"].isna().all()
    assert np.allclose(result.predictions[["p_a", "p_b", "p_c"]].sum(axis=1), 1)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("nan", "probabilities are not finite for 1 of .* cells, such as nan, nan"),
        ("sum", "probabilities lie outside 0 to 1 for .* cells"),
        ("half", "probabilities do not sum to 1 for 24 of 24 cells, such as 0.25, 0.25"),
        ("below", "probabilities lie outside 0 to 1 for 24 of 24 cells, such as -0.2, 1.2"),
        ("three", r"probabilities of shape \(24, 3\); \(24, 2\) is expected"),
        ("classes", "the classifier knows"),
    ],
)
def test_probabilities_that_are_none(job: FoldJob, fault: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        fit_fold(replace(job, classifier=_spy(fault=fault)))


def test_a_class_that_a_side_lacks(job: FoldJob) -> None:
    healthy = np.flatnonzero(job.labels == "healthy")
    with pytest.raises(BenchError, match="the test patients hold no cell of sick"):
        fit_fold(replace(job, test=np.intersect1d(job.test, healthy)))
    with pytest.raises(BenchError, match="the training patients hold no cell of sick"):
        fit_fold(replace(job, train=np.intersect1d(job.train, healthy)))
    one = np.concatenate([np.intersect1d(job.train, healthy), np.flatnonzero(job.units == "p01")])
    with pytest.raises(BenchError, match="only one patient of a class"):
        fit_fold(replace(job, train=one))
