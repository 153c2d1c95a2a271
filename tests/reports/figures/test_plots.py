from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reports.figures.patient_shares import PatientShare
from reports.figures.plots import forest, roc, strips
from reports.figures.roc import Curve
from reports.rows import UNDEFINED


def _texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_forest_has_a_line_with_estimate_and_interval_for_each_pipeline(add: Any, groups: Any) -> None:
    for number, name in enumerate(("knn", "svm", "lightgbm")):
        add(classifier=name, skill=0.5 * number)
    rows = groups()[0].rows
    texts = _texts(forest(rows, name="f", metric="AUROC"))
    assert [t for t in texts if "×" in t] == [row.name for row in rows]
    assert [t for t in texts if "[" in t and "×" not in t] == [str(row.primary) for row in rows]
    assert "random guessing" in texts


def test_forest_intervals_have_the_stored_ends(add: Any, groups: Any) -> None:
    add(skill=0.6)
    (row,) = groups()[0].rows
    svg = forest([row], name="f", metric="AUROC")
    bar = re.search(r'd="M ([\d.]+) [\d.]+ \s*L ([\d.]+) [\d.]+ \s*" [^>]*stroke: var\(--c0\)', svg)
    chance = re.search(r'd="M ([\d.]+) [\d.]+ \s*L ([\d.]+) [\d.]+ \s*" [^>]*stroke-dasharray', svg)
    assert bar is not None
    assert chance is not None
    at_chance = float(chance[1])
    low, high = (float(bar[i]) - at_chance for i in (1, 2))
    assert low / high == pytest.approx((row.primary.low - 0.5) / (row.primary.high - 0.5), rel=1e-3)


def test_forest_marks_flagged_pipelines_and_omits_undefined_ones(add: Any, groups: Any) -> None:
    add(classifier="svm")
    (row,) = groups()[0].rows
    assert "var(--bad)" not in forest([row], name="f", metric="AUROC")
    flagged = replace(row, result=replace(row.result, record={**row.result.record, "flags": ["RANDOM WEIGHTS"]}))
    assert "var(--bad)" in forest([flagged], name="f", metric="AUROC")
    undefined = replace(row, scores={**row.scores, "auroc_patient": UNDEFINED})
    assert sum("×" in t for t in _texts(forest([row, undefined], name="f", metric="AUROC"))) == 1


def test_roc_curves_differ_in_colour_and_dashes() -> None:
    curve = Curve(np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.5, 1.0]))
    svg = roc([curve] * 4, name="r")
    for place in range(4):
        assert f"var(--c{place})" in svg
    assert len(set(re.findall(r"stroke-dasharray: ([\d., ]+)", svg))) == 4  # three curves and the diagonal


def test_strips_have_a_dot_for_each_patient_and_a_mean_for_each_class() -> None:
    shares = [PatientShare(f"P{i}", "abc"[i % 3], 5 + i, 0.5) for i in range(15)]
    svg = strips(shares, ["a", "b", "c", "empty"], name="s")
    assert [t for t in _texts(svg) if not t[0].isdigit()][:4] == ["a", "b", "c", "empty"]
    dots = [re.findall(rf'd="M ([\d.]+) [^"]*" style="fill: var\(--c{i}\)', svg) for i in range(4)]
    assert [len(of_class) for of_class in dots] == [5, 5, 5, 0]
    assert all(len(set(of_class)) == len(of_class) for of_class in dots), "patients of equal share hide each other"
    assert len(re.findall(r"stroke: var\(--ink\); stroke-width: 1.6", svg)) == 3
