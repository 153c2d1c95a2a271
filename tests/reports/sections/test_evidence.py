from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.cli.app import main
from bench.evidence.audit.findings import Audit, Check, Finding
from bench.evidence.leakage.clustering import ScoreClustering
from bench.evidence.leakage.patient_recognition import Recognition
from bench.evidence.leakage.report import Leakage
from bench.evidence.leakage.verdict import IdentityNull, Verdict
from bench.evidence.permutation.significance import Significance
from bench.experiments.results import Results
from bench.scores.primary import Estimate
from bench.storage.json_files import write_json
from reports.page import render


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


def _write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


LEAKAGE = [
    ({"gap": "wide"}, "gap: "),
    ({"metric": "luck"}, "unknown metric 'luck'; delete the file"),
    ({"experiment": "another"}, "is of another experiment, another; delete the file"),
    ({"by_image": {"value": float("inf"), "low": 0, "high": 1}}, "cannot be read (Infinity is not a number of JSON)"),
]
SIGNIFICANCE = [({"null": []}, "null: "), ({"p": -5.0}, "p: "), ({"p": 1.5}, "p: "), ({"floor": -0.1}, "floor: ")]


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [*(("leakage", *one) for one in LEAKAGE), *(("significance", *one) for one in SIGNIFICANCE)],
)
def test_a_damaged_record_is_named_and_the_rest_is_shown(
    kind: str, change: dict[str, Any], message: str, *, results: Results, add: Any, data: Any
) -> None:
    add()
    (slug,) = [e.folder.name for e in results.experiments()]
    records = {"leakage": _leakage(slug), "significance": _significance(slug)}
    records[kind] |= change
    paths = {name: _write_text(results.path / name / f"{slug}.json", json.dumps(records[name])) for name in records}
    read = data()
    page = render(read)
    (damage,) = read.damaged
    assert damage.path == paths[kind]
    assert damage.reason.startswith(f"{paths[kind]}: {message}")
    assert "1 file cannot be read; what it contains is in no other section." in page
    assert message.rstrip(": ").replace("'", "&#39;") in page
    shown = {"leakage": "The split by image is far too high.", "significance": "<h3>Permutation test"}
    assert [text in page for text in shown.values()] == [kind != name for name in shown]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("held_out.json", "{"),
        ("held_out.json", '{"accesses": 5}'),
        ("held_out.json", '{"accesses": [{"digest": 1}]}'),
        ("audit/x.json", "[]"),
        ("audit/x.json", '{"name": 5}'),
        ("audit/x.json", "[" * 100_000),
        ("comparisons/x.json", '{"format": 1}'),
        ("comparisons/x.json", "\x00"),
    ],
)
def test_damaged_files_beside_the_experiments_do_not_stop_the_report(
    name: str, content: str, results: Results, add: Any, data: Any
) -> None:
    add(classifier="svm[C=1]")
    add(classifier="svm[C=2]")
    slug = results.experiments()[0].folder.name
    write_json(results.path / "leakage" / f"{slug}.json", _leakage(slug))
    path = _write_text(results.path / name, content)
    read = data()
    page = render(read)
    assert [damage.path for damage in read.damaged] == [path]
    assert str(path) in read.damaged[0].reason
    assert "The split by image is far too high." in page
    assert "Which pipelines differ from the best?" in page
    assert "<h2>Damaged files" in page


def test_the_command_names_damaged_evidence(
    results: Results, add: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add()
    _write_text(results.path / "held_out.json", "{}")
    monkeypatch.setattr(sys, "argv", ["bench", "report", str(results.path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert (results.path / "report.html").is_file()
    assert "held_out.json: expected a list `accesses`; restore the file from a copy" in capsys.readouterr().out
