"""Stain, colour, blur and noise against closed forms and torchvision."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from extractors.networks.training.augmentation.augmentation import Augmentation
from extractors.networks.training.augmentation.blur import Blur
from extractors.networks.training.augmentation.colour import Colour
from extractors.networks.training.augmentation.noise import Noise
from extractors.networks.training.augmentation.random_transform import RandomTransform
from extractors.networks.training.augmentation.stain import Stain


def augmented(
    transform: RandomTransform, images: torch.Tensor, masks: torch.Tensor | None = None, **options: Any
) -> torch.Tensor:
    return Augmentation((transform,))(images, masks, torch.Generator().manual_seed(0), **options)[0]


def grey(n: int, side: int = 1, level: int = 102) -> torch.Tensor:
    return torch.full((n, side, side, 3), level, dtype=torch.uint8)


def noisy_images(n: int, side: int = 16) -> torch.Tensor:
    return torch.randint(1, 256, (n, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def unit(images: torch.Tensor) -> torch.Tensor:
    return images.permute(0, 3, 1, 2) / 255


@pytest.mark.parametrize("strength", [1.0, 0.25])
def test_the_logarithm_of_the_gains_has_the_standard_deviation(strength: float) -> None:
    gains = torch.log(augmented(Stain(0.2), grey(4000), strength=strength) / 0.4).squeeze()
    # brightness + stain: the variance is doubled in each channel, and two channels share the half of brightness
    assert math.isclose(float(gains.std()), 0.2 * strength * math.sqrt(2), rel_tol=0.05)
    assert math.isclose(float(gains.mean()), 0.0, abs_tol=0.02)
    correlation = torch.corrcoef(gains.T)
    assert math.isclose(float(correlation[0, 1]), 0.5, abs_tol=0.05)


def test_the_gain_is_that_of_all_pixels_of_an_image() -> None:
    images = noisy_images(5)
    gains = augmented(Stain(0.3), images) / unit(images)
    torch.testing.assert_close(gains, gains[:, :, :1, :1].expand_as(gains))


@pytest.mark.parametrize("transform", [Stain(p=0.3), Colour(p=0.3), Blur(p=0.3), Noise(p=0.3)], ids=str)
def test_the_share_of_changed_images_is_p(transform: RandomTransform) -> None:
    images = noisy_images(1000, side=5)
    masks = torch.ones(1000, 5, 5, dtype=torch.bool)
    changed = (augmented(transform, images, masks) - unit(images)).abs().flatten(1).max(dim=1).values > 1e-5
    # standard deviation 0.0145; a few draws are too weak to be seen
    assert abs(float(changed.float().mean()) - 0.3) < 0.06


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("transform", [Stain(), Colour(hue=0.2), Blur(3.0, p=1.0), Noise(0.5, p=1.0)], ids=str)
def test_a_black_background_stays_black(transform: RandomTransform, masked: bool) -> None:
    images, masks = noisy_images(10), torch.zeros(10, 16, 16, dtype=torch.bool)
    masks[:, 4:9, 4:9] = True
    images[~masks] = 0
    changed = augmented(transform, images, masks if masked else None)
    assert not (changed == unit(images)).all()
    assert (changed.permute(0, 2, 3, 1)[~masks] == 0).all()


@pytest.mark.parametrize("transform", [Blur(3.0, p=1.0), Noise(0.5, p=1.0)], ids=str)
def test_blur_and_noise_change_the_mask_alone(transform: RandomTransform) -> None:
    images, masks = noisy_images(10), torch.zeros(10, 16, 16, dtype=torch.bool)
    masks[:, 4:9, 4:9] = True
    same = (augmented(transform, images, masks) == unit(images)).all(dim=1)
    assert same[~masks].all()
    # a blur narrower than 0.05 px changes nothing
    assert same[masks].float().mean() < 0.2


def test_noise_has_the_standard_deviation() -> None:
    images = grey(40, 30, level=102)
    for strength in (1.0, 0.5):
        noise = augmented(Noise(0.08, p=1.0), images, strength=strength) - 0.4
        assert math.isclose(float(noise.std()), 0.08 * strength, rel_tol=0.02)
        assert math.isclose(float(noise.mean()), 0.0, abs_tol=0.002)
    pairs = noise.permute(1, 0, 2, 3).flatten(1)
    assert abs(float(torch.corrcoef(pairs)[0, 1])) < 0.03
    clipped = augmented(Noise(1.0, p=1.0), images)
    assert (float(clipped.min()), float(clipped.max())) == (0.0, 1.0)


def test_a_blur_equals_that_of_opencv_with_the_drawn_sigma() -> None:
    images = noisy_images(8, side=31)
    blurred = augmented(Blur(2.0, p=1.0), images)
    generator = torch.Generator().manual_seed(0)
    torch.rand(8, generator=generator)
    for row, sigma in enumerate((2.0 * torch.rand(8, generator=generator)).tolist()):
        reach = math.ceil(3 * sigma)
        expected = cv2.GaussianBlur(images[row].numpy().astype(np.float32) / 255, (2 * reach + 1,) * 2, sigma)
        np.testing.assert_allclose(blurred[row].permute(1, 2, 0).numpy(), expected, atol=1e-4)


def test_a_wide_blur_of_a_small_image_is_truncated_at_the_image() -> None:
    blurred = augmented(Blur(10.0, p=1.0), noisy_images(4, side=5))
    assert torch.isfinite(blurred).all()


def test_brightness_is_a_factor_uniform_around_1() -> None:
    for strength in (1.0, 0.5):
        changed = augmented(Colour(0.4, 0.0, 0.0), grey(3000), strength=strength)
        factors = changed[:, 0, 0, 0] / 0.4
        assert torch.equal(changed[:, 0], changed[:, 2])
        assert 1 - 0.4 * strength <= factors.min() < 1 - 0.38 * strength
        assert 1 + 0.38 * strength < factors.max() <= 1 + 0.4 * strength + 1e-6
        assert math.isclose(float(factors.std()), 0.8 * strength / math.sqrt(12), rel_tol=0.05)


def test_colour_equals_torchvision_with_the_drawn_factors() -> None:
    images = noisy_images(4)
    changed = augmented(Colour(0.3, 0.4, 0.5, 0.1), images)
    generator = torch.Generator().manual_seed(0)
    draws = torch.rand(5, 4, generator=generator)[1:] * 2 - 1
    for row in range(4):
        b, c, s, h = (draws[:, row] * torch.tensor([0.3, 0.4, 0.5, 0.1])).tolist()
        image = v2.functional.adjust_brightness(unit(images)[row], 1 + b)
        image = v2.functional.adjust_contrast(image, 1 + c)
        image = v2.functional.adjust_saturation(image, 1 + s)
        torch.testing.assert_close(changed[row], v2.functional.adjust_hue(image, h))
