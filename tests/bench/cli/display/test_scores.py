"""Printed leaderboards of re-scored predictions."""

from __future__ import annotations

import pandas as pd
import pytest
from rich.console import Console

from bench.cli.display import scores as display_scores
from bench.cli.display import tables as display
from bench.experiments.leaderboard import SETTINGS
from bench.scores.metrics import METRICS


def _board(**changes: object) -> pd.DataFrame:
    settings = dict(
        zip(SETTINGS, ("cells", "sick", "patient", 5, 0, "sigmoid", "sens@0.95", "share", 0, 0.0, "tpe"), strict=True)
    )
    pipeline = {"prepare": "none", "extractor": "size", "classifier": "svm"}
    settings |= {"repeats": 2, "auroc_patient_method": "U-statistic, logit"}
    row = {**settings, **pipeline, "status": "done", "flags": "", "licences": "", "reason": "", **changes}
    scores = {f"{name}{end}": value for name in METRICS for end, value in (("", 0.8), ("_low", 0.7), ("_high", 0.9))}
    return pd.DataFrame([{**scores, **row}])


@pytest.mark.parametrize(("width", "columns"), [(80, 3), (120, 6)])
def test_metrics_fit_the_terminal(
    width: int, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (display, display_scores):
        monkeypatch.setattr(module, "console", Console(width=width))
    display_scores.show_scores(_board())
    printed = capsys.readouterr().out
    assert "cells: 5 folds by patient x 2 repeats, seed 0; positive class sick\n" in printed
    assert "calibration sigmoid, threshold sens@0.95, patients by share\n" in printed
    assert printed.count("0.80 0.70-0.90") == columns
    assert max(map(len, printed.splitlines())) <= width
    assert "means tuning on the test patients" in printed


def test_names_contain_the_preparation(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "console", Console(width=200))
    display.show_leaderboard(pd.concat([_board(), _board(prepare="crop+mask[to=mean]")], ignore_index=True))
    rows = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines() if " x " in line]
    assert rows == ["size x svm", "crop+mask[to=mean] > size x svm"]


def test_groups_that_are_not_comparable_have_separate_tables(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (display, display_scores):
        monkeypatch.setattr(module, "console", Console(width=80))
    display_scores.show_scores(pd.concat([_board(), _board(split="held-out", threshold="0.5")], ignore_index=True))
    printed = capsys.readouterr().out
    assert printed.count("calibration sigmoid") == 2
    assert "one held-out test" in printed
    assert "U-statistic" in printed
