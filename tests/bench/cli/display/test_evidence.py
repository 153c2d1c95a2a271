"""Printed leakage reports, permutation tests, audits and plans: first line, and the same numbers as in the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from bench.cli.app import app
from bench.cli.display import audit as audit_display
from bench.cli.display import leakage as leakage_display
from bench.cli.display import significance as significance_display
from bench.evidence.audit.findings import Audit
from bench.evidence.leakage.patient_recognition import Recognition
from bench.evidence.leakage.report import Leakage
from bench.evidence.leakage.verdict import IdentityNull, verdict
from bench.evidence.permutation.significance import Significance
from bench.scores.primary import Estimate

SIGNAL, GAP = Estimate(0.85, 0.78, 0.9), Estimate(0.01, -0.01, 0.03)
NULL = IdentityNull(0.54, 0.03, 0.55, 0.01, observed=0.86, p=0.05, permutations=20)


def _printed(module: Any, show: Any, *items: Any) -> list[str]:
    console = Console(width=1000)
    with pytest.MonkeyPatch.context() as patch, console.capture() as capture:
        patch.setattr(module, "console", console)
        show(*items)
    return capture.get().strip().splitlines()


def _leakage(identity: IdentityNull | None, *recognition: Recognition) -> Leakage:
    image = Estimate(0.86, 0.8, 0.91)
    return Leakage(
        experiment="x",
        name="color x knn",
        positive="sick",
        metric="auroc_patient",
        by_patient=SIGNAL,
        by_image=image,
        gap=GAP,
        identity=identity,
        null=(),
        recognition=recognition,
        features=None,
        scores=None,
        errors=None,
        missing=(),
        verdict=verdict(SIGNAL, image, GAP, identity, recognition),
        differs=(),
        file=Path("x.json"),
    )


def _significance(**changes: Any) -> Significance:
    fields: dict[str, Any] = {
        "experiment": "x",
        "name": "color x knn",
        "positive": "sick",
        "metric": "auroc_patient",
        "observed": 0.85,
        "null": (0.57, 0.59, 0.61),
        "p": 0.25,
        "floor": 0.25,
        "exact": False,
        "possible": 70**6,
        "labels_of": "cells",
        "moved": 24,
        "fixed": 6,
        "units": {"sick": 24, "well": 30},
        "folds": 5,
        "repeats": 1,
        "tune": 0,
        "differs": (),
        "file": Path("x.json"),
    }
    return Significance(**{**fields, **changes})


@pytest.mark.parametrize("identity", [None, NULL], ids=["labels of cells", "labels of patients"])
@pytest.mark.parametrize(
    ("accuracy", "chance", "p", "shown"),
    [
        (0.38, 0.033, 0.0001, ("38%", "3.3%", "<0.001")),
        (0.046, 0.033, 0.02, ("4.6%", "3.3%", "0.020")),
        (0.034, 0.033, 0.4, ("3.4%", "3.3%", "0.40")),
    ],
)
def test_verdict_and_table_have_the_same_numbers(
    identity: IdentityNull | None, accuracy: float, chance: float, p: float, shown: tuple[str, ...]
) -> None:
    report = _leakage(identity, Recognition("sick", 30, 1560, accuracy, chance, p))
    lines = _printed(leakage_display, leakage_display.show_leakage, report)
    assert lines[0] == "color x knn: leakage; positive class sick"
    assert lines[1] == report.verdict.text == report.record()["verdict"]["text"]
    (row,) = [line.split() for line in lines if line.startswith("within sick")]
    assert tuple(row[2:]) == ("30", "1560", *shown)
    (record,) = report.record()["recognition"]
    assert (record["accuracy"], record["chance"], record["recognisable"]) == (accuracy, chance, accuracy > 0.1)
    if identity is None or p <= 0.05:
        assert f"{shown[0]} of the cells of sick, where {shown[1]} is chance" in lines[1]
    assert ("No sign that patients are recognised" in lines[1]) == (identity is None and p > 0.05)


def test_patients_whose_labels_do_not_move_are_printed() -> None:
    lines = _printed(significance_display, significance_display.show_significance, _significance())
    assert lines[0] == "color x knn: permutation test; positive class sick"
    assert lines[2] == (
        "p = 0.25; the smallest possible value is 0.25, for 3 random permutations of 117,649,000,000 distinct "
        "labellings; more --permutations could lower it."
    )
    assert lines[3].startswith(
        "Labels of cells: permuted within each of 24 patients with cells of several classes; the other 6 patients, "
        "with cells of one class, not permuted (split units with cells of a class: 24 sick, 30 well)."
    )


def test_number_of_labellings_may_have_thousands_of_digits() -> None:
    """10^5000 is beyond the integers that Python writes as text; the record has its logarithm."""
    test = _significance(possible=10**5000)
    assert "of about 10^5000 distinct labellings" in " ".join(
        _printed(significance_display, significance_display.show_significance, test)
    )
    assert (test.record()["possible"], test.record()["log10_possible"]) == (None, 5000)
    exact = _significance(possible=4, exact=True, p=0.5)
    assert exact.record()["possible"] == 4
    assert "the smallest possible value is 0.25, for all 4 distinct labellings." in " ".join(
        _printed(significance_display, significance_display.show_significance, exact)
    )


@pytest.mark.parametrize(("positive", "end"), [("sick", "; positive class sick"), (None, "")])
def test_first_line_of_an_audit_has_the_positive_class(positive: str | None, end: str) -> None:
    audit = Audit("cohort", positive, "a" * 64, {"cells": 1200, "patients": 24, "split_units": 24}, (), ())
    lines = _printed(audit_display, audit_display.show_audit, audit)
    assert lines[0] == f"cohort: 1,200 cells of 24 patients{end}"
    assert audit.record()["positive"] == positive


def test_first_line_of_a_plan_has_data_protocol_and_positive_class(tmp_path: Path) -> None:
    arguments = ["plan", "--data", "phantom[patients=6,cells=3,size=48]", "-x", "size", "-c", "knn"]
    arguments += ["--no-baselines", "--folds", "3", "--out", str(tmp_path / "r"), "--store", str(tmp_path / "s")]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    assert "cells of 12 patients; 3 folds by patient, seed 0; positive class diseased" in shown
    assert lines[-1].startswith("to run size x knn: ")
