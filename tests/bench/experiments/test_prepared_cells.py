"""--prepare through the real command line: who sees prepared cells, what is kept apart by it, and who says so."""

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
from typer.testing import CliRunner

from bench.cli.app import app
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.experiments.records import BASELINE
from bench.experiments.refit import fitted
from bench.experiments.reopen import find_experiment, reopen
from bench.experiments.results import Results
from bench.observer import Observer

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
    """Eight phantom patients with two cells of 64 x 64 pixels each."""
    folder = tmp_path_factory.mktemp("prepared") / "cells"
    write_phantom(PhantomSpec(patients=4, cells=2, spread=0, size=64, seed=6), folder)
    return folder


@pytest.fixture(autouse=True)
def frames(install: Callable[[str, str, str], None]) -> None:
    """A third party's extractors: one tells the frame that it sees, one learns and wants one of 40 x 40 pixels."""
    install("frames", PLUGINS, "[bench.extractors]\nframe = frames:Frame\nlearns = frames:Learns\n")


def _bench(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


def _matrix(
    cells: Path, place: Path, *more: object, command: str = "matrix", folds: int = 2, inner_folds: int = 2
) -> Result:
    data = ["--data", cells, "--folds", folds, "--inner-folds", inner_folds, "--jobs", 1]
    return _bench(command, *data, "--out", place / "results", "--store", place / "store", *more)


def _table(cells: Path, place: Path, *more: object) -> pd.DataFrame:
    asked = ["features", "extract", cells, "-x", "frame", "-o", place / "t.parquet", "--store", place / "store"]
    ended = _bench(*asked, "--jobs", 1, *more)
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.startswith(f"{CROP} > frame: 16 cells" if more else "frame: 16 cells")
    return pd.read_parquet(place / "t.parquet")


def test_a_third_partys_extractor_sees_the_pixels_of_prepared_cells(cells: Path, tmp_path: Path) -> None:
    found = _table(cells, tmp_path, "--prepare", CROP)
    assert (found[["height", "width", "mask_height", "mask_width"]] == 40).all(axis=None)
    images = [cv2.imread(str(cells / "cells" / f"{Path(name).stem}.png")) for name in found["id"]]
    known = [image[12:52, 12:52].mean(dtype=np.float64) for image in images]
    assert found["mean"].to_numpy() == pytest.approx(known, rel=1e-6)
    origin = json.loads(parquet.read_metadata(tmp_path / "t.parquet").metadata[b"cytobench"])
    assert origin["prepare"] == CROP
    plain = _table(cells, tmp_path)
    assert (plain[["height", "width"]] == 64).all(axis=None), "the stored features of prepared cells are others"
    assert plain["mean"].to_numpy() == pytest.approx([image.mean(dtype=np.float64) for image in images], rel=1e-6)


def test_two_preparations_are_two_rows_of_one_results_folder(cells: Path, tmp_path: Path) -> None:
    names = ["--extractors", "frame", "--clfs", "naive_bayes"]
    for prepare in ("none", CROP):
        ended = _matrix(cells, tmp_path, *names, "--prepare", prepare)
        assert ended.exit_code == 0, ended.output
    assert f"{CROP} > frame x naive_bayes" in ended.stdout
    results = Results.open(tmp_path / "results")
    kept = {e.name: e for e in results.current()[0]}
    baselines = {"pixels x prior", "stain x lightgbm", "size x lightgbm"}
    assert set(kept) == {"frame x naive_bayes", f"{CROP} > frame x naive_bayes", *baselines}
    assert {name for name, e in kept.items() if BASELINE in e.flags} == baselines, "of the cells as they are, once"
    board = pd.read_csv(tmp_path / "results" / "leaderboard.csv").set_index("key")["prepare"]
    assert board.to_dict() == {e.key: CROP if CROP in e.name else "none" for e in kept.values()}
    folders = list((tmp_path / "store" / "features").glob("frame-*"))
    assert len(folders) == 2

    before = {e.folder: e.written_ns for e in kept.values()}
    planned = _matrix(cells, tmp_path, *names, "--prepare", CROP, command="plan")
    assert "4 experiments: 4 done" in planned.stdout
    assert _matrix(cells, tmp_path, *names, "--prepare", CROP).exit_code == 0
    assert {e.folder: e.written_ns for e in results.experiments()} == before

    other = _matrix(cells, tmp_path, *names, "--prepare", "crop", "--no-baselines", command="plan")
    assert "to run crop > frame x naive_bayes: a result differs in: features.prepare" in other.stdout
    compared = json.loads(_bench("compare", tmp_path / "results", "--json").stdout)
    assert set(kept) == {standing["pipeline"] for standing in compared["standings"]}
    assert _bench("report", tmp_path / "results").exit_code == 0
    page = (tmp_path / "results" / "report.html").read_text()
    assert '<th scope="col">Prepared</th>' in page
    assert f"{CROP} &gt; frame × naive_bayes" in page


def test_an_extractor_that_learns_is_fitted_on_prepared_cells(cells: Path, tmp_path: Path) -> None:
    run = ["--extractor", "learns", "--clf", "naive_bayes"]
    assert _matrix(cells, tmp_path, *run, "--prepare", CROP, command="run").exit_code == 0
    refused = _matrix(cells, tmp_path, *run, command="run")
    assert "saw {(64, 64, 3)}" in str(refused.exception)


@pytest.mark.slow
def test_a_cnn_learns_from_prepared_cells_as_from_files_that_are_so(cells: Path, tmp_path: Path) -> None:
    """The same folds, seeds and pixels, once cut by the engine and once by hand: the same probabilities."""
    by_hand = tmp_path / "by_hand"
    (by_hand / "cells").mkdir(parents=True)
    for path in (cells / "cells").glob("*.png"):
        cv2.imwrite(str(by_hand / "cells" / path.name), cv2.imread(str(path))[12:52, 12:52])
    table = pd.read_csv(cells / "manifest.csv", dtype=str)
    columns = [name for name in ("path", "label", "patient") if name in table]
    table[columns].to_csv(by_hand / "manifest.csv", index=False)
    clf = ["--clf", "cnn[epochs=1,size=16,width=2,augment=false]", "--mask", "whole", "--positive", "diseased"]
    found = []
    for name, data, prepare in (("engine", cells, CROP), ("hand", by_hand, "none")):
        place = tmp_path / name
        ended = _matrix(data, place, *clf, "--prepare", prepare, command="run", folds=4, inner_folds=3)
        assert ended.exit_code == 0, (ended.output, ended.exception)
        (experiment,) = Results.open(place / "results").experiments()
        found.append(experiment.predictions.sort_values("cell")["p_diseased"].to_numpy())
    assert np.array_equal(*found)


def test_what_looks_into_an_experiment_fits_it_again_on_prepared_cells(cells: Path, tmp_path: Path) -> None:
    run = [
        "--extractor",
        "frame",
        "--clf",
        "naive_bayes",
        "--prepare",
        "centre_crop[size=40.0]",
        "--positive",
        "diseased",
    ]
    assert _matrix(cells, tmp_path, *run, command="run").exit_code == 0
    _, result = find_experiment(tmp_path / "results", name=f"{CROP} > frame x naive_bayes")
    reopened = reopen(result)
    assert (reopened.experiment.key, reopened.differs) == (result.key, ())
    by_image = fitted(reopened, "image", jobs=1, observer=Observer())
    assert by_image.record["prepare"] == CROP
    assert by_image.record["components"]["features"] == result.record["components"]["features"]


def test_a_configuration_names_the_preparation(cells: Path, tmp_path: Path) -> None:
    config = tmp_path / "matrix.yaml"
    config.write_text(f"extractors: frame\nclfs: naive_bayes\nbaselines: false\nprepare: {CROP}\n")
    planned = _matrix(cells, tmp_path, "--config", config, command="plan")
    assert f"to run {CROP} > frame x naive_bayes" in planned.stdout
    given = _matrix(cells, tmp_path, "--config", config, "--prepare", "none", command="plan")
    assert "to run frame x naive_bayes" in given.stdout
    config.write_text("folds: 2\nprepare: centre_crop[sise=40]\n")
    wrong = _bench("plan", "--config", config)
    assert "matrix.yaml, line 2: prepare: centre_crop has no parameter 'sise'. Did you mean size?" in str(
        wrong.exception
    )
