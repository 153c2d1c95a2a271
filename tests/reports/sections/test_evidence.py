from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.evidence.audit.findings import Audit, Check, Finding
from bench.evidence.leakage.clustering import ScoreClustering
from bench.evidence.leakage.patient_recognition import Recognition
from bench.evidence.leakage.report import Leakage
from bench.evidence.leakage.verdict import IdentityNull, Verdict
from bench.evidence.permutation.significance import Significance
from bench.experiments.results import Results
from bench.scores.primary import Estimate
from bench.storage.json_files import write_json
from reports.page import write_report


def _leakage(slug: str) -> dict[str, Any]:
    return Leakage(
        experiment=slug,
        name="handcrafted x svm",
        positive="diseased",
        metric="auroc_patient",
        by_patient=Estimate(0.61, 0.5, 0.7),
        by_image=Estimate(0.93, 0.9, 0.96),
        gap=Estimate(0.32, 0.21, 0.43),
        identity=IdentityNull(0.91, 0.02, 0.6, 0.1, 0.93, 0.2, 20),
        null=(0.9, 0.92),
        recognition=(Recognition("diseased", 12, 60, 0.75, 1 / 12, 0.001),),
        features=None,
        scores=ScoreClustering(0.5, 3.0, 120, 40.0),
        errors=None,
        missing=(),
        verdict=Verdict("inflated", "The split by image is far too high."),
        differs=(),
        file=Path(),
    ).record()


def _significance(slug: str) -> dict[str, Any]:
    return Significance(
        experiment=slug,
        name="handcrafted x svm",
        positive="diseased",
        metric="auroc_patient",
        observed=0.61,
        null=(0.42, 0.5, 0.63),
        p=0.25,
        floor=0.25,
        exact=False,
        possible=924,
        labels_of="patients",
        moved=24,
        fixed=0,
        units={"diseased": 12, "normal": 12},
        folds=4,
        repeats=1,
        tune=0,
        differs=(),
        file=Path(),
    ).record()


def test_all_evidence_is_on_the_page(results: Results, add: Any, section_text: Any) -> None:
    add()
    (slug,) = [e.folder.name for e in results.experiments()]
    write_json(results.path / "leakage" / f"{slug}.json", _leakage(slug))
    write_json(results.path / "significance" / f"{slug}.json", _significance(slug))
    Audit(
        name="synthetic",
        positive="diseased",
        digest="a" * 64,
        counts={"cells": 120, "patients": 24},
        findings=(Finding("A003", "error", "2 identical images under several patients", "link <them>"),),
        checks=(
            Check("A001", "nothing found"), Check("A003", "found"), Check("A004", "not checked", "no official folds"),
        ),
    ).write(results.path)  # fmt: skip
    access = {
        "opened_at": "2026-01-02T03:04:05+00:00",
        "digest": "b" * 64,
        "experiments": ["x", "y"],
        "reason": "review",
    }
    write_json(results.path / "held_out.json", {"format": 2, "accesses": [access]})
    text = section_text("evidence")
    for sentence in (
        "Audit of synthetic 120 cells of 24 patients; positive class diseased",
        "A003 error 2 identical images under several patients link &lt;them&gt;",
        "1 check without findings; not checked: identical images in several official folds.",
        "Held-out cells were evaluated in 1 run.",
        "2026-01-02 03:04 UTC: 2 pipelines (review), cells bbbbbbbbbbbb",
        "handcrafted × svm 0.93 0.61 0.32 [0.21, 0.43] 0.91 ± 0.02 20 times diseased 75% 8.3% 0.50 40 of 120",
        "handcrafted × svm : The split by image is far too high.",
        "handcrafted × svm 0.61 0.50 0.42–0.63 0.25 0.25 3",
        "Unit of the test: patients (split units: 12 diseased, 12 normal); the cells of a patient are permuted",
    ):
        assert sentence in text


def test_patients_whose_labels_do_not_move_are_counted(results: Results, add: Any, section_text: Any) -> None:
    add()
    (slug,) = [e.folder.name for e in results.experiments()]
    record = _significance(slug) | {"labels_of": "cells", "moved": 20, "fixed": 4, "possible": None}
    write_json(results.path / "significance" / f"{slug}.json", record)
    assert (
        "Labels of cells: permuted within each of 20 patients with cells of several classes; the other 4 patients, "
        "with cells of one class, not permuted (split units with cells of a class: 12 diseased, 12 normal)."
    ) in section_text("evidence")


def test_a_folder_without_evidence_has_no_section(add: Any, section_text: Any) -> None:
    add()
    assert section_text("evidence") == ""


def test_undefined_values_are_dashes(results: Results, add: Any, section_text: Any) -> None:
    add()
    (slug,) = [e.folder.name for e in results.experiments()]
    record = _leakage(slug)
    record |= {
        "identity": None,
        "recognition": [],
        "scores": {**record["scores"], "icc": None, "effective_cells": None},
    }
    write_json(results.path / "leakage" / f"{slug}.json", record)
    assert "0.32 [0.21, 0.43] – – – –" in section_text("evidence")


def test_evidence_of_replaced_experiments_is_left_out(results: Results, add: Any, section_text: Any) -> None:
    add()
    write_json(results.path / "leakage" / "replaced-123.json", _leakage("replaced-123"))
    assert section_text("evidence") == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gap": "wide"}, r"leakage.*\.json: gap: "),
        ({"metric": "luck"}, "unknown metric 'luck'"),
        ({"experiment": "another"}, "is of another experiment, another; delete the file"),
        ({"by_image": {"value": float("inf"), "low": 0, "high": 1}}, "Infinity is not a number of JSON"),
    ],
)
def test_damaged_files_are_named(results: Results, add: Any, change: dict[str, Any], message: str) -> None:
    add()
    (slug,) = [e.folder.name for e in results.experiments()]
    path = results.path / "leakage" / f"{slug}.json"
    path.parent.mkdir()
    path.write_text(json.dumps({**_leakage(slug), **change}))
    with pytest.raises(BenchError, match=message):
        write_report(results, results.path / "report.html")


@pytest.mark.parametrize("change", [{"null": []}, {"p": -5.0}, {"p": 1.5}, {"floor": -0.1}])
def test_an_impossible_permutation_test_is_named(results: Results, add: Any, change: dict[str, Any]) -> None:
    add()
    (slug,) = [e.folder.name for e in results.experiments()]
    write_json(results.path / "significance" / f"{slug}.json", {**_significance(slug), **change})
    with pytest.raises(BenchError, match=rf"significance.*\.json: {next(iter(change))}: "):
        write_report(results, results.path / "report.html")
