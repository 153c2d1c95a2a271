"""Printed folds, and the file that `bench folds` writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from bench.cli.app import app
from bench.cli.display import folds as display
from bench.datasets.table import Dataset
from bench.splits.fold_manifest import read_folds
from bench.splits.outer_folds import draw_folds

PHANTOM = "phantom[patients=6,cells=3,size=64]"


def _dataset(units: int) -> Dataset:
    patient = np.repeat([f"{label}{n:03d}" for label in "ab" for n in range(units)], 2)
    columns = {"cell": [f"c{i}" for i in range(len(patient))], "patient": patient, "unit": patient}
    table = pd.DataFrame({**columns, "label": [p[0] for p in patient]}).astype("str")
    return Dataset("made up", "", table, "a")


def _printed(dataset: Dataset, width: int, **options: int | str) -> str:
    folds = draw_folds(dataset.table, **{"split": "patient", **options})  # type: ignore[arg-type]
    console = Console(width=width)
    with pytest.MonkeyPatch.context() as patch, console.capture() as capture:
        patch.setattr(display, "console", console)
        display.show_folds(folds, dataset)
    return capture.get()


def _run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["folds", *arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.output


@pytest.mark.parametrize("width", [80, 120])
def test_each_fold_is_one_line_within_the_terminal(width: int) -> None:
    lines = _printed(_dataset(10), width, folds=5, repeats=2).splitlines()
    assert all(len(line) <= width for line in lines if not line.startswith(("hash", "Prevalence")))
    rows = [line.split() for line in lines if line.split()[:1] and line.split()[0].isdigit()]
    assert [row[0] for row in rows] == [*"01234", *"01234"]
    assert all(row[1:7] == ["2", "4", "2", "4", "16", "32"] and row[7:] == ["0.50", "0.50"] for row in rows)
    assert "Prevalence of a, largest minus smallest over the folds: 0.00 of split units, 0.00 of cells" in lines


def test_leaks_are_marked() -> None:
    text = _printed(_dataset(5), 120, split="image", folds=2)
    assert "LEAKY" in text
    assert "of 10 patients are in several folds" in text


def test_long_list_of_folds_is_cut() -> None:
    text = _printed(_dataset(30), 120, split="lopo")
    assert "share" not in text, "a fold of one patient has no share of the classes"
    assert "Prevalence" not in text
    assert "and 20 more folds; --output writes all of them" in text


def test_written_folds_are_those_of_a_run(tmp_path: Path) -> None:
    file = tmp_path / "folds.csv"
    code, text = _run(PHANTOM, "--folds", "3", "--repeats", "2", "--seed", "4", "-o", str(file))
    assert code == 0, text
    assert f"folds: {file}" in text
    written = pd.read_csv(file, comment="#")
    assert written.groupby("repeat")["patient"].nunique().to_dict() == {0: 12, 1: 12}
    again = _run(PHANTOM, "--folds-file", str(file))[1]
    hashes = [line for line in (text + again).splitlines() if line.startswith("hash")]
    assert len(hashes) == 2
    assert hashes[0] == hashes[1]
    table = written[["patient", "unit"]].drop_duplicates().assign(cell=lambda t: t["patient"]).astype("str")
    assert read_folds(file, table).count == 3


def test_held_out_cells_are_counted_without_an_access(tmp_path: Path) -> None:
    code, text = _run(PHANTOM, "--held-out", "phantom[patients=4,cells=3,size=64,seed=9]")
    assert code == 0, text
    rows = [line.split() for line in text.splitlines() if line.split()[:1] == ["0"]]
    assert [row[1] for row in rows] == ["4"]
    assert [row[5] for row in rows] == ["12"]


def test_linked_patients_share_a_fold(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text("patient_a,patient_b\nP001,P002\n")
    code, text = _run(
        PHANTOM, "--folds", "3", "--repeats", "1", "--links", str(tmp_path / "links.csv"), "-o", str(tmp_path / "f.csv")
    )
    assert code == 0, text
    written = pd.read_csv(tmp_path / "f.csv", comment="#").set_index("patient")
    assert list(written.loc[["P001", "P002"], "unit"]) == ["P001+P002"] * 2
    assert written.loc["P001", "fold"] == written.loc["P002", "fold"]
