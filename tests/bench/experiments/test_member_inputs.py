"""Members with extractors of their own: each has its features, and no fit sees a patient that it predicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin

from bench.errors import BenchError
from bench.evaluation.protocol import Protocol
from bench.experiments.worker import FoldJob, MemberSource, fit_fold
from bench.features.store.entry import digests_array, entry_record, write_entry, write_record
from bench.features.store.fit_key import FitLocation
from bench.plugins.plugin import Member, Plugin
from bench.plugins.registry import classifier
from extractors.cells import CellFile, Cells

PATIENTS, CELLS = 24, 4
SPLITS = 3


class Learner(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Records the features of each fit and prediction; the second feature is the score."""

    seen: ClassVar[list[tuple[str, npt.NDArray[Any]]]] = []
    consumes = "features"

    def fit(self, X: npt.NDArray[Any], y: Any, groups: Any = None) -> Learner:
        self.classes_ = np.unique(y)
        self.seen.append(("fit", X))
        return self

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        self.seen.append(("predict", X))
        p = 1 / (1 + np.exp(-X[:, 1].astype(np.float64)))
        return np.column_stack([1 - p, p])


class Counting(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Features of a cell: its row, its sine, and the number of cells of the fit."""

    fits: ClassVar[list[list[int]]] = []

    def fit(self, X: Cells, y: Any = None, groups: Any = None) -> Counting:
        self.fits.append([int(cell.id) for cell in X])
        self.n_ = len(X)
        return self

    def transform(self, X: Cells) -> npt.NDArray[np.float32]:
        rows = np.array([int(cell.id) for cell in X], dtype=np.float32)
        return np.column_stack([rows, np.sin(rows), np.full(len(rows), self.n_)]).astype(np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        return np.array(["row", "sine", "n"], dtype=object)


COUNTING = Plugin("counting", f"{__name__}:Counting", {}, requires_fit=True)
LEARNER = Plugin("learner", f"{__name__}:Learner", {}, consumes="features")
STORED = Plugin("stored", f"{__name__}:Counting", {})


@pytest.fixture(autouse=True)
def no_fits() -> None:
    Learner.seen.clear()
    Counting.fits.clear()


@pytest.fixture
def job(tmp_path: Path) -> Iterator[FoldJob]:
    """24 patients of 4 cells, the last third tested; one member on stored features, one on a stateful extractor."""
    units = np.repeat([f"p{i:02d}" for i in range(PATIENTS)], CELLS)
    rows = np.arange(len(units))
    cells = Cells(CellFile(str(i), "nowhere.png") for i in rows)
    digests = digests_array([sha256(file.id.encode()).hexdigest() for file in cells.files])
    values = np.column_stack([rows, np.cos(rows), np.full(len(rows), -1)]).astype(np.float32)
    write_entry(tmp_path / "entry", values, ["row", "cosine", "minus"])
    plain = classifier('ensemble[members="size:knn"+"shape:knn",rule=stack]')
    ensemble = replace(plain, members=(Member(STORED, LEARNER), Member(COUNTING, LEARNER)))
    yield FoldJob(
        extractor=None,
        classifier=ensemble,
        protocol=Protocol(folds=3, inner_folds=SPLITS),
        positive="sick",
        labels=np.repeat(np.where(np.arange(PATIENTS) % 2, "sick", "healthy"), CELLS),
        units=units,
        features=None,
        cells=cells,
        repeat=0,
        fold=2,
        train=rows[:64],
        test=rows[64:],
        members=(
            MemberSource(STORED, str(tmp_path / "entry"), None),
            MemberSource(COUNTING, None, FitLocation(tmp_path / "store", {}, {}, digests, units)),
        ),
    )


def test_each_member_gets_its_own_features(job: FoldJob) -> None:
    result = fit_fold(job)
    for _, X in Learner.seen:
        assert set(X[:, 2]) == {-1} or (X[:, 2] > 0).all()
    stored = [X for _, X in Learner.seen if X[0, 2] == -1]
    np.testing.assert_allclose(stored[0][:, 1], np.cos(stored[0][:, 0]), atol=1e-6)
    assert len(stored) == len(Learner.seen) // 2
    assert sorted(result.predictions["row"]) == list(job.test)
    assert sorted(result.inner_predictions["row"]) == list(job.train)
    assert result.seconds["extract"] > 0


def test_stacked_features_come_from_an_extractor_fitted_on_the_training_part_of_the_same_split(job: FoldJob) -> None:
    fit_fold(job)
    stateful = [(what, X) for what, X in Learner.seen if X[0, 2] != -1]
    fits = [X for what, X in stateful if what == "fit"]
    # Each of 3 inner fits and the outer fit: 3 splits for stacking, then all training cells.
    assert len(fits) == (SPLITS + 1) * (SPLITS + 1)
    fitted_on = {len(rows): set(rows) for rows in Counting.fits}
    for X in fits:
        assert set(X[:, 2]) == {len(X)}  # fitted on as many cells as the classifier; those of the same split
        assert sorted(X[:, 0].astype(int).tolist()) in [sorted(rows) for rows in Counting.fits]
    assert fitted_on
    for what, X in stateful:
        if what == "predict":
            predicted = set(job.units[X[:, 0].astype(int)])
            trainings = [set(job.units[rows]) for rows in Counting.fits if len(rows) == X[0, 2]]
            assert any(not predicted & patients for patients in trainings)


def test_no_fit_sees_a_test_patient(job: FoldJob) -> None:
    fit_fold(job)
    tested = set(job.test.tolist())
    assert all(not tested & set(rows) for rows in Counting.fits)
    assert all(not tested & set(X[:, 0].astype(int)) for what, X in Learner.seen if what == "fit")


def test_splits_of_the_outer_fit_use_the_stored_fits_of_the_inner_folds(job: FoldJob) -> None:
    fit_fold(job)
    # The outer fit, the inner folds (which the outer fit stacks on, too), and the splits inside each inner fold.
    assert len(Counting.fits) == 1 + SPLITS + SPLITS * SPLITS
    before = len(Counting.fits)
    fit_fold(job)
    assert len(Counting.fits) == before


def test_a_mean_needs_no_further_fits(job: FoldJob) -> None:
    plain = classifier('ensemble[members="size:knn"+"shape:knn"]')
    fit_fold(replace(job, classifier=replace(plain, members=job.classifier.members)))
    assert len(Counting.fits) == 1 + SPLITS


def test_a_stored_fit_on_a_test_patient_stops_the_fold(job: FoldJob, tmp_path: Path) -> None:
    fit_fold(job)
    folder = next(path.parent for path in (tmp_path / "store").rglob("entry.json"))
    record = entry_record(folder)
    write_record(folder, {**record, "fitted_on": {**record["fitted_on"], "patients": ["p20"]}})
    with pytest.raises(
        BenchError, match=r"stored features of counting come from a fit on patients who are tested: p20"
    ):
        fit_fold(job)


def test_all_values_of_one_member_missing_is_an_error(job: FoldJob, tmp_path: Path) -> None:
    write_entry(tmp_path / "empty", np.full((PATIENTS * CELLS, 2), np.nan, dtype=np.float32), ["a", "b"])
    empty = MemberSource(STORED, str(tmp_path / "empty"), None)
    with pytest.raises(BenchError, match=r"^all values are missing"):
        fit_fold(replace(job, members=(empty, job.members[1])))


def test_the_failed_member_is_named(job: FoldJob) -> None:
    bad = Plugin("svm[C=-1]", "classifiers.svm:Svm", {"C": -1.0}, consumes="features")
    plugin = replace(job.classifier, members=(job.classifier.members[0], Member(COUNTING, bad)))
    with pytest.raises(
        ValueError, match=r"^member counting:svm\[C=-1\] of ensemble\[members=stored:learner\+counting:"
    ):
        fit_fold(replace(job, classifier=plugin))
