"""Cells that are copies of one another without being identical: turned, re-encoded, brightened, shifted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from bench.datasets.scanning.orientations import ORIENTATIONS, oriented
from bench.evidence.audit.distances import Candidates, blocks, candidates, threshold
from bench.evidence.audit.textures import likeness, texture
from bench.evidence.audit.traits import Traits
from extractors.cells import Cell, CellFile

Progress = Callable[[str, int, int], None]

IN_PLACE = 0.5
"""Correlation of the thumbnails' textures as they lie, below which a candidate is dropped."""

SHIFTED = 0.75
"""The same, over shifts of up to two pixels of a thumbnail."""

CONFIRMED = 0.83
"""Correlation of the full crops' textures from which a pair counts as near-duplicates: see docs/audit/A008.md."""

SIDE = 256
"""Longest side in pixels of a pair of crops that is looked at for the last time; both are made smaller alike."""

REACH = 0.06
"""Largest shift of a crop against the other, as a share of its longer side."""

_TOGETHER = 256
_AGAIN = 64


@dataclass(frozen=True)
class NearDuplicate:
    """Two cells that are most likely one.

    Parameters
    ----------
    first, second : int
        Positions of the cells, `first` before `second`.
    distance : int
        Hamming distance of their 256-bit hashes, in the best of eight orientations.
    likeness : float
        Correlation of the textures of their aligned crops, above `CONFIRMED`.
    """

    first: int
    second: int
    distance: int
    likeness: float


@dataclass(frozen=True)
class NearDuplicates:
    """What a search found.

    Parameters
    ----------
    pairs : tuple of NearDuplicate
        In the order of the cells.
    threshold : int
        Distance up to which pairs were looked at.
    candidates : int
        Pairs within it.
    """

    pairs: tuple[NearDuplicate, ...]
    threshold: int
    candidates: int


class _Pair(NamedTuple):
    first: int
    second: int
    orientation: int
    distance: int


def near_duplicates(
    traits: Traits, files: Sequence[CellFile], units: npt.NDArray[Any], *, threads: int, progress: Progress
) -> NearDuplicates:
    """All near-duplicates among cells of which no two are identical.

    Pairs whose perceptual hashes are near each other (`distances.threshold`) are candidates. They are dropped unless
    their thumbnails' textures agree, and confirmed where the textures of their full crops do, read once more.

    Parameters
    ----------
    traits : Traits
        Of n cells.
    files : sequence of CellFile, length n
        Where they lie.
    units : ndarray of str, shape (n,)
        Split unit of each.
    threads : int
        Cells and blocks of pairs that are worked on at a time.
    progress : callable
        Called with the task's name, the steps done and the steps in all.
    """
    at_most = threshold(traits.hashes, units)
    found, total = [], 0
    for done, seen, pairs in _screened(traits, at_most, threads):
        found += pairs
        total += seen
        progress("compare cells", done, len(files))
    confirmed: list[NearDuplicate] = []
    for start in range(0, len(found), _AGAIN):
        batch = found[start : start + _AGAIN]
        confirmed += _confirmed(batch, files, threads)
        progress("look again", start + len(batch), len(found))
    return NearDuplicates(tuple(confirmed), at_most, total)


def _screened(traits: Traits, at_most: int, threads: int) -> Iterator[tuple[int, int, list[_Pair]]]:
    """After each block: cells done, candidates seen in it, and those of them whose thumbnails agree."""

    def screen(rows: slice) -> tuple[int, int, list[_Pair]]:
        block = candidates(traits.hashes, rows, at_most)
        return rows.stop, len(block.first), _agreeing(traits.textures, block)

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(screen, blocks(len(traits.hashes)))


def _agreeing(textures: npt.NDArray[np.int8], block: Candidates) -> list[_Pair]:
    keep = np.zeros(len(block.first), dtype=np.bool_)
    for place, orientation in enumerate(ORIENTATIONS):
        members = np.flatnonzero(block.orientation == place)
        for start in range(0, len(members), _TOGETHER):
            part = members[start : start + _TOGETHER]
            one, two = (_unit(textures[cells[part]]) for cells in (block.first, block.second))
            one = np.ascontiguousarray(np.moveaxis(oriented(np.moveaxis(one, 0, 2), orientation), 2, 0))
            alike = np.flatnonzero(np.einsum("nij,nij->n", one, two) >= IN_PLACE)
            keep[part[alike]] = [likeness(one[k], two[k], reach=2) >= SHIFTED for k in alike]
    columns = (block.first, block.second, block.orientation, block.distance)
    return [_Pair(*map(int, row)) for row in zip(*(column[keep] for column in columns), strict=True)]


def _unit(textures: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    values = textures.astype(np.float32)
    length = np.sqrt(np.einsum("nij,nij->n", values, values))
    return np.asarray(values / np.maximum(length, 1.0)[:, None, None])


def _confirmed(pairs: Sequence[_Pair], files: Sequence[CellFile], threads: int) -> list[NearDuplicate]:
    needed = sorted({cell for pair in pairs for cell in pair[:2]})
    with ThreadPoolExecutor(threads) as pool:
        crops = dict(zip(needed, pool.map(_crop, (files[cell] for cell in needed)), strict=True))
        alike = pool.map(
            lambda pair: _second_look(crops[pair.first], crops[pair.second], ORIENTATIONS[pair.orientation]), pairs
        )
        return [
            NearDuplicate(pair.first, pair.second, pair.distance, found)
            for pair, found in zip(pairs, alike, strict=True)
            if found >= CONFIRMED
        ]


_Crop = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]


def _crop(file: CellFile) -> _Crop:
    """Luminance and mask in the mask's bounding box."""
    cell = Cell.from_file(file)
    x, y, width, height = cv2.boundingRect(cell.mask.astype(np.uint8))
    box = np.s_[y : y + height, x : x + width]
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(cell.image[box]), cv2.COLOR_RGB2GRAY)), cell.mask[box]


def _second_look(one: _Crop, two: _Crop, orientation: tuple[int, int, int]) -> float:
    first = oriented(one[0], orientation), oriented(one[1], orientation)
    height, width = two[0].shape
    # A JPEG's mask differs by a pixel or two at the rim, and its crop with it; a copy of another scale by more.
    if max(abs(np.log(first[0].shape[0] / height)), abs(np.log(first[0].shape[1] / width))) > REACH:
        first = _resized(first, height, width)
    # One factor for both: crops that differ by a pixel would else be scaled apart.
    scale = min(1.0, SIDE / max(*first[0].shape, height, width))
    textures = [texture(*_scaled(crop, scale)) for crop in (first, two)]
    return likeness(*textures, reach=max(2, round(REACH * scale * max(height, width))))


def _scaled(crop: _Crop, scale: float) -> _Crop:
    height, width = crop[0].shape
    return _resized(crop, max(1, round(height * scale)), max(1, round(width * scale)))


def _resized(crop: _Crop, height: int, width: int) -> _Crop:
    grey, inside = np.ascontiguousarray(crop[0]), np.ascontiguousarray(crop[1])
    if grey.shape == (height, width):
        return grey, inside
    cover = cv2.resize(inside.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)), cover >= 0.5
