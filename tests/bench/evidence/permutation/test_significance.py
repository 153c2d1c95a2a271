"""Permutation test of an experiment: p-value by hand, end to end on phantoms, and errors."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.evidence.permutation import significance as test_module
from bench.evidence.permutation.label_permutation import LabelPermutations
from bench.evidence.permutation.labels import UnitLabels
from bench.experiments.records import ExperimentResult
from bench.statistics.permutation import permutation_p


def test_two_and_two_patients_perfectly_separated() -> None:
    """By hand: of the 6 ways to label 4 patients only the true one puts both positives on top, so p = 1/6."""
    labels, scores = np.array(["n", "n", "p", "p"]), [0.1, 0.2, 0.8, 0.9]
    every = LabelPermutations(UnitLabels(np.array(list("abcd")), labels, np.arange(4), 4), requested=199, seed=0)
    null = tuple(float(roc_auc_score(permuted == "p", scores)) for _, permuted in every)
    observed = float(roc_auc_score(labels == "p", scores))
    assert permutation_p(observed, null) == pytest.approx(1 / 6)
    assert every.exact
    assert every.possible == 6


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight and eight phantom patients who differ by their class."""
    folder = tmp_path_factory.mktemp("significance")
    write_phantom(
        PhantomSpec(patients=8, cells=3, spread=0, effect=3, signature=0, size=64, seed=1, mixture="size"),
        folder / "cells",
    )
    bench.run("shape", "naive_bayes", **_options(folder))
    return folder


def _options(folder: Path) -> dict[str, Any]:
    places = {"data": str(folder / "cells"), "out": folder / "results", "store": folder / "store"}
    return {**places, "folds": 3, "inner_folds": 2, "positive": "diseased", "jobs": 1}


def test_strong_effect_reaches_the_floor_and_more_permutations_extend_the_first(place: Path) -> None:
    first = bench.significance(place / "results", permutations=4, jobs=1)
    assert first.observed == bench.open_results(place / "results").experiments()[0].score()
    assert first.observed > 0.9
    assert (first.p, first.floor, first.exact) == (1 / 5, 1 / 5, False)
    assert first.units == {"diseased": 8, "normal": 8}
    assert first.possible == 12870, "C(16, 8)"
    more = bench.significance(place / "results", permutations=9, jobs=1)
    assert 0.3 < np.mean(more.null) < 0.7
    assert more.null[:4] == first.null
    assert more.p == 1 / 10
    assert json.loads(more.file.read_text()) == json.loads(json.dumps(more.record()))
    assert more.file == place / "results" / "significance" / f"{more.experiment}.json"

    arguments = ["significance", str(place / "results"), "--permutations", "9", "--jobs", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert f"AUROC, patient-weighted, 3 folds by patient: {more.observed:.2f} with the true labels" in text
    assert (
        "p = 0.10; the smallest possible value is 0.10, for 9 random permutations of 12,870 distinct labellings; "
        "more --permutations could lower it."
    ) in text
    assert result.stdout.split("\n")[1].endswith(": permutation test; positive class diseased")
    assert "Unit of the test: patients (split units: 8 diseased, 8 normal)" in text
    assert json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)["p"] == 0.1


@pytest.mark.slow
def test_finished_permutations_survive_ctrl_c(place: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(place / "results", results)
    shutil.rmtree(results / "significance", ignore_errors=True)
    command = [sys.executable, "-m", "bench", "significance", str(results), "--permutations", "5000", "--jobs", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        file = _wait_for_scores(results / "significance" / "work", process)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Finished parts are stored; run the same command again to continue." in message
    before = file.read_text().splitlines()
    result = bench.significance(results, permutations=len(before), jobs=1)
    assert result.null[:2] == bench.significance(place / "results", permutations=2, jobs=1).null
    assert file.read_text().splitlines() == before
    assert not list((results / "significance").glob(".unfinished-*"))


def _wait_for_scores(folder: Path, process: subprocess.Popen[str]) -> Path:
    """Wait for two finished permutations and return their file."""
    while process.poll() is None:
        for path in folder.glob("*.jsonl"):
            if path.read_text().count("\n") >= 2:
                return path
        time.sleep(0.02)
    raise AssertionError("the command ended before it could be interrupted")


def test_all_assignments_of_few_patients_are_enumerated(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All 12,870 assignments of 8 and 8 patients, with the score of a model that knows the true class."""

    def scores(plan: Any, permutations: LabelPermutations, **more: Any) -> dict[str, float]:
        true = permutations.labels.labels
        return {name: 0.9 * abs(np.mean(labels == true) * 2 - 1) for name, labels in permutations}

    monkeypatch.setattr(test_module, "permuted_label_scores", scores)
    result = bench.significance(place / "results", permutations=12870, jobs=1)
    assert (result.exact, result.possible, len(result.null), result.floor) == (True, 12870, 12869, 1 / 12870)
    assert result.p == pytest.approx((1 + sum(score >= result.observed - 1e-12 for score in result.null)) / 12870)


@pytest.mark.study
def test_few_patients_are_labelled_in_every_way(tmp_path: Path) -> None:
    """Four and four patients: 69 refits for 70 assignments; exchanged classes have the same score, so p >= 2/70."""
    write_phantom(
        PhantomSpec(patients=4, cells=4, spread=0, effect=4, signature=0, size=64, seed=1, mixture="size"),
        tmp_path / "cells",
    )
    bench.run("size", "sklearn.naive_bayes.GaussianNB", **{**_options(tmp_path), "folds": 2})
    result = bench.significance(tmp_path / "results", permutations=199)
    assert (result.exact, result.possible, len(result.null), result.floor) == (True, 70, 69, 1 / 70)
    assert result.p == pytest.approx((1 + sum(s >= result.observed - 1e-12 for s in result.null)) / 70)
    assert 2 / 70 <= result.p <= 0.2


def test_folds_that_share_patients_are_refused(keep: Callable[..., ExperimentResult]) -> None:
    cells = {"cell": list("abcd"), "unit": list("wxyz"), "label": ["diseased", "normal"] * 2}
    table = pd.DataFrame({**cells, "repeat": 0, "fold": [0, 0, 1, 1], "p_diseased": 0.5, "p_normal": 0.5})
    result = keep("knn", table, split="image", flags=["LEAKY"])
    with pytest.raises(BenchError, match="needs an experiment with --split patient"):
        bench.significance(result.folder)


def test_no_permutations_are_refused(place: Path) -> None:
    with pytest.raises(BenchError, match="at least 1"):
        bench.significance(place / "results", permutations=0)
