"""Networks of finished experiments: read from the results folder, or fitted again, with the predictions of the run."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench.cli.app import main
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.experiments import network_writer, stored_networks
from bench.experiments.experiment_network import ExperimentNetwork
from bench.experiments.network_export import write_networks
from bench.experiments.records import ExperimentResult
from bench.experiments.reload import Reloaded, reload
from bench.experiments.schema import DamagedError
from bench.experiments.stored_networks import network_path
from bench.features.store.entry import NETWORK
from bench.observer import Observer
from bench.plugins import registry
from bench.plugins.fitted_network import decoded_weights
from classifiers.cnn import Cnn
from classifiers.combination_rules import combination
from extractors.files.digests import file_digest

FOLDS = 3
NET = "arch=small,size=16,epochs=2,batch_size=8,patience=0,select=last"
CNN = f"cnn[{NET}]"
FINETUNE = "finetune[backbone=small,size=16,epochs=1,batch_size=8]"
CROPPED = 'cnn[arch=small,view=frame,size=16,batch_size=8,crops="frame:1"+"20:1",patience=0,select=last]'
PROGRESSIVE = 'cnn[arch=small,epochs=2,batch_size=8,sizes="16:1"+"24:1",patience=0,select=last]'


class Recorder(Observer):
    """Stores notices and progress."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.steps: list[tuple[str, int, int]] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def progress(self, task: str, done: int, total: int) -> None:
        self.steps.append((task, done, total))


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve synthetic patients with two cells each."""
    folder = tmp_path_factory.mktemp("networks") / "cells"
    write_phantom(PhantomSpec(patients=6, cells=2, spread=0, size=48, seed=3), folder)
    return folder


def _options(cells: Path, place: Path) -> dict[str, Any]:
    places = {"data": str(cells), "out": place / "results", "store": place / "store"}
    return {**places, "folds": FOLDS, "inner_folds": 2, "jobs": 1, "positive": "diseased", "device": "cpu"}


def _run(cells: Path, place: Path, extractor: str | None, classifier: str, **more: Any) -> ExperimentResult:
    return bench.run(extractor, classifier, **{**_options(cells, place), **more})


def _networks(result: ExperimentResult, place: Path, **more: Any) -> list[ExperimentNetwork]:
    return list(bench.fitted_networks(result, store=place / "store", jobs=1, **more))


def _models(result: ExperimentResult) -> Path:
    return result.folder.parent.parent / "models"


def _delete(result: ExperimentResult) -> None:
    shutil.rmtree(_models(result))


class Own(Cnn):
    """A class that no selector names."""


class Split:
    """Cells of a fold and the stored probabilities of its test cells."""

    def __init__(self, reloaded: Reloaded, result: ExperimentResult, fold: int) -> None:
        self.train, self.test = next(s[2:] for s in reloaded.experiment.folds.splits() if s[:2] == (0, fold))
        self.all = reloaded.plan.cells(reloaded.experiment)
        self.labels, self.units = reloaded.labels, reloaded.units
        table = result.predictions[result.predictions["fold"] == fold].set_index("cell")
        names = reloaded.table["cell"].to_numpy()[self.test]
        self.stored = table.loc[names, ["p_diseased", "p_normal"]].to_numpy()


def _split(result: ExperimentResult, place: Path, fold: int) -> Split:
    return Split(reload(result, store=place / "store"), result, fold)


def _check_cnn(result: ExperimentResult, place: Path, networks: list[ExperimentNetwork]) -> None:
    assert [(one.record["repeat"], one.record["fold"]) for one in networks] == [(0, fold) for fold in range(FOLDS)]
    for fold, one in enumerate(networks):
        split = _split(result, place, fold)
        np.testing.assert_array_equal(one.estimator.predict_proba(split.all.take(split.test)), split.stored)


def test_the_network_of_a_cnn_predicts_as_in_the_run(cells: Path, tmp_path: Path) -> None:
    for number, text in enumerate((CNN, PROGRESSIVE, CROPPED)):
        place = tmp_path / str(number)
        result = _run(cells, place, None, text)
        recorder = Recorder()
        read = _networks(result, place, observer=recorder)
        assert (recorder.notices, recorder.steps) == ([], [])
        assert not any(one.refitted for one in read)
        _check_cnn(result, place, read)
        assert {one.record["size"] for one in read} == ({24} if text == PROGRESSIVE else {None})
        assert {one.record["crop"] for one in read} == ({20} if text == CROPPED else {None})
        _delete(result)
        fitted = _networks(result, place, observer=recorder)
        assert all(one.refitted for one in fitted)
        assert [one.record["sha256"] for one in fitted] == [one["sha256"] for one in result.networks]
        assert [one.content for one in fitted] == [one.content for one in read]
        _check_cnn(result, place, fitted)
        assert [step for step in recorder.steps if step[0] == "networks"] == [
            ("networks", done, FOLDS) for done in range(FOLDS + 1)
        ]
        assert len(recorder.notices) == FOLDS
        assert all("fitted again; their SHA-256 are those of the record" in text for text in recorder.notices)


def test_a_tuned_network_has_its_tuned_parameters(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, None, f"cnn[{NET},head=linear]", tune=1)
    dropout = result.trials.set_index("fold")["param_dropout"]
    read = _networks(result, tmp_path)
    assert [str(one.estimator.dropout) for one in read] == [dropout[fold] for fold in range(FOLDS)]
    _check_cnn(result, tmp_path, read)
    network_path(_models(result), result.networks[1]["sha256"]).unlink()
    (fitted,) = _networks(result, tmp_path, fold=1)
    assert fitted.refitted
    assert fitted.content == read[1].content


def _check_finetune(result: ExperimentResult, place: Path, networks: list[ExperimentNetwork]) -> None:
    for one in networks:
        split = _split(result, place, one.record["fold"])
        train, test = (one.estimator.transform(split.all.take(rows)) for rows in (split.train, split.test))  # type: ignore[attr-defined]
        knn = registry.classifier(result.record["classifier"]).build()
        knn.fit(train, split.labels[split.train], groups=split.units[split.train])
        np.testing.assert_array_equal(knn.predict_proba(test), split.stored)


def test_two_classifiers_share_the_network_of_a_fine_tuned_extractor(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, FINETUNE, "knn")
    other = _run(cells, tmp_path, FINETUNE, "naive_bayes")
    assert other.networks == result.networks
    assert [(one["role"], one["fit"], one["stored"]) for one in result.networks] == [
        ("extractor", "outer", True)
    ] * FOLDS
    assert {one["selector"].partition("[")[0] for one in result.networks} == {"finetune"}
    assert len(list(_models(result).iterdir())) == FOLDS
    files = list((tmp_path / "store" / "fitted").glob(f"*/*/{NETWORK}"))
    assert {file_digest(file) for file in files} == {one["sha256"] for one in result.networks}, "of the outer fits only"
    read = _networks(result, tmp_path)
    _check_finetune(result, tmp_path, read)
    _delete(result)
    fitted = _networks(result, tmp_path, fold=2)
    assert [(one.refitted, one.content) for one in fitted] == [(True, read[2].content)]
    _check_finetune(result, tmp_path, fitted)


def test_refits_with_other_inner_fits(cells: Path, tmp_path: Path) -> None:
    for inner in ("holdout", "naive"):
        result = _run(cells, tmp_path, FINETUNE.replace("]", f",inner={inner}]"), "knn", keep_models="all")
        assert {one["fit"] for one in result.networks} == {"outer"}, "one network per outer fold"
        read = _networks(result, tmp_path)
        _delete(result)
        assert [one.content for one in _networks(result, tmp_path)] == [one.content for one in read]


def test_features_that_were_stored_without_their_network(cells: Path, tmp_path: Path) -> None:
    first = _run(cells, tmp_path, FINETUNE, "knn", keep_models="none")
    assert first.networks == []
    recorder = Recorder()
    result = _run(cells, tmp_path, FINETUNE, "naive_bayes", observer=recorder)
    assert [one["stored"] for one in result.networks] == [False] * FOLDS
    assert any("because its features were stored without it" in text for text in recorder.notices)
    assert all(one["sha256"] for one in result.networks), "the entry has the digest without the file"
    (fitted,) = _networks(result, tmp_path, fold=0, observer=recorder)
    assert fitted.record["sha256"] == result.networks[0]["sha256"]
    (unrecorded,) = _networks(first, tmp_path, fold=0, observer=recorder)
    assert unrecorded.content == fitted.content
    assert "there is no SHA-256 to compare them with" in recorder.notices[-1]


def test_a_changed_network_in_the_store_is_not_taken(cells: Path, tmp_path: Path) -> None:
    first = _run(cells, tmp_path, FINETUNE, "knn")
    for file in (tmp_path / "store" / "fitted").glob(f"*/*/{NETWORK}"):
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    _delete(first)
    recorder = Recorder()
    result = _run(cells, tmp_path, FINETUNE, "naive_bayes", observer=recorder)
    assert [one["stored"] for one in result.networks] == [False] * FOLDS
    assert not list(_models(result).glob("*"))
    assert any(f"{NETWORK}: has another digest than its record" in text for text in recorder.notices)
    assert [one["sha256"] for one in result.networks] == [one["sha256"] for one in first.networks]


def test_a_stored_network_needs_no_data_and_no_store(cells: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(cells, tmp_path / "cells")
    result = _run(copied, tmp_path, FINETUNE, "knn")
    shutil.rmtree(copied)
    shutil.rmtree(tmp_path / "store")
    assert [one.refitted for one in bench.fitted_networks(result)] == [False] * FOLDS


def test_records_of_strangers(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, None, CNN)
    path = result.folder / "networks.json"
    intact = json.loads(path.read_text())["networks"]

    def network(**change: Any) -> ExperimentNetwork:
        path.write_text(json.dumps({"networks": [{**intact[0], **change}]}))
        changed = bench.open_results(tmp_path / "results").experiments()[0]
        return next(bench.fitted_networks(changed, fold=0))

    with pytest.raises(BenchError, match="the weights are not those of small with 3 classes"):
        _ = network(classes=["a", "b", "c"]).estimator
    with pytest.raises(BenchError, match=r"os.system is neither an installed plugin, nor a network"):
        _ = network(selector="os.system").estimator
    with pytest.raises(BenchError, match="loads its weights from a file"):
        _ = network(selector=f"cnn[{NET},weights=/etc/other.safetensors]").estimator
    with pytest.raises(BenchError, match="cannot be built again from its weights"):
        _ = network(mean=None).estimator
    for change in ({"role": "other"}, {"member": "../0"}, {"fit": "inner"}, {"size": 0}, {"stored": 1}):
        with pytest.raises(DamagedError, match="is not a record of networks"):
            network(**change)
    path.write_text(json.dumps({"networks": [intact[0], intact[0]]}))
    with pytest.raises(DamagedError, match="two records are of the same network"):
        _ = bench.open_results(tmp_path / "results").experiments()[0].networks
    for content in (b"", b"\xff" * 16, (10**7).to_bytes(8, "little") + b" " * 16):
        with pytest.raises(BenchError, match="is not a safetensors file"):
            decoded_weights(content, "one")


def test_members_of_ensembles_and_bags_have_networks(cells: Path, tmp_path: Path) -> None:
    mean = combination("mean", 2)
    ensemble = _run(cells, tmp_path, None, f'ensemble[members="stain:knn"+{CNN}+"{FINETUNE}:knn"]')
    assert [(one["role"], one["member"]) for one in ensemble.networks[:2]] == [("extractor", "2"), ("classifier", "1")]
    bag = _run(cells, tmp_path, None, f"bagging[of={CNN},n=2]")
    assert [(one["member"], one["fold"]) for one in bag.networks[:3]] == [("0", 0), ("1", 0), ("0", 1)]
    for stored in (True, False):
        split = _split(bag, tmp_path, 1)
        networks = _networks(bag, tmp_path, fold=1)
        assert [one.refitted for one in networks] == [not stored] * 2
        assert [one.name for one in networks] == ["repeat0-fold1-member0", "repeat0-fold1-member1"]
        each = [one.estimator.predict_proba(split.all.take(split.test)) for one in networks]  # type: ignore[attr-defined]
        np.testing.assert_array_equal(mean(np.stack(each, axis=1)), split.stored)
        members = {one.name: one.content for one in _networks(ensemble, tmp_path, fold=0)}
        assert list(members) == ["repeat0-fold0-member1", "repeat0-fold0-extractor-member2"]
        if stored:
            before = members
            _delete(bag)
    assert members == before


def test_all_keeps_the_networks_of_inner_fits(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, None, CNN, keep_models="all")
    fits = ["inner 0", "inner 1", "outer"]
    assert [one["fit"] for one in result.networks] == fits * FOLDS
    networks = _networks(result, tmp_path, fold=1, inner=True)
    assert [one.name for one in networks] == ["repeat0-fold1-inner0", "repeat0-fold1-inner1", "repeat0-fold1"]
    inner = result.inner_predictions
    cells_by_id = {cell.id: cell for cell in _split(result, tmp_path, 1).all}
    for number, one in enumerate(networks[:2]):
        rows = inner[(inner["fold"] == 1) & (inner["inner_fold"] == number)]
        predicted = one.estimator.predict_proba([cells_by_id[cell] for cell in rows["cell"]])  # type: ignore[attr-defined]
        np.testing.assert_array_equal(predicted, rows[["p_diseased", "p_normal"]].to_numpy())
    _delete(result)
    again = _networks(result, tmp_path, fold=1, inner=True)
    assert [one.content for one in again] == [one.content for one in networks]
    extractor = _run(cells, tmp_path, FINETUNE, "knn", keep_models="all")
    assert sorted(one["fit"] for one in extractor.networks) == sorted(fits * FOLDS)
    assert all(one["stored"] for one in extractor.networks)


def test_a_changed_file_is_refused(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, None, CNN)
    first, second, third = (network_path(_models(result), one["sha256"]) for one in result.networks)
    content = bytearray(first.read_bytes())
    content[-1] ^= 1
    first.write_bytes(content)
    with pytest.raises(DamagedError, match=r"was changed: its SHA-256 is .* delete the file"):
        _networks(result, tmp_path, fold=0)
    second.write_bytes(second.read_bytes() + b"\0")
    with pytest.raises(DamagedError, match=r"was changed: it has \d+ bytes, \d+ in its record; delete"):
        _networks(result, tmp_path, fold=1)
    target = tmp_path / "target"
    third.rename(target)
    third.symlink_to(target)
    with pytest.raises(BenchError, match="not a regular file"):
        _networks(result, tmp_path, fold=2)


def test_a_refit_with_another_digest_is_an_error(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, None, CNN)
    path = result.folder / "networks.json"
    records = json.loads(path.read_text())
    true, records["networks"][0]["sha256"] = records["networks"][0]["sha256"], "0" * 64
    path.write_text(json.dumps(records))
    changed = bench.open_results(tmp_path / "results").experiments()[0]
    with pytest.raises(BenchError, match=f"has the SHA-256 {true}, and its record {'0' * 64}: the machine"):
        _networks(changed, tmp_path, fold=0)


def test_a_refit_needs_the_data_of_the_run(cells: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(cells, tmp_path / "cells")
    result = _run(copied, tmp_path, None, CNN, keep_models="none")
    image = next(path for path in sorted(copied.rglob("*.png")) if "mask" not in path.as_posix())
    image.write_bytes(sorted(copied.rglob("*.png"))[-1].read_bytes())
    with pytest.raises(BenchError, match="the data have changed since"):
        _networks(result, tmp_path)


def test_experiments_and_folds_without_networks_are_refused(cells: Path, tmp_path: Path) -> None:
    stain = _run(cells, tmp_path, "stain", "knn")
    with pytest.raises(BenchError, match="stain x knn: trains no network; only cnn, finetune"):
        bench.fitted_networks(stain)
    result = _run(cells, tmp_path, None, CNN)
    with pytest.raises(BenchError, match="has no fold 3; it has the repeats 0 to 0 and the folds 0 to 2"):
        bench.fitted_networks(result, fold=3)


def test_the_limit_holds_for_all_networks_of_a_results_folder(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_networks, "MAX_STORED", 1000)
    recorder = Recorder()
    result = _run(cells, tmp_path, None, CNN, observer=recorder)
    assert [one["stored"] for one in result.networks] == [False] * FOLDS
    assert any("its networks are not stored" in text for text in recorder.notices)
    monkeypatch.undo()
    (fitted,) = _networks(result, tmp_path, fold=1)
    assert fitted.record["sha256"] == result.networks[1]["sha256"]


def test_a_killed_run_keeps_its_records(cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _run(cells, tmp_path / "whole", FINETUNE, "knn", keep_models="all")
    add, added = network_writer.NetworkWriter.add_extractor, []

    def stopped(self: Any, *arguments: Any) -> None:
        added.append(arguments)
        if len(added) == 5:  # in the second fold
            raise KeyboardInterrupt
        add(self, *arguments)

    monkeypatch.setattr(network_writer.NetworkWriter, "add_extractor", stopped)
    with pytest.raises(KeyboardInterrupt):
        _run(cells, tmp_path / "killed", FINETUNE, "knn", keep_models="all")
    monkeypatch.undo()
    (finished,) = (tmp_path / "killed" / "results" / "work").glob("*/repeat0-fold*/networks.json")
    assert [one["fit"] for one in json.loads(finished.read_text())["networks"]] == ["inner 0", "inner 1", "outer"]
    resumed = _run(cells, tmp_path / "killed", FINETUNE, "knn", keep_models="all")
    assert resumed.networks == whole.networks
    assert len(list(_models(resumed).iterdir())) == len({one["sha256"] for one in whole.networks})


def test_networks_are_written_to_a_folder(cells: Path, tmp_path: Path) -> None:
    result = _run(cells, tmp_path, None, CNN)
    network_path(_models(result), result.networks[1]["sha256"]).unlink()
    records = write_networks(bench.fitted_networks(result, jobs=1), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "networks.json").read_text()) == {"networks": records}
    assert [(one["file"], one["source"]) for one in records] == [
        ("repeat0-fold0.safetensors", "read"),
        ("repeat0-fold1.safetensors", "refitted"),
        ("repeat0-fold2.safetensors", "read"),
    ]
    for one in records:
        assert file_digest(tmp_path / "out" / one["file"]) == one["sha256"]
        assert one["classes"] == ["diseased", "normal"]
        assert (len(one["mean"]), len(one["std"]), one["selector"][:4]) == (3, 3, "cnn[")
    with pytest.raises(BenchError, match="is not empty; choose a new folder with --output"):
        write_networks([], tmp_path / "out")


def test_the_network_of_an_object_needs_the_object(cells: Path, tmp_path: Path) -> None:
    cnn = Own(arch="small", size=16, epochs=1, batch_size=8, patience=0, select="last")
    result = bench.run(None, cnn, **_options(cells, tmp_path))
    split = Split(reload(result, classifier=cnn), result, 1)
    with pytest.raises(BenchError, match="pass the classifier of the experiment"):
        _ = next(bench.fitted_networks(result)).estimator
    read = list(bench.fitted_networks(result, classifier=cnn))[1]
    np.testing.assert_array_equal(read.estimator.predict_proba(split.all.take(split.test)), split.stored)  # type: ignore[attr-defined]
    _delete(result)
    (fitted,) = bench.fitted_networks(result, classifier=cnn, fold=1, jobs=1)
    assert fitted.content == read.content


def test_the_command(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def code(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    result = _run(cells, tmp_path, None, CNN)
    _run(cells, tmp_path, "stain", "knn")
    network_path(_models(result), result.networks[1]["sha256"]).unlink()
    arguments = ["networks", str(tmp_path / "results"), "--name", result.name, "--store", str(tmp_path / "store")]
    out = tmp_path / "out"
    assert code(*arguments, "--fold", "1", "-o", str(out)) == 0
    printed = capsys.readouterr()
    assert "(1 files, 1 fitted again)" in printed.out
    assert "their SHA-256 are those of the record" in " ".join((printed.out + printed.err).split())
    assert sorted(path.name for path in out.iterdir()) == ["networks.json", "repeat0-fold1.safetensors"]
    for change, complaint in (
        (["-o", str(out)], "is not empty; choose a new folder with --output"),
        (["--repeat", "4", "-o", str(tmp_path / "other")], "has no repeat 4"),
        (["--name", "stain x knn", "-o", str(tmp_path / "other")], "trains no network"),
    ):
        assert code(*arguments, *change) == 2
        assert complaint in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "other").exists()
