"""`--gpus-per-fit`: refusals in the plan, and the number of GPUs in the keys of what is trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.experiments.plan import make_plan
from bench.features.extraction import engine_settings
from bench.options import make_options
from extractors.networks import devices

CNN, FINETUNE = "cnn[size=16]", "finetune[backbone=small]"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpus") / "cells"
    write_phantom(PhantomSpec(patients=6, cells=1, spread=0, size=48, seed=3), folder)
    return folder


@pytest.fixture
def components(cells: Path, tmp_path: Path) -> Any:
    def planned(extractor: str | None, classifier: str, **more: Any) -> dict[str, Any]:
        places = {"data": str(cells), "out": tmp_path / "results", "store": tmp_path / "store"}
        pipeline = {"extractors": [extractor] if extractor else (), "classifiers": [classifier], "baselines": False}
        options = make_options({**places, **pipeline, "folds": 2, "positive": "diseased", **more})
        return dict(make_plan(options).experiments[0].components)

    return planned


def test_the_number_of_gpus_is_in_the_keys_of_what_is_trained(components: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: 4)
    for classifier in (CNN, f"ensemble[members={CNN}+{CNN}]", f"bagging[of={CNN}]"):
        one, several = (components(None, classifier, gpus_per_fit=number) for number in (1, 3))
        assert (one["classifier_device"], several["classifier_device"]) == ("cuda", "cuda x 3")
    tuned = components(FINETUNE, "knn", gpus_per_fit=2)
    assert (tuned["features"]["device"], tuned["classifier_device"]) == ("cuda x 2", None)
    own = components(None, f'ensemble[members="{FINETUNE}:knn"+"size:knn"]', gpus_per_fit=2)
    assert [member["device"] for member in own["members"]] == ["cuda x 2", None]
    assert components(FINETUNE, "knn")["features"]["device"] == "cuda"
    spawned = components(None, CNN, gpus_per_fit=2, strategy="ddp_spawn_find_unused_parameters_true")
    assert spawned == components(None, CNN, gpus_per_fit=2), "the strategy does not change the result"


def test_the_options_reach_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: 2)
    strategy = "ddp_spawn_find_unused_parameters_false"
    engine = engine_settings(make_options({"gpus_per_fit": 2, "strategy": strategy}))
    assert (engine["device"], engine["gpus_per_fit"], engine["gpu_strategy"]) == ("cuda", 2, strategy)


@pytest.mark.parametrize(
    ("gpus", "options", "message"),
    [
        (1, {"gpus_per_fit": 2}, "--gpus-per-fit 2: 2 GPUs per fit are requested, but this machine has 1; use at most"),
        (0, {"gpus_per_fit": 2}, "--gpus-per-fit 2: 2 GPUs per fit are requested, but networks run on the CPU; use 1"),
        (4, {"gpus_per_fit": 2, "device": "cpu"}, "2 GPUs per fit are requested, but networks run on the CPU"),
        (4, {"gpus_per_fit": 0}, "gpus_per_fit: Input should be greater than or equal to 1"),
        (4, {"gpus_per_fit": 2, "strategy": "ddp"}, "strategy: Input should be 'ddp_spawn', 'ddp_spawn_find"),
        (4, {"strategy": "ddp_spawn"}, "--strategy ddp_spawn is for several GPUs: add --gpus-per-fit N, or leave it"),
    ],
)
def test_what_the_machine_does_not_have_is_refused(
    gpus: int, options: dict[str, Any], message: str, components: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: gpus)
    with pytest.raises(BenchError, match=message):
        components(None, CNN, **options)


def test_without_a_network_there_is_nothing_to_share(components: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: 4)
    with pytest.raises(BenchError, match="--gpus-per-fit is for the training of networks, but no pipeline trains one"):
        components("size", "knn", gpus_per_fit=2)
