"""Licences and pretraining data of the networks of an experiment, from the plan to the tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

from bench.cli.display import tables as display
from bench.errors import BenchError
from bench.experiments.plan import Plan, make_plan
from bench.experiments.pretrained_weights import licences_of, seen_before, weights_of
from bench.experiments.results import Results
from bench.options import make_options
from bench.plugins.importing import installed
from bench.plugins.recorded import check_recorded
from bench.plugins.registry import classifier, extractor
from bench.plugins.selectors import parse
from extractors.networks.foundation import packages
from extractors.networks.foundation.pretraining import PRETRAINING

TINY = {"data": "phantom[patients=3,cells=2,size=64]", "folds": 3, "baselines": False, "clfs": "knn"}
RED_DINO = "cc-by-nc-4.0 (its card states apache-2.0, its configuration cc-by-nc-4.0: treated as non-commercial)"
DINOBLOOM = {"model": "dinobloom_s.1aurent", "weights": "d" * 64}


@pytest.fixture(autouse=True)
def empty_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))


@pytest.fixture
def weights_dir(tmp_path: Path) -> Path:
    """Files whose digest is computed; a plan does not read them."""
    for name in ("dinobloom_s", "reddino_s"):
        save_file({"x": np.zeros(1, dtype=np.float32)}, tmp_path / f"{name}.safetensors")
    return tmp_path


def plan_of(place: Path, extractors: str, **options: Any) -> Plan:
    values = {**TINY, "extractors": extractors, "store": place / "store", "weights_dir": str(place), **options}
    return make_plan(make_options(values))


def record_of(plan: Plan) -> dict[str, Any]:
    (experiment,) = plan.experiments
    return plan.record(experiment)


def test_licences_of_all_networks_are_recorded() -> None:
    components = {
        "features": {"extractor": "reddino_s[...]", "model": "reddino_s.snarcy", "weights": "a" * 64},
        "classifier": "cnn[...]",
        "classifier_model": "resnet50.a1_in1k",
        "classifier_weights": "b" * 64,
        "classifier_networks": [{"model": "resnet18.a1_in1k", "weights": "c" * 64}, {"model": "x", "weights": None}],
        "members": [{"extractor": "dinobloom_s", **DINOBLOOM}],
    }
    assert licences_of(components) == {
        "dinobloom_s.1aurent": "apache-2.0",
        "reddino_s.snarcy": RED_DINO,
        "resnet18.a1_in1k": "apache-2.0",
        "resnet50.a1_in1k": "apache-2.0",
    }
    assert seen_before(components, "aml_lmu")
    assert not seen_before(components, "cnmc")


def test_members_of_a_combination_of_results_are_keys() -> None:
    assert licences_of({"classifier": "post_hoc[...]", "members": ["0123", "4567"]}) == {}


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "bin"])
def test_a_file_that_the_user_names_has_no_known_licence(suffix: str) -> None:
    part = {"extractor": f"dinov2_s[layer=last,weights=own/net.{suffix}]", "model": "dinov2_s.lvd142m", "weights": "a"}
    assert list(licences_of({"features": part}).values()) == ["unknown"]


def test_the_licence_of_a_repository_is_that_of_the_record() -> None:
    part = {"extractor": "hf-hub:a/b", "model": "hf-hub:a/b", "weights": "e" * 64}
    (weights,) = weights_of({"components": {"features": part}, "licences": {"hf-hub:a/b": "mit"}})
    assert (weights.model, weights.licence) == ("hf-hub:a/b", "mit")
    assert weights_of({"components": {"features": part}})[0].licence == "unknown"


def test_the_licence_of_a_folder_is_that_of_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "resnet18", "license": "bsd-3-clause"}))
    part = {"extractor": f"local-dir:{tmp_path}", "model": f"local-dir:{tmp_path}", "weights": "e" * 64}
    assert licences_of({"features": part}) == {f"local-dir:{tmp_path}": "bsd-3-clause"}
    (tmp_path / "config.json").unlink()
    assert licences_of({"features": part}) == {f"local-dir:{tmp_path}": "unknown"}


@pytest.mark.parametrize("trained", ["", "finetune[backbone={}]"])
def test_a_dataset_of_the_pretraining_is_flagged(
    trained: str, weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRETRAINING, "dinobloom_s", ("manifest", "phantom"))
    name = trained.format("dinobloom_s") or "dinobloom_s"
    record = record_of(plan_of(weights_dir, name))
    assert record["flags"] == ["SEEN IN PRETRAINING"]
    assert record["licences"] == {"dinobloom_s.1aurent": "apache-2.0"}
    record = record_of(plan_of(weights_dir, "reddino_s"))
    assert (record["flags"], record["licences"]) == ([], {"reddino_s.snarcy": RED_DINO})


def test_random_weights_have_seen_nothing(weights_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRETRAINING, "dinobloom_s", ("manifest", "phantom"))
    record = record_of(plan_of(weights_dir, "dinobloom_s[weights=random]"))
    assert (record["flags"], record["licences"]) == (["RANDOM WEIGHTS"], {})


def test_missing_weights_of_a_gated_model_are_a_row_with_the_way_to_them(tmp_path: Path) -> None:
    (experiment,) = plan_of(tmp_path, "virchow2").experiments
    assert "virchow2 is gated: access is granted by the owner on request: log in at" in experiment.problem
    assert "Put a file named virchow2.safetensors or virchow2.pth or virchow2.bin into a folder" in experiment.problem


def test_the_configuration_of_a_folder_is_part_of_the_key(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    save_file({"x": np.zeros(1, dtype=np.float32)}, folder / "model.safetensors")
    keys, digests = set(), set()
    for mean in (0.5, 0.6):
        (folder / "config.json").write_text(json.dumps({"architecture": "resnet18", "mean": [mean] * 3}))
        (experiment,) = plan_of(tmp_path, f"local-dir:{folder}").experiments
        assert experiment.problem == ""
        keys.add(experiment.key)
        digests.add(experiment.components["features"]["config"])
    assert len(keys) == len(digests) == 2


def test_the_version_of_an_optional_package_is_part_of_the_key(
    weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda _: object())
    monkeypatch.setattr(packages, "version", lambda _: "5.1")
    (experiment,) = plan_of(weights_dir, "phikon[weights=random]").experiments
    assert experiment.components["features"]["package"] == "transformers 5.1"
    (experiment,) = plan_of(weights_dir, "dinobloom_s").experiments
    assert not {"config", "package"} & set(experiment.components["features"])


@pytest.mark.parametrize(
    "text", ["hf-hub:owner/net.v1[pool=avg]", "finetune[backbone=hf-hub:owner/net.v1]", "local-dir:some/folder"]
)
def test_a_repository_or_folder_is_a_selector(text: str) -> None:
    plugin = extractor(text)
    assert plugin.selector == text
    assert parse(plugin.canonical).name == parse(text).name


def test_a_repository_is_the_extractor_of_a_member() -> None:
    plugin = classifier('ensemble[members="hf-hub:a/b.c:svm"+"local-dir:x/y[pool=avg]:knn"]')
    assert [str(member.text) for member in plugin.members] == ["hf-hub:a/b.c:svm", "local-dir:x/y[pool=avg]:knn"]


@pytest.mark.parametrize(
    "text",
    [
        "hf-hub:a/b",
        "local-dir:/tmp/x",
        "finetune[backbone=hf-hub:a/b]",
        "finetune[backbone=resnet18+hf-hub:a/b]",
        'ensemble[members="hf-hub:a/b:svm"+"size:knn"]',
        "dinov2_s[weights=own.pth]",
    ],
)
def test_a_record_names_no_repository_folder_or_file(text: str) -> None:
    with pytest.raises(
        BenchError, match=r"loads a network from a repository or a folder|loads its weights from a file"
    ):
        check_recorded(text)
    check_recorded("finetune[backbone=dinobloom_s]")


def test_the_tables_show_licences_and_flags(
    small_matrix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = Results.open(small_matrix / "results")
    result = next(iter(results.experiments()))
    record = {**result.record, "flags": ["SEEN IN PRETRAINING"], "licences": {"dinobloom_s.1aurent": "apache-2.0"}}
    folder = Results.create(tmp_path / "copy")
    tables = {name: getattr(result, name) for name in ("scores", "predictions")}
    folder.write_experiment(
        "size-x-knn-" + record["key"][:12], record, {**tables, "inner": result.inner_predictions}, {}
    )
    board = folder.leaderboard()
    assert list(board["licences"]) == ["dinobloom_s.1aurent: apache-2.0"]
    monkeypatch.setattr(display, "console", Console(width=200))
    display.show_leaderboard(board)
    printed = capsys.readouterr().out
    assert "Licences of pretrained weights: dinobloom_s.1aurent: apache-2.0" in printed
    assert "SEEN IN PRETRAINING" in printed
    page = next(iter(folder.experiments())).report().read_text(encoding="utf-8")
    assert "SEEN IN PRETRAINING" in page
    assert "pretrained on images of this dataset" in page


def test_pretraining_data_are_named_by_installed_readers() -> None:
    named = {reader for readers in PRETRAINING.values() for reader in readers}
    assert named <= set(installed("datasets"))
