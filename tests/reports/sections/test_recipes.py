"""The section on published systems: values, leaks and waterfalls; damaged records are left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.experiments.results import Results
from bench.recipes.catalogue import parsed_recipe
from bench.recipes.reproduce import reproduce
from reports.page import render
from reports.section import ReportData

SYSTEM: dict[str, Any] = {
    "name": "mine",
    "title": "Size <b>and</b> outline",
    "source": "none",
    "stated": "one nearest neighbour",
    "variants": [
        {
            "extractors": ["handcrafted[families=size+shape]"],
            "classifiers": ["knn[n_neighbors=1,weights=uniform]"],
            "published": [{"metric": "accuracy[threshold=0.5]", "value": 0.955, "part": "validation"}],
        }
    ],
    "protocol": {"split": "image", "validation": 0.25, "text": "a quarter of the images", "chosen": "the seed"},
    "open": [{"what": "scaling", "chosen": "z-scores"}],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    out = tmp_path_factory.mktemp("recipes") / "results"
    recipe = parsed_recipe(yaml.safe_dump(SYSTEM).encode(), "mine")
    data = "phantom[patients=6,cells=5,size=64]"
    list(reproduce([recipe], data=data, out=out, jobs=1, folds=3, inner_folds=2, waterfall=True))
    return Results.open(out)


def page(results: Results) -> str:
    return render(ReportData.read(results))


def test_the_values_are_those_of_the_record(results: Results) -> None:
    record = json.loads((results.path / "recipes" / "mine.json").read_text())
    html = page(results)
    (row,) = record["rows"]
    for value in row["values"]:
        if value["estimate"] is not None:
            assert f"{value['estimate']['value']:.2f}" in html
    assert f"{row['inflation']['value']:+.2f}" in html
    assert "0.955" in html
    assert "Held-out patients: no held-out data" in html
    assert "cells of one patient are in training and in the scored part" in html
    assert "without images" in html
    assert "Chosen here: the seed." in html
    assert "Open: scaling" in html


def test_texts_of_a_recipe_are_escaped(results: Results) -> None:
    html = page(results)
    assert "Size &lt;b&gt;and&lt;/b&gt; outline" in html
    assert "Size <b>and</b>" not in html


def test_rows_by_a_published_protocol_are_in_no_leaderboard(results: Results) -> None:
    data = ReportData.read(results)
    assert len(results.experiments()) == 2
    assert [row.result.flags for group in data.groups for row in group.rows] == [()]


def test_a_damaged_record_is_named_and_left_out(results: Results, tmp_path: Path) -> None:
    file = results.path / "recipes" / "damaged.json"
    record = json.loads((results.path / "recipes" / "mine.json").read_text())
    record["rows"][0]["leaks"] = ["<script>"]
    file.write_text(json.dumps(record))
    try:
        data = ReportData.read(results)
        html = render(data)
    finally:
        file.unlink()
    assert [damage.path for damage in data.damaged] == [file]
    assert "rows.0.leaks.0" in data.damaged[0].reason
    assert "<script>]" not in html


def test_without_reproductions_there_is_no_section(results: Results, tmp_path: Path) -> None:
    import shutil  # noqa: PLC0415

    copy = tmp_path / "copy"
    shutil.copytree(results.path, copy, symlinks=True)
    shutil.rmtree(copy / "recipes")
    assert "Published systems" not in page(Results.open(copy))
