"""Each family of handcrafted features against its peer on the same phantom cells, in one process and one thread."""

from __future__ import annotations

import importlib.util
import itertools
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from _memory import peak_of
from _peers import PEERS, Frame
from threadpoolctl import threadpool_limits

from bench.datasets.phantom.reader import PhantomSpec, phantom_cells
from extractors.cells import Cell, CellFile, Cells
from extractors.handcrafted.catalogue import EXTRACTORS, Handcrafted
from extractors.handcrafted.framework.family import HandcraftedBase
from extractors.handcrafted.glcm import Glcm
from extractors.handcrafted.zernike import Zernike

Image = np.ndarray
Masked = tuple[Image, np.ndarray | None]

CELLS = 200
ROUNDS = 5
_HALVES: list[list[Masked]] = []
OUTLINE = Handcrafted(families=("size", "shape", "clefting"), regions="cell")
MATRICES = Handcrafted(families=("glrlm", "glszm", "ngtdm", "gldm"))


@dataclass(frozen=True)
class Race:
    """Ours and the peer that it is held against."""

    name: str
    extractor: HandcraftedBase
    peer: str


RACES = (
    Race("size + shape + clefting", OUTLINE, "scikit-image shape with hull and Feret"),
    Race("zernike", Zernike(regions="cell"), "mahotas Zernike, degree 8"),
    Race("glcm, distance 1", Glcm(distances=1), "mahotas Haralick, 32 levels"),
    Race("glcm, distance 1, and MCC", Glcm(distances=1), "mahotas Haralick with f14, 32 levels"),
    Race("glrlm + glszm + ngtdm + gldm", MATRICES, "pyradiomics, the same four"),
    Race("lbp, three scales", EXTRACTORS["lbp"](), "scikit-image LBP, three scales"),
)


def measure() -> None:
    """Print cells a second and numbers a cell of each race, of each family and of the whole set."""
    with threadpool_limits(1):
        cv2.setNumThreads(1)
        images = [image for image, _ in itertools.islice(phantom_cells(PhantomSpec()), CELLS)]
        _memory(images)
        _whole(images)
        found = [(image, Cell("", image).mask) for image in images]
        frames = [Frame.of(image, mask) for image, mask in found]
        say(f"{'family':<30} {'numbers':>7}  {'cells/s':>7}  {'peer':<39} {'numbers':>7}  {'cells/s':>7}  ratio")
        for race in RACES:
            _race(race, found, frames)
        _families(found)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _race(race: Race, found: Sequence[Masked], frames: Sequence[Frame]) -> None:
    module, peer = PEERS[race.peer]
    width = len(race.extractor.get_feature_names_out())
    if importlib.util.find_spec(module) is None:
        rate = _rate(race.extractor, found)
        say(f"{race.name:<30} {width:>7}  {rate:>7.0f}  {race.peer}: {module} is not installed")
        return
    numbers = len(peer(frames[0]))
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_rate(race.extractor, found))
        theirs.append(len(frames) / _seconds(lambda: [peer(frame) for frame in frames]))
    mine, other = statistics.median(ours), statistics.median(theirs)
    say(f"{race.name:<30} {width:>7}  {mine:>7.0f}  {race.peer:<39} {numbers:>7}  {other:>7.1f}  {mine / other:>5.2f}")


def _families(found: Sequence[Masked]) -> None:
    for name, extractor in EXTRACTORS.items():
        rate = statistics.median(_rate(extractor(), found) for _ in range(ROUNDS))
        say(f"{name + ' alone':<30} {len(extractor().get_feature_names_out()):>7}  {rate:>7.0f}")


def _whole(images: Sequence[Image]) -> None:
    """From decoded images, finding each cell and its nucleus included; processes inherit the images."""
    bare: list[Masked] = [(image, None) for image in images]
    _HALVES[:] = [bare[::2], bare[1::2]]
    extract, ones, twos = Handcrafted(), [], []
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(_extract_half, range(2)))
        for _ in range(ROUNDS):
            ones.append(_rate(extract, bare))
            twos.append(len(bare) / _seconds(lambda: list(pool.map(_extract_half, range(2)))))
    one, two = statistics.median(ones), statistics.median(twos)
    say(f"{'handcrafted, one process':<30} {len(extract.get_feature_names_out()):>7}  {one:>7.1f}")
    say(f"{'handcrafted, two processes':<30} {'':>7}  {two:>7.1f}  ratio to one {two / one:.2f}")


def _memory(images: Sequence[Image]) -> None:
    """Of cells on disk, decoded when their turn comes."""
    with tempfile.TemporaryDirectory() as folder:
        files = [CellFile(str(i), str(Path(folder) / f"{i}.bmp")) for i in range(len(images))]
        for file, image in zip(files, images, strict=True):
            cv2.imwrite(file.path, image[..., ::-1])
        Handcrafted().transform(Cells(files))
        few, many = (peak_of(lambda n=n: Handcrafted().transform(Cells(files * n))) for n in (1, 5))  # type: ignore[misc]
    say(f"peak memory grows by {many - few:.1f} MiB from {len(files)} cells on disk to {5 * len(files)}")


def _extract_half(half: int) -> int:
    return len(Handcrafted().transform(_cells(_HALVES[half])))


def _cells(found: Sequence[Masked]) -> list[Cell]:
    return [Cell(str(i), image, mask) for i, (image, mask) in enumerate(found)]


def _rate(extractor: HandcraftedBase, found: Sequence[Masked]) -> float:
    """Cells a second; the first cell compiles and does not count."""
    extractor.transform(_cells(found[:1]))
    cells = _cells(found)
    return len(cells) / _seconds(lambda: extractor.transform(cells))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
