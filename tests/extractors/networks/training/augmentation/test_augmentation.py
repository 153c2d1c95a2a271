"""Sequence, seeds, curriculum and names of the augmentations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from extractors.component import component
from extractors.networks.training.augmentation.augmentation import AUGMENTATIONS, Augmentation
from extractors.networks.training.augmentation.noise import Noise
from extractors.networks.training.augmentation.random_transform import RandomTransform
from extractors.networks.training.augmentation.stain import Stain
from extractors.networks.training.augmentation.turns import Turns

IMAGES = torch.randint(0, 256, (12, 16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
MASKS = torch.rand(12, 16, 16, generator=torch.Generator().manual_seed(2)) < 0.5
ALL = [transform() for transform in AUGMENTATIONS.values()]
STRONG: list[Any] = [AUGMENTATIONS["affine"](0.2, 0.2, 20.0), AUGMENTATIONS["colour"](hue=0.2)]  # type: ignore[call-arg]


def run(
    transforms: list[RandomTransform], seed: int = 0, strength: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor | None]:
    return Augmentation(tuple(transforms))(IMAGES, MASKS, torch.Generator().manual_seed(seed), strength=strength)


@pytest.mark.parametrize("transform", ALL + STRONG, ids=str)
def test_a_probability_of_0_changes_nothing(transform: Any) -> None:
    images, masks = run([replace(transform, p=0.0)])
    assert torch.equal(images, IMAGES.permute(0, 3, 1, 2) / 255)
    assert masks is not None
    assert torch.equal(masks, MASKS)


@pytest.mark.parametrize("transform", [t for t in ALL + STRONG if t.name not in ("flips", "turns")], ids=str)
def test_a_strength_of_0_changes_nothing(transform: Any) -> None:
    images, masks = run([replace(transform, p=1.0)], strength=0.0)
    torch.testing.assert_close(images, IMAGES.permute(0, 3, 1, 2) / 255, rtol=0, atol=1e-5)
    assert masks is not None
    assert torch.equal(masks, MASKS)


def test_equal_seeds_give_equal_images_and_the_global_generator_is_not_used() -> None:
    transforms = ALL + STRONG
    state = torch.get_rng_state()
    first, again, other = (run(transforms, seed)[0] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_components_are_applied_in_their_order() -> None:
    """Noise clips; a gain of a clipped image may exceed 1, a clipped gain does not."""
    gain_last, noise_last = (run(list(order))[0] for order in ((Noise(p=1.0), Stain(0.5)), (Stain(0.5), Noise(p=1.0))))
    assert gain_last.max() > 1.2
    assert noise_last.permute(0, 2, 3, 1)[MASKS].max() == 1


def test_the_strength_grows_over_the_epochs_of_the_curriculum() -> None:
    strengths = [Augmentation((), curriculum=4).strength(epoch) for epoch in range(6)]
    assert strengths == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert Augmentation(()).strength(0) == 1.0


def test_masks_are_needed_by_blur_and_noise_alone() -> None:
    assert {name for name, kind in AUGMENTATIONS.items() if Augmentation((kind(),)).needs_masks} == {"blur", "noise"}
    assert Augmentation((Turns(), Noise())).needs_masks
    assert Augmentation((Turns(),))(IMAGES, None, torch.Generator())[1] is None


def test_components_are_selected_by_name() -> None:
    assert set(AUGMENTATIONS) == {
        "flips", "turns", "rotate", "affine", "crop", "colour", "stain", "blur", "noise"
    }  # fmt: skip
    assert str(component("rotate", AUGMENTATIONS, "augment")) == "rotate[degrees=45.0,p=1.0]"
    assert str(AUGMENTATIONS["stain"]()) == "stain[sd=0.1,p=1.0]"
    with pytest.raises(ValueError, match="p is from 0 to 1"):
        Turns(1.5)
