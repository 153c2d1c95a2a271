"""Mean of logits over flips, turns and rotations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from extractors.cells import Cell
from extractors.component import component
from extractors.networks.architectures.mask_crop import MaskCrop
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.training.image_batches import ImageBatches
from extractors.networks.training.test_time import TTA, DihedralViews, NoViews, RotatedViews, Views, mean_logits

BLACK = torch.tensor([-2.0, -1.0, -0.5])
MODES: list[tuple[Views, int]] = [(NoViews(), 1), (DihedralViews(), 8), (RotatedViews(), 8), (RotatedViews(3), 3)]


def disc(side: int = 65) -> torch.Tensor:
    """A smooth round spot on black: rotations change it by the error of the interpolation alone."""
    axis = torch.linspace(-1, 1, side)
    level = torch.exp(-8 * (axis[:, None] ** 2 + axis[None, :] ** 2))
    return (BLACK[:, None, None] + level * torch.tensor([1.0, 2.0, 3.0])[:, None, None])[None]


@pytest.mark.parametrize(("mode", "n"), MODES)
def test_invariant_logits_are_unchanged(mode: Views, n: int) -> None:
    images, calls = torch.cat([disc(), 0.5 * disc() + 0.5 * BLACK[:, None, None]]), []

    def network(views: torch.Tensor) -> torch.Tensor:
        calls.append(views)
        return views.mean(dim=(2, 3))[:, :2]

    logits = mean_logits(network, images, mode, BLACK)
    torch.testing.assert_close(logits, network(images).double(), rtol=1e-3, atol=1e-3)
    assert len(calls) == n + 1
    assert torch.equal(calls[0], images)


def test_logits_of_a_linear_network_are_averaged_by_hand() -> None:
    """A network that reads the upper left pixel: the mean over the flips and turns is that of the four corners."""
    images = torch.arange(2 * 3 * 4 * 4, dtype=torch.float32).reshape(2, 3, 4, 4)
    corners = images[:, :, [0, 0, 3, 3], [0, 3, 0, 3]]

    def network(views: torch.Tensor) -> torch.Tensor:
        return torch.stack([2 * views[:, 0, 0, 0], 1 - views[:, 1, 0, 0]], dim=1)

    expected = torch.stack([2 * corners[:, 0].mean(dim=1), 1 - corners[:, 1].mean(dim=1)], dim=1).double()
    for mode in (DihedralViews(), RotatedViews(4)):
        torch.testing.assert_close(mean_logits(network, images, mode, BLACK), expected)
    assert not torch.allclose(mean_logits(network, images, NoViews(), BLACK), expected)


def test_the_dihedral_views_differ_from_each_other() -> None:
    images = torch.rand(1, 3, 5, 5)
    views = torch.cat(list(DihedralViews().augmented_views(images, BLACK)))
    assert len(torch.unique(views, dim=0)) == 8


def test_rotations_move_a_marker_by_their_angle_and_fill_with_the_fill() -> None:
    """A spot on the right arrives above (90 degrees) by two rotations of 45 degrees; corners are filled."""
    images = torch.zeros(1, 3, 65, 65)
    images[:, :, 31:34, 61:64] = 1.0
    diagonal, up = list(RotatedViews(8).augmented_views(images, BLACK))[1:3]
    assert torch.equal(up[0, :, 1:4, 31:34], torch.ones(3, 3, 3))
    centre = 32 - 30 / 2**0.5, 32 + 30 / 2**0.5
    row, column = np.unravel_index(int(diagonal[0, 0].argmax()), (65, 65))
    assert abs(row - centre[0]) < 1.5
    assert abs(column - centre[1]) < 1.5
    torch.testing.assert_close(diagonal[0, :, 0, 0], BLACK)


def test_the_fill_of_the_batches_is_the_normalised_padding() -> None:
    cells = [Cell("a", np.full((16, 16, 3), 9, np.uint8), np.ones((16, 16), np.bool_))]
    statistics = np.array([0.5, 0.25, 0.1], np.float32), np.array([0.25, 0.25, 0.2], np.float32)
    options = {"batch_size": 1, "statistics": statistics, "threads": 1}
    assert ImageBatches(cells, MaskCrop(16), [0], [1], **options).fill.tolist() == pytest.approx(BLACK.tolist())
    padded = ResizeCrop((16, 16), (16, 16), "exact", "nearest", (0.0,) * 3, (1.0,) * 3, (51, 51, 51))  # type: ignore[arg-type]
    fill = ImageBatches(cells, padded, [0], [1], **options).fill
    assert fill.tolist() == pytest.approx([(0.2 - 0.5) / 0.25, (0.2 - 0.25) / 0.25, (0.2 - 0.1) / 0.2])


def test_flips_and_turns_need_squares() -> None:
    with pytest.raises(ValueError, match="dihedral needs square images; these are 4 x 6 px"):
        mean_logits(lambda views: views.mean(dim=(2, 3)), torch.zeros(1, 3, 4, 6), DihedralViews(), BLACK)


def test_modes_are_selected_by_name() -> None:
    assert {name: str(component(name, TTA, "tta")) for name in TTA} == {
        "none": "none", "dihedral": "dihedral", "rotations": "rotations[n=8]"
    }  # fmt: skip
    with pytest.raises(ValueError, match="n is from 1 to 360"):
        RotatedViews(0)
