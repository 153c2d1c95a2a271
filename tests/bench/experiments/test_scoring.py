"""Tables of a finished experiment: importances, descriptions of features, optimism."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import bench
from bench.experiments.reload import find_experiment
from bench.plugins.feature_catalogue import catalogue


def test_an_experiment_has_importances_per_fold_and_the_description_of_its_features(small_matrix: Path) -> None:
    experiment = find_experiment(small_matrix / "results", name="size x lightgbm[n_estimators=5]")[1]
    rows = list(catalogue("size").rows)
    assert experiment.features.to_dict(orient="records") == rows
    assert sorted(experiment.importances.columns) == ["feature", "fold", "importance", "repeat"]
    folds = experiment.importances.groupby(["repeat", "fold"])
    assert sorted(folds.groups) == [(repeat, fold) for repeat in range(2) for fold in range(3)]
    assert all(part["feature"].tolist() == [row["name"] for row in rows] for _, part in folds)
    assert np.isin(folds["importance"].sum().round(12), [0.0, 1.0]).all()


def test_an_experiment_without_importances_has_neither_table(small_matrix: Path) -> None:
    knn = find_experiment(small_matrix / "results", name="size x knn")[1]
    pd.testing.assert_frame_equal(knn.importances, pd.DataFrame())
    assert len(knn.features) == 0
    assert not list(knn.folder.glob("importances*")) + list(knn.folder.glob("features*"))


def test_optimism_of_a_split_by_image_weights_cells_equally(
    small_matrix: Path, tmp_path: Path, run_options: Callable[[Path], dict[str, Any]]
) -> None:
    """The outer score is the AUROC of scikit-learn over cells."""
    shutil.copytree(small_matrix, tmp_path / "copy")
    options = {**run_options(tmp_path / "copy"), "split": "image", "tune": 1, "repeats": 1}
    result = bench.run("size", "knn", **options)
    outer = result.optimism.set_index("fold")["outer"].to_dict()
    assert len(outer) == 3
    for fold, part in result.predictions.groupby("fold"):
        assert outer[fold] == pytest.approx(roc_auc_score(part["label"] == "diseased", part["p_diseased"]), abs=1e-12)
