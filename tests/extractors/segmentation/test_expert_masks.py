"""Dice and Jaccard against the masks that experts drew of 400 cells; shown with `-s`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from extractors.images.pixels import read_image
from extractors.segmentation.nucleus import nucleus_candidate, nucleus_mask
from extractors.segmentation.smear import smear_mask
from extractors.segmentation.threshold import HsvMask, OtsuMask, ThresholdMask

Mask = npt.NDArray[np.bool_]


@pytest.mark.parametrize(
    ("dataset", "segmented", "mean", "median"), [(1, 290, (0.935, 0.925), 0.97), (2, 99, (0.94, 0.97), 0.985)]
)
def test_nuclei_in_expert_cells(
    shared: Path, dataset: int, segmented: int, mean: tuple[float, float], median: float
) -> None:
    """Even file numbers chose the parameters; a missing nucleus counts as 0."""
    even, dice = overlaps(shared, dataset, "nucleus", lambda path, cell: nucleus_mask(read_image(path), cell))
    assert np.count_nonzero(dice) >= segmented
    assert dice[even].mean() > mean[0]
    assert dice[~even].mean() > mean[1]
    assert np.median(dice) > median


@pytest.mark.parametrize(("dataset", "mean"), [(1, 0.95), (2, 0.965)])
def test_nuclei_including_rejected_candidates(shared: Path, dataset: int, mean: float) -> None:
    _, dice = overlaps(shared, dataset, "candidate", candidate_mask)
    assert dice.mean() > mean


@pytest.mark.parametrize(("dataset", "mean", "median"), [(1, 0.95, 0.97), (2, 0.89, 0.96)])
def test_cells_segmented_in_a_smear(shared: Path, dataset: int, mean: float, median: float) -> None:
    _, dice = overlaps(shared, dataset, "cell in smear", lambda path, _: smear_mask_of(path), of="cell")
    assert dice.mean() > mean
    assert np.median(dice) > median


@pytest.mark.parametrize(("dataset", "mean"), [(1, 0.905), (2, 0.93)])
def test_nuclei_of_cells_segmented_in_a_smear(shared: Path, dataset: int, mean: float) -> None:
    _, dice = overlaps(
        shared, dataset, "nucleus in smear", lambda path, _: nucleus_mask(read_image(path), smear_mask_of(path))
    )
    assert dice.mean() > mean


@pytest.mark.parametrize(
    ("method", "nucleus", "cell"),
    [
        (OtsuMask(equalise=True), (0.35, 0.27), (0.63, 0.37)),
        (OtsuMask(), (0.65, 0.52), (0.88, 0.51)),
        (OtsuMask(equalise=True, classes=3), (0.72, 0.80), (0.79, 0.70)),
        (OtsuMask(classes=3), (0.89, 0.88), (0.53, 0.55)),
        (HsvMask(), (0.75, 0.90), (0.60, 0.56)),
    ],
    ids=str,
)
def test_objects_beyond_a_threshold_in_a_smear(
    shared: Path, method: ThresholdMask, nucleus: tuple[float, float], cell: tuple[float, float]
) -> None:
    for of, bounds in (("nucleus", nucleus), ("cell", cell)):
        for dataset, mean in zip((1, 2), bounds, strict=True):
            _, dice = overlaps(shared, dataset, f"{of} by {method}", lambda path, _: method(read_image(path)), of=of)
            assert dice.mean() > mean


@cache
def smear_mask_of(path: Path) -> Mask:
    return smear_mask(read_image(path))


def candidate_mask(path: Path, cell: Mask) -> Mask | None:
    candidate = nucleus_candidate(read_image(path), cell)
    return None if candidate is None else candidate.mask


def overlaps(
    shared: Path,
    dataset: int,
    what: str,
    find: Callable[[Path, Mask], Mask | None],
    *,
    of: str = "nucleus",
) -> tuple[Mask, npt.NDArray[np.float64]]:
    """Whether each file's number is even, and its Dice; prints the table's row."""
    even, dice = [], []
    for path in sorted((shared / f"data/wbc-masks/dataset{dataset}").glob("*.png")):
        drawn = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        cell, truth = drawn > 64, drawn > (64 if of == "cell" else 192)
        mask = find(path.with_suffix(".bmp"), cell)
        both = 0 if mask is None else 2 * np.count_nonzero(mask & truth) / (mask.sum() + truth.sum())
        even.append(int(path.stem) % 2 == 0)
        dice.append(both)
    values = np.array(dice)
    jaccard = values / (2 - values)
    print(  # noqa: T201 (the table that the test is there to show)
        f"\ndataset {dataset} {what:<16}: segmented {np.count_nonzero(values)} of {len(values)}, "
        f"Dice mean {values.mean():.3f} median {np.median(values):.3f}, "
        f"Jaccard mean {jaccard.mean():.3f} median {np.median(jaccard):.3f}"
    )
    return np.array(even), values
