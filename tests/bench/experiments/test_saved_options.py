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
    assert restored_options(kept) == given


def test_a_relative_path_is_kept_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cells").mkdir()
    monkeypatch.chdir(tmp_path)
    assert reading_options(make_options({"data": "cells"}))["data"] == str(tmp_path / "cells")
    assert reading_options(make_options({"data": "phantom[effect=0]"}))["data"] == "phantom[effect=0]"


def test_no_place_that_is_written_or_loaded_from_is_saved_or_restored(tmp_path: Path) -> None:
    places = dict.fromkeys(("out", "store", "weights_dir", "storage"), str(tmp_path / "place"))
    assert reading_options(make_options({**places, "storage": "trials.log", "tune": 3})) == {"data": "phantom"}
    strange = {**places, "data": "cells", "jobs": 64, "retry_failed": True, "extractors": "size", "explicit": ["x"]}
    assert restored_options(strange) == {"data": "cells"}
