from __future__ import annotations

import math

import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from extractors.networks.training.losses import LOSSES, CrossEntropy, Focal

LOG = torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]], dtype=torch.float64).log()
TARGETS = torch.tensor([0, 1])


def random_logits(n: int, k: int) -> torch.Tensor:
    return 3 * torch.randn(n, k, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_cross_entropy_in_numbers() -> None:
    losses = CrossEntropy().per_cell(LOG, TARGETS)
    assert losses.tolist() == pytest.approx([-math.log(0.7), -math.log(0.25)])


def test_smoothed_cross_entropy_in_numbers() -> None:
    # Of 0.3, each of 3 classes has 0.1: the targets are 0.8, 0.1, 0.1.
    losses = CrossEntropy().per_cell(LOG, TARGETS, label_smoothing=0.3)
    first = -(0.8 * math.log(0.7) + 0.1 * math.log(0.2) + 0.1 * math.log(0.1))
    second = -(0.9 * math.log(0.25) + 0.1 * math.log(0.5))
    assert losses.tolist() == pytest.approx([first, second])


def test_focal_in_numbers() -> None:
    losses = Focal(gamma=2.0).per_cell(LOG, TARGETS)
    assert losses.tolist() == pytest.approx([-0.09 * math.log(0.7), -0.5625 * math.log(0.25)])
    assert losses.tolist() == pytest.approx([0.0321007, 0.7797905], abs=1e-7)


def test_focal_of_soft_targets_in_numbers() -> None:
    losses = Focal(gamma=1.0).per_cell(LOG[:1], torch.tensor([[0.5, 0.5, 0.0]]))
    assert losses.item() == pytest.approx(-0.5 * 0.3 * math.log(0.7) - 0.5 * 0.8 * math.log(0.2))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_cross_entropy_equals_torchs(smoothing: float) -> None:
    logits, hard = random_logits(50, 4), torch.arange(50) % 4
    soft = random_logits(50, 4).abs().softmax(dim=1)
    for targets in (hard, soft):
        torchs = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")
        ours = CrossEntropy().per_cell(logits, targets, label_smoothing=smoothing)
        torch.testing.assert_close(ours, torchs)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_focal_of_two_classes_equals_torchvisions(gamma: float) -> None:
    logits, targets = random_logits(50, 2), torch.arange(50) % 2
    binary = logits[:, 1] - logits[:, 0]
    torchvisions = sigmoid_focal_loss(binary, targets.double(), alpha=-1, gamma=gamma)
    torch.testing.assert_close(Focal(gamma=gamma).per_cell(logits, targets), torchvisions)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_gradients_of_a_certain_cell_are_finite(gamma: float) -> None:
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    for target in (0, 1):
        loss = Focal(gamma=gamma).per_cell(logits, torch.tensor([target])).sum()
        (gradient,) = torch.autograd.grad(loss, logits)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()
    assert gradient.tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_logits_give_float32_losses(name: str) -> None:
    logits = random_logits(8, 2).bfloat16()
    losses = LOSSES[name]().per_cell(logits, torch.zeros(8, dtype=torch.int64))
    torch.testing.assert_close(losses, LOSSES[name]().per_cell(logits.float(), torch.zeros(8, dtype=torch.int64)))
    assert losses.dtype == torch.float32


def test_selectors() -> None:
    assert str(Focal()) == "focal[gamma=2.0]"
    assert str(CrossEntropy()) == "cross_entropy"
    with pytest.raises(ValueError, match=r"gamma is from 0\.0 to 20\.0"):
        Focal(gamma=-1.0)
