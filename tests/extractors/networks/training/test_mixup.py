from __future__ import annotations

import numpy as np
import pytest
import torch

from extractors.networks.training.losses import CrossEntropy, Focal
from extractors.networks.training.mixup import MixedBatch, mixup

N = 6
IMAGES = torch.arange(N * 12.0, dtype=torch.float64).reshape(N, 3, 2, 2)
TARGETS = torch.tensor([0, 0, 1, 2, 1, 0])
WEIGHTS = torch.tensor([1.0, 1.0, 2.0, 0.5, 2.0, 1.0], dtype=torch.float64)


def draws(alpha: float, seed: int) -> tuple[float, list[int]]:
    rng = np.random.default_rng(seed)
    return rng.beta(alpha, alpha), rng.permutation(N).tolist()


def mixed(alpha: float = 0.4, seed: int = 3, weights: torch.Tensor = WEIGHTS) -> MixedBatch:
    rng = np.random.default_rng(seed)
    return mixup(IMAGES, TARGETS, weights, n_classes=3, alpha=alpha, rng=rng)


def test_images_targets_and_weights_are_mixed_alike() -> None:
    share, partners = draws(0.4, 3)
    assert 0 < share < 1
    assert partners != list(range(N))
    batch, equal = mixed(), mixed(weights=torch.ones(N, dtype=torch.float64))
    for cell, partner in enumerate(partners):
        torch.testing.assert_close(batch.images[cell], share * IMAGES[cell] + (1 - share) * IMAGES[partner])
        own, other = share * WEIGHTS[cell].item(), (1 - share) * WEIGHTS[partner].item()
        assert batch.weights[cell].item() == pytest.approx(own + other)
        expected, plain = np.zeros(3), np.zeros(3)
        expected[TARGETS[cell]] += own / (own + other)
        expected[TARGETS[partner]] += other / (own + other)
        plain[TARGETS[cell]] += share
        plain[TARGETS[partner]] += 1 - share
        assert batch.targets[cell].tolist() == pytest.approx(expected)
        assert equal.targets[cell].tolist() == pytest.approx(plain)
    assert equal.weights.tolist() == pytest.approx([1.0] * N)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("loss", [CrossEntropy(), Focal()])
def test_the_loss_is_the_mix_of_the_weighted_losses_of_both_classes(
    loss: CrossEntropy | Focal, smoothing: float
) -> None:
    share, partners = draws(0.4, 3)
    logits = torch.randn(N, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    batch = mixed()
    ours = batch.weights * loss.per_cell(logits, batch.targets, label_smoothing=smoothing)
    own = WEIGHTS * loss.per_cell(logits, TARGETS, label_smoothing=smoothing)
    other = WEIGHTS[partners] * loss.per_cell(logits, TARGETS[partners], label_smoothing=smoothing)
    torch.testing.assert_close(ours, share * own + (1 - share) * other)


def test_the_draw_depends_on_the_generator_alone() -> None:
    assert torch.equal(mixed(seed=1).images, mixed(seed=1).images)
    assert not torch.equal(mixed(seed=1).images, mixed(seed=2).images)


def test_shares_follow_the_beta_distribution() -> None:
    # Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)).
    image, target = torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1])
    for alpha in (0.2, 1.0, 5.0):
        rng = np.random.default_rng(0)
        batches = [
            mixup(image, target, torch.ones(2), n_classes=2, alpha=alpha, rng=rng).images.ravel() for _ in range(4000)
        ]
        shares = np.array([float(b[1]) for b in batches if b[0] != 0])  # batches that pair the two
        assert 1700 < len(shares) < 2300
        assert shares.mean() == pytest.approx(0.5, abs=0.03)
        assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_alpha_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive parameter"):
        mixed(alpha=0.0)
