"""Embeddings, from files to the stored matrix, against a plain timm loop and against the bare forward, in one run."""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bench.datasets.phantom.reader import PhantomSpec, phantom_cells
from bench.executors.cores import cores
from bench.executors.executor import Executor, open_executor
from bench.features.extraction import FeatureRequest, extract
from bench.features.store.entry import open_features
from bench.features.store.keys import entry_of
from bench.observer import Observer
from bench.options import make_options
from bench.plugins import registry
from extractors.cells import CellFile, Cells
from extractors.embedding import Embedding
from extractors.networks.devices import gpu_count
from extractors.networks.inference.select_engine import open_engine
from extractors.networks.inference.test_time_augmentation import dihedral_images

Features = npt.NDArray[np.float32]

SIDE = 450
"""Pixels of a C-NMC cell."""

ROUNDS = 3
START = """
import sys
import numpy as np
from extractors.cells import Cell
from extractors.embedding import Embedding
Embedding(sys.argv[1], weights_dir=sys.argv[2], device=sys.argv[3]).transform(
    [Cell("c", np.zeros((450, 450, 3), np.uint8))]
)
"""


@dataclass(frozen=True)
class Race:
    """One model, how many cells its legs take, and what is to be reached."""

    model: str
    eager: int
    ours: int
    ratio: float


@dataclass(frozen=True)
class Machine:
    """What all legs share: a device, worker processes, threads of each."""

    device: str
    precision: str
    jobs: int
    threads: int


@dataclass
class Times:
    """Readings of the rounds: cells a second of the legs, and core-seconds a cell."""

    eager: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    forward: list[float] = field(default_factory=list)


RACES = (Race("efficientnet_b0", 96, 512, 2.0), Race("resnet50", 64, 256, 1.5))


def measure() -> None:
    """Print the table for the processor, and for the GPU where there is one."""
    two = min(2, cores())
    _table(Machine("cpu", "f32", jobs=two, threads=1))
    if gpu_count():
        _table(Machine("cuda", "bf16", jobs=max(1, cores() // 2), threads=2))
    else:
        say("embeddings on a GPU: there is none on this machine")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _table(machine: Machine) -> None:
    many = 1 if machine.device == "cpu" else 16
    with tempfile.TemporaryDirectory() as name, _private_cache(Path(name)):
        folder = Path(name)
        files = _cells(folder, max(race.ours for race in RACES) * many)
        with open_executor(machine.jobs, machine.threads, fit_time=3600.0) as pool:
            for race in RACES:
                _race(race, machine, folder, Cells(files[: race.ours * many]), pool)


@contextmanager
def _private_cache(folder: Path) -> Iterator[None]:
    before = os.environ.get("CYTOBENCH_CACHE")
    os.environ["CYTOBENCH_CACHE"] = str(folder / "cache")
    try:
        yield
    finally:
        if before is None:
            del os.environ["CYTOBENCH_CACHE"]
        else:
            os.environ["CYTOBENCH_CACHE"] = before


def _cells(folder: Path, count: int) -> list[CellFile]:
    """BMP files of phantom cells, each cell in up to 8 positions, so that no two files are alike."""
    spec = PhantomSpec(size=SIDE, patients=max(20, count // 100))
    drawn = (image for image, _ in phantom_cells(spec))
    files = []
    for index, image in enumerate(islice(dihedral_images(drawn), count)):
        files.append(CellFile(str(index), str(folder / f"{index}.bmp"), mask_by="whole"))
        cv2.imwrite(files[-1].path, image[..., ::-1])
    return files


def _race(race: Race, machine: Machine, folder: Path, cells: Cells, pool: Executor) -> None:
    import torch  # noqa: PLC0415 - after the workers, which do without it, were asked for
    from _eager import Eager, Loop  # noqa: PLC0415 - imports torch

    torch.set_num_threads(machine.jobs * machine.threads)
    weights = _weights(race.model, folder)
    converting = _seconds_to_start(race.model, folder, machine)
    starting = _seconds_to_start(race.model, folder, machine)
    eager = Eager(race.model, weights, machine.device)
    paths = [file.path for file in cells.files[: race.eager]]
    loops = [Loop(batch, workers) for batch in (8, 32) for workers in (0, machine.jobs)]
    times = Times()
    _ours(race.model, machine, folder, cells[: 64 * machine.jobs], pool)  # each worker opens the network
    for _ in range(ROUNDS):
        runs = [eager.run(paths, loop) for loop in loops]
        expected, rate = max(runs, key=lambda run: run[1])
        times.eager.append(rate)
        times.bare.append(_bare(race, machine, folder, cells))
        stored, rate = _ours(race.model, machine, folder, cells, pool)
        times.ours.append(rate)
        shown, forward = _core_seconds(race, folder, cells, machine)
        times.shown.append(shown)
        times.forward.append(forward)
    say(f"{race.model} on {machine.device}, {machine.precision}, {machine.jobs * machine.threads} threads")
    _print(race, machine, times)
    say(f"   start of a process: {starting:.1f} s; with the conversion, once on a machine: {converting:.1f} s")
    off = np.abs(stored[: race.eager] - expected).max() / np.abs(expected).max()
    say(f"   max |difference| / max |feature| to timm's own loop {off:.1e}")
    alone = Embedding(race.model, weights_dir=folder, device=machine.device, precision=machine.precision)
    rows = np.concatenate([alone.transform(cells[i : i + 1]) for i in range(8)])
    say(f"   alone against among others {np.abs(stored[:8] - rows).max() / np.abs(rows).max():.1e}")


def _print(race: Race, machine: Machine, times: Times) -> None:
    a, b, c = (statistics.median(leg) for leg in (times.eager, times.bare, times.ours))
    shown, forward = statistics.median(times.shown), statistics.median(times.forward)
    processor = shown + (forward if machine.device == "cpu" else 0)
    bound = min(b, (machine.jobs * machine.threads) / processor)
    say(f"   a  plain loop {a:.1f} cells/s (its best of 8 and 32 images, with workers or without)")
    say(f"   b  bare forward {b:.1f}; c  files to stored matrix {c:.1f}")
    # Torch's threads wait for each other, so that other programs on the machine cost the plain loop more than ours.
    best = max(times.ours) / max(times.eager)
    say(f"   c/a {c / a:.2f}, the best round of each {best:.2f}; to reach: {race.ratio}")
    say(f"   core-ms a cell: read and shown {1e3 * shown:.2f}, forward {1e3 * forward:.2f}")
    say(f"   bound {bound:.1f}, c/bound {c / bound:.2f}")


def _weights(model: str, folder: Path) -> Path:
    """Made-up weights, in the file where `--weights-dir` looks for the default ones."""
    import timm  # noqa: PLC0415 - heavy
    import torch  # noqa: PLC0415 - heavy
    from safetensors.torch import save_file  # noqa: PLC0415 - goes with torch

    file = folder / f"{model}.safetensors"
    torch.manual_seed(0)
    save_file(timm.create_model(model).state_dict(), file)
    return file


def _seconds_to_start(model: str, folder: Path, machine: Machine) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", START, model, str(folder), machine.device], check=True)
    return time.perf_counter() - start


def _bare(race: Race, machine: Machine, folder: Path, cells: Cells) -> float:
    """Images a second through the engine of one process with all threads, from memory."""
    engine = open_engine(
        Embedding(race.model).spec(),
        weights_dir=folder,
        device=machine.device,
        precision=machine.precision,
        threads=machine.jobs * machine.threads,
    )
    ready = [engine.transform(cell) for cell in cells[: race.eager]] * (1 if machine.device == "cpu" else 64)
    list(engine.features(ready[:8]))
    start = time.perf_counter()
    for _ in engine.features(ready):
        pass
    return len(ready) / (time.perf_counter() - start)


def _ours(model: str, machine: Machine, folder: Path, cells: Cells, pool: Executor) -> tuple[Features, float]:
    """The stored features, and cells a second from files to the stored matrix; the workers run already."""
    store = Path(tempfile.mkdtemp(dir=folder))
    plugin = registry.extractor(f"{model}[precision={machine.precision}]")
    options = make_options(
        {
            "extractors": [model],
            "weights_dir": folder,
            "store": store,
            "jobs": machine.jobs,
            "threads": machine.threads,
            "device": machine.device,
        }
    )
    digests = [hashlib.sha256(Path(file.path).read_bytes()).hexdigest() for file in cells.files]
    start = time.perf_counter()
    entry = entry_of(store, plugin, digests, weights_dir=str(folder), threads=machine.threads, device=machine.device)
    made = extract(FeatureRequest(entry, plugin, cells, digests, options, model), pool, Observer())
    seconds = time.perf_counter() - start
    stored = np.array(open_features(entry.folder))
    if made != len(cells) or len(stored) != len(cells):
        raise RuntimeError(f"{made} of {len(cells)} cells were extracted, {len(stored)} are stored")
    return stored, made / seconds


def _core_seconds(race: Race, folder: Path, cells: Cells, machine: Machine) -> tuple[float, float]:
    """Processor seconds that one thread takes to read and show a cell, and to compute it."""
    engine = open_engine(
        Embedding(race.model).spec(), weights_dir=folder, device=machine.device, precision=machine.precision, threads=1
    )
    some = cells[:32]
    start = time.process_time()
    ready = [engine.transform(cell) for cell in some]
    middle = time.process_time()
    for _ in engine.features(ready):
        pass
    end = time.process_time()
    return (middle - start) / len(some), (end - middle) / len(some)
