"""Networks that are trained in the folds: weights, device, records of the training and checkpoints."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_networks import FAKE_NETWORKS
from safetensors.numpy import load_file, save_file

import bench
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.experiments import stored_networks
from bench.experiments.plan import make_plan
from bench.experiments.records import ExperimentResult
from bench.experiments.schema import DamagedError
from bench.experiments.stored_networks import read_fold_networks, write_network
from bench.features.store.entry import entry_record
from bench.observer import Observer
from bench.options import make_options
from bench.plugins.devices import NO_GPU
from bench.plugins.fitted_network import FittedNetwork
from bench.plugins.training_record import TABLES
from extractors.files.digests import file_digest
from extractors.networks import devices

FOLDS, INNER = 3, 2


class Recorder(Observer):
    """Stores notices."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve synthetic patients with two cells each."""
    folder = tmp_path_factory.mktemp("networks") / "cells"
    write_phantom(PhantomSpec(patients=6, cells=2, spread=0, size=64, seed=3), folder)
    return folder


@pytest.fixture(autouse=True)
def networks(install: Callable[[str, str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install `net` and `tuned`; each epoch of a fit appends a line to a file."""
    install(*FAKE_NETWORKS)
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "epochs.log"))
    monkeypatch.setattr(devices, "gpu_count", lambda: 0)
    return tmp_path / "epochs.log"


def _options(cells: Path, place: Path, **more: Any) -> dict[str, Any]:
    places = {"data": str(cells), "out": place / "results", "store": place / "store"}
    return {**places, "folds": FOLDS, "inner_folds": INNER, "jobs": 1, "positive": "diseased", **more}


def _run(cells: Path, place: Path, extractor: str | None, classifier: str, **more: Any) -> ExperimentResult:
    return bench.run(extractor, classifier, **_options(cells, place, **more))


def _components(cells: Path, place: Path, classifier: str, **more: Any) -> Any:
    options = _options(cells, place, extractors=(), clfs=classifier, baselines=False, **more)
    return make_plan(make_options(options)).experiments[0]


def _weights(folder: Path, value: float) -> Path:
    folder.mkdir(exist_ok=True)
    save_file({"w": np.float32([value])}, folder / "tiny.safetensors")
    return folder


def test_weights_and_device_of_a_classifier_are_in_the_key(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (_weights(tmp_path / f"weights{n}", n) for n in (1, 2))
    first, second = (_components(cells, tmp_path, "net[weights=default]", weights_dir=folder) for folder in (one, two))
    assert first.components["classifier_weights"] == file_digest(one / "tiny.safetensors")
    assert first.components["classifier_model"] == "tiny.tagged"
    assert first.key != second.key
    plain = _components(cells, tmp_path, "net", weights_dir=one)
    assert (plain.components["classifier_weights"], plain.components["classifier_device"]) == (None, "cpu")
    assert _components(cells, tmp_path, "knn,net", weights_dir=one).key == plain.key
    nested = _components(cells, tmp_path, "holder[estimator=net[weights=default]]", weights_dir=one)
    assert nested.components["classifier_networks"] == [
        {"model": "tiny.tagged", "weights": file_digest(one / "tiny.safetensors")}
    ]
    monkeypatch.setattr(devices, "gpu_count", lambda: 1)
    for text in ("net", "ensemble[members=size:knn+net]", "bagging[of=net]"):
        assert _components(cells, tmp_path, text).components["classifier_device"] == "cuda"
    assert _components(cells, tmp_path, "prior").components["classifier_device"] is None


def test_why_names_the_weights_that_differ(cells: Path, tmp_path: Path) -> None:
    one, two = (_weights(tmp_path / f"weights{n}", n) for n in (1, 2))
    result = _run(cells, tmp_path, None, "net[weights=default]", weights_dir=one)
    assert result.flags == ()
    options = _options(cells, tmp_path, baselines=False)
    why = {f: bench.plan([], "net[weights=default]", weights_dir=f, **options).iloc[0] for f in (one, two, None)}
    assert why[one]["state"] == "done"
    assert (why[two]["state"], why[two]["why"]) == ("to run", "a result differs in: classifier_weights")
    assert why[None]["state"] == "cannot run"
    assert "no weights for tiny: put tiny.safetensors into a folder and pass --weights-dir" in why[None]["why"]
    with pytest.raises(BenchError, match="no weights for tiny"):
        _run(cells, tmp_path / "other", None, "net[weights=default]")


def test_weights_that_change_during_a_run_stop_it(cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _weights(tmp_path / "weights", 1)
    from bench.experiments import fold_jobs  # noqa: PLC0415

    settings = fold_jobs.engine_settings

    def replaced(options: Any) -> Any:
        _weights(folder, 2)
        return settings(options)

    monkeypatch.setattr(fold_jobs, "engine_settings", replaced)
    for text, file in (
        ("net[weights=default]", "tiny.safetensors"),
        ("ensemble[members=net+net[weights=default]]", "weights of tiny.tagged"),
    ):
        _weights(folder, 1)
        with pytest.raises(BenchError, match=rf"{file}: changed since (it was|they were) scanned; run the command aga"):
            _run(cells, tmp_path / file, None, text, weights_dir=folder)
        assert not list((tmp_path / file / "results").glob("experiments/*"))


def test_a_rule_is_not_learned_on_features_that_were_fitted_on_the_same_cells(cells: Path, tmp_path: Path) -> None:
    options = _options(cells, tmp_path, baselines=False)
    ensembles = [f"ensemble[members=knn+naive_bayes,rule={rule}]" for rule in ("mean", "majority", "rank", "stack")]
    plan = bench.plan(["tuned", "size"], ensembles, **options).set_index(["extractor", "classifier"])
    refused = plan[plan["state"] == "cannot run"]
    assert [(name, "rank" in clf or "stack" in clf) for name, clf in refused.index] == [("tuned", True)] * 2
    own = 'ensemble[members="tuned:knn"+"tuned:naive_bayes",rule=stack]'
    assert refused["why"].str.contains(f"name the extractor in each member: {own}", regex=False).tolist() == [
        False,
        True,
    ]
    assert bench.plan([], own, **options)["state"].tolist() == ["to run"]


def test_a_missing_gpu_is_reported_once_for_classifiers_and_fitted_extractors(cells: Path, tmp_path: Path) -> None:
    for extractors, classifiers in ((["tuned"], "knn"), ([], "net")):
        recorder = Recorder()
        place = tmp_path / (classifiers)
        bench.matrix(extractors, classifiers, baselines=False, observer=recorder, **_options(cells, place))
        assert recorder.notices.count(NO_GPU) == 1
    quiet = Recorder()
    bench.matrix(["size"], "knn", baselines=False, observer=quiet, **_options(cells, tmp_path / "quiet"))
    assert quiet.notices == []


def test_a_row_with_a_time_limit_is_marked(cells: Path, tmp_path: Path) -> None:
    flags = {}
    for text in ("net[minutes=5]", "holder[estimator=net[minutes=5]]", "net[weights=random]"):
        plan = make_plan(make_options(_options(cells, tmp_path, extractors=(), clfs=text, baselines=False)))
        flags[text] = plan.record(plan.experiments[0])["flags"]
    assert flags == {
        "net[minutes=5]": ["TIME-LIMITED"],
        "holder[estimator=net[minutes=5]]": ["TIME-LIMITED"],
        "net[weights=random]": [],
    }


def _check_tables(result: ExperimentResult, estimator: str) -> None:
    """Compare with the values that the fits of `fake_networks` have by construction."""
    curves = result.curves
    assert len(curves) == FOLDS * (INNER + 1) * 3
    assert set(curves["fit"]) == {"inner 0", "inner 1", "outer"}
    one = curves[(curves["fold"] == 1) & (curves["fit"] == "outer")]
    assert list(one.columns) == [
        *("repeat", "fold", "estimator", "fit", "stage", "epoch", "size"),
        *("training_loss", "validation_loss", "validation_auroc", "learning_rate"),
    ]
    assert one["training_loss"].tolist() == [1.0, 0.5, 0.25]
    assert one["validation_loss"].tolist() == [1.25, 0.75, 0.5]
    assert one["validation_auroc"].tolist() == pytest.approx([0.5, 0.6, 0.7])
    assert (one["stage"].tolist(), one["epoch"].tolist(), set(one["size"])) == (["0", "0", "0"], [0, 1, 2], {64})
    assert set(curves["estimator"]) == {estimator}
    finder = result.finder[(result.finder["fold"] == 0) & (result.finder["fit"] == "outer")]
    assert (finder["learning_rate"].tolist(), finder["loss"].tolist()) == ([1e-4, 1e-3], [0.7, 0.6])
    training = result.training
    assert training["fold"].tolist() == list(range(FOLDS))
    assert (set(training["parameters"]), set(training["device"]), set(training["fit"])) == ({1234}, {"cpu"}, {"outer"})
    assert not {"seconds", "peak_memory"} & set(training.columns)
    times = result.fit_times
    assert len(times) == FOLDS * (INNER + 1) * 5
    assert times[times["name"] == "peak_memory"]["value"].eq(10_000_000).all()
    assert times[(times["name"] == "seconds") & (times["epoch"] >= 0)]["value"].eq(0.01).all()


def test_the_training_of_a_classifier_is_stored(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path / "one", None, "net")
    _check_tables(result, "classifier")
    again = _run(cells, tmp_path / "two", None, "net")
    for table in ("curves", "finder", "training", "predictions"):
        pd.testing.assert_frame_equal(getattr(result, table), getattr(again, table))
        ours, theirs = (one.folder / f"{table}.parquet" for one in (result, again))
        assert ours.read_bytes() == theirs.read_bytes(), "without times"


def test_the_training_of_an_extractor_is_stored_with_its_features(cells: Path, tmp_path: Path, networks: Path) -> None:
    result = _run(cells, tmp_path, "tuned", "knn")
    _check_tables(result, "extractor")
    epochs = len(networks.read_text().splitlines())
    shared = _run(cells, tmp_path, "tuned", "naive_bayes")
    assert len(networks.read_text().splitlines()) == epochs, "the second classifier shares the fits"
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(result, table), getattr(shared, table))
    records = [entry_record(path.parent) for path in (tmp_path / "store").glob("fitted/*/*/entry.json")]
    assert len(records) == FOLDS * (INNER + 1)
    assert records[0]["training"]["curves"][1]["training_loss"] == 0.5
    assert not list((tmp_path / "store").rglob("*.partial")), "the checkpoints are removed"


def test_other_pipelines_have_no_training(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, "size", "knn")
    assert all(getattr(result, table).empty for table in TABLES)


DAMAGES: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("curves", {"training_loss": np.inf}, "a number is infinite"),
    ("curves", {"estimator": "other"}, "neither extractor nor classifier"),
    ("curves", {"repeat": 7}, "column 'repeat'"),
    ("curves", {"epoch": "first"}, "column 'epoch' is"),
    ("curves", {"stage": None}, "column 'stage'"),
    ("finder", {"loss": "low"}, "column 'loss' is"),
    ("training", {"fold": 0}, "two rows of one estimator"),
    ("training", {"more": pd.Timestamp(0)}, "neither numbers nor text"),
    ("fit_times", {"value": np.inf}, "a number is infinite"),
)
"""Table, changed columns and error."""


def test_damaged_records_of_the_training_are_refused(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, None, "net")
    for table, change, complaint in DAMAGES:
        path = result.folder / f"{table}.parquet"
        intact = path.read_bytes()
        pd.read_parquet(path).assign(**change).to_parquet(path, index=False)
        with pytest.raises(DamagedError, match=complaint):
            getattr(bench.open_results(tmp_path / "results").experiments()[0], table)
        path.write_bytes(intact)


def test_a_killed_fit_continues_with_its_last_epoch(
    cells: Path, tmp_path: Path, networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nested = "ensemble[members=net+bagging[of=net,n=2],rule=stack]"
    for extractor, classifier in ((None, "net"), ("tuned", "knn"), (None, nested)):
        whole = _run(cells, tmp_path / f"whole-{classifier}", extractor, classifier, jobs=2)
        undisturbed = networks.read_text().splitlines()
        networks.unlink()
        kill = tmp_path / "kill"
        kill.touch()
        monkeypatch.setenv("FAKE_KILL", str(kill))
        killed = _run(cells, tmp_path / f"killed-{classifier}", extractor, classifier, jobs=2)
        epochs = networks.read_text().splitlines()
        networks.unlink()
        assert not kill.exists(), "the worker was killed once"
        assert len(epochs) == len(undisturbed), "no epoch was trained twice"
        assert len({line.split()[0] for line in undisturbed}) == len(undisturbed) / 3, "one folder for each fit"
        trained = () if classifier == nested else ("curves", "training")
        for table in ("predictions", "inner_predictions", *trained):
            pd.testing.assert_frame_equal(getattr(whole, table), getattr(killed, table))
        assert killed.networks == whole.networks
        members = ["0", "1.0", "1.1"] if classifier.startswith("ensemble") else [""]
        assert [one["member"] for one in whole.networks] == members * FOLDS
        assert not list((tmp_path / f"killed-{classifier}" / "results" / "work").iterdir())


def test_each_fit_has_a_checkpoint_of_its_own(cells: Path, tmp_path: Path, networks: Path) -> None:
    result = _run(cells, tmp_path, None, "net[epochs=1]", tune=2)
    work = tmp_path.absolute() / "results" / "work" / result.folder.name / "checkpoints"
    folders = {Path(line.rpartition(" ")[0]).relative_to(work).as_posix() for line in networks.read_text().splitlines()}
    fits = ["inner-0", "inner-1", "outer", *(f"trial-{n}-inner-{k}" for n in range(2) for k in range(INNER))]
    assert folders == {f"repeat0-fold{fold}/{fit}" for fold in range(FOLDS) for fit in fits}
    assert "checkpoint" not in json.dumps(result.record)
    assert set(result.curves["fit"]) == {"inner 0", "inner 1", "outer"}, "trials are not stored"


def test_the_time_of_the_tuning_marks_the_row_and_the_sampler_is_in_the_key(cells: Path, tmp_path: Path) -> None:
    options = _options(cells, tmp_path, extractors="size", clfs="knn", baselines=False)
    plans = {
        name: make_plan(make_options({**options, **more}))
        for name, more in (
            ("trials", {"tune": 2}),
            ("gp", {"tune": 2, "sampler": "gp"}),
            ("hours", {"tune_hours": 0.5}),
        )
    }
    flags = {name: plan.record(plan.experiments[0])["flags"] for name, plan in plans.items()}
    assert flags == {"trials": [], "gp": [], "hours": ["TIME-LIMITED"]}
    assert len({plan.experiments[0].key for plan in plans.values()}) == 3
    for more, complaint in (
        ({"sampler": "gp"}, "--sampler gp draws tuning trials, but nothing is tuned"),
        ({"sampler": "grid", "tune_hours": 1.0}, "--sampler grid needs the largest number of points"),
        ({"sampler": "nsga"}, "sampler"),
        ({"tune_hours": -1}, "tune_hours"),
    ):
        with pytest.raises(BenchError, match=complaint):
            make_plan(make_options({**options, **more}))


def test_a_run_tuned_for_a_time_records_its_trials(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, "size", "knn", tune_hours=0.2 / 3600)
    assert result.trials.groupby("fold").size().min() >= 1
    assert result.flags == ("TIME-LIMITED",)
    assert "TIME-LIMITED" in bench.open_results(tmp_path / "results").write_leaderboard().read_text()


def test_the_network_of_each_outer_fit_is_stored_by_its_digest(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, None, "net", jobs=2)
    models = tmp_path / "results" / "models"
    assert [(one["repeat"], one["fold"], one["stored"]) for one in result.networks] == [(0, f, True) for f in range(3)]
    for one in result.networks:
        file = models / f"{one['sha256']}.safetensors"
        assert (file_digest(file), file.stat().st_size) == (one["sha256"], one["bytes"])
        assert one["classes"] == ["diseased", "normal"]
        assert one["selector"].startswith("net[arch=tiny,")
        assert (one["mean"], one["std"]) == (None, None)
    losses = result.training.set_index("fold")["loss"]
    stored = {one["fold"]: load_file(models / f"{one['sha256']}.safetensors") for one in result.networks}
    assert {fold: float(each["colour"][0]) for fold, each in stored.items()} == pytest.approx(losses.to_dict())
    assert len(list(models.iterdir())) == len({one["sha256"] for one in result.networks})
    again = _run(cells, tmp_path / "again", None, "net")
    assert again.networks == result.networks


def test_a_missing_network_costs_one_fit(cells: Path, tmp_path: Path, networks: Path) -> None:
    for extractor, classifier, fits in (("tuned", "knn", 1), (None, "net", 1), (None, "bagging[of=net,n=2]", 2)):
        result = _run(cells, tmp_path, extractor, classifier)
        assert all(one["stored"] for one in result.networks)
        shutil.rmtree(tmp_path / "results" / "models")
        networks.unlink()
        fitted = list(bench.fitted_networks(result, fold=1, store=tmp_path / "store", jobs=1))
        assert len(networks.read_text().splitlines()) == 3 * fits, (
            "three epochs of each outer fit, none of an inner one"
        )
        assert [one.record["sha256"] for one in fitted] == [o["sha256"] for o in result.networks if o["fold"] == 1]
        assert fitted[0].weights["colour"].shape == (1,)
        with pytest.raises(BenchError, match="cannot be built again from its weights; only cnn and finetune can"):
            _ = fitted[0].estimator


def test_networks_are_not_stored_on_request_or_above_the_limit(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = _run(cells, tmp_path / "none", None, "net", keep_models="none")
    assert without.networks == []
    assert not (tmp_path / "none" / "results" / "models").exists()
    monkeypatch.setattr(stored_networks, "MAX_STORED", 100)
    recorder = Recorder()
    full = bench.run(None, "net", observer=recorder, **_options(cells, tmp_path / "full"))
    assert [one["stored"] for one in full.networks] == [False] * FOLDS
    assert not (tmp_path / "full" / "results" / "models").exists()
    assert any("pixels x net: its networks are not stored" in notice for notice in recorder.notices)
    with pytest.raises(BenchError, match="keep_models"):
        make_options({"keep_models": "some"})


def test_damaged_records_of_networks_are_refused(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, None, "net")
    path = result.folder / "networks.json"
    intact = json.loads(path.read_text())
    for change in ({"sha256": "../x"}, {"bytes": -1}, {"classes": "ab"}, {"mean": [None]}, {"more": 1}):
        damaged = [{**intact["networks"][0], **change}]
        path.write_text(json.dumps({"networks": damaged}))
        with pytest.raises(DamagedError, match=r"networks.json: is not a record of networks"):
            _ = bench.open_results(tmp_path / "results").experiments()[0].networks


def test_a_fold_whose_network_is_lost_is_fitted_again(cells: Path, tmp_path: Path) -> None:
    network = FittedNetwork({"w": np.float32([1, 2])}, "net", ("a", "b"), (0.5,), (0.25,))
    record = write_network(tmp_path / "models", network, role="classifier", fit="outer", repeat=0, fold=1)
    path = tmp_path / "networks.json"
    path.write_text(json.dumps({"networks": [record]}))
    (read,) = read_fold_networks(path, tmp_path / "models")
    assert (read["classes"], read["mean"], read["std"], read["fold"]) == (["a", "b"], [0.5], [0.25], 1)
    next((tmp_path / "models").iterdir()).unlink()
    with pytest.raises(DamagedError, match="cannot be read"):
        read_fold_networks(path, tmp_path / "models")
