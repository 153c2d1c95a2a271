"""Finished folds of an interrupted run, which may be damaged or come from a stranger."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.evaluation.fold import FoldResult
from bench.experiments.parts import check_part, write_part
from bench.experiments.schema import DamagedError

SPLIT = (1, 2, np.array([0, 1, 2, 4]), np.array([3, 5]))
RECORD = {
    "data": {"classes": ["a", "b"], "cells": 6, "patients": 6, "split_units": 6},
    "protocol": {"repeats": 2, "folds": 3},
    "components": {"features": {"extractor": "handcrafted"}},
}


def _table(cells: Any, **columns: Any) -> pd.DataFrame:
    table = pd.DataFrame({"row": cells, "repeat": 1, "fold": 2, **columns})
    return table.assign(p_a=0.25, p_b=0.75)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    folder = tmp_path / "repeat1-fold2"
    _, _, train, test = SPLIT
    fold = {"repeat": 1, "fold": 2}
    write_part(
        folder,
        FoldResult(
            predictions=_table(test, threshold=0.5, patient_threshold=0.5),
            inner_predictions=_table(train[::-1], inner_fold=[0, 1, 0, 1]),
            trials=pd.DataFrame([{"trial": 0, "state": "COMPLETE", "value": 0.5, **fold}]),
            importances=pd.DataFrame([{"feature": "x", "importance": 1.0, **fold}]),
            seconds={"fit": 1.0},
            notices=(),
        ),
    )
    return folder


def _changed(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def apply(part: Path) -> None:
        file = part / f"{name}.parquet"
        change(pd.read_parquet(file)).to_parquet(file, index=False)

    return apply


def test_a_finished_fold_is_used(part: Path) -> None:
    check_part(part, SPLIT, RECORD, models=part)


def test_an_extractor_that_holds_out_predicts_some_training_cells(part: Path) -> None:
    _changed("inner", lambda table: table[table["inner_fold"] == 0])(part)
    holdout = RECORD | {"components": {"features": {"extractor": "finetune[backbone=resnet18,inner=holdout]"}}}
    check_part(part, SPLIT, holdout, models=part)
    with pytest.raises(DamagedError, match="the inner are not of the cells of this fold"):
        check_part(part, SPLIT, RECORD, models=part)
    _changed("inner", lambda table: table.assign(row=table["row"] + 5))(part)
    with pytest.raises(DamagedError, match="the inner are not of the cells of this fold"):
        check_part(part, SPLIT, holdout, models=part)


@pytest.mark.parametrize(
    "damage",
    [
        _changed("predictions", lambda t: t.iloc[:-1]),
        _changed("predictions", lambda t: t.assign(row=t["row"] - 6)),
        _changed("predictions", lambda t: t.assign(row=t["row"] + 5000)),
        _changed("predictions", lambda t: t.assign(row=3)),
        _changed("predictions", lambda t: t.drop(columns="row")),
        _changed("predictions", lambda t: t.assign(p_a=7.0)),
        _changed("predictions", lambda t: t.assign(fold=0)),
        _changed("predictions", lambda t: t.assign(repeat=99)),
        _changed("inner", lambda t: pd.concat([t, t])),
        _changed("inner", lambda t: t.assign(row=5)),
        _changed("trials", lambda t: t.assign(fold=1)),
        _changed("importances", lambda t: t.assign(importance=-1.0)),
        lambda part: (part / "predictions.parquet").unlink(),
        lambda part: (part / "predictions.parquet").write_bytes(b"PAR1"),
        lambda part: (part / "timing.json").write_text(json.dumps({"fit": "long"})),
        lambda part: [file.unlink() for file in part.iterdir()],
        lambda part: (shutil.rmtree(part), part.write_text("")),
    ],
)
def test_a_damaged_fold_is_not_used(part: Path, damage: Callable[[Path], object]) -> None:
    damage(part)
    with pytest.raises(DamagedError):
        check_part(part, SPLIT, RECORD, models=part)
