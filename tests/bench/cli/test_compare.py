"""Print comparisons of stored experiments, from the command line and from Python."""

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
    """Two good pipelines and one that guesses, comparable; and a fourth that is not comparable."""
    pipelines = [
        keep(name, _cohort(skill, i)) for i, (name, skill) in enumerate((("svm", 2.0), ("knn", 1.8), ("dull", 0.0)))
    ]
    keep("elsewhere", _cohort(3.0, 7, split_shift=1))
    return pipelines


def _compare(*arguments: object) -> str:
    ended = CliRunner().invoke(app, ["compare", *map(str, arguments)], catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.output


def test_results_folder_selects_its_largest_comparable_group(
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
    assert "unit of the test: fold of patients (12 folds of 3 repeats, 4 split units tested in each)" in flat
    assert "P(best) is the share of the draws" in flat
    assert "Smallest difference that this design detects with a power of 80%: " in flat
    assert "with 3 common repeats (median over 2 comparisons" in flat
    assert max(map(len, printed.splitlines())) <= 80


def test_json_equals_the_result_from_python(three: list[ExperimentResult], kept: Results) -> None:
    printed = json.loads(_compare(*(e.folder for e in three), "--against", "made_up x dull", "--rope", 0.02, "--json"))
    comparison = bench.compare(*three, against="made_up x dull", rope=0.02)
    assert printed == json.loads(json.dumps(comparison.record()))
    assert printed["reference"] == "made_up x dull"
    assert {row["pipeline"] for row in printed["comparisons"]} == {"made_up x svm", "made_up x knn"}
    assert all(row["p_better"] > 0.9 for row in printed["comparisons"])


def test_reference_by_folder_that_is_not_listed(three: list[ExperimentResult]) -> None:
    comparison = bench.compare(three[0].folder, three[1].folder, against=str(three[2].folder))
    assert comparison.reference == "made_up x dull"
    assert len(comparison.table) == 2


def test_all_pairs_name_both_pipelines(
    three: list[ExperimentResult], kept: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display_comparison, "console", Console(width=120))
    printed = _compare(kept.path, "--all-pairs")
    assert "difference of each pair" in printed
    assert any(line.startswith("made_up x dull  made_up x knn") for line in printed.splitlines())
    assert "3 comparisons, all pairs" in " ".join(printed.split())


def test_no_column_of_equality_without_its_probability(
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


def test_markup_in_names_is_escaped(keep: Keep, kept: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display_comparison, "console", Console(width=120))
    keep("svm[C=10]", _cohort(1.0, 0), flags=["BASELINE"])
    keep("svm[C=1]", _cohort(0.5, 1))
    printed = _compare(kept.path)
    assert printed.count("svm[C=10]") == 5
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


def test_duplicate_experiments_are_merged(three: list[ExperimentResult], kept: Results) -> None:
    comparison = bench.compare(kept, three[0], three[0].folder)
    assert len(comparison.standings) == 3
