"""Fixtures that every test may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy is imported; parallel tests would share the cores

sys.path.append(str(Path(__file__).parent))  # for `reference`, published methods that only tests compare with

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the numeric kernels once, before several workers would compile them side by side."""
    if getattr(session.config.option, "numprocesses", None) and not hasattr(session.config, "workerinput"):
        import numpy as np  # noqa: PLC0415 (as below)

        from extractors.cells import Cell  # noqa: PLC0415 (only the controller of parallel tests pays for it)
        from extractors.handcrafted.catalogue import Handcrafted  # noqa: PLC0415

        y, x = np.mgrid[:64, :64]
        mask = (y - 32) ** 2 + (x - 32) ** 2 < 25**2
        image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8) * mask[..., None]
        Handcrafted().transform([Cell("kernels", image, mask)])


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real cells and weights that lies beside the checkout on some machines."""
    if not (SHARED / "README.md").is_file():
        pytest.skip("../shared (real cells and weights) does not lie beside the checkout")
    return SHARED


@pytest.fixture(autouse=True, scope="session")
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each test run has a cache of its own, shared by its tests, and never asks the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CYTOBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(autouse=True, scope="session")
def one_repeat() -> Iterator[None]:
    """`--repeats auto` draws folds once, so that runs in tests stay short; tests of `auto` undo this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.splits.outer_folds.AUTO_REPEATS", 1)
        yield
