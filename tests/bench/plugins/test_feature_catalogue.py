"""Catalogue of features: one row per column, all formats, and the command line."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.cli.display.features import show_catalogue, turned
from bench.errors import BenchError
from bench.plugins.feature_catalogue import FIELDS, Catalogue, as_csv, as_json, as_markdown, catalogue, described
from bench.plugins.plugin import Plugin
from bench.plugins.registry import extractor


class Special:
    """An extractor whose catalogue contains special characters of terminal, table and JSON."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken

    def catalogue(self) -> list[Any]:
        if self.broken:
            raise RuntimeError("out of order")
        feature = SimpleNamespace(
            formula="a | b [red]\nc", unit="px", range="[0, inf)", turns=math.inf, source='"x", y'
        )
        return [SimpleNamespace(name="odd.lie.cell", feature=feature)]


class Nameless:
    """An extractor without names before a fit, although its tag is `requires_fit=False`."""

    def get_feature_names_out(self) -> list[str]:
        raise AttributeError("names_")


def _special(**params: Any) -> Plugin:
    return Plugin("special", f"{__name__}:Special", params)


def _run(*arguments: str) -> str:
    shown = CliRunner().invoke(app, ["features", "catalogue", *arguments], env={"COLUMNS": "160", "NO_COLOR": "1"})
    assert shown.exit_code == 0, shown.output
    return shown.output


@pytest.fixture
def odd() -> Catalogue:
    return Catalogue("special", tuple(described(_special())), described=True)


def test_one_row_per_column_in_order() -> None:
    result = catalogue("handcrafted")
    names = [str(name) for name in extractor("handcrafted").build().get_feature_names_out()]
    assert [row["name"] for row in result.rows] == names
    assert len(names) > 100
    assert all(row["formula"] and row["unit"] and row["turns"] >= 0 for row in result.rows)
    assert all(tuple(row) == FIELDS for row in result.rows)


def test_families_are_chosen_by_the_first_part_of_a_name() -> None:
    result = catalogue("handcrafted", ["size", "glcm"])
    assert {row["name"].partition(".")[0] for row in result.rows} == {"size", "glcm"}
    assert [row["name"] for row in result.rows if row["name"].startswith("size.")] == [
        row["name"] for row in catalogue("size").rows
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--family", "cleftin"], "handcrafted has no family 'cleftin'. Did you mean clefting?"),
        (["--extractor", "handcraftd"], "no extractor is called 'handcraftd'. Did you mean handcrafted"),
        (["--extractor", "glcm[levels=1]"], "Error: glcm[levels=1]: levels=1"),
        (["-o", "features.txt"], "--output needs a complete catalogue; add --format csv, json, markdown"),
    ],
)
def test_user_errors_are_messages(
    arguments: list[str], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from bench.cli.app import main  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench", "features", "catalogue", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert complaint in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_csv_holds_every_row(tmp_path: Path) -> None:
    path = tmp_path / "features.csv"
    assert "catalogue: " in _run("--extractor", "size", "--format", "csv", "-o", str(path))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = [{k: str(v) for k, v in row.items()} for row in catalogue("size").rows]
    assert rows == wanted
    assert _run("--extractor", "size", "--format", "csv") == path.read_text()


def test_json_holds_every_row() -> None:
    result = json.loads(_run("--extractor", "size", "--format", "json"))
    rows = [{**row, "turns": "inf" if row["turns"] == math.inf else row["turns"]} for row in catalogue("size").rows]
    assert result == {"extractor": "size", "features": rows}
    assert {row["turns"] for row in rows} > {"inf"}, "a feature that changes under turns, and one that does not"


def test_special_characters_are_escaped_in_every_format(odd: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = csv.DictReader(as_csv(odd).splitlines(keepends=True))
    assert (row["formula"], row["source"], row["turns"]) == ("a | b [red]\nc", '"x", y', "inf")
    (feature,) = json.loads(as_json(odd))["features"]
    assert (feature["formula"], feature["turns"]) == ("a | b [red]\nc", "inf")
    assert as_markdown(odd).splitlines()[2] == '| `odd.lie.cell` | a \\| b [red] c | px | [0, inf) | inf | "x", y |'
    show_catalogue(odd)
    shown = capsys.readouterr().out
    assert "a | b [red]" in shown
    assert "changes" in shown


def test_the_table_has_one_line_per_feature_with_its_regions() -> None:
    shown = _run("--extractor", "size")
    rows = catalogue("size").rows
    features = {row["name"].split(".")[1] for row in rows}
    assert f"size: {len(features)} features of cell, nucleus, {len(rows)} columns" in shown
    lines = [line.split()[0] for line in shown.splitlines() if line.strip()]
    assert all(lines.count(feature) == 1 for feature in features)


def test_changes_under_turns_are_formatted() -> None:
    assert [turned(t) for t in (0.0, 1e-6, 1e-4, 0.1, math.inf)] == ["exact", "exact", "0.01 %", "10 %", "changes"]


def test_an_extractor_without_formulas_lists_names() -> None:
    shown = _run("--extractor", "resnet18[weights=random]")
    names = shown.split()
    assert names[:2] == ["resnet18_0000", "resnet18_0001"]
    assert "512 columns; the extractor provides names only, without formulas" in " ".join(names)
    found = catalogue("resnet18[weights=random]")
    assert not found.described
    assert found.rows[0] == {**dict.fromkeys(FIELDS), "name": "resnet18_0000"}
    assert "| `resnet18_0511` |  |  |  |  |  |\n" in as_markdown(found)


def test_a_catalogue_that_raises_is_an_error_that_names_its_extractor() -> None:
    with pytest.raises(BenchError, match="special: its catalogue cannot be read: out of order"):
        described(_special(broken=True))


def test_missing_names_are_an_error_that_names_the_extractor(monkeypatch: pytest.MonkeyPatch) -> None:
    nameless = Plugin("nameless", f"{__name__}:Nameless", {})
    monkeypatch.setattr("bench.plugins.registry.extractor", lambda _: nameless)
    with pytest.raises(BenchError, match="nameless: the names of its columns cannot be read: names_"):
        catalogue("nameless")


def test_the_catalogue_does_not_import_networks() -> None:
    code = (
        "import sys; from bench.cli.app import main; sys.argv = ['bench', 'features', 'catalogue']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print('LOADED', *sorted({'torch', 'torchvision', 'timm', 'xgboost', 'lightgbm', 'optuna'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    output, _, loaded = ended.stdout.rpartition("LOADED")
    assert "columns" in output
    assert loaded.split() == []
