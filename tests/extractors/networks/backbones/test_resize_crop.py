"""The transform equals those of timm and torchvision bit for bit."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from timm.data import create_transform
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from extractors.cells import Cell
from extractors.networks.backbones import resize_crop
from extractors.networks.backbones.resize_crop import INTERPOLATIONS, Resize, ResizeCrop

MEAN, STD = (0.5, 0.4, 0.3), (1.0, 1.0, 1.0)
SIDES = st.one_of(st.integers(8, 300), st.sampled_from([64, 96, 112, 128, 144, 225, 256, 450]))


def noise(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(height * 1009 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def timm_transform(size: tuple[int, int], crop_pct: float, crop_mode: str, interpolation: str) -> ResizeCrop:
    """The transform of a configuration, derived by hand from timm's documentation of its crop modes."""
    scaled = math.floor(size[0] / crop_pct), math.floor(size[1] / crop_pct)
    centre: Resize = "shorter" if scaled[0] == scaled[1] else "cover"
    resize: Resize = {"center": centre, "squash": "exact", "border": "contain"}[crop_mode]  # type: ignore[assignment]
    red, green, blue = (round(255 * value) if crop_mode == "border" else 0 for value in MEAN)
    return ResizeCrop(size, scaled, resize, interpolation, MEAN, STD, (red, green, blue))


@given(
    sides=st.one_of(st.tuples(SIDES, SIDES), SIDES.map(lambda side: (side, side))),
    size=st.sampled_from([(64, 64), (112, 112), (128, 128), (96, 128)]),
    crop_pct=st.sampled_from([0.875, 0.9, 0.95, 1.0]),
    crop_mode=st.sampled_from(["center", "squash", "border"]),
    interpolation=st.sampled_from(sorted(INTERPOLATIONS)),
)
@example((450, 450), (224, 224), 0.875, "center", "bicubic")
@example((450, 450), (224, 224), 0.95, "center", "bicubic")
@example((238, 141), (224, 224), 0.875, "border", "lanczos")
@example((288, 242), (224, 224), 0.875, "border", "bilinear")
@settings(max_examples=300, deadline=None)
def test_it_equals_the_transform_of_timm(
    sides: tuple[int, int], size: tuple[int, int], crop_pct: float, crop_mode: str, interpolation: str
) -> None:
    image = noise(*sides)
    transform = create_transform(
        input_size=(3, *size),
        crop_pct=crop_pct,
        crop_mode=crop_mode,
        interpolation=interpolation,
        mean=MEAN,
        std=STD,
        normalize=False,
    )
    expected = transform(Image.fromarray(image)).permute(1, 2, 0).numpy()
    assert np.array_equal(timm_transform(size, crop_pct, crop_mode, interpolation).apply(image), expected)


@given(height=SIDES, width=SIDES)
@settings(max_examples=50, deadline=None)
def test_it_equals_the_preset_of_torchvision(height: int, width: int) -> None:
    image = noise(height, width)
    preset = ImageClassification(crop_size=112, resize_size=128, mean=(0, 0, 0), std=(1, 1, 1))
    expected = (preset(Image.fromarray(image)) * 255).round().permute(1, 2, 0).numpy()
    transform = ResizeCrop((112, 112), (128, 128), "shorter", InterpolationMode.BILINEAR.value, MEAN, STD, (0, 0, 0))
    assert np.array_equal(transform.apply(image), expected)


def test_only_the_crop_is_resized_if_the_result_is_identical(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def spy(self: Image.Image, size: tuple[int, int], *rest: object, **more: object) -> Image.Image:
        sizes.append(size)
        return resize(self, size, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Image.Image, "resize", spy)
    for side, crop_pct in ((450, 0.875), (450, 0.95), (448, 1.0), (256, 0.875)):
        timm_transform((224, 224), crop_pct, "center", "bicubic").apply(noise(side, side))
    assert sizes == [(224, 224), (235, 235), (224, 224), (256, 256)]


def test_a_non_contiguous_image_equals_its_copy() -> None:
    image = noise(90, 80)[::-1, :, ::-1]
    transform = timm_transform((64, 64), 0.875, "center", "bicubic")
    assert np.array_equal(transform.apply(image), transform.apply(image.copy()))


@pytest.mark.parametrize("sides", [(7, 100), (100, 7)])
def test_an_image_below_8_pixels_raises(sides: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"{sides[1]} x {sides[0]} pixels is too small .* at least 8 pixels"):
        timm_transform((64, 64), 1.0, "center", "bilinear").apply(noise(*sides))


def test_a_strip_raises_before_it_is_resized() -> None:
    with pytest.raises(ValueError, match=r"8 x 100000 pixels is too long and thin .* 819 million pixels"):
        timm_transform((256, 256), 1.0, "center", "bilinear").apply(np.zeros((100_000, 8, 3), dtype=np.uint8))


def test_json_round_trip() -> None:
    transform = timm_transform((96, 128), 0.9, "border", "bicubic")
    assert ResizeCrop.from_dict(json.loads(json.dumps(asdict(transform)))) == transform
    assert hash(transform) == hash(ResizeCrop.from_dict(asdict(transform)))


@pytest.mark.parametrize(
    "change",
    [
        {"resize": "stretch"},
        {"interpolation": "spline"},
        {"size": [64]},
        {"scaled": [0, 64]},
        {"size": [10**9, 10**9]},
        {"mean": [0.5, 0.5, "x"]},
        {"std": [0.5, 0.5, float("nan")]},
        {"fill": [0, 0, 256]},
        {"size": None},
    ],
)
def test_invalid_values_raise(change: dict[str, object]) -> None:
    values = asdict(timm_transform((64, 64), 0.9, "center", "bicubic"))
    with pytest.raises(ValueError, match="invalid image transform"):
        ResizeCrop.from_dict(values | change)
    with pytest.raises(ValueError, match="invalid image transform"):
        ResizeCrop.from_dict({key: value for key, value in values.items() if key not in change})


def test_the_transform_imports_no_torch() -> None:
    code = (
        "import sys, numpy; from extractors.networks.backbones.resize_crop import ResizeCrop; "
        "transform = ResizeCrop((8, 8), (9, 9), 'shorter', 'bicubic', (0, 0, 0), (1, 1, 1), (0, 0, 0)); "
        "transform.apply(numpy.zeros((20, 20, 3), 'uint8')); "
        "print({'torch', 'timm', 'torchvision'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(resize_crop.__file__).parents[3],
    )
    assert answer.stdout == "set()\n"


@pytest.mark.parametrize("resize", ["shorter", "exact", "cover", "contain"])
def test_the_mask_has_the_geometry_of_the_image(resize: Resize) -> None:
    """A block of the cell has its corners at the same pixels, and padding is outside."""
    mask = np.zeros((60, 45), dtype=np.bool_)
    mask[20:40, 10:30] = True
    cell = Cell("block", np.where(mask[..., None], np.uint8(255), np.uint8(0)).repeat(3, axis=2), mask)
    transform = ResizeCrop((64, 64), (72, 72), resize, "bilinear", MEAN, STD, (0, 0, 0))
    covered = transform(cell)[..., 0] / 255
    transformed = replace(transform, fill=(255, 255, 255)).mask(cell)
    assert transformed.shape == (64, 64)
    assert transformed[covered > 0.9].all()
    assert not transformed[covered < 0.1].any()
    assert abs(transformed.sum() - covered.sum()) < 0.1 * covered.sum()
