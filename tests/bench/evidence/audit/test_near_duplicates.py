"""Planted copies among phantom cells, whose truth is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.datasets.phantom.reader import PhantomSpec, phantom_cells
from bench.datasets.scanning.orientations import ORIENTATIONS, oriented
from bench.evidence.audit.near_duplicates import near_duplicates
from bench.evidence.audit.traits import read_traits
from extractors.cells import CellFile

Image = np.ndarray

KINDS = ("turned", "JPEG", "brighter", "darker", "shifted", "turned, JPEG", "turned, shifted, brighter, JPEG")


def copy_of(image: Image, kind: str, orientation: tuple[int, int, int]) -> Image:
    if "turned" in kind:
        image = np.ascontiguousarray(oriented(image, orientation))
    if "shifted" in kind:
        image = cv2.warpAffine(image, np.array([[1, 0, 3], [0, 1, -3]], np.float32), image.shape[1::-1])
    factor = 1.1 if "brighter" in kind else 0.9 if kind == "darker" else 1.0
    return np.clip(np.rint(image * factor), 0, 255).astype(np.uint8)


def planted(
    spec: PhantomSpec, n: int, copies: int, folder: Path
) -> tuple[list[CellFile], np.ndarray, set[tuple[int, int]]]:
    """`n` cells on disk of which the last are copies of others, their patients, and the pairs of cell and copy."""
    drawn = list(zip(range(n - copies), phantom_cells(spec), strict=False))
    assert len(drawn) == n - copies
    images = [image for _, (image, _) in drawn]
    patients = [str(row["patient"]) for _, (_, row) in drawn]
    rng = np.random.default_rng(0)
    sources = rng.choice(len(images), copies, replace=False)
    files, truth = [], set()
    for number, source in enumerate(sources):
        kind = KINDS[number % len(KINDS)]
        images.append(copy_of(images[source], kind, ORIENTATIONS[1 + number % 7]))
        patients.append(patients[rng.integers(len(drawn))])
        truth.add((int(source), n - copies + number))
    for place, image in enumerate(images):
        lossy = place >= n - copies and "JPEG" in KINDS[(place - n + copies) % len(KINDS)]
        path = folder / f"{place}.{'jpg' if lossy else 'bmp'}"
        quality = [cv2.IMWRITE_JPEG_QUALITY, 90] if lossy else []
        assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
        files.append(CellFile(path.name, str(path)))
    return files, np.array(patients), truth


def search(files: list[CellFile], patients: np.ndarray) -> set[tuple[int, int]]:
    steps: list[tuple[str, int, int]] = []
    traits = read_traits(files, threads=2)
    result = near_duplicates(traits, files, patients, threads=2, progress=lambda *step: steps.append(step))
    assert steps[0][0] == "compare cells"
    assert steps[-1][1] == steps[-1][2]
    assert all(pair.similarity >= 0.83 and pair.distance <= result.threshold for pair in result.pairs)
    return {(pair.first, pair.second) for pair in result.pairs}


def test_detects_copies_only(tmp_path: Path) -> None:
    files, patients, truth = planted(PhantomSpec(patients=5, cells=20, seed=3, mixture="size"), 160, 14, tmp_path)
    assert search(files, patients) == truth


@pytest.mark.parametrize(
    ("signature", "n"),
    [(4.0, 300), *(pytest.param(signature, 2000, marks=pytest.mark.study) for signature in (1.0, 4.0))],
)
def test_detects_95_percent_of_copies_with_at_most_5_false_pairs(tmp_path: Path, signature: float, n: int) -> None:
    spec = PhantomSpec(patients=16, cells=70, spread=0.3, signature=signature, seed=11, mixture="size")
    files, patients, truth = planted(spec, n, n // 10, tmp_path)
    result = search(files, patients)
    assert len(result & truth) >= 0.95 * len(truth)
    assert len(result - truth) <= 5 * n / 2000


def test_detects_a_copy_of_half_the_size(tmp_path: Path) -> None:
    images = [
        image
        for _, (image, _) in zip(
            range(12), phantom_cells(PhantomSpec(patients=2, cells=8, mixture="size")), strict=False
        )
    ]
    images.append(cv2.resize(images[4], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    files = []
    for place, image in enumerate(images):
        path = tmp_path / f"{place}.bmp"
        assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        files.append(CellFile(path.name, str(path)))
    assert search(files, np.array([str(i) for i in range(13)])) == {(4, 12)}


def test_flat_cells_are_no_copies(tmp_path: Path) -> None:
    files = []
    for place in range(6):
        image = np.zeros((60, 60, 3), np.uint8)
        cv2.circle(image, (30, 30), 15 + place, (90, 60, 120), -1)
        path = tmp_path / f"{place}.bmp"
        assert cv2.imwrite(str(path), image)
        files.append(CellFile(path.name, str(path)))
    assert search(files, np.array(list("abcdef"))) == set()
