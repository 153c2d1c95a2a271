"""Classes that do not differ, patients who can be recognised: chance by patient, success by image."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench

NULL = "phantom[patients=100,cells=10,spread=0,effect=0,signature=3]"
CLASSIFIERS = ["xgboost", "rf_svm[C=10]"]


@pytest.mark.slow
def test_only_a_split_by_image_sees_a_difference_where_there_is_none(tmp_path: Path) -> None:
    places = {"out": tmp_path / "results", "store": tmp_path / "store", "baselines": False}
    by_patient = bench.matrix("color", CLASSIFIERS, data=NULL, **places)
    by_image = bench.matrix("color", CLASSIFIERS, data=NULL, split="image", **places)
    for honest in by_patient.experiments:
        assert len(honest.predictions) == 2000
        assert honest.score() == pytest.approx(0.5, abs=0.12)
        assert honest.flags == ()
    for leaky in by_image.experiments:
        assert leaky.score() > 0.9
        assert leaky.flags == ("LEAKY",)
    board = by_patient.results.leaderboard()
    assert board["split"].tolist() == ["patient", "patient", "image", "image"]
