"""Refusals of paths among the options: they name the option, and the line of the file that sets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.api import plan_with_states, run_options
from bench.errors import BenchError
from bench.options import make_options

OTHERS = "extractors: size\nclassifiers: knn\njobs: 1\nfolds: 2\ntune: 1\n"
PATHS = ("data", "held_out", "mask", "nucleus_mask", "links", "folds_file", "weights_dir", "out", "store")


@pytest.mark.parametrize("option", PATHS)
@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("y" * 70_000, "has 70000 bytes; at most 4096 are read$"),
        ("a/" * 2100, r"has 4\d+ bytes; at most 4096 are read$"),
        ("\u00e9" * 200, "contains a name of more than 255 bytes$"),
        ("a\\0b", "contains a NUL character$"),
    ],
)
def test_paths_that_no_file_system_has(option: str, path: str, problem: str, tmp_path: Path) -> None:
    config = tmp_path / "matrix.yaml"
    config.write_text(f'folds: 4\n{option}: "{path}"\n')
    with pytest.raises(BenchError, match=rf"matrix\.yaml, line 2: {option}: the path .*{problem}") as refusal:
        make_options({}, config=config)
    assert len(str(refusal.value)) < 400
    with pytest.raises(BenchError, match=rf"^{option}: the path"):
        make_options({option: "y" * 300})


def test_long_selectors_of_synthetic_cells_are_no_paths() -> None:
    selector = f"phantom[patients=4,{'cells=2,' * 40}]"
    assert make_options({"data": selector}).data == selector


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("data", "'0'", "0 does not exist; pass an existing file or folder of cells as DATA or --data"),
        ("data", "''", "DATA or --data is empty"),
        ("data", "empty", "empty is an empty folder"),
        ("held_out", "'0'", "0 does not exist; pass an existing file or folder of cells as --held-out"),
        ("mask", "'0'", "--mask 0: no such folder"),
        ("nucleus_mask", "'0'", "--nucleus-mask 0: no such folder"),
        ("links", "'0'", "0: cannot be read"),
        ("folds_file", "'0'", "0: cannot be read"),
        ("store", "matrix.yaml", "matrix.yaml: a file, not a folder of features"),
    ],
)
def test_a_missing_path_in_a_file_of_options(
    option: str, value: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("matrix.yaml").write_text(
        f"{option}: {value}\n" + ("" if option == "data" else "data: phantom[patients=4,cells=2]\n") + OTHERS
    )
    with pytest.raises(BenchError) as refusal:
        plan_with_states(make_options({}, config=Path("matrix.yaml")))
    assert str(refusal.value).startswith(f"matrix.yaml, line 1: {problem}")
    with pytest.raises(BenchError, match=f"^{problem}"):
        plan_with_states(make_options({option: value.strip("'")}, config=Path("matrix.yaml")))


@pytest.mark.parametrize(("option", "value"), [("out", "matrix.yaml"), ("storage", "sqlite:///none/x.db")])
def test_a_place_that_cannot_be_written_in_a_file_of_options(
    option: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("matrix.yaml").write_text(f"{option}: {value}\ndata: phantom[patients=4,cells=2]\n" + OTHERS)
    with pytest.raises(BenchError, match=r"^matrix\.yaml, line 1: "):
        run_options(make_options({"store": tmp_path / "store"}, config=Path("matrix.yaml")))
