"""Near-duplicate cells: copies that were rotated, re-encoded, brightened or shifted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from bench.datasets.read_errors import cell_errors_as_bench_error
from bench.datasets.scanning.orientations import ORIENTATIONS, oriented
from bench.evidence.audit.distances import Candidates, blocks, candidates, threshold
from bench.evidence.audit.textures import similarity, texture
from bench.evidence.audit.traits import Traits
from bench.statistics.arrays import Flags, Values
from extractors.cells import Cell, CellFile

Progress = Callable[[str, int, int], None]

IN_PLACE = 0.5
"""Minimum correlation of unshifted thumbnail textures of a candidate."""

SHIFTED = 0.75
"""Minimum correlation over shifts of up to two pixels of a thumbnail."""

CONFIRMED = 0.83
"""Minimum correlation of full-crop textures of near-duplicates: see docs/audit/A008.md."""

SIDE = 256
"""Maximum side of a pair of crops in the final comparison, px; both are downscaled by one factor."""

REACH = 0.06
"""Maximum shift between the crops, as a share of the longer side."""

_CHUNK = 256
_BATCH = 64


@dataclass(frozen=True)
class NearDuplicate:
    """A pair of near-duplicate cells.

    Parameters
    ----------
    first, second : int
        Positions of the cells, `first` before `second`.
    orientation : int
        Index in `ORIENTATIONS` of the orientation of the first cell that is closest to the second.
    distance : int
        Hamming distance of their 256-bit hashes in that orientation, the smallest of eight.
    similarity : float
        Correlation of the textures of their aligned crops, above `CONFIRMED`; NaN of a candidate.
    """

    first: int
    second: int
    orientation: int
    distance: int
    similarity: float = float("nan")


@dataclass(frozen=True)
class NearDuplicates:
    """Result of a search for near-duplicates.

    Parameters
    ----------
    pairs : tuple of NearDuplicate
        Pairs in the order of the cells.
    threshold : int
        Maximum distance of candidates.
    candidates : int
        Number of candidates.
    """

    pairs: tuple[NearDuplicate, ...]
    threshold: int
    candidates: int


def near_duplicates(
    traits: Traits, files: Sequence[CellFile], units: Values, *, threads: int, progress: Progress
) -> NearDuplicates:
    """Find near-duplicates among cells without identical images.

    Pairs with similar perceptual hashes (`distances.threshold`) are candidates. They are screened by their thumbnail
    textures and confirmed by the textures of their full crops.

    Parameters
    ----------
    traits : Traits
        Properties of n cells.
    files : sequence of CellFile, length n
        Files of the cells.
    units : ndarray of str, shape (n,)
        Split unit of each cell.
    threads : int
        Number of threads.
    progress : callable
        Called with the task, the number of finished steps and of all steps.
    """
    at_most = threshold(traits.hashes, units)
    screened, n_total = [], 0
    for done, n_candidates, pairs in _screened(traits, at_most, threads):
        screened += pairs
        n_total += n_candidates
        progress("compare cells", done, len(files))
    confirmed: list[NearDuplicate] = []
    for start in range(0, len(screened), _BATCH):
        batch = screened[start : start + _BATCH]
        confirmed += _confirmed(batch, files, threads)
        progress("confirm near-duplicates", start + len(batch), len(screened))
    return NearDuplicates(tuple(confirmed), at_most, n_total)


def _screened(traits: Traits, at_most: int, threads: int) -> Iterator[tuple[int, int, list[NearDuplicate]]]:
    """Yield, for each block, the finished cells, the number of candidates, and the pairs that pass screening."""

    def screen(rows: slice) -> tuple[int, int, list[NearDuplicate]]:
        block = candidates(traits.hashes, rows, at_most)
        return rows.stop, len(block.first), _agreeing(traits.textures, block)

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(screen, blocks(len(traits.hashes)))


def _agreeing(textures: npt.NDArray[np.int8], block: Candidates) -> list[NearDuplicate]:
    keep = np.zeros(len(block.first), dtype=np.bool_)
    for place, orientation in enumerate(ORIENTATIONS):
        members = np.flatnonzero(block.orientation == place)
        for start in range(0, len(members), _CHUNK):
            part = members[start : start + _CHUNK]
            one, two = (_unit(textures[cells[part]]) for cells in (block.first, block.second))
            one = np.ascontiguousarray(np.moveaxis(oriented(np.moveaxis(one, 0, 2), orientation), 2, 0))
            similarities = np.flatnonzero(np.einsum("nij,nij->n", one, two) >= IN_PLACE)
            keep[part[similarities]] = [similarity(one[k], two[k], reach=2) >= SHIFTED for k in similarities]
    columns = (block.first, block.second, block.orientation, block.distance)
    return [NearDuplicate(*map(int, row)) for row in zip(*(column[keep] for column in columns), strict=True)]


def _unit(textures: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    values = textures.astype(np.float32)
    length = np.sqrt(np.einsum("nij,nij->n", values, values))
    return np.asarray(values / np.maximum(length, 1.0)[:, None, None])


def _confirmed(pairs: Sequence[NearDuplicate], files: Sequence[CellFile], threads: int) -> list[NearDuplicate]:
    needed = sorted({cell for pair in pairs for cell in (pair.first, pair.second)})
    with ThreadPoolExecutor(threads) as pool:
        crops = dict(zip(needed, pool.map(_crop, (files[cell] for cell in needed)), strict=True))
        similarities = pool.map(
            lambda pair: _crop_similarity(crops[pair.first], crops[pair.second], ORIENTATIONS[pair.orientation]), pairs
        )
        return [
            replace(pair, similarity=value)
            for pair, value in zip(pairs, similarities, strict=True)
            if value >= CONFIRMED
        ]


_Crop = tuple[npt.NDArray[np.uint8], Flags]


def _crop(file: CellFile) -> _Crop:
    """Luminance and mask in the mask's bounding box."""
    cell = Cell.from_file(file)
    with cell_errors_as_bench_error(file):
        image, mask = cell.image, cell.mask
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    box = np.s_[y : y + height, x : x + width]
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image[box]), cv2.COLOR_RGB2GRAY)), mask[box]


def _crop_similarity(one: _Crop, two: _Crop, orientation: tuple[int, int, int]) -> float:
    first = oriented(one[0], orientation), oriented(one[1], orientation)
    height, width = two[0].shape
    # JPEG masks and crops differ by a pixel or two; crops of rescaled copies by more.
    if max(abs(np.log(first[0].shape[0] / height)), abs(np.log(first[0].shape[1] / width))) > REACH:
        first = _resized(first, height, width)
    # One factor for both, so that crops that differ by a pixel have the same scale.
    scale = min(1.0, SIDE / max(*first[0].shape, height, width))
    textures = [texture(*_scaled(crop, scale)) for crop in (first, two)]
    return similarity(*textures, reach=max(2, round(REACH * scale * max(height, width))))


def _scaled(crop: _Crop, scale: float) -> _Crop:
    height, width = crop[0].shape
    return _resized(crop, max(1, round(height * scale)), max(1, round(width * scale)))


def _resized(crop: _Crop, height: int, width: int) -> _Crop:
    grey, inside = np.ascontiguousarray(crop[0]), np.ascontiguousarray(crop[1])
    if grey.shape == (height, width):
        return grey, inside
    cover = cv2.resize(inside.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)), cover >= 0.5
