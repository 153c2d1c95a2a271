"""`--device` is resolved once and part of the keys that depend on it; a missing GPU gives a notice where it matters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.api import matrix
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.experiments.plan import make_plan
from bench.features.extract import extract_features
from bench.observer import Observer
from bench.options import make_options
from bench.plugins.devices import NO_GPU, device_of, missing_gpu_notice
from bench.plugins.registry import classifier, extractor
from extractors.networks import devices

PLUGINS = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyClassifier

class Chooses(TransformerMixin, BaseEstimator):
    def __init__(self, device="auto"):
        self.device = device
    def fit(self, X, y=None, groups=None):
        return self
    def transform(self, X):
        self.notices_ = (f"computed on {self.device}",)
        return np.array([[self.device == "cuda", c.mask.sum()] for c in X], dtype=np.float32)
    def get_feature_names_out(self, input_features=None):
        return np.array(["on_gpu", "area"], dtype=object)
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

class Own(DummyClassifier):
    def __init__(self, device="cpu"):
        super().__init__()
        self.device = device
"""


class Recorder(Observer):
    """Stores notices."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight phantom patients with nine small cells each: two chunks."""
    folder = tmp_path_factory.mktemp("devices") / "cells"
    write_phantom(PhantomSpec(patients=4, cells=9, spread=0, size=64, seed=7), folder)
    return folder


@pytest.fixture(autouse=True)
def choosing(install: Callable[[str, str, str], None]) -> None:
    """A third-party extractor with the parameter `device` that reports it."""
    install("choosing", PLUGINS, "[bench.extractors]\nchooses = choosing:Chooses\n")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the number of GPUs of the driver."""
    return lambda count: monkeypatch.setattr(devices, "gpu_count", lambda: count)


def _options(cells: Path, place: Path, **more: Any) -> dict[str, Any]:
    places = {"data": str(cells), "out": place / "results", "store": place / "store"}
    return {**places, "folds": 2, "inner_folds": 2, "jobs": 1, "baselines": False, "positive": "diseased", **more}


def test_auto_selects_a_gpu_if_there_is_one(gpus: Callable[[int], None]) -> None:
    gpus(0)
    assert (device_of("auto"), device_of("cpu")) == ("cpu", "cpu")
    with pytest.raises(BenchError, match=r"--device cuda: this machine has no NVIDIA GPU.* use --device cpu"):
        device_of("cuda")
    gpus(2)
    assert (device_of("auto"), device_of("cuda"), device_of("cpu")) == ("cuda", "cuda", "cpu")


def test_a_missing_gpu_is_an_error_before_the_data_is_read(gpus: Callable[[int], None]) -> None:
    gpus(0)
    with pytest.raises(BenchError, match="--device cuda"):
        make_plan(make_options({"data": "nowhere", "device": "cuda", "extractors": "size"}))


def test_a_missing_gpu_gives_a_notice_for_extractors_that_could_use_it(gpus: Callable[[int], None]) -> None:
    gpus(0)
    assert missing_gpu_notice("auto", [extractor("size"), extractor("chooses")]) == NO_GPU
    assert missing_gpu_notice("cpu", [extractor("chooses")]) == "", "the CPU is requested"
    assert missing_gpu_notice("auto", [extractor("size")]) == "", "no extractor uses a GPU"
    gpus(1)
    assert missing_gpu_notice("auto", [extractor("chooses")]) == ""


def test_the_device_is_in_the_key_of_extractors_that_use_it(
    cells: Path, tmp_path: Path, gpus: Callable[[int], None]
) -> None:
    gpus(1)
    plans = [
        make_plan(make_options(_options(cells, tmp_path, extractors="chooses,size", clfs="knn", device=device)))
        for device in ("cpu", "cuda", "auto")
    ]
    devices_of_plans = [[e.components["features"]["device"] for e in plan.experiments] for plan in plans]
    assert devices_of_plans == [["cpu", None], ["cuda", None], ["cuda", None]]
    keys = [[e.key for e in plan.experiments] for plan in plans]
    assert keys[0][0] != keys[1][0]
    assert keys[1] == keys[2]
    assert keys[0][1] == keys[1][1]


def test_workers_use_the_device_and_a_missing_gpu_gives_one_notice(
    cells: Path, tmp_path: Path, gpus: Callable[[int], None]
) -> None:
    gpus(1)
    options = _options(cells, tmp_path)
    reading = {name: options[name] for name in ("store", "jobs", "positive")}
    first = Recorder()
    assert (extract_features(str(cells), "chooses", observer=first, **reading).table["on_gpu"] == 1).all()
    assert first.notices == ["computed on cuda"], "a notice of every chunk is reported once"
    gpus(0)
    second = Recorder()
    matrix("chooses,size", "naive_bayes,knn", observer=second, **options)
    assert second.notices == [NO_GPU, "computed on cpu"]
    again = Recorder()
    matrix("chooses,size", "naive_bayes,knn,svm", observer=again, **options)
    assert (extract_features(str(cells), "chooses", observer=again, **reading).table["on_gpu"] == 0).all()
    assert again.notices == [], "all is stored"


def test_a_selector_may_set_the_device_of_a_classifier_only() -> None:
    with pytest.raises(BenchError, match="device is set by the engine; use --device"):
        extractor("chooses[device=cuda]")
    assert classifier("choosing.Own[device=cuda]").selector == "choosing.Own[device=cuda]"
