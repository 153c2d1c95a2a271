"""--device is resolved once, is part of the key of whoever takes it, and a missing GPU is told where it matters."""

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


class Heard(Observer):
    """Keeps the sentences."""

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
    """A third party's extractor that takes a device and tells it."""
    install("choosing", PLUGINS, "[bench.extractors]\nchooses = choosing:Chooses\n")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Say how many GPUs the driver counts."""
    return lambda count: monkeypatch.setattr(devices, "gpu_count", lambda: count)


def _options(cells: Path, place: Path, **more: Any) -> dict[str, Any]:
    places = {"data": str(cells), "out": place / "results", "store": place / "store"}
    return {**places, "folds": 2, "inner_folds": 2, "jobs": 1, "baselines": False, "positive": "diseased", **more}


def test_auto_takes_a_gpu_where_there_is_one(gpus: Callable[[int], None]) -> None:
    gpus(0)
    assert (device_of("auto"), device_of("cpu")) == ("cpu", "cpu")
    with pytest.raises(BenchError, match=r"--device cuda: no NVIDIA GPU was found .* say --device cpu"):
        device_of("cuda")
    gpus(2)
    assert (device_of("auto"), device_of("cuda"), device_of("cpu")) == ("cuda", "cuda", "cpu")


def test_a_gpu_that_is_not_there_is_an_error_before_the_data_are_read(gpus: Callable[[int], None]) -> None:
    gpus(0)
    with pytest.raises(BenchError, match="--device cuda"):
        make_plan(make_options({"data": "nowhere", "device": "cuda", "extractors": "size"}))


def test_whoever_could_use_a_gpu_is_told_that_there_is_none(gpus: Callable[[int], None]) -> None:
    gpus(0)
    assert missing_gpu_notice("auto", [extractor("size"), extractor("chooses")]) == NO_GPU
    assert missing_gpu_notice("cpu", [extractor("chooses")]) == "", "asked for"
    assert missing_gpu_notice("auto", [extractor("size")]) == "", "nobody uses one"
    gpus(1)
    assert missing_gpu_notice("auto", [extractor("chooses")]) == ""


def test_the_device_is_in_the_key_of_those_that_take_it(
    cells: Path, tmp_path: Path, gpus: Callable[[int], None]
) -> None:
    gpus(1)
    plans = [
        make_plan(make_options(_options(cells, tmp_path, extractors="chooses,size", clfs="knn", device=device)))
        for device in ("cpu", "cuda", "auto")
    ]
    found = [[e.components["features"]["device"] for e in plan.experiments] for plan in plans]
    assert found == [["cpu", None], ["cuda", None], ["cuda", None]]
    keys = [[e.key for e in plan.experiments] for plan in plans]
    assert keys[0][0] != keys[1][0]
    assert keys[1] == keys[2]
    assert keys[0][1] == keys[1][1]


def test_workers_are_given_the_device_and_its_absence_is_told_once(
    cells: Path, tmp_path: Path, gpus: Callable[[int], None]
) -> None:
    gpus(1)
    asked = _options(cells, tmp_path)
    reading = {name: asked[name] for name in ("store", "jobs", "positive")}
    first = Heard()
    assert (extract_features(str(cells), "chooses", observer=first, **reading).table["on_gpu"] == 1).all()
    assert first.notices == ["computed on cuda"], "what an extractor says of every chunk is told once"
    gpus(0)
    heard = Heard()
    matrix("chooses,size", "naive_bayes,knn", observer=heard, **asked)
    assert heard.notices == [NO_GPU, "computed on cpu"]
    again = Heard()
    matrix("chooses,size", "naive_bayes,knn,svm", observer=again, **asked)
    assert (extract_features(str(cells), "chooses", observer=again, **reading).table["on_gpu"] == 0).all()
    assert again.notices == [], "all is stored"


def test_a_selector_names_no_device_for_an_extractor_but_may_for_a_classifier() -> None:
    with pytest.raises(BenchError, match="device is set by the engine; use --device"):
        extractor("chooses[device=cuda]")
    assert classifier("choosing.Own[device=cuda]").selector == "choosing.Own[device=cuda]"
