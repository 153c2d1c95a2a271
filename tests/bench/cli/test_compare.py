"""bench compare: from folders to what is printed, and the Python interface beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.cli.display import comparison as display_comparison
from bench.errors import BenchError
from bench.experiments.records import ExperimentResult
from bench.experiments.results import Results

Keep = Callable[..., ExperimentResult]


def _cohort(skill: float, seed: int, *, split_shift: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for label, shift in (("diseased", skill), ("normal", 0.0)):
        for p in range(8):
            for c in range(5):
                for repeat in range(3):
                    share = 1 / (1 + np.exp(-rng.normal() - shift))
                    fold = (p + repeat * (p // 4) + split_shift * (p // 2)) % 4
                    rows.append((f"{label[0]}{p}-{c}", f"{label[0]}{p}", label, repeat, fold, share))
    table = pd.DataFrame(rows, columns=["cell", "unit", "label", "repeat", "fold", "p_diseased"])
    return table.assign(p_normal=1 - table["p_diseased"])


@pytest.fixture
def three(keep: Keep) -> list[ExperimentResult]:
    """Two good pipelines and one that guesses, in one track; and a fourth in a track of its own."""
    made = [
        keep(name, _cohort(skill, i)) for i, (name, skill) in enumerate((("svm", 2.0), ("knn", 1.8), ("dull", 0.0)))
    ]
    keep("elsewhere", _cohort(3.0, 7, split_shift=1))
    return made


def _compare(*arguments: object) -> str:
    ended = CliRunner().invoke(app, ["compare", *map(str, arguments)], catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.output


def test_a_results_folder_stands_for_its_largest_track(
    three: list[ExperimentResult], kept: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display_comparison, "console", Console(width=80))
    printed = _compare(kept.path)
    data = three[0].record["data"]
    assert f"{data['name']}: {data['cells']} cells of {data['patients']} patients; 4 folds by patient" in printed
    assert "made_up x dull" in printed
    assert "elsewhere" not in printed
    flat = " ".join(printed.split())
    assert "1 of 4 experiments belong to other comparable groups" in flat
    assert "Lower: made_up x dull." in flat
    assert "unit of the test: fold of patients (12 folds, 4 split units tested in each)" in flat
    assert "P(best) is the share of the draws" in flat
    assert max(map(len, printed.splitlines())) <= 80


def test_json_holds_what_the_interface_returns(three: list[ExperimentResult], kept: Results) -> None:
    printed = json.loads(_compare(*(e.folder for e in three), "--against", "made_up x dull", "--rope", 0.02, "--json"))
    found = bench.compare(*three, against="made_up x dull", rope=0.02)
    assert printed == json.loads(json.dumps(found.record()))
    assert printed["reference"] == "made_up x dull"
    assert {row["pipeline"] for row in printed["comparisons"]} == {"made_up x svm", "made_up x knn"}
    assert all(row["p_better"] > 0.9 for row in printed["comparisons"])


def test_a_reference_may_be_named_by_a_folder_that_was_not_listed(three: list[ExperimentResult]) -> None:
    found = bench.compare(three[0].folder, three[1].folder, against=str(three[2].folder))
    assert found.reference == "made_up x dull"
    assert len(found.table) == 2


def test_all_pairs_are_printed_with_both_names(
    three: list[ExperimentResult], kept: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display_comparison, "console", Console(width=120))
    printed = _compare(kept.path, "--all-pairs")
    assert "difference of each pair" in printed
    assert any(line.startswith("made_up x dull  made_up x knn") for line in printed.splitlines())
    assert "3 comparisons, all pairs" in " ".join(printed.split())


def test_a_test_without_a_reading_of_equality_has_no_such_column(
    keep: Keep, kept: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display_comparison, "console", Console(width=80))
    for i, name in enumerate(("svm", "knn")):
        table = _cohort(1.0, i)
        one_patient_a_fold = table[table["repeat"] == 0].assign(fold=lambda t: pd.factorize(t["unit"])[0])
        keep(name, one_patient_a_fold, split="lopo")
    printed = _compare(kept.path)
    assert "Balanced accuracy, patient mean: difference to" in printed
    assert "patient (16 split units)" in " ".join(printed.split())
    assert "equal:" not in printed


def test_names_with_markup_are_printed_as_they_are(keep: Keep, kept: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display_comparison, "console", Console(width=120))
    keep("svm[C=10]", _cohort(1.0, 0), flags=["BASELINE"])
    keep("svm[C=1]", _cohort(0.5, 1))
    printed = _compare(kept.path)
    assert printed.count("svm[C=10]") == 4
    assert "svm[C=10] BASELINE" in printed


def test_places_that_hold_nothing_to_compare_are_told(kept: Results, keep: Keep, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="does not exist; experiments are in"):
        bench.compare(tmp_path / "nowhere")
    with pytest.raises(BenchError, match="neither an experiment's folder nor a results folder"):
        bench.compare(tmp_path)
    with pytest.raises(BenchError, match="no finished experiment"):
        bench.compare(kept.path)
    keep("leaks", _cohort(1.0, 0), split="image", flags=["LEAKY"])
    with pytest.raises(BenchError, match="only LEAKY experiments"):
        bench.compare(kept.path)


def test_an_experiment_named_twice_is_there_once(three: list[ExperimentResult], kept: Results) -> None:
    found = bench.compare(kept, three[0], three[0].folder)
    assert len(found.standings) == 3
