"""A stateful extractor is fitted once per split, and features fitted on a tested patient are refused."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA

from bench.errors import BenchError
from bench.features.store import entry as entries
from bench.features.store.entry import digests_array, entry_record, write_record
from bench.features.store.fit_key import Fit, FitLocation, scratch_store
from bench.features.store.fitted_features import fitted_features
from bench.plugins.registry import Plugin
from bench.splits.folds import InnerPatientKFold
from bench.storage.fingerprints import digest
from extractors.cells import CellFile, Cells
from extractors.images.pixels import read_image

PATIENTS, CELLS = 10, 3
TRAINING = 24
"""The first eight patients train, the last two are tested."""


class Colours(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Principal components of mean colours; each fit appends a line to a file, so that fits of all processes count."""

    def __init__(self, *, log: str, infinite: bool = False, random_state: Any = None, cv: Any = None) -> None:
        self.log = log
        self.infinite = infinite
        self.random_state = random_state
        self.cv = cv

    def fit(self, X: Cells, y: Any = None, groups: Any = None) -> Colours:
        with Path(self.log).open("a", encoding="utf-8") as file:
            file.write(f"{self.random_state} {','.join(sorted(set(groups)))}\n")
        if len(set(y)) < 2:
            raise ValueError("one class alone")
        self.components_ = PCA(2, svd_solver="full").fit(_means(X))
        self.notices_ = ("mean colours",)
        return self

    def transform(self, X: Cells) -> npt.NDArray[np.float32]:
        scores = self.components_.transform(_means(X)).astype(np.float32)
        return np.full_like(scores, np.inf) if self.infinite else scores

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        return np.array(["first", "second"], dtype=object)


def _means(cells: Cells) -> npt.NDArray[np.float64]:
    return np.stack([cell.image.mean(axis=(0, 1)) for cell in cells])


@pytest.fixture
def fit(tmp_path: Path) -> Fit:
    """Ten patients with three cells of 8 x 8 pixels each; cells 0 and 1 have the same pixels, cell 29 has them too."""
    rng = np.random.default_rng(0)
    files = []
    for row in range(PATIENTS * CELLS):
        image = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{row}.png"), image)
        files.append(CellFile(f"cell{row}", str(tmp_path / f"{row}.png")))
    for twin in (1, 29):
        shutil.copyfile(files[0].path, files[twin].path)
    digests = [sha256(read_image(Path(file.path)).tobytes()).hexdigest() for file in files]
    patients = np.repeat([f"p{i}" for i in range(PATIENTS)], CELLS)
    units = np.where(np.isin(patients, ["p0", "p2"]), "u0", np.char.replace(patients, "p", "u"))
    rows = np.arange(len(files))
    log = str(tmp_path / "fits.log")
    plugin = Plugin(
        "colours", f"{__name__}:Colours", {"log": log}, frozenset({"random_state", "cv"}), requires_fit=True
    )
    return Fit(
        extractor=plugin,
        place=FitLocation(tmp_path / "store", {"extractor": "colours"}, {}, digests_array(digests), patients),
        cells=Cells(files),
        labels=np.where(np.arange(len(files)) // CELLS % 2, "sick", "healthy"),
        units=units,
        train=rows[:TRAINING],
        predicted=rows[TRAINING:],
        seed=5,
        cv=InnerPatientKFold(3, random_state=1),
        forbidden_groups={"units": frozenset({"u8", "u9"}), "patients": frozenset({"p8", "p9"})},
        where="outer split",
    )


def _fits(fit: Fit) -> list[str]:
    log = Path(str(fit.extractor.params["log"]))
    return log.read_text(encoding="utf-8").splitlines() if log.is_file() else []


def _rewritten(folder: Path, **changes: Any) -> None:
    """Change the record of an entry, with a matching digest."""
    record = entry_record(folder)
    fields = {k: v for k, v in record.items() if k not in ("format", "key", "written", "environment", "digest")}
    write_record(folder, {**fields, **changes})


def test_features_are_bit_for_bit_those_of_a_plain_fit(fit: Fit) -> None:
    features = fitted_features(fit)
    plain = fit.extractor.build().fit(fit.cells.take(fit.train), fit.labels[fit.train], groups=fit.units[fit.train])
    for rows in (fit.train, fit.predicted, fit.train[::-2]):
        assert np.array_equal(features.take(rows), plain.transform(fit.cells.take(rows)))
    means = _means(fit.cells)
    centred = means[fit.train] - means[fit.train].mean(axis=0)
    variances = np.linalg.eigvalsh(centred.T @ centred / (TRAINING - 1))[::-1]
    assert features.take(fit.train).var(axis=0, ddof=1) == pytest.approx(variances[:2], rel=1e-5)
    assert features.names == ("first", "second")
    assert features.notices == ("mean colours",)
    with pytest.raises(BenchError, match="some of the requested cells have no features in this entry"):
        replace(features, rows=features.rows[:-1]).take(fit.predicted)


def test_a_fit_is_done_once(fit: Fit) -> None:
    first = fitted_features(fit)
    again = fitted_features(fit)
    assert _fits(fit) == ["5 u0,u1,u3,u4,u5,u6,u7"]
    assert np.array_equal(first.values, again.values)
    assert (first.folder, first.seconds, first.notices) == (again.folder, again.seconds, again.notices)
    assert first.seconds > 0


def test_an_entry_records_the_patients_of_its_training_data(fit: Fit) -> None:
    folder = fitted_features(fit).folder
    record = entry_record(folder)
    assert record["fitted_on"] == {
        "patients": [f"p{i}" for i in range(8)],
        "units": ["u0", "u1", "u3", "u4", "u5", "u6", "u7"],
        "cells": TRAINING,
    }
    assert record["components"]["fit_seed"] == 5
    assert record["components"]["fit_cv"]["folds"] == 3
    identity = digest({"format": entries.FORMAT, "extractor": "colours"})
    assert folder.relative_to(fit.place.store or "") == Path("fitted", f"colours-{identity[:16]}", fit.entry.key[:16])
    rows = entries.open_rows(folder)
    assert np.array_equal(rows, fit.place.digests)
    assert bytes(rows[0]) == bytes(rows[1]) == bytes(rows[29]), "three cells of the same pixels"


def _other_patient(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.where(np.arange(len(values)) == 3, "someone", values)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: replace(f, seed=6),
        lambda f: replace(f, cv=InnerPatientKFold(2, random_state=1)),
        lambda f: replace(f, cv=InnerPatientKFold(3, random_state=2)),
        lambda f: replace(f, labels=np.where(np.arange(30) == 3, "healthy", f.labels)),
        lambda f: replace(f, units=_other_patient(f.units)),
        lambda f: replace(f, place=replace(f.place, patients=_other_patient(f.place.patients))),
        lambda f: replace(f, place=replace(f.place, digests=np.roll(f.place.digests, 1, axis=0))),
        lambda f: replace(f, place=replace(f.place, identity={"extractor": "colours", "prepare": "crop"})),
        lambda f: replace(f, train=f.train[::-1]),
        lambda f: replace(f, train=f.train[:-1]),
        lambda f: replace(f, predicted=f.predicted[:-1]),
    ],
)
def test_the_key_changes_with_each_input_of_the_fit(fit: Fit, change: Callable[[Fit], Fit]) -> None:
    fitted_features(fit)
    fitted_features(change(fit))
    assert len(_fits(fit)) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda f: replace(f, labels=np.where(np.arange(30) >= TRAINING, "unknown", f.labels)),
        lambda f: replace(f, cv=InnerPatientKFold(2, random_state=7)),
        lambda f: replace(f, where="elsewhere", forbidden_groups={}),
    ],
)
def test_the_key_does_not_depend_on_other_inputs(fit: Fit, change: Callable[[Fit], Fit]) -> None:
    """Labels of tested cells, and the splitter of an extractor that takes none."""
    fit = replace(fit, extractor=replace(fit.extractor, accepts=frozenset({"random_state"})))
    fitted_features(fit)
    fitted_features(change(fit))
    assert len(_fits(fit)) == 1


def test_positions_in_the_dataset_are_not_part_of_the_key(fit: Fit) -> None:
    """The same cells at other positions of another dataset are reused and read at their new positions."""
    first = fitted_features(fit)
    place = fit.place
    moved = replace(
        fit,
        cells=Cells([*fit.cells.files[-2:], *fit.cells.files]),
        labels=np.concatenate([["healthy", "sick"], fit.labels]),
        units=np.concatenate([["u98", "u99"], fit.units]),
        place=replace(
            place,
            digests=np.concatenate([np.zeros((2, 32), np.uint8), place.digests]),
            patients=np.concatenate([["p98", "p99"], place.patients]),
        ),
        train=fit.train + 2,
        predicted=fit.predicted + 2,
    )
    features = fitted_features(moved)
    assert len(_fits(fit)) == 1
    assert np.array_equal(features.take(moved.predicted), first.take(fit.predicted))


@pytest.mark.parametrize(("kind", "added", "named"), [("patients", ["p9", "p8"], "p8, p9"), ("units", ["u9"], "u9")])
def test_an_entry_that_was_fitted_on_a_tested_patient_is_refused(
    fit: Fit, kind: str, added: list[str], named: str
) -> None:
    folder = fitted_features(fit).folder
    recorded = entry_record(folder)["fitted_on"]
    _rewritten(folder, fitted_on={**recorded, kind: [*recorded[kind], *added]})
    with pytest.raises(
        BenchError, match=f"outer split: the stored features of colours .* who are tested: {named}, as recorded in"
    ):
        fitted_features(fit)
    assert len(_fits(fit)) == 1, "it is not replaced silently"


def test_a_renamed_entry_that_was_fitted_on_tested_patients_is_refused(fit: Fit) -> None:
    """An intact entry of another fold, renamed to the path of this one."""
    other = replace(fit, train=np.arange(6, 30), predicted=np.arange(6), forbidden_groups={})
    fit.entry.folder.parent.mkdir(parents=True)
    fitted_features(other).folder.rename(fit.entry.folder)
    with pytest.raises(
        BenchError, match=r"come from a fit on patients who are tested: u8, u9, as recorded in .*entry\.json"
    ):
        fitted_features(fit)
    shutil.rmtree(fit.entry.folder)
    fitted_features(fit)
    assert len(_fits(fit)) == 2, "without it, as the message advises, the extractor is fitted on training patients"


def test_the_entry_of_another_fit_is_replaced(fit: Fit) -> None:
    right = fitted_features(fit).values.copy()
    shutil.rmtree(fit.entry.folder)
    other = fitted_features(replace(fit, labels=np.roll(fit.labels, 3), seed=6))
    other.folder.rename(fit.entry.folder)
    features = fitted_features(fit)
    assert np.array_equal(features.values, right)
    assert "it belongs to another fit (fit_labels, fit_seed); colours was fitted again" in features.notices[0]
    assert fitted_features(fit).notices == ("mean colours",), "reported once"


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda folder: _flip(folder / "values.npy"), "rows 0-29 are damaged"),
        (lambda folder: (folder / "entry.json").unlink(), "entry.json"),
        (lambda folder: _rewritten(folder, fitted_on=None), "does not name the patients that it was fitted on"),
        (
            lambda folder: _rewritten(folder, fitted_on={"patients": "p0", "units": [], "cells": 0}),
            "damaged ('fitted_on.patients'",
        ),
        (
            lambda folder: _rewritten(folder, fitted_on={"patients": [], "units": [], "cells": 0}),
            "names other patients",
        ),
    ],
)
def test_a_damaged_entry_is_replaced_and_reported(fit: Fit, damage: Callable[[Path], Any], word: str) -> None:
    right = fitted_features(fit)
    values = right.values.copy()
    damage(right.folder)
    features = fitted_features(fit)
    assert np.array_equal(features.values, values)
    assert len(_fits(fit)) == 2
    assert len(features.notices) == 2
    assert word in features.notices[0]
    assert "colours was fitted again" in features.notices[0]
    assert len(fitted_features(fit).notices) == 1
    assert len(_fits(fit)) == 2


def _killed_while_writing(fit: Fit) -> None:
    entries.write_record = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    fitted_features(fit)


def _in_process(target: Callable[..., None], *args: Any) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("fork").Process(target=target, args=args)
    process.start()
    return process


def test_a_killed_process_leaves_no_entry(fit: Fit) -> None:
    process = _in_process(_killed_while_writing, fit)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    left = [path for path in fit.entry.folder.parent.iterdir() if path.is_dir()]
    assert [path.name.startswith(".unfinished-") for path in left] == [True]
    assert {path.name for path in left[0].iterdir()} >= {"values.npy", "rows.npy"}
    features = fitted_features(fit)
    assert len(_fits(fit)) == 2
    assert features.notices == ("mean colours",), "no notice, since nothing was damaged"
    assert not left[0].exists()


def test_two_processes_share_one_fit(fit: Fit) -> None:
    processes = [_in_process(_request, fit) for _ in range(2)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(_fits(fit)) == 1


def _request(fit: Fit) -> None:
    fitted_features(fit)


def test_errors_are_reported_and_nothing_is_stored(fit: Fit, tmp_path: Path) -> None:
    one = replace(fit, labels=np.full(30, "sick"))
    with pytest.raises(BenchError, match=r"^colours: one class alone$"):
        fitted_features(one)
    infinite = replace(fit, extractor=replace(fit.extractor, params={**fit.extractor.params, "infinite": True}))
    with pytest.raises(BenchError, match="colours: feature first is infinite for cell cell0 "):
        fitted_features(infinite)
    assert not list((tmp_path / "store" / "fitted").glob("*/*/entry.json"))
    (tmp_path / "file").write_text("")
    nowhere = replace(fit, place=replace(fit.place, store=tmp_path / "file" / "store"))
    with pytest.raises(BenchError, match=r"the feature store cannot be written \(Not a directory.* with --store"):
        fitted_features(nowhere)


def test_without_a_store_features_are_stored_for_one_fold(fit: Fit) -> None:
    with scratch_store(replace(fit.place, store=None)) as place:
        folder = fitted_features(replace(fit, place=place)).folder
        assert (folder / "entry.json").is_file()
    assert place.store is not None
    assert not place.store.exists()
    with scratch_store(fit.place) as place:
        assert place is fit.place


def test_an_extractor_is_not_fitted_on_a_cell_that_changed(fit: Fit) -> None:
    files = [replace(file, sha256=sha256(Path(file.path).read_bytes()).hexdigest()) for file in fit.cells.files]
    fit = replace(fit, cells=Cells(files))
    path = Path(files[3].path)
    cv2.imwrite(str(path), np.full((8, 8, 3), 7, np.uint8))
    with pytest.raises(BenchError, match=rf"colours: {path}: changed since it was scanned; run the command again"):
        fitted_features(fit)
    assert not fit.entry.folder.exists()
