from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from extractors.networks.devices import gpu_count, resolved_device


class Driver:
    """A driver that reports `gpus` GPUs."""

    def __init__(self, gpus: int, *, starts: bool = True) -> None:
        self.gpus, self.starts = gpus, starts

    def cuInit(self, flags: int) -> int:  # noqa: N802 - the driver's own name
        return 0 if self.starts else 100

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802 - the driver's own name
        count._obj.value = self.gpus
        return 0


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    gpu_count.cache_clear()
    yield
    gpu_count.cache_clear()


def drive(patch: pytest.MonkeyPatch, driver: Driver | None) -> None:
    def load(name: str) -> Driver:
        if driver is None:
            raise OSError(name)
        return driver

    patch.setattr(ctypes, "CDLL", load)


@pytest.mark.parametrize(("driver", "count"), [(None, 0), (Driver(2), 2), (Driver(0), 0), (Driver(1, starts=False), 0)])
def test_gpus_are_counted_by_the_driver(monkeypatch: pytest.MonkeyPatch, driver: Driver | None, count: int) -> None:
    drive(monkeypatch, driver)
    assert gpu_count() == count
    assert resolved_device("auto") == ("cuda" if count else "cpu")
    assert resolved_device("cpu") == "cpu"


def test_an_unavailable_device_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    drive(monkeypatch, None)
    with pytest.raises(ValueError, match="device=cuda, but this machine has no NVIDIA GPU"):
        resolved_device("cuda")
    with pytest.raises(ValueError, match="device=gpu is not known; it is one of auto, cpu, cuda"):
        resolved_device("gpu")


def test_detection_imports_no_torch() -> None:
    code = "import sys; from extractors.networks.devices import gpu_count; gpu_count(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
