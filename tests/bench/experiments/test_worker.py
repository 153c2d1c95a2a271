"""Stateful extractors in a worker: fitted once per training set, never on tested patients."""

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

from bench.errors import BenchError
from bench.evaluation.protocol import Protocol
from bench.experiments.worker import FoldJob, fit_fold
from bench.features.store.entry import digests_array, entry_record, write_record
from bench.features.store.fit_key import FitLocation
from bench.plugins.plugin import Plugin
from bench.plugins.registry import classifier
from extractors.cells import CellFile, Cells

PATIENTS, CELLS = 24, 4


class Spy(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Records the rows (first feature) of each fit; the second feature is the score."""

    fits: ClassVar[list[list[int]]] = []

    def __init__(self, *, slope: float = 1.0) -> None:
        self.slope = slope

    def fit(self, X: npt.NDArray[Any], y: Any, groups: Any = None) -> Spy:
        self.classes_ = np.unique(y)
        self.fits.append([int(row) for row in X[:, 0]])
        return self

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        p = 1 / (1 + np.exp(-self.slope * X[:, 1].astype(np.float64)))
        return np.column_stack([1 - p, p])

    def search_space(self, trial: Any) -> dict[str, Any]:
        return {"slope": trial.suggest_categorical("slope", [-2.0, 2.0, -3.0])}


class SpyExtractor(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Records the cells of each fit; their ids are the row numbers."""

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


@pytest.fixture(autouse=True)
def no_fits() -> None:
    """Start each test without recorded fits."""
    for records in (Spy.fits, SpyExtractor.events, SpyExtractor.groups, SpyExtractor.seeds):
        records.clear()


def _spy(**params: Any) -> Plugin:
    return Plugin("spy", f"{__name__}:Spy", params, consumes="features")


@pytest.fixture
def job() -> FoldJob:
    """24 patients of 4 cells, the last third of them tested; fits are not stored."""
    units = np.repeat([f"p{i:02d}" for i in range(PATIENTS)], CELLS)
    rows = np.arange(len(units))
    cells = Cells(CellFile(str(i), "nowhere.png") for i in rows)
    digests = digests_array([sha256(file.id.encode()).hexdigest() for file in cells.files])
    return FoldJob(
        extractor=Plugin("eye", f"{__name__}:SpyExtractor", {}, frozenset({"random_state"}), requires_fit=True),
        classifier=_spy(),
        protocol=Protocol(folds=3),
        positive="sick",
        labels=np.repeat(np.where(np.arange(PATIENTS) % 2, "sick", "healthy"), CELLS),
        units=units,
        features=None,
        cells=cells,
        repeat=0,
        fold=2,
        train=rows[:64],
        test=rows[64:],
        fits=FitLocation(None, {}, {}, digests, units),
    )


def _stored(job: FoldJob, store: Path) -> FoldJob:
    assert job.fits is not None
    return replace(job, fits=replace(job.fits, store=store))


def test_a_stateful_extractor_is_fitted_on_training_cells_alone(job: FoldJob) -> None:
    result = fit_fold(job)
    assert SpyExtractor.events[-1] == list(job.train)
    assert SpyExtractor.groups == [list(job.units[rows]) for rows in SpyExtractor.events]
    inner = SpyExtractor.events[:-1]
    assert len(inner) == 3
    for number, fitted_on in enumerate(inner):
        validated = result.inner_predictions.loc[result.inner_predictions["inner_fold"] == number, "row"]
        assert not set(job.units[fitted_on]) & set(job.units[validated])
        assert not set(job.units[fitted_on]) & set(job.units[job.test])
    tested = set(job.test)
    assert all(not tested & set(rows) for rows in Spy.fits)


def test_missing_values_of_a_fold_are_reported(job: FoldJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def with_missing(self: SpyExtractor, cells: Cells) -> npt.NDArray[np.float32]:
        rows = np.array([int(c.id) for c in cells], dtype=np.float32)
        tested = np.where(rows < 64, np.nan, rows)
        return np.column_stack([rows, np.sin(rows), np.where(rows < 33, np.nan, rows), tested]).astype(np.float32)

    monkeypatch.setattr(SpyExtractor, "transform", with_missing)
    monkeypatch.setattr(SpyExtractor, "get_feature_names_out", lambda self, names=None: np.array(list("abcd")))
    assert fit_fold(job).notices == (
        "eye, repeat 0, fold 2: 2 of 4 columns are missing in more than half of the 64 training cells; of these, 1 "
        "without any value are dropped",
    )


def test_tuning_a_classifier_does_not_fit_its_extractor_again(job: FoldJob) -> None:
    result = fit_fold(replace(job, protocol=replace(job.protocol, tune=5)))
    assert len(result.trials) == 5
    assert "param_slope" in result.trials
    assert [len(rows) for rows in SpyExtractor.events].count(len(job.train)) == 1
    assert len(SpyExtractor.events) == 3 + 1
    tested = set(job.test)
    assert all(not tested & set(rows) for rows in SpyExtractor.events)
    tested = set(job.test)
    assert all(not tested & set(rows) for rows in Spy.fits)


def _three_folds(job: FoldJob) -> Iterator[FoldJob]:
    rows = np.arange(len(job.labels))
    for fold in range(3):
        tested = rows // (2 * CELLS) % 3 == fold
        yield replace(job, fold=fold, train=rows[~tested], test=rows[tested])


def test_each_training_set_is_fitted_once_for_all_classifiers_and_runs(job: FoldJob, tmp_path: Path) -> None:
    """Three outer fits and three times three inner ones, whatever is fitted on their features afterwards."""
    for plugin in (_spy(), classifier("knn"), _spy(), _spy(slope=3.0)):
        for fold in _three_folds(_stored(replace(job, classifier=plugin), tmp_path / "store")):
            fit_fold(replace(fold, protocol=replace(fold.protocol, tune=2)))
            assert len(SpyExtractor.events) <= 12
    assert len({tuple(rows) for rows in SpyExtractor.events}) == len(SpyExtractor.events) == 12
    assert len(list((tmp_path / "store" / "fitted").glob("*/*/entry.json"))) == 12
    assert len(Spy.fits) == 3 * 3 * (2 * 3 + 3 + 1)


@pytest.mark.parametrize("tune", [0, 2])
def test_stored_fits_do_not_change_predictions(job: FoldJob, tmp_path: Path, tune: int) -> None:
    protocol = replace(job.protocol, tune=tune)
    stored = replace(_stored(job, tmp_path / "store"), protocol=protocol)
    first, again, without = fit_fold(stored), fit_fold(stored), fit_fold(replace(job, protocol=protocol))
    assert len(SpyExtractor.events) == 4 + 0 + 4
    for other in (again, without):
        pd.testing.assert_frame_equal(first.predictions, other.predictions, check_exact=True)
        pd.testing.assert_frame_equal(first.inner_predictions, other.inner_predictions, check_exact=True)
    # The features, computed without the engine.
    signal = np.sin(np.arange(len(job.labels), dtype=np.float32))[job.test].astype(np.float64)
    slope = float(first.trials.loc[first.trials["value"].idxmax(), "param_slope"]) if tune else 1.0
    assert first.predictions["p_sick"].to_numpy() == pytest.approx(1 / (1 + np.exp(-slope * signal)), rel=1e-6)


def _plant(folder: Path, **names_of: list[str]) -> None:
    """Add names to those that an entry was fitted on, with a valid digest."""
    record = entry_record(folder)
    fields = {k: v for k, v in record.items() if k not in ("format", "key", "written", "environment", "digest")}
    more = {kind: [*record["fitted_on"][kind], *names] for kind, names in names_of.items()}
    write_record(folder, {**fields, "fitted_on": {**record["fitted_on"], **more}})


def _entry_fitted_on(store: Path, cells: int) -> Path:
    folders = [p.parent for p in store.glob("fitted/*/*/entry.json")]
    return next(folder for folder in folders if entry_record(folder)["fitted_on"]["cells"] == cells)


@pytest.mark.parametrize("kind", ["units", "patients"])
def test_an_entry_fitted_on_a_tested_patient_stops_the_fold(job: FoldJob, tmp_path: Path, kind: str) -> None:
    job = _stored(job, tmp_path / "store")
    fit_fold(job)
    _plant(_entry_fitted_on(tmp_path / "store", len(job.train)), **{kind: ["p20"]})
    Spy.fits.clear()
    with pytest.raises(BenchError, match=r"outer split: the stored features of eye .* patients who are tested: p20"):
        fit_fold(job)
    assert not Spy.fits, "no classifier was fitted on its features"
    assert len(SpyExtractor.events) == 4


@pytest.mark.parametrize("whose", ["outer", "inner"])
def test_an_inner_entry_fitted_on_validated_or_tested_patients_stops_the_fold(
    job: FoldJob, tmp_path: Path, whose: str
) -> None:
    job = _stored(job, tmp_path / "store")
    result = fit_fold(job)
    validated = result.inner_predictions.loc[result.inner_predictions["inner_fold"] == 1, "row"]
    name = "p23" if whose == "outer" else str(job.units[validated.iloc[0]])
    others = [rows for rows in SpyExtractor.events if not set(rows) & set(validated)]
    folders = [p.parent for p in (tmp_path / "store").glob("fitted/*/*/entry.json")]
    inner = next(f for f in folders if entry_record(f)["fitted_on"]["units"] == sorted(set(job.units[others[0]])))
    _plant(inner, units=[name])
    Spy.fits.clear()
    with pytest.raises(BenchError, match=f"inner split: the stored features of eye .* who are tested: {name}, "):
        fit_fold(job)
    assert not Spy.fits


def test_the_entry_of_another_fold_is_refused(job: FoldJob, tmp_path: Path) -> None:
    """An intact entry under a wrong key, fitted on patients that this fold tests."""
    first, second, _ = _three_folds(_stored(job, tmp_path / "store"))
    fit_fold(first)
    entry = _entry_fitted_on(tmp_path / "store", len(first.train))
    fit_fold(_stored(second, tmp_path / "other"))
    shutil.rmtree(entry)
    shutil.copytree(_entry_fitted_on(tmp_path / "other", len(second.train)), entry)
    with pytest.raises(BenchError, match="patients who are tested: p00, p01, p06, p07, p12"):
        fit_fold(first)


def test_patients_may_be_on_both_sides_by_image_and_in_official_folds(job: FoldJob, tmp_path: Path) -> None:
    """By image each cell is its own unit; official folds may separate cells of one patient, reported elsewhere."""
    train, test = np.flatnonzero(np.arange(96) % 4 != 0), np.flatnonzero(np.arange(96) % 4 == 0)
    torn = replace(_stored(job, tmp_path / "store"), train=train, test=test)
    by_image = replace(torn, units=np.array([f"c{i}" for i in range(96)]))
    result = fit_fold(replace(by_image, protocol=replace(job.protocol, split="image")))
    assert list(result.predictions["row"]) == list(test)
    official = replace(torn, protocol=replace(job.protocol, split="official"))
    assert list(fit_fold(official).predictions["row"]) == list(test)
    with pytest.raises(BenchError, match=r"stored features of eye .* patients who are tested: p00, p01, "):
        fit_fold(replace(by_image, protocol=replace(job.protocol, split="patient")))


def test_the_seed_of_an_extractor_is_derived_from_its_own_name(job: FoldJob) -> None:
    def seed(**changes: Any) -> int:
        SpyExtractor.seeds.clear()
        fit_fold(replace(job, **changes))
        assert len(set(SpyExtractor.seeds)) == 1
        return int(SpyExtractor.seeds[0])

    plain = seed()
    assert plain == seed() == seed(classifier=_spy(slope=2.0)) == seed(protocol=replace(job.protocol, tune=1))
    others = [seed(fold=1), seed(repeat=1), seed(protocol=replace(job.protocol, seed=1))]
    other_name = Plugin("eye", f"{__name__}:SpyExtractor", {"wide": True}, frozenset({"random_state"}), "cells", True)
    others.append(seed(extractor=other_name))
    assert len({plain, *others}) == 5


def test_notices_of_an_extractor_are_returned(job: FoldJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpyExtractor, "notices_", ("it has learned nothing",), raising=False)
    assert fit_fold(job).notices == ("it has learned nothing",)


def test_the_time_of_a_stateful_extractor_is_separate(job: FoldJob) -> None:
    assert set(fit_fold(job).seconds) == {"extract", "tune", "inner", "fit", "predict"}


class Named(SpyExtractor):
    """Names its columns by the first label of its training cells."""

    def fit(self, X: Cells, y: Any = None, groups: Any = None) -> Named:
        self.prefix_ = str(y[0])
        return self

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        return np.array([f"{self.prefix_}.row", f"{self.prefix_}.sine"], dtype=object)


def test_importances_have_the_feature_names_of_the_fit(job: FoldJob) -> None:
    named = Plugin("named", f"{__name__}:Named", {}, requires_fit=True)
    tree = classifier("sklearn.tree.DecisionTreeClassifier")
    importances = fit_fold(replace(job, extractor=named, classifier=tree)).importances
    assert importances["feature"].tolist() == ["healthy.row", "healthy.sine"]
    assert importances["importance"].sum() == pytest.approx(1)
    assert importances[["repeat", "fold"]].to_numpy().tolist() == [[0, 2]] * 2
