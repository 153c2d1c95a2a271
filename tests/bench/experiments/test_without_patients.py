"""Runs on cells without patient ids: which splits are refused, and how rows are marked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import bench
from bench.cli.display import tables
from bench.cli.display.terminal import console
from bench.datasets import loading
from bench.errors import BenchError
from bench.experiments.post_hoc import ensemble
from bench.experiments.records import LEAKY, NO_PATIENTS
from bench.options import make_options

UNITS = r"/(s\d+)_"


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Two classes of six slides with two cells each, in class folders."""
    rng = np.random.default_rng(0)
    for label, bright in (("blast", 170), ("normal", 90)):
        (tmp_path / "cells" / label).mkdir(parents=True)
        for number in range(12):
            image = np.clip(rng.normal(bright, 40, (16, 16, 3)), 1, 255).astype(np.uint8)
            cv2.imwrite(str(tmp_path / f"cells/{label}/s{number // 2}_{number % 2}.png"), image)
    return tmp_path / "cells"


@pytest.fixture
def options(cells: Path, tmp_path: Path) -> dict[str, Any]:
    common = {"mask": "whole", "jobs": 1, "folds": 3, "out": tmp_path / "results", "store": tmp_path / "store"}
    return {"data": str(cells), "extractor": "color", "classifier": "knn", **common}


def test_units_of_a_pattern_run_and_are_marked(options: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    pattern = r"^(.*)_"
    result = bench.run(unit_pattern=pattern, **options)
    assert result.flags == (NO_PATIENTS,)
    assert result.record["data"]["grouping"] == "unit"
    assert result.record["data"]["split_units"] == 12
    assert result.record["options"]["unit_pattern"] == pattern
    assert any("rows are marked NO PATIENTS" in notice for notice in result.record["data"]["notices"])
    board = bench.open_results(options["out"]).leaderboard()
    assert list(board["flags"]) == [NO_PATIENTS]
    with console.capture() as captured:
        tables.show_experiment(result)
    text = captured.get()
    assert "NO PATIENTS" in text
    assert "24 cells of 12 split units, without patient ids; 3 folds by split unit" in text
    assert "a patient in the names of metrics is a split unit" in text


def test_a_split_by_image_is_leaky_too(options: dict[str, Any]) -> None:
    result = bench.run(unit_pattern=UNITS, split="image", **options)
    assert result.flags == (NO_PATIENTS, LEAKY)


def test_cells_without_units_refuse_a_split_by_patient(
    options: dict[str, Any], cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_path = loading.read_path

    def without_units(path: str, reading: Any, **more: Any) -> Any:
        dataset, root = read_path(path, replace(reading, unit_pattern="(.*)"), **more)
        return replace(dataset, grouping="block"), root

    monkeypatch.setattr(loading, "read_path", without_units)
    for split in ("patient", "lopo"):
        with pytest.raises(BenchError, match=f"--split {split}: cells has no patient ids"):
            bench.run(split=split, **options)
    assert bench.run(split="image", **options).flags == (NO_PATIENTS, LEAKY)


def test_both_patterns_contradict_each_other(options: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match="use it or --patient-pattern, not both"):
        bench.run(unit_pattern=UNITS, patient_pattern=UNITS, **options)
    assert make_options({"unit_pattern": UNITS}).unit_pattern == UNITS


def test_an_ensemble_of_saved_predictions_has_the_mark_of_its_members(options: dict[str, Any]) -> None:
    names = [
        bench.run(unit_pattern=r"^(.*)_", **options | {"classifier": c}).folder.name for c in ("knn", "naive_bayes")
    ]
    assert NO_PATIENTS in ensemble(options["out"], names).flags
