"""`--prepare` end to end: consumers see prepared cells, and keys, tables and reports distinguish preparations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from pyarrow import parquet
from rich.console import Console
from typer.testing import CliRunner

from bench.cli.app import app
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.experiments.fold_jobs import fold_job
from bench.experiments.plan import make_plan
from bench.experiments.records import BASELINE
from bench.experiments.refit import fit_with_split
from bench.experiments.reload import find_experiment, reload
from bench.experiments.results import Results
from bench.experiments.worker import fit_fold
from bench.observer import Observer
from bench.options import make_options

CROP = "centre_crop[size=40]"
PLUGINS = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

class Frame(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None, groups=None):
        return self
    def transform(self, X):
        rows = [(*c.image.shape[:2], *c.mask.shape, c.image.mean()) for c in X]
        return np.array(rows, dtype=np.float32)
    def get_feature_names_out(self, input_features=None):
        return np.array(["height", "width", "mask_height", "mask_width", "mean"], dtype=object)
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

class Learns(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None, groups=None):
        self.seen_ = {c.image.shape for c in X}
        return self
    def transform(self, X):
        if self.seen_ | {c.image.shape for c in X} != {(40, 40, 3)}:
            raise ValueError(f"saw {self.seen_}")
        return np.array([[c.image.mean()] for c in X], dtype=np.float32)
    def get_feature_names_out(self, input_features=None):
        return np.array(["mean"], dtype=object)
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight synthetic patients with two cells of 64 x 64 pixels each."""
    folder = tmp_path_factory.mktemp("prepared") / "cells"
    write_phantom(PhantomSpec(patients=4, cells=2, spread=0, size=64, seed=6), folder)
    return folder


@pytest.fixture(autouse=True)
def frames(install: Callable[[str, str, str], None]) -> None:
    """Third-party extractors: one returns the size of its input, one is stateful and requires 40 x 40 pixels."""
    install("frames", PLUGINS, "[bench.extractors]\nframe = frames:Frame\nlearns = frames:Learns\n")


def _bench(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


def _matrix(cells: Path, place: Path, *more: object, command: str = "matrix") -> Result:
    data = ["--data", cells, "--folds", 2, "--inner-folds", 2, "--jobs", 1]
    return _bench(command, *data, "--out", place / "results", "--store", place / "store", *more)


def _table(cells: Path, place: Path, *more: object) -> pd.DataFrame:
    command = ["features", "extract", cells, "-x", "frame", "-o", place / "t.parquet", "--store", place / "store"]
    ended = _bench(*command, "--jobs", 1, *more)
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.startswith(f"{CROP} > frame: 16 cells" if more else "frame: 16 cells")
    return pd.read_parquet(place / "t.parquet")


def test_an_extractor_receives_prepared_cells(cells: Path, tmp_path: Path) -> None:
    prepared = _table(cells, tmp_path, "--prepare", CROP)
    assert (prepared[["height", "width", "mask_height", "mask_width"]] == 40).all(axis=None)
    images = [cv2.imread(str(cells / "cells" / f"{Path(name).stem}.png")) for name in prepared["id"]]
    known = [image[12:52, 12:52].mean(dtype=np.float64) for image in images]
    assert prepared["mean"].to_numpy() == pytest.approx(known, rel=1e-6)
    origin = json.loads(parquet.read_metadata(tmp_path / "t.parquet").metadata[b"cytobench"])
    assert origin["prepare"] == CROP
    plain = _table(cells, tmp_path)
    assert (plain[["height", "width"]] == 64).all(axis=None), "prepared cells have their own stored features"
    assert plain["mean"].to_numpy() == pytest.approx([image.mean(dtype=np.float64) for image in images], rel=1e-6)


def test_two_preparations_are_two_rows_of_one_results_folder(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cli.display.tables.console", Console(width=200, highlight=False))
    names = ["--extractors", "frame", "--clfs", "naive_bayes"]
    for prepare in ("none", CROP):
        ended = _matrix(cells, tmp_path, *names, "--prepare", prepare)
        assert ended.exit_code == 0, ended.output
    assert f"{CROP} > frame x naive_bayes" in ended.stdout
    results = Results.open(tmp_path / "results")
    current = {e.name: e for e in results.current().experiments}
    baselines = {"pixels x prior", "stain x lightgbm", "size x lightgbm"}
    assert set(current) == {"frame x naive_bayes", f"{CROP} > frame x naive_bayes", *baselines}
    assert {name for name, e in current.items() if BASELINE in e.flags} == baselines, "of unprepared cells, once"
    board = pd.read_csv(tmp_path / "results" / "leaderboard.csv").set_index("key")["prepare"]
    assert board.to_dict() == {e.key: CROP if CROP in e.name else "none" for e in current.values()}
    folders = list((tmp_path / "store" / "features").glob("frame-*"))
    assert len(folders) == 2

    before = {e.folder: e.written_ns for e in current.values()}
    planned = _matrix(cells, tmp_path, *names, "--prepare", CROP, command="plan")
    assert "4 experiments: 4 done" in planned.stdout
    assert _matrix(cells, tmp_path, *names, "--prepare", CROP).exit_code == 0
    assert {e.folder: e.written_ns for e in results.experiments()} == before

    other = _matrix(cells, tmp_path, *names, "--prepare", "crop", "--no-baselines", command="plan")
    assert "to run crop > frame x naive_bayes: a result differs in: features.prepare" in other.stdout
    compared = json.loads(_bench("compare", tmp_path / "results", "--json").stdout)
    assert set(current) == {standing["pipeline"] for standing in compared["standings"]}
    assert _bench("report", tmp_path / "results").exit_code == 0
    page = (tmp_path / "results" / "report.html").read_text()
    assert '<th scope="col">Prepared</th>' in page
    assert f"{CROP} &gt; frame × naive_bayes" in page


def test_a_stateful_extractor_is_fitted_on_prepared_cells(cells: Path, tmp_path: Path) -> None:
    run = ["--extractor", "learns", "--clf", "naive_bayes"]
    assert _matrix(cells, tmp_path, *run, "--prepare", CROP, command="run").exit_code == 0
    refused = _matrix(cells, tmp_path, *run, command="run")
    assert "saw {(64, 64, 3)}" in str(refused.exception)


@pytest.mark.slow
def test_a_cnn_on_prepared_cells_equals_one_on_cropped_files(cells: Path, tmp_path: Path) -> None:
    """One fold with the same seeds and pixels, cropped by the engine or by hand: identical predictions."""
    by_hand = tmp_path / "by_hand"
    (by_hand / "cells").mkdir(parents=True)
    for path in (cells / "cells").glob("*.png"):
        cv2.imwrite(str(by_hand / "cells" / path.name), cv2.imread(str(path))[12:52, 12:52])
    table = pd.read_csv(cells / "manifest.csv", dtype=str)
    columns = [name for name in ("path", "label", "patient") if name in table]
    table[columns].to_csv(by_hand / "manifest.csv", index=False)
    options = {"clfs": "cnn[epochs=1,size=16,augment=none]", "mask": "whole", "positive": "diseased"}
    predictions = []
    for data, prepare in ((cells, CROP), (by_hand, "none")):
        places = {"data": str(data), "prepare": prepare, "store": tmp_path / "store"}
        plan = make_plan(make_options({**options, **places, "folds": 4, "baselines": False}))
        split = next(iter(plan.folds.splits()))
        labels = plan.opened.dataset.table["label"].to_numpy().astype(str)
        job = fold_job(plan, plan.experiments[0], labels, split)
        predictions.append(fit_fold(job).predictions["p_diseased"].to_numpy())
    assert np.array_equal(*predictions)


def test_a_refit_uses_prepared_cells(cells: Path, tmp_path: Path) -> None:
    prepare = ["--prepare", "centre_crop[size=40.0]"]
    run = ["--extractor", "frame", "--clf", "naive_bayes", *prepare, "--positive", "diseased"]
    assert _matrix(cells, tmp_path, *run, command="run").exit_code == 0
    _, result = find_experiment(tmp_path / "results", name=f"{CROP} > frame x naive_bayes")
    reloaded = reload(result)
    assert (reloaded.experiment.key, reloaded.differs) == (result.key, ())
    by_image = fit_with_split(reloaded, "image", jobs=1, observer=Observer())
    assert by_image.record["prepare"] == CROP
    assert by_image.record["components"]["features"] == result.record["components"]["features"]


def test_a_configuration_names_the_preparation(cells: Path, tmp_path: Path) -> None:
    config = tmp_path / "matrix.yaml"
    config.write_text(f"extractors: frame\nclfs: naive_bayes\nbaselines: false\nprepare: {CROP}\n")
    planned = _matrix(cells, tmp_path, "--config", config, command="plan")
    assert f"to run {CROP} > frame x naive_bayes" in planned.stdout
    unprepared = _matrix(cells, tmp_path, "--config", config, "--prepare", "none", command="plan")
    assert "to run frame x naive_bayes" in unprepared.stdout
    config.write_text("folds: 2\nprepare: centre_crop[sise=40]\n")
    wrong = _bench("plan", "--config", config)
    assert "matrix.yaml, line 2: prepare: centre_crop has no parameter 'sise'. Did you mean size?" in str(
        wrong.exception
    )
