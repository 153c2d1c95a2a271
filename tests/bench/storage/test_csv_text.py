"""Texts in CSV files: safe in spreadsheet programs, and the same when they are read back."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import hostile_text
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.datasets.link_files import read_links, write_links
from bench.datasets.quality import write_quality
from bench.errors import BenchError
from bench.experiments.rescoring import write_scores
from bench.features.store.entry import write_entry
from bench.features.table import FeatureTable
from bench.plugins.feature_catalogue import FIELDS, Catalogue, as_csv, as_json, as_markdown
from bench.splits.fold_manifest import Folds, manifest_of, read_folds, write_folds
from bench.splits.outer_folds import draw_folds
from bench.storage.csv_text import csv_text, from_csv_text, write_csv

HOSTILE = (*hostile_text.TERMINAL, *hostile_text.INVISIBLE, *hostile_text.MARKUP, *hostile_text.FORMULAS)

IDS = [text for text in (*hostile_text.INVISIBLE, *hostile_text.FORMULAS) if text == " ".join(text.split())]
"""Ids that a dataset can have: control characters are refused, spaces are single."""

SIGNS = r"[=+\-@\uff1d\uff0b\uff0d\uff20]"
FIRST = re.compile(rf"\s*{SIGNS}")
AFTER_SEMICOLON = re.compile(rf";[\s'\"]*{SIGNS}")
NEAR_ESCAPES = st.text(st.sampled_from("\\'=+-@;\" trxuU0123abef\u202e\t\n\x1b\uff1d"), max_size=12)


def assert_safe(path: Path) -> list[list[str]]:
    """Return the fields of a file; assert that none is a formula, whether rows are split at commas or at semicolons."""
    text = path.read_text(encoding="utf-8")
    assert hostile_text.unsafe(text) == []
    fields = list(csv.reader(text.splitlines(keepends=True)))
    for field in (field for row in fields for field in row):
        assert FIRST.match(field) is None or re.fullmatch(r"-?[0-9.]+", field)
        assert AFTER_SEMICOLON.search(field) is None
    return fields


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("'=1", "''=1"),
        ("-", "'-"),
        (" @x", "' @x"),
        ("\uff1d1", "'\uff1d1"),
        ("\t=1", r"\t=1"),
        ("a\u202eb", r"a\u202eb"),
        ("\\u202e", r"\\u202e"),
        ("x;=1", r"x;\x3d1"),
        ('x; "-1', r'x; "\x2d1'),
        ("plain, 1-2 = x; y \u00e9 'q'", "plain, 1-2 = x; y \u00e9 'q'"),
        ("a\\b", "a\\b"),
        ("lines\nbreak", "lines\nbreak"),
    ],
)
def test_only_what_has_an_effect_is_changed(text: str, written: str) -> None:
    assert csv_text(text) == written
    assert from_csv_text(written) == text


@given(st.one_of(st.text(max_size=12), NEAR_ESCAPES))
def test_every_text_is_read_back(text: str) -> None:
    written = csv_text(text)
    assert from_csv_text(written) == text
    assert hostile_text.unsafe(written) == []
    assert FIRST.match(written) is None
    assert AFTER_SEMICOLON.search(written) is None


def test_escapes_beyond_unicode_are_text() -> None:
    assert from_csv_text(r"\U00110000 \xZZ \q") == r"\U00110000 \xZZ \q"


def test_tables_have_no_formulas(tmp_path: Path) -> None:
    table = pd.DataFrame({"=name": [*HOSTILE], "number": -1.5, "none": None})
    write_csv(table, tmp_path / "table.csv")
    assert_safe(tmp_path / "table.csv")
    read = pd.read_csv(tmp_path / "table.csv", keep_default_na=False)
    assert [from_csv_text(text) for text in read["'=name"]] == list(HOSTILE)
    assert set(read["number"]) == {-1.5}


@pytest.mark.parametrize("split", ["patient", "image"])
def test_folds_of_hostile_ids_are_read_back(tmp_path: Path, split: str) -> None:
    patient = np.repeat([*IDS, "plain"], 2)
    columns = {"cell": [f"{name}{i}" for i, name in enumerate(patient)], "patient": patient, "unit": patient}
    table = pd.DataFrame({**columns, "label": ["a", "b"] * (len(patient) // 2)}).astype("str")
    drawn = draw_folds(table, split=split, folds=3)
    write_folds(drawn, tmp_path / "folds.csv")
    assert len(assert_safe(tmp_path / "folds.csv")) > len(IDS)
    read = read_folds(tmp_path / "folds.csv", table)
    assert read.table.equals(drawn.table)
    assert (read.hash, read.notices) == (drawn.hash, ())


def test_folds_saved_by_a_spreadsheet_program_are_read_back(tmp_path: Path) -> None:
    columns = {"cell": ["c", "d"], "patient": ["=1", "'=1"], "unit": ["=1", "'=1"]}
    table = pd.DataFrame(columns).astype("str")
    drawn = Folds(manifest_of(table, {0: np.array([0, 1])}))
    write_folds(drawn, tmp_path / "folds.csv")
    marker, *lines = (tmp_path / "folds.csv").read_text().splitlines()
    (tmp_path / "saved.csv").write_text("\n".join([f"\ufeff{marker},,,", *lines]))
    assert read_folds(tmp_path / "saved.csv", table).table.equals(drawn.table)


def test_ids_in_files_written_by_hand_are_not_converted(tmp_path: Path) -> None:
    table = pd.DataFrame({"cell": ["c", "d"], "patient": ["=1", "\\x41"], "unit": ["=1", "\\x41"]}).astype("str")
    (tmp_path / "folds.csv").write_text("patient,fold\n=1,0\n\\x41,1\n")
    assert read_folds(tmp_path / "folds.csv", table).table["fold"].tolist() == [0, 1]
    (tmp_path / "folds.csv").write_text("patient,fold\n'=1,0\n\\x41,1\n")
    with pytest.raises(BenchError, match=r"folds.csv: repeat 0 names 1 patient \('=1\) that are not in the data"):
        read_folds(tmp_path / "folds.csv", table)
    (tmp_path / "links.csv").write_text("patient_a,patient_b\n'=1,\\x41\n")
    assert read_links(tmp_path / "links.csv") == [("'=1", "\\x41")]


def test_links_of_hostile_ids_are_read_back(tmp_path: Path) -> None:
    pairs = list(zip(IDS, reversed(IDS), strict=True))
    write_links(tmp_path / "links.csv", pairs)
    assert_safe(tmp_path / "links.csv")
    assert read_links(tmp_path / "links.csv") == pairs


def test_exports_for_people_have_no_formulas(tmp_path: Path) -> None:
    for name, write in (("quality.csv", write_quality), ("scores.csv", write_scores)):
        write(pd.DataFrame({"cell": [*HOSTILE], "label": [*HOSTILE]}), tmp_path / name)
        fields = assert_safe(tmp_path / name)
        assert {from_csv_text(field) for row in fields[1:] for field in row} >= set(HOSTILE) - {"nul\x00"}


def test_feature_tables_have_no_formulas(tmp_path: Path) -> None:
    count = len(HOSTILE)
    values = np.full((count, 2), np.nan, np.float32)
    write_entry(tmp_path / "entry", values, ["=f", "a.b"], status=np.ones((count, 2), np.uint8))
    cells = pd.DataFrame({"id": HOSTILE, "patient": HOSTILE, "label": HOSTILE})
    table = FeatureTable("size", tmp_path / "entry", cells, ("=f", "a.b"), count, 1.0)
    table.write(tmp_path / "cells.csv", status=tmp_path / "status.csv")
    header, *rows = assert_safe(tmp_path / "cells.csv")
    assert header == ["id", "patient", "label", "'=f", "a.b"]
    assert [from_csv_text(row[1]) for row in rows] == list(HOSTILE)
    assert from_csv_text(assert_safe(tmp_path / "status.csv")[1][1]) == "=f"
    table.write(tmp_path / "cells.parquet")
    assert pd.read_parquet(tmp_path / "cells.parquet")["id"].tolist() == list(HOSTILE)


def test_catalogues(tmp_path: Path) -> None:
    rows = tuple({**dict.fromkeys(FIELDS, text), "turns": 0.0} for text in HOSTILE)
    catalogue = Catalogue(hostile_text.ALL, rows, described=True)
    (tmp_path / "features.csv").write_text(as_csv(catalogue), encoding="utf-8")
    assert_safe(tmp_path / "features.csv")
    assert hostile_text.unsafe(as_json(catalogue)) == []
    lines = as_markdown(catalogue).splitlines()
    assert len(lines) == 2 + len(HOSTILE)
    for line in lines:
        assert hostile_text.unsafe(line) == []
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == len(FIELDS) + 1
        plain = line.split(" | ", 1)[1]
        assert "<" not in plain
        assert "](" not in plain
        assert line.count("`") in (0, 2) or "`" not in line.split("|")[1].strip()[1:-1]
