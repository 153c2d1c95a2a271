"""Texts of strangers in all sections of the report: no new element, attribute or script, and none is invisible."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import hostile_text
import pandas as pd
import pytest
from html_page import Page

from bench.errors import printable
from bench.evidence.audit.findings import Audit, Check, Finding
from bench.evidence.leakage.patient_recognition import Recognition
from bench.evidence.leakage.report import Leakage
from bench.evidence.leakage.verdict import Verdict
from bench.evidence.permutation.significance import Significance
from bench.experiments.results import Results
from bench.scores.primary import Estimate
from bench.storage.json_files import write_json
from reports.figures.patient_shares import PatientShare
from reports.figures.plots import forest, strips
from reports.page import write_report
from reports.section import ReportData

SECTIONS = (
    "comparison",
    "data",
    "evidence",
    "failed",
    "importances",
    "missing",
    "protocol",
    "tuning",
    "versions",
    "weights",
)


def _experiments(results: Results, add: Any, renamed: Any, name: str) -> None:
    label = name.removesuffix("\\")
    classes = (f"a{label}", f"b{label}")
    shares = {"a": 0.6, "b": 0.4}
    missing = {
        "cells": 120, "columns": 9, "mostly_missing": 8, "cells_without_values": 1, "reason": name,
        "families": [{"name": name, "columns": 9, "mostly_missing": 8, "share": 0.9, "reason": name}],
        "class_differences": [{"family": name, "columns": 3, "reason": name, "shares": dict.fromkeys(classes, 0.5)}],
        "dropped": {"columns": 1, "folds": 1, "of": 4},
    }  # fmt: skip
    importances = [
        {"feature": f"{family}.{name}", "importance": share, "repeat": 0, "fold": fold}
        for family, share in shares.items()
        for fold in range(2)
    ]
    described = {"formula": name, "unit": name, "range": name, "source": name, "turns": 0.0}
    features = [{"name": f"{family}.{name}", **described} for family in shares]
    trials = [{"trial": 0, "state": "complete", "value": 0.5, f"param_{name}": "1", "repeat": 0, "fold": 0}]
    optimism = [{"repeat": 0, "fold": 0, "inner_best": 0.8, "outer": 0.7, "optimism": 0.1}]
    network = {"extractor": name, "model": name, "weights": name}
    common: dict[str, Any] = {
        "classes": classes, "prefix": name, "extractor": name, "prepare": name, "missing": missing,
        "data": {"name": name, "reader": name, "notices": [name]},
        "environment": {"python": name, "machine": name},
        "components": {"classifier": name, "classifier_libraries": {name: name}, "features": network},
        "protocol": {"tune": 1},
        "extra": {
            "importances": pd.DataFrame(importances),
            "features": pd.DataFrame(features),
            "trials": pd.DataFrame(trials),
            "optimism": pd.DataFrame(optimism),
        },
    }  # fmt: skip
    record = add(classifier=name, skill=2.0, **common)
    add(classifier=f"second {name}", skill=0.5, seed=1, flags=["BASELINE"], **common)
    results.write_failure("failed", renamed(record, extractor=f"third {name}"), name)


def _evidence(results: Results, name: str) -> None:
    one = Estimate(0.6, 0.5, 0.7)
    for result in results.experiments():
        slug = result.folder.name
        leakage = Leakage(
            experiment=slug, name=name, positive=name, metric="auroc_patient", by_patient=one, by_image=one, gap=one,
            identity=None, null=(), recognition=(Recognition(name, 12, 60, 0.75, 0.1, 0.001),), features=None,
            scores=None, errors=None, missing=(name,), verdict=Verdict("inflated", name), differs=(), file=Path(),
        )  # fmt: skip
        significance = Significance(
            experiment=slug, name=name, positive=name, metric="auroc_patient", observed=0.6, null=(0.4, 0.5), p=0.3,
            floor=0.3, exact=False, possible=9, labels_of="patients", moved=4, fixed=0, units={name: 2}, folds=4,
            repeats=1, tune=0, differs=(), file=Path(),
        )  # fmt: skip
        write_json(results.path / "leakage" / f"{slug}.json", leakage.record())
        write_json(results.path / "significance" / f"{slug}.json", significance.record())
    Audit(
        name=name, positive=name, digest="a" * 64, counts={"cells": 1, "patients": 1},
        findings=(Finding("A003", "error", name, name, (name,), (name,)),),
        checks=(Check("A001", "nothing found", name), Check("A004", "not checked", name)),
    ).write(results.path)  # fmt: skip
    access = {"opened_at": name, "digest": name, "experiments": [name], "reason": name}
    write_json(results.path / "held_out.json", {"format": 2, "accesses": [access]})


def _page(results: Results, add: Any, renamed: Any, name: str) -> tuple[str, Page]:
    _experiments(results, add, renamed, name)
    _evidence(results, name)
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    shutil.rmtree(results.path)
    Results.create(results.path)
    return html, Page(html)


def test_names_change_no_element_of_any_section(results: Results, add: Any, renamed: Any) -> None:
    _, plain = _page(results, add, renamed, "plain")
    html, page = _page(results, add, renamed, hostile_text.ALL)
    assert {attrs["id"] for tag, attrs in page.elements if tag == "section"} > set(SECTIONS)
    skipped = ("wbr", "tspan")  # line breaks before a bracket
    tags = [[(tag, sorted(attrs)) for tag, attrs in one.elements if tag not in skipped] for one in (plain, page)]
    assert tags[0] == tags[1]
    assert page.open == []
    assert page.scripts() == plain.scripts()
    assert hostile_text.unsafe(html) == []
    text = page.text()
    assert text.count(" ".join(printable(hostile_text.ALL).split())) > 60
    assert "49 }}" not in text
    links = [value for _, attrs in page.elements for name, value in attrs.items() if name in ("href", "src")]
    assert all(link.startswith("#") for link in links)


@pytest.mark.parametrize("name", [hostile_text.NOT_UTF8, *hostile_text.MARKUP, *hostile_text.INVISIBLE])
def test_labels_of_figures_are_text(results: Results, add: Any, name: str) -> None:
    add(extractor=name, classifier=name)
    (group,) = ReportData.read(results).groups
    shares = [PatientShare("P1", name, 3, 0.5), PatientShare("P2", "b", 3, 0.5)]
    for svg in (forest(group.rows, name="f", metric="AUROC"), strips(shares, [name, "b"], name="s")):
        root = ET.fromstring(str(svg).replace("<svg ", '<svg xmlns:xlink="http://www.w3.org/1999/xlink" ', 1))  # noqa: S314 (our own)
        texts = ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("text")]
        shown = printable(name)
        assert any(shown in text or shown[:11] in text for text in texts)
        assert hostile_text.unsafe(str(svg)) == []
        assert not {element.tag for element in root.iter()} & {"script", "a", "image", "foreignObject"}
