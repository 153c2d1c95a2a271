"""`--logger`: one row per epoch and the hyperparameters of every fit of a network, without an effect on the result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from fake_loggers import FAKE_LOGGERS

import bench
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.experiments.plan import make_plan
from bench.options import make_options
from extractors.networks.training.epoch_log import METRICS

CSV = "pytorch_lightning.loggers.CSVLogger"
CNN = "cnn[epochs=2,size=16]"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen synthetic patients with two cells each."""
    folder = tmp_path_factory.mktemp("logged") / "cells"
    write_phantom(PhantomSpec(patients=8, cells=2, spread=0, size=48, seed=3), folder)
    return folder


@pytest.fixture(autouse=True)
def loggers(install: Callable[[str, str, str], None]) -> None:
    install(*FAKE_LOGGERS)


def _options(cells: Path, place: Path, **more: Any) -> dict[str, Any]:
    places = {"data": str(cells), "out": place / "results", "store": place / "store", "device": "cpu"}
    return {**places, "folds": 2, "inner_folds": 2, "jobs": 1, "positive": "diseased", **more}


def _lines(file: Path) -> list[list[Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def _hyperparameters(file: Path) -> list[dict[str, Any]]:
    return [line[2] for line in _lines(file) if line[1] == "hyperparameters"]


def test_each_fit_has_a_version_with_a_row_per_epoch(cells: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    result = bench.run(None, CNN, logger=f"{CSV}[save_dir={logs}]", **_options(cells, tmp_path))
    key = result.folder.name[-12:]
    versions = {f"{key}-repeat-0-fold-{fold}-{fit}" for fold in (0, 1) for fit in ("inner-0", "inner-1", "outer")}
    assert {path.name for path in (logs / "cnn-epochs-2-size-16").iterdir()} == versions
    curves = result.curves
    for version in versions:
        folder = logs / "cnn-epochs-2-size-16" / version
        fold, fit = int(version.split("-")[4]), version.split("-", 5)[5].replace("-", " ")
        rows = pd.read_csv(folder / "metrics.csv")
        expected = curves[(curves["fold"] == fold) & (curves["fit"] == fit)]
        assert set(rows.columns) == {*METRICS, "step"}
        assert rows["step"].tolist() == [0, 1]
        for name in set(METRICS) - {"seconds"}:
            assert rows[name].tolist() == pytest.approx(expected[name].tolist(), rel=1e-12)
        logged = yaml.safe_load((folder / "hparams.yaml").read_text())
        own = {"selector": CNN, "key": key, "repeat": 0, "fold": fold, "fit": fit}
        # The preset fills in the optimiser, the option the epochs.
        assert own | {"optimiser": "adamw", "epochs": 2, "arch": "small"} == {
            name: logged[name] for name in (*own, "optimiser", "epochs", "arch")
        }


def test_a_logger_changes_neither_key_nor_predictions(cells: Path, tmp_path: Path) -> None:
    for extractor, classifier in (
        (None, "cnn[size=16,stages=head:1+all:1,dropout=0.5,mixup=0.2]"),
        ("finetune[backbone=small,size=16,epochs=2]", "knn"),
    ):
        file = tmp_path / f"{classifier[:3]}.jsonl"
        plain, logged = (
            bench.run(extractor, classifier, **_options(cells, tmp_path / f"{name}-{classifier[:3]}"), **more)
            for name, more in (("plain", {}), ("logged", {"logger": f"their_loggers.Disturbing[file={file}]"}))
        )
        assert plain.folder.name == logged.folder.name
        for table in ("predictions", "inner_predictions", "curves"):
            pd.testing.assert_frame_equal(getattr(plain, table), getattr(logged, table))
        assert len([line for line in _lines(file) if line[1] == "metrics"]) == len(logged.curves)
        assert "logger" not in json.dumps(logged.record)


def test_fits_of_an_extractor_are_logged_once(cells: Path, tmp_path: Path) -> None:
    file, extractor = tmp_path / "rows", "finetune[backbone=small,epochs=1,size=16]"
    options = _options(cells, tmp_path, logger=f"their_loggers.NameOnly[file={file}]", baselines=False)
    bench.matrix([extractor], ["knn", "naive_bayes"], **options)
    fits = [(one["fold"], one["fit"]) for one in _hyperparameters(file)]
    assert sorted(fits) == [(fold, fit) for fold in (0, 1) for fit in ("inner 0", "inner 1", "outer")]
    assert {one["selector"] for one in _hyperparameters(file)} == {extractor}
    names = {line[0] for line in _lines(file)}
    assert len(names) == 6, "a logger with name alone has the fit in it"
    assert all(name.startswith("finetune-backbone-small-epochs-1-size-16") for name in names)


def test_networks_in_ensembles_and_bags_are_logged_as_members(cells: Path, tmp_path: Path) -> None:
    file, one = tmp_path / "rows", "cnn[epochs=1,patience=0,select=last,size=16]"
    options = _options(cells, tmp_path, logger=f"their_loggers.Nameless[file={file}]", baselines=False)
    bench.matrix([], [f"ensemble[members={one}+bagging[of={one},n=2],rule=stack]"], **options)
    outer = [h["member"] for h in _hyperparameters(file) if (h["fold"], h["fit"]) == (1, "outer")]
    texts = [f"member 0 {one}", *(f"member 1 bagging[of={one},n=2], bag {number}" for number in (0, 1))]
    assert sorted(outer) == sorted([*texts, *(f"split-{split}, {text}" for split in (0, 1) for text in texts)])
    versions = tmp_path / "logs"
    options = _options(cells, tmp_path / "csv", logger=f"{CSV}[save_dir={versions}]", baselines=False)
    bench.matrix([], [f"ensemble[members={one}+{one}]"], **options)
    assert len(list(versions.glob("*/*-outer-member-[01]/metrics.csv"))) == 4


def test_fits_of_the_tuning_are_logged_with_their_trial(cells: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows"
    options = _options(cells, tmp_path, logger=f"their_loggers.Nameless[file={file}]", tune=2)
    bench.run(None, "cnn[size=16,epochs=1]", **options)
    trials = [h for h in _hyperparameters(file) if "trial" in h and h["fold"] == 0]
    assert sorted((h["trial"], h["fit"]) for h in trials) == [(n, f"inner {k}") for n in (0, 1) for k in (0, 1)]
    assert len({h["learning_rate"] for h in trials}) == 2, "the parameters of the trial are logged"


def test_a_logger_that_raises_is_a_failed_row_that_names_it(cells: Path, tmp_path: Path) -> None:
    for name, reason in (
        ("Failing", "OSError: the server is not there"),
        ("Unfinished", "RuntimeError: no end"),
    ):
        options = _options(cells, tmp_path / name, baselines=False, extractors=["size"])
        options["logger"] = f"their_loggers.{name}[file={tmp_path / name}.rows]"
        result = bench.matrix(classifiers=["knn", CNN], **options)
        assert [e.record["classifier"] for e in result.experiments] == ["knn"]
        assert f"the logger their_loggers.{name} failed ({reason}); the training stopped" in result.failures[0].reason


def test_a_logger_without_a_network_or_a_faulty_one_stops_the_plan(cells: Path, tmp_path: Path) -> None:
    options = _options(cells, tmp_path, baselines=False, extractors="size", logger="their_loggers.Nameless[file=x]")
    for clfs in ("knn", "ensemble[members=knn+naive_bayes]"):
        with pytest.raises(BenchError, match=r"--logger logs the training of networks, but no pipeline trains one"):
            make_plan(make_options({**options, "clfs": clfs}))
    config = tmp_path / "matrix.yaml"
    config.write_text("folds: 2\nlogger: their_loggers.NoLogger[file=x]\n")
    rest = {name: value for name, value in options.items() if name not in ("folds", "logger")}
    with pytest.raises(BenchError, match=r"matrix\.yaml, line 2: --logger their_loggers\.NoLogger is not a logger"):
        make_plan(make_options({**rest, "clfs": CNN}, config=config))
