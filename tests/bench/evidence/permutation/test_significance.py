"""The chance test: its p by hand, end to end on phantoms, and what it refuses."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.evidence.permutation.label_permutation import LabelPermutations, UnitLabels
from bench.statistics.permutation import permutation_p


def test_two_and_two_patients_perfectly_separated() -> None:
    """By hand: of the 6 ways to label 4 patients only the true one puts both positives on top, so p = 1/6."""
    labels, scores = np.array(["n", "n", "p", "p"]), [0.1, 0.2, 0.8, 0.9]
    every = LabelPermutations(UnitLabels(np.array(list("abcd")), labels, np.arange(4)), requested=199, seed=0)
    null = tuple(float(roc_auc_score(dealt == "p", scores)) for _, dealt in every)
    observed = float(roc_auc_score(labels == "p", scores))
    assert permutation_p(observed, null) == pytest.approx(1 / 6)
    assert every.exact
    assert every.possible == 6


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve and twelve phantom patients who differ by their class."""
    folder = tmp_path_factory.mktemp("chance")
    write_phantom(PhantomSpec(patients=12, cells=4, spread=0, effect=2, signature=0, size=96, seed=1), folder / "cells")
    bench.run("shape", "naive_bayes", **_options(folder))
    return folder


def _options(folder: Path) -> dict[str, Any]:
    places = {"data": str(folder / "cells"), "out": folder / "results", "store": folder / "store"}
    return {**places, "folds": 3, "inner_folds": 2, "positive": "diseased"}


def test_a_strong_effect_reaches_the_floor_and_more_permutations_add_to_the_first(place: Path) -> None:
    first = bench.significance(place / "results", permutations=9)
    assert first.observed == bench.open_results(place / "results").experiments()[0].score()
    assert first.observed > 0.9
    assert (first.p, first.floor, first.exact) == (1 / 10, 1 / 10, False)
    assert first.units == {"diseased": 12, "normal": 12}
    assert first.possible == 2704156, "C(24, 12)"
    assert 0.3 < np.mean(first.null) < 0.7
    more = bench.significance(place / "results", permutations=19)
    assert more.null[:9] == first.null
    assert more.p == 1 / 20
    assert json.loads(more.file.read_text()) == json.loads(json.dumps(more.record()))
    assert more.file == place / "results" / "significance" / f"{more.experiment}.json"


def test_the_command_prints_p_with_its_floor_and_unit(place: Path) -> None:
    ended = CliRunner().invoke(app, ["significance", str(place / "results"), "--permutations", "9"])
    assert ended.exit_code == 0, ended.output
    text = " ".join(ended.output.split())
    assert "AUROC, patient-weighted, 3 folds by patient: 0.99 with the true labels" in text
    assert "p = 0.10; it could not have come out below 0.10; more --permutations could lower it." in text
    assert "Unit of the test: patients (split units: 12 diseased, 12 normal)" in text
    as_json = CliRunner().invoke(app, ["significance", str(place / "results"), "--permutations", "9", "--json"])
    assert json.loads(as_json.stdout)["p"] == 0.1


def test_finished_permutations_survive_ctrl_c(place: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(place / "results", results)
    shutil.rmtree(results / "significance", ignore_errors=True)
    command = [sys.executable, "-m", "bench", "significance", str(results), "--permutations", "5000", "--jobs", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        kept = _wait_for_scores(results / "significance" / "work", process)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "What was finished is kept; the same command goes on from there." in message
    before = kept.read_text().splitlines()
    requested = len(before)
    result = bench.significance(results, permutations=requested)
    assert result.null[:2] == bench.significance(place / "results", permutations=2).null
    assert kept.read_text().splitlines()[:requested] == before
    assert not list((results / "significance").glob(".unfinished-*"))


def _wait_for_scores(folder: Path, process: subprocess.Popen[str]) -> Path:
    """The file of finished permutations, as soon as it holds two."""
    while process.poll() is None:
        for path in folder.glob("*.jsonl"):
            if path.read_text().count("\n") >= 2:
                return path
        time.sleep(0.02)
    raise AssertionError("the command ended before it could be interrupted")


@pytest.mark.slow
def test_few_patients_are_labelled_in_every_way(tmp_path: Path) -> None:
    """Four and four patients: 70 labellings, of which 69 are fitted; exchanged classes score the same, so p >= 2/70."""
    write_phantom(
        PhantomSpec(patients=4, cells=4, spread=0, effect=4, signature=0, size=64, seed=1), tmp_path / "cells"
    )
    bench.run("size", "sklearn.naive_bayes.GaussianNB", **{**_options(tmp_path), "folds": 2})
    result = bench.significance(tmp_path / "results", permutations=199)
    assert (result.exact, result.possible, len(result.null), result.floor) == (True, 70, 69, 1 / 70)
    assert result.p == pytest.approx((1 + sum(s >= result.observed - 1e-12 for s in result.null)) / 70)
    assert 2 / 70 <= result.p <= 0.2


def test_folds_that_share_patients_are_refused(place: Path, tmp_path: Path) -> None:
    result = bench.run("shape", "naive_bayes", **{**_options(place), "out": tmp_path / "r"}, split="image")
    with pytest.raises(BenchError, match="takes an experiment with --split patient"):
        bench.significance(result.folder)


def test_no_permutations_are_refused(place: Path) -> None:
    with pytest.raises(BenchError, match="at least 1"):
        bench.significance(place / "results", permutations=0)
