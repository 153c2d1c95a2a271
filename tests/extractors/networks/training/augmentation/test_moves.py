"""Flips, turns, rotations, affine moves and crops move image and mask together."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from extractors.networks.training.augmentation.affine import Affine
from extractors.networks.training.augmentation.augmentation import Augmentation
from extractors.networks.training.augmentation.crop import RandomCrop
from extractors.networks.training.augmentation.flips import Flips
from extractors.networks.training.augmentation.random_transform import RandomTransform
from extractors.networks.training.augmentation.rotate import Rotate
from extractors.networks.training.augmentation.turns import Turns

SIDE = 33
MOVES: list[RandomTransform] = [Flips(), Turns(), Rotate(), Affine(0.2, 0.2, 10.0), RandomCrop()]


def augmented(
    transforms: tuple[RandomTransform, ...], images: torch.Tensor, masks: torch.Tensor | None = None, **options: Any
) -> tuple[torch.Tensor, Any]:
    return Augmentation(transforms)(images, masks, torch.Generator().manual_seed(0), **options)


def marked(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (n, side, side, 3) with a white square, not in the centre, that is also the mask."""
    masks = torch.zeros(n, SIDE, SIDE, dtype=torch.bool)
    masks[:, 10:15, 18:23] = True
    return (255 * masks[..., None]).repeat(1, 1, 1, 3).to(torch.uint8), masks


def centres(weights: torch.Tensor) -> torch.Tensor:
    """Centres of gravity (n, 2), in pixels from the centre of the frame: right and down."""
    axis = torch.arange(SIDE) - (SIDE - 1) / 2
    total = weights.sum(dim=(1, 2))
    return torch.stack(
        [(weights.sum(dim=1) * axis).sum(dim=1) / total, (weights.sum(dim=2) * axis).sum(dim=1) / total], 1
    )


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_image_and_mask_move_together(move: RandomTransform) -> None:
    images, masks = marked(40)
    moved, moved_masks = augmented((move,), images, masks)
    assert moved.dtype == torch.float32
    assert moved_masks.dtype == torch.bool
    assert torch.equal(moved_masks, moved[:, 0] > 0.5)
    assert torch.equal(moved[:, 0], moved[:, 2])
    visible = moved_masks.sum(dim=(1, 2)) > 8
    assert visible.sum() > 30
    assert len(torch.unique(centres(moved_masks[visible].float()), dim=0)) > 3
    assert torch.equal(masks, marked(40)[1])


def test_flips_and_turns_are_the_eight_symmetries_of_the_square() -> None:
    images = torch.arange(4, dtype=torch.uint8).reshape(1, 2, 2, 1).repeat(1600, 1, 1, 3)
    transformed = augmented((Flips(), Turns()), images)[0][:, 0].flatten(1) * 255
    seen, counts = torch.unique(transformed.round().int(), dim=0, return_counts=True)
    assert {tuple(row) for row in seen.tolist()} == {
        (0, 1, 2, 3), (1, 3, 0, 2), (3, 2, 1, 0), (2, 0, 3, 1), (1, 0, 3, 2), (0, 2, 1, 3), (2, 3, 0, 1), (3, 1, 2, 0)
    }  # fmt: skip
    # 200 of each are expected, with a standard deviation of 13
    assert counts.min() > 140
    assert counts.max() < 260


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_both_flips_have_the_probability_independently(p: float) -> None:
    images = torch.arange(4, dtype=torch.uint8).reshape(1, 2, 2, 1).repeat(4000, 1, 1, 3)
    corner = (augmented((Flips(p),), images)[0][:, 0, 0, 0] * 255).round()
    shares = torch.bincount(corner.long(), minlength=4) / 4000
    torch.testing.assert_close(shares, torch.tensor([(1 - p) ** 2, p * (1 - p), p * (1 - p), p * p]), rtol=0, atol=0.03)


def test_turns_have_no_interpolation_and_a_probability() -> None:
    images = torch.randint(0, 256, (1, 9, 9, 3), dtype=torch.uint8).repeat(4000, 1, 1, 1)
    turned = augmented((Turns(0.4),), images)[0]
    ways, counts = torch.unique(turned, dim=0, return_counts=True)
    assert len(ways) == 4
    unchanged = counts[[bool(torch.equal(way, turned[0] * 0 + images[0].permute(2, 0, 1) / 255)) for way in ways]]
    assert abs(int(unchanged) / 4000 - (0.6 + 0.4 / 4)) < 0.03


def test_turns_need_squares() -> None:
    with pytest.raises(ValueError, match="these are 4 x 6 px"):
        augmented((Turns(),), torch.zeros(1, 4, 6, 3, dtype=torch.uint8))


def angles_of(moved_masks: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """Counter-clockwise angles in degrees of centres relative to the centre `start`."""
    end = centres(moved_masks.float())
    turned = torch.atan2(-end[:, 1], end[:, 0]) - torch.atan2(-start[:, 1], start[:, 0])
    return torch.rad2deg(torch.remainder(turned + math.pi, 2 * math.pi) - math.pi)


def test_angles_are_uniform_up_to_degrees_times_strength() -> None:
    images, masks = marked(600)
    start = centres(masks.float())
    for strength in (1.0, 0.5):
        angles = angles_of(augmented((Rotate(40.0),), images, masks, strength=strength)[1], start)
        assert angles.abs().max() < 40 * strength + 4
        assert angles.max() > 38 * strength - 4
        assert angles.min() < -38 * strength + 4
        # standard deviation of a uniform distribution
        assert math.isclose(float(angles.std()), 2 * 40 * strength / math.sqrt(12), rel_tol=0.1)


def test_the_share_of_rotated_images_is_p() -> None:
    images, masks = marked(600)
    moved = augmented((Rotate(p=0.3),), images, masks)[0]
    changed = (moved != images.permute(0, 3, 1, 2) / 255).flatten(1).any(dim=1)
    # standard deviation 0.019
    assert abs(float(changed.float().mean()) - 0.3) < 0.08


def test_translations_have_the_size_of_their_share_of_the_frame() -> None:
    images, masks = marked(400)
    moved = augmented((Affine(translate=0.15),), images, masks)[0]
    shift = centres(moved[:, 0]) - centres(masks.float())
    assert (shift.abs() <= 0.15 * SIDE + 0.01).all()
    assert (shift.abs().max(dim=0).values > 0.14 * SIDE).all()
    assert abs(float(torch.corrcoef(shift.T)[0, 1])) < 0.15
    half = augmented((Affine(translate=0.15),), images, masks, strength=0.5)[0]
    torch.testing.assert_close(centres(half[:, 0]) - centres(masks.float()), shift / 2, rtol=0, atol=0.05)


def test_zoom_changes_the_area_by_its_square() -> None:
    images, masks = marked(400)
    moved = augmented((Affine(scale=0.2),), images, masks)[0]
    zoom = (moved[:, 0].sum(dim=(1, 2)) / 25).sqrt()
    assert 0.77 < zoom.min() < 0.85
    assert 1.15 < zoom.max() < 1.23
    # mean 1 and standard deviation 0.4 / sqrt(12) = 0.115 of a uniform distribution
    assert math.isclose(float(zoom.mean()), 1.0, abs_tol=0.02)
    assert math.isclose(float(zoom.std()), 0.115, abs_tol=0.015)


def test_shear_moves_rows_and_keeps_their_height() -> None:
    images, masks = marked(200)
    moved = augmented((Affine(shear=30.0),), images, masks)[0]
    shift = centres(moved[:, 0]) - centres(masks.float())
    assert shift[:, 1].abs().max() < 0.1
    # the square is 4 rows above the centre
    assert 4 * math.tan(math.radians(27)) < shift[:, 0].abs().max() < 4 * math.tan(math.radians(30)) + 0.1


def test_crops_enlarge_the_centre_on_average() -> None:
    images, masks = marked(400)
    moved, moved_masks = augmented((RandomCrop(0.5),), images, masks)
    complete = moved_masks[:, [0, -1]].sum(dim=(1, 2)) + moved_masks[:, :, [0, -1]].sum(dim=(1, 2)) == 0
    complete &= moved_masks.any(dim=2).any(dim=1)
    zoom = (moved[complete, 0].sum(dim=(1, 2)) / 25).sqrt()
    assert 0.99 < zoom.min() < 1.1
    assert 1.7 < zoom.max() < 2.1
    weak = augmented((RandomCrop(0.5),), images, masks, strength=0.2)[0]
    assert float((weak[:, 0].sum(dim=(1, 2)) / 25).sqrt().max()) < 1 / 0.9 + 0.05


def test_pixels_from_outside_have_the_fill() -> None:
    images = torch.full((20, SIDE, SIDE, 3), 200, dtype=torch.uint8)
    masks = torch.ones(20, SIDE, SIDE, dtype=torch.bool)
    for fill in ((0, 0, 0), (51, 102, 153)):
        for move in (Rotate(), Affine(translate=0.5)):
            moved, moved_masks = augmented((move,), images, masks, fill=fill)
            # 2 pixels from the edge, where image and fill are interpolated
            outside = torch.nn.functional.max_pool2d(moved_masks.float(), 5, stride=1, padding=2) == 0
            pixels = moved.permute(0, 2, 3, 1)[outside]
            assert len(pixels) > 100
            torch.testing.assert_close(pixels, (torch.tensor(fill) / 255).expand_as(pixels))
