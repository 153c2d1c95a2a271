"""Published architectures: parameter counts and kernels by their formulas, shapes and smallest inputs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.fft
import torch
from timm.layers import EcaModule
from torch import nn

from extractors.networks.architectures.builders import BUILDERS
from extractors.networks.architectures.catalogue import ARCHITECTURES
from extractors.networks.architectures.cnn_rnn import Steps, cnn_rnn_body
from extractors.networks.architectures.dct_lstm import FREQUENCIES, LogSpectrum
from extractors.networks.architectures.joined import JoinedBodies, joined_head
from extractors.networks.architectures.vgg16_eca import vgg16_eca_body


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_catalogue_and_the_builders_have_the_same_names() -> None:
    assert set(ARCHITECTURES) == {*BUILDERS, "joined"}


@pytest.mark.parametrize(("classes", "published"), [(1, 30_595_265), (2, 30_595_265 + 129)])
def test_unnithan_has_the_published_number_of_parameters(classes: int, published: int) -> None:
    builder = BUILDERS["unnithan"]
    body = builder.body()
    maps = body.get_submodule("trunk")(torch.zeros(1, 3, 256, 256))
    assert maps.shape == (1, 64, 61, 61)
    assert parameters(body) + parameters(builder.head(64 * 61 * 61, classes)) == published


def test_unnithan_has_the_printed_shapes() -> None:
    body = BUILDERS["unnithan"].body().eval()
    image, sides = torch.zeros(1, 3, 256, 256), []
    for layer in body.get_submodule("trunk").children():
        image = layer(image)
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            sides.append(image.shape[2])
    assert sides == [254, 252, 126, 124, 122, 61]
    rates = [layer.p for layer in body.modules() if isinstance(layer, nn.Dropout)]
    assert rates == [0.5, 0.5]


def test_allnet_has_the_parameters_of_its_formula() -> None:
    channels = (3, 32, 64, 128, 256)
    expected = sum(9 * a * b + b + 2 * b for a, b in pairwise(channels))
    assert parameters(BUILDERS["allnet"].body()) == expected
    assert parameters(BUILDERS["allnet"].head(256 * 14 * 14, 2)) == (256 * 14 * 14 + 1) * 512 + 513 * 2


def test_rezayi_has_ten_convolutions() -> None:
    body = BUILDERS["rezayi"].body()
    convolutions = [layer for layer in body.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [16, 16, 32, 32, 64, 64, 128, 128, 256, 256]
    expected = sum(9 * a * b + b + 9 * b * b + b for a, b in pairwise((3, 16, 32, 64, 128, 256)))
    assert parameters(body) == expected


def test_the_kernels_of_the_attention_follow_the_rule() -> None:
    body = vgg16_eca_body()
    modules = [layer for layer in body.modules() if isinstance(layer, EcaModule)]
    assert [layer.conv.kernel_size for layer in modules] == [(3,), (5,), (5,), (5,), (5,)]
    assert all(layer.conv.bias is None for layer in modules)
    vgg16_convolutions = 14_714_688  # torchvision's vgg16: 138,357,544 less 123,642,856 of its classifier
    assert parameters(body) == vgg16_convolutions + 3 + 4 * 5
    names = [name for name, _ in body.trunk.named_children()]
    for block, pool in zip(range(1, 6), (4, 9, 16, 23, 30), strict=True):
        assert names.index(f"eca{block}") + 1 == names.index(str(pool))
        assert isinstance(body.trunk.get_submodule(str(pool)), nn.MaxPool2d)


def test_the_steps_of_cnn_rnn_are_the_positions_of_the_last_map() -> None:
    body = cnn_rnn_body().eval()
    assert body.trunk(torch.zeros(1, 3, 224, 224)).shape == (1, 256, 6, 6)
    maps = torch.arange(24.0).view(1, 4, 2, 3)
    steps = Steps()(maps)
    assert steps.shape == (1, 6, 4)
    assert torch.equal(steps[0, 5], maps[0, :, 1, 2])
    alexnet = 2_469_696  # convolutions of torchvision's AlexNet: 61,100,840 less 58,631,144
    assert parameters(body) == alexnet + 4 * 256 * (256 + 256 + 2)


def test_the_spectrum_equals_that_of_scipy() -> None:
    image = torch.rand(2, 3, 96, 128, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spectrum = LogSpectrum()(image)
    assert spectrum.shape == (2, FREQUENCIES, FREQUENCIES)
    for pixels, ours in zip(image.numpy(), spectrum.numpy(), strict=True):
        grey = 255 * np.tensordot([0.299, 0.587, 0.114], pixels, axes=1)
        expected = np.log1p(np.abs(scipy.fft.dctn(grey, norm="ortho")[:FREQUENCIES, :FREQUENCIES]))
        np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-9)


def test_dct_lstm_has_the_parameters_of_its_formula() -> None:
    assert parameters(BUILDERS["dct_lstm"].body()) == 4 * 128 * (64 + 128 + 2)


class Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.factor * images.mean(dim=(2, 3))


def test_joined_features_are_concatenated_and_each_body_sees_its_own_normalisation() -> None:
    first, second = ((0.5, 0.5, 0.5), (0.25, 0.5, 1.0)), ((0.1, 0.2, 0.3), (0.5, 0.25, 2.0))
    pixels = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))

    def normalised(statistics: tuple[tuple[float, ...], tuple[float, ...]]) -> torch.Tensor:
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in statistics)
        return (pixels - mean) / std

    features = JoinedBodies([Scaled(1), Scaled(2)], [first, second])(normalised(first))
    expected = torch.cat([normalised(first).mean(dim=(2, 3)), 2 * normalised(second).mean(dim=(2, 3))], dim=1)
    torch.testing.assert_close(features, expected)
    assert [type(layer).__name__ for layer in joined_head(6, 3)] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert parameters(joined_head(6, 3)) == 7 * 512 + 513 * 3


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_the_smallest_side_is_accepted_and_a_smaller_one_is_not(name: str) -> None:
    body, smallest = BUILDERS[name].body().eval(), ARCHITECTURES[name].smallest
    with torch.inference_mode():
        features = body(torch.zeros(1, 3, smallest, smallest))
        assert features.ndim == 2
        assert BUILDERS[name].head(features.shape[1], 3)(features).shape == (1, 3)
        if name in {"small", "dct_lstm"}:  # `small` rounds up; fewer frequencies than steps would give another shape
            return
        with pytest.raises(RuntimeError):
            body(torch.zeros(1, 3, smallest - 1, smallest - 1))
