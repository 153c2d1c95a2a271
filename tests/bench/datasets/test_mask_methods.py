"""Methods of `--mask` by name, their parameters, and their part of the digest of a cell."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.datasets.mask_methods import mask_method
from bench.datasets.scanning.file_probe import probe_file
from bench.datasets.scanning.scan import _digest
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError
from extractors.cells import CellFile
from extractors.segmentation.threshold import HsvMask, OtsuMask


@pytest.mark.parametrize(
    ("text", "method"),
    [
        (None, None),
        ("whole", "whole"),
        ("smear", "smear"),
        ("otsu", OtsuMask()),
        ("otsu[channel=green,equalise=true]", OtsuMask(equalise=True)),
        ("otsu[classes=3,opening=0,channel=grey]", OtsuMask(channel="grey", classes=3, opening=0)),
        ("threshold[space=hsv]", HsvMask()),
        ("./otsu", None),
        ("masks", None),
        ("a/threshold[1]", None),
        ("otsu-masks", None),
    ],
)
def test_a_method_or_a_folder(text: str | None, method: object) -> None:
    assert mask_method(text) == method


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("otsu[chanel=green]", r"--mask otsu\[chanel=green\]: otsu has no parameter 'chanel'. Did you mean channel"),
        ("otsu[channel=uv]", r"--mask otsu\[channel=uv\]: channel is one of green, red, blue, grey \(given: uv\)"),
        ("threshold[space=rgb]", "--mask .*: space is one of hsv"),
        ("smear[radius=3]", r"--mask smear\[radius=3\]: smear has no parameter 'radius'. It takes no parameters"),
        ("otsu[channel=green", "--mask .*: .* bracket"),
        ("otsu[equalise=yes]", "--mask .*: equalise is true or false"),
        ("otsu[opening=svm[C=1]]", "--mask .*: opening is an integer"),
    ],
)
def test_a_wrong_parameter_is_a_sentence(text: str, message: str) -> None:
    with pytest.raises(BenchError, match=f"^{message}"):
        mask_method(text)


def test_cells_have_the_method_in_place_of_the_masks_of_the_table() -> None:
    table = cell_table(cell=["x"], path=["/x"], label=["a"], patient=["1"], mask_path=["/m"])
    options = ReadOptions(mask="otsu[equalise=true]")
    (file,) = Dataset("d", "r", table, None, options).cells().files
    assert (file.mask_path, file.mask_by) == (None, OtsuMask(equalise=True))
    assert options.mask_folders == frozenset()


def test_the_digest_of_a_cell_depends_on_the_method_and_its_parameters(tmp_path: Path) -> None:
    image = np.full((60, 60, 3), 230, np.uint8)
    cv2.circle(image, (30, 30), 12, (140, 50, 85), -1)
    assert cv2.imwrite(str(tmp_path / "c.png"), image)
    methods = ["whole", OtsuMask(), OtsuMask(equalise=True), OtsuMask(classes=3), HsvMask(), HsvMask(opening=1)]
    files = [CellFile("c", str(tmp_path / "c.png"), mask_by=method) for method in methods]  # type: ignore[arg-type]
    probes = [probe_file(file) for file in files]
    assert len({_digest(file, probe) for file, probe in zip(files, probes, strict=True)}) == len(methods)
    assert _digest(files[1], probes[1]) == _digest(CellFile("c", "", mask_by=OtsuMask(channel="green")), probes[1])


def test_a_cell_without_an_object_is_unreadable(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "c.png"), np.full((60, 60, 3), 230, np.uint8))
    with pytest.raises(
        ValueError, match=r"^--mask otsu\[opening=2,.*\] segmented no object that does not touch the frame"
    ):
        probe_file(CellFile("c", str(tmp_path / "c.png"), mask_by=OtsuMask()))
