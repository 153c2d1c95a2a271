"""Networks that cannot be trained are refused in the plan, without torch, or are failed rows with their reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from extractors.networks import devices
from extractors.networks.weights.registry import model_names

SCRIPT = """
import sys
import bench
try:
    bench.plan(["size"], ["cnn[arch=resnet81]"], data=sys.argv[1], folds=2, inner_folds=2, out=sys.argv[2],
                      store=sys.argv[2] + "-store", baselines=False, positive="diseased")
except bench.BenchError as error:
    print(error)
assert "torch" not in sys.modules
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks") / "cells"
    write_phantom(PhantomSpec(patients=8, cells=2, spread=0, size=48, seed=3), folder)
    return folder


def test_the_plan_suggests_a_network_without_torch(cells: Path, tmp_path: Path) -> None:
    model_names()  # builds the list of models once, with torch
    command = [sys.executable, "-c", SCRIPT, str(cells), str(tmp_path / "results")]
    output = subprocess.run(command, capture_output=True, text=True, check=False)
    assert output.returncode == 0, output.stderr
    assert (
        "cnn[arch=resnet81]: arch=resnet81: there is no timm or torchvision model 'resnet81'. Did you mean resnet18"
        in output.stdout
    )


def test_networks_that_cannot_be_trained_are_failed_rows(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: 0)
    options = {"data": str(cells), "folds": 2, "inner_folds": 2, "out": tmp_path / "results", "store": tmp_path / "s"}
    options |= {"baselines": False, "jobs": 1, "positive": "diseased"}
    quick = "size=16,epochs=1,patience=0,select=last"
    reasons = {
        f"cnn[{quick},lora=4]": "lora=4: small has no attention layers",
        f"cnn[{quick},stages=groups-50:1]": "stages=groups-50:1: the network has 3 layer groups",
        "cnn[arch=resnet18,weights=nowhere.safetensors]": "nowhere.safetensors: no such file (weights of resnet18)",
        f"ensemble[members=cnn[{quick}]+cnn[{quick},lora=3]]": "lora=3: small has no attention layers",
        f"cnn[{quick}]": "",
    }
    result = bench.matrix(["size"], list(reasons), **options)
    assert len(result.failures) == len(reasons) - 1
    table = [str(reason) for reason in result.leaderboard["reason"]]
    for reason in reasons.values():
        assert [text for text in table if reason in text and (reason or not text)], (reason, table)
    assert not list((tmp_path / "results" / "work").glob("*/*"))
    with pytest.raises(BenchError, match="--device cuda: this machine has no NVIDIA GPU, or no driver for it"):
        bench.plan(["size"], [f"cnn[{quick}]"], **options, device="cuda")
