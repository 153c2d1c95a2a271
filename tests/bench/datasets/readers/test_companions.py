from __future__ import annotations

import pytest

from bench.datasets.readers.companions import mask_affixes, masks_beside, second_formats, thumbnails


@pytest.mark.parametrize(
    "mask",
    ["x_mask", "x-mask", "x.mask", "x mask", "x_MASK", "mask_x", "x_masks", "x_nucleus_mask", "x_cp_masks", "x_seg",
     "x_gt", "x_segmentation", "x_label", "x_mask_0", "x_mask2", "Mask-x"],
)  # fmt: skip
def test_names_of_masks_of_an_image_beside_them(mask: str) -> None:
    assert masks_beside(["a/x.png", f"a/{mask}.tif", "b/y.png"]) == {f"a/{mask}.tif": "a/x.png"}


@pytest.mark.parametrize(
    "files",
    [["a/x.png", "b/x_mask.png"], ["a/y.png", "a/x_mask.png"], ["a/x.png", "a/xmask.png"], ["a/x.png", "a/x_1.png"],
     ["a/x.png", "a/x_masked.png"], ["a/mask.png", "a/x.png"], ["a/x_seg_1.png", "a/x_seg_2.png"]],
)  # fmt: skip
def test_names_that_are_not_masks(files: list[str]) -> None:
    assert masks_beside(files) == {}


@pytest.mark.parametrize("name", ["a/x_thumb", "a/thumb_x", "a/x-preview", "a/x.thumbnail", "a/thumbs/x", "Previews/x"])
def test_thumbnails(name: str) -> None:
    assert thumbnails(["a/x.png", f"{name}.jpg", "a/thumbelina.png"]) == [f"{name}.jpg"]


def test_second_formats() -> None:
    assert second_formats(["a/x.jpg", "a/x.png", "b/x.png", "a/x.1.png"]) == [("a/x.jpg", "a/x.png")]


def test_affixes_of_masks() -> None:
    masks = ["a/1_mask", "a/10_mask", "b/nucleus_1", "c/1_mask"]
    assert mask_affixes(["a/1", "a/10", "b/1"], masks) == {
        ("", "_mask"): {"a/1": "a/1_mask", "a/10": "a/10_mask"},
        ("nucleus_", ""): {"b/1": "b/nucleus_1"},
    }
