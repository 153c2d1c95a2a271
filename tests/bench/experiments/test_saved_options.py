"""What is kept of the options is enough to read the same data again, wherever the results were moved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.experiments.saved_options import reading_options, restored_options
from bench.options import make_options


def test_what_has_its_default_is_left_out() -> None:
    assert reading_options(make_options({})) == {"data": "phantom"}


def test_values_come_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    given = {
        "data": str(tmp_path / "cells"),
        "mask": "whole",
        "nucleus_mask": str(tmp_path / "cells"),
        "patient_pattern": r"(?P<patient>\d+)",
        "positive": "ALL",
        "white_level": 4095,
        "um_per_px": 0.25,
        "skip_unreadable": True,
        "device": "cpu",
    }
    kept = json.loads(json.dumps(reading_options(make_options({**given, "folds": 7, "out": tmp_path / "r"}))))
    assert restored_options(kept, tmp_path / "r") == given


def test_a_relative_path_is_kept_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cells").mkdir()
    monkeypatch.chdir(tmp_path)
    assert reading_options(make_options({"data": "cells"}))["data"] == str(tmp_path / "cells")
    assert reading_options(make_options({"data": "phantom[effect=0]"}))["data"] == "phantom[effect=0]"


def test_a_store_moves_with_the_results(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    kept = reading_options(make_options({"out": before / "results", "store": before / "store"}))
    assert kept["store"] == "../store"
    (after / "store").mkdir(parents=True)
    assert restored_options(kept, after / "results")["store"] == after / "store"
    assert "store" not in restored_options(kept, tmp_path / "elsewhere" / "results"), "it is not there"
