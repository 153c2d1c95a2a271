"""Epochs of `fit_network` from image files, under Lightning, against a plain torch loop, in turn in one process.

Both legs have the same network, cells, batch size, threads, augmentation, loss and optimiser. The plain loop reads the
same files with a DataLoader, its best of none and one worker process per thread. A second plain loop trains on one
batch that is in memory: the bound of every loader. The first epoch of each leg is not counted. To reach: at most 1.1
times the plain loop, and less than 5 % of the time spent waiting for data. Core-seconds are less disturbed by other
programs on the machine.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from bench.datasets.phantom.patients import PhantomSpec
from bench.datasets.phantom.reader import phantom_cells
from extractors.cells import CellFile, Cells
from extractors.networks.image_transform import ImageTransform
from extractors.networks.training.augmentation.augmentation import Augmentation
from extractors.networks.training.channel_statistics import Statistics
from extractors.networks.training.fitting import Surroundings, fit_network
from extractors.networks.training.image_batches import Batch
from extractors.networks.training.network import TrainableNetwork, build_network
from extractors.networks.training.network_spec import NetworkSpec
from extractors.networks.training.normalisation import normalise
from extractors.networks.training.options import TrainingOptions
from extractors.networks.training.part import Part
from extractors.networks.training.progress import Progress
from extractors.networks.training.settings import Settings
from extractors.networks.training.threads import use_one_thread

MODELS = ("resnet18", "efficientnet_b0")
SIDE = 450
"""Side of the cells in pixels, as in C-NMC."""
CELLS, BATCH, THREADS, ROUNDS = 64, 16, 2, 3
OPTIONS: dict[str, Any] = {"balance": "none", "augment": ("flips", "turns", "stain"), "patience": 0, "select": "last"}


class Reading(NamedTuple):
    """Wall seconds, and core-seconds of this process and of those that it has ended."""

    wall: float
    cores: float


def _now() -> Reading:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Reading(time.perf_counter(), sum(usage.ru_utime + usage.ru_stime for usage in usages))


def _since(start: Reading) -> Reading:
    end = _now()
    return Reading(end.wall - start.wall, end.cores - start.cores)


class _UncachedCells(Cells):
    """Cells that the cache of crops does not take, as those of a large dataset."""


@dataclass(frozen=True)
class _Images(Dataset[tuple[torch.Tensor, int]]):
    """Transformed cells as uint8, and what makes batches of them."""

    cells: Cells
    transform: ImageTransform
    augmentation: Augmentation
    statistics: Statistics

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(np.array(self.transform(self.cells[index]))), index % 2

    def collate(self, items: Sequence[tuple[torch.Tensor, int]]) -> Batch:
        """Augment and normalise the images of a batch."""
        images, targets = zip(*items, strict=True)
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        augmented, _ = self.augmentation(torch.stack(images), None, generator)
        normalised = normalise(augmented, self.statistics).contiguous(memory_format=torch.channels_last)
        return normalised, torch.tensor(targets), torch.ones(len(targets))

    def loader(self, workers: int) -> Iterable[Batch]:
        """Return a DataLoader with worker processes."""
        options: dict[str, Any] = {"worker_init_fn": _one_thread} if workers else {}
        return DataLoader(self, BATCH, shuffle=True, num_workers=workers, collate_fn=self.collate, **options)


def _one_thread(_: int) -> None:
    use_one_thread()


class _PlainLoop:
    """A plain training loop: weighted cross-entropy and AdamW."""

    def __init__(self, network: TrainableNetwork, images: _Images, settings: Settings) -> None:
        self.module = network.module.to(memory_format=torch.channels_last).train()
        self.optimiser = torch.optim.AdamW(self.module.parameters(), weight_decay=settings.weight_decay)
        self.images = images
        self.ready = [images.collate([images[i] for i in range(BATCH)])] * (CELLS // BATCH)

    def epoch(self, batches: Iterable[Batch]) -> Reading:
        """Train for one epoch; return its time."""
        start = _now()
        for images, targets, weights in batches:
            losses = torch.nn.functional.cross_entropy(self.module(images), targets, reduction="none")
            self.optimiser.zero_grad()
            ((losses * weights).sum() / weights.sum()).backward()
            self.optimiser.step()
            losses.sum().item()
        return _since(start)


@dataclass
class _Times:
    """Times of the epochs of each leg; the plain epochs run between those of `fit_network`."""

    plain: _PlainLoop
    loader: list[Reading] = field(default_factory=list)
    ready: list[Reading] = field(default_factory=list)
    ours: list[Reading] = field(default_factory=list)
    began: Reading = field(default_factory=_now)

    def end_epoch(self) -> None:
        """Take the time of our epoch, and run the plain ones; called in place of `Progress.save`."""
        self.ours.append(_since(self.began))
        with torch.enable_grad():
            self.loader.append(min(self.plain.epoch(self.plain.images.loader(workers)) for workers in (0, THREADS)))
            self.ready.append(self.plain.epoch(self.plain.ready))
        self.began = _now()


def measure() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        cells = _cells(Path(folder))
        for model in MODELS:
            _race(model, cells)


def _cells(folder: Path) -> _UncachedCells:
    files = []
    for index, (image, _) in zip(range(CELLS), phantom_cells(PhantomSpec(size=SIDE, patients=20)), strict=False):
        files.append(CellFile(str(index), str(folder / f"{index}.png"), mask_by="whole"))
        cv2.imwrite(files[-1].path, image[..., ::-1])
    return _UncachedCells(files)


def _race(model: str, cells: Cells) -> None:
    spec = NetworkSpec(arch=model, weights="random", size=224)
    settings = TrainingOptions(**OPTIONS, batch_size=BATCH, epochs=ROUNDS + 1).settings()
    network = build_network(spec, 2)
    statistics = (np.array(network.mean, np.float32), np.array(network.std, np.float32))
    if settings.augmentation is None:
        raise RuntimeError("the plain loop augments")
    images = _Images(cells, network.transform, settings.augmentation, statistics)
    times = _Times(_PlainLoop(network, images, settings))
    part = Part(cells, np.arange(CELLS) % 2, np.ones(CELLS, np.float32))
    with patch.object(Progress, "save", lambda *_: times.end_epoch()):
        trained = fit_network(
            spec, settings, part, None, n_classes=2, surroundings=Surroundings(seed=0, threads=THREADS)
        ).training
    _print(model, times, trained["seconds_waited"] / trained["seconds"])


def _print(model: str, times: _Times, waiting: float) -> None:
    legs = {"a": times.loader[1:], "b": times.ready[1:], "c": times.ours[1:]}
    wall = {name: statistics.median(reading.wall for reading in leg) for name, leg in legs.items()}
    cores = {name: statistics.median(reading.cores for reading in leg) for name, leg in legs.items()}
    best = min(times.ours[1:]).wall / min(times.loader[1:]).wall
    lines = (
        f"{model}, 224 px, batch {BATCH}, {THREADS} threads, {os.cpu_count()} cores; ms a cell:",
        f"   a  plain loop with a DataLoader {_per_cell(wall['a'])}; b  from memory {_per_cell(wall['b'])}; "
        f"c  ours {_per_cell(wall['c'])}; core-ms {_per_cell(cores['a'])}, {_per_cell(cores['b'])}, "
        f"{_per_cell(cores['c'])}",
        f"   c/a {wall['c'] / wall['a']:.2f}, the best round of each {best:.2f}, core-seconds "
        f"{cores['c'] / cores['a']:.2f}; to reach: 1.1",
        f"   c/b {wall['c'] / wall['b']:.2f}; waiting {100 * waiting:.1f} %; to reach: 5 %",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _per_cell(seconds: float) -> str:
    return f"{1e3 * seconds / CELLS:.1f}"
