"""Undecimated wavelets against PyWavelets, Parseval's identity and hand-made textures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import pywt

from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.wavelets import (
    FEATURES,
    HIGH_PASS,
    LOW_PASS,
    WAVELETS,
    Wavelets,
    undecimated,
)


def full_channel(values: np.ndarray) -> MaskedChannel:
    return MaskedChannel(values.astype(np.float32), np.ones(values.shape, dtype=bool))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 20, shape).astype(np.float32)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_filters_are_those_of_pywavelets(wavelet: str) -> None:
    peer = pywt.Wavelet(wavelet)
    for ours, theirs in ((LOW_PASS, peer.dec_lo), (HIGH_PASS, peer.dec_hi)):
        # The peer pads with zeros to one length, and its details' sign is the other one.
        values = np.trim_zeros(np.abs(theirs)) / np.sqrt(2)
        np.testing.assert_allclose(np.trim_zeros(np.abs(ours[wavelet])), values, atol=1e-9)
    assert sum(LOW_PASS[wavelet]) == pytest.approx(1)
    assert sum(HIGH_PASS[wavelet]) == pytest.approx(0)


@pytest.mark.filterwarnings("ignore:norm=True:UserWarning")
@pytest.mark.parametrize("wavelet", WAVELETS)
def test_coefficients_are_those_of_pywavelets(wavelet: str) -> None:
    image = noise(128, 96)
    peer = pywt.swt2(image.astype(np.float64), wavelet, level=3, norm=True)[::-1]
    for details, (_, (along_columns, along_rows, both)) in zip(undecimated(image, wavelet, 3), peer, strict=True):
        height, width = details.diagonal.shape
        assert (height, width) == (129 - details.support, 97 - details.support)
        for ours, theirs in zip([*details.axial, details.diagonal], [along_columns, along_rows, both], strict=True):
            # The peer's coefficients wrap round and lie at another place of their support.
            places = np.argwhere(np.abs(np.abs(theirs) - abs(ours[0, 0])) < 1e-4)
            moved = (np.roll(theirs, (-y, -x), (0, 1))[:height, :width] for y, x in places)
            assert min(np.abs(np.abs(ours) - np.abs(theirs_here)).max() for theirs_here in moved) < 1e-4


def test_subbands_of_haar_share_out_the_variance() -> None:
    tile = noise(32, 32)
    # A texture of period 32 is down to its mean after level 5.
    levels = undecimated(np.tile(tile, (3, 3)) - tile.mean(), "haar", 5)
    bands = [band[:32, :32].astype(np.float64) for d in levels for band in (*d.axial, d.diagonal)]
    assert sum(np.mean(band**2) for band in bands) == pytest.approx(tile.var(), rel=1e-5)


def test_stripes_by_hand() -> None:
    # Columns 0, 8, 0, 8, ... : a Haar step of +-4 along rows at level 1, nothing along columns, nothing later.
    result = Wavelets(wavelet="haar", depth=2).values(full_channel(np.indices((20, 21))[1] % 2 * 8))
    assert result["axial_mean.level1"] == pytest.approx(2)
    assert result["axial_energy.level1"] == pytest.approx(8)
    # Half of the coefficients share the energy evenly, the others have none.
    n = 2 * 19 * 20
    assert result["axial_entropy.level1"] == pytest.approx(np.log(n / 2) / np.log(n))
    assert result["diagonal_mean.level1"] == 0
    assert result["diagonal_entropy.level1"] is Status.FLAT
    assert result["axial_mean.level2"] == 0


def test_a_checkerboard_is_all_diagonal() -> None:
    result = Wavelets(wavelet="haar", depth=1).values(full_channel(np.indices((20, 21)).sum(axis=0) % 2 * 8))
    assert result["diagonal_mean.level1"] == pytest.approx(4)
    assert result["diagonal_entropy.level1"] == pytest.approx(1)
    assert result["axial_mean.level1"] == 0


@pytest.mark.parametrize(("wavelet", "blind"), [("haar", 0), ("bior1.3", 0), ("bior2.2", 1)])
def test_vanishing_moments(wavelet: str, blind: int) -> None:
    x = np.indices((60, 60))[1].astype(np.float64)
    for power in (0, 1, 2):
        sizes = [float(np.abs(d.axial).max()) for d in undecimated((x**power).astype(np.float32), wavelet, 2)]
        assert (max(sizes) < 1e-3) == (power <= blind)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_energy_of_white_noise(wavelet: str) -> None:
    low, high = np.array(LOW_PASS[wavelet]), np.array(HIGH_PASS[wavelet])
    result = Wavelets(wavelet=wavelet, depth=2).values(full_channel(noise(220, 220)))
    # Level 1: variance times the filters' sums of squares; level 2: the smooth filter of both levels combined.
    spread = np.zeros(2 * len(low) - 1)
    spread[::2] = low
    second = np.zeros(2 * len(high) - 1)
    second[::2] = high
    twice, detail = np.convolve(low, spread), np.convolve(low, second)
    for level, (smooth, rough) in enumerate([(low, high), (twice, detail)], 1):
        assert result[f"axial_energy.level{level}"] == pytest.approx(
            400 * (smooth @ smooth) * (rough @ rough), rel=0.05
        )
        assert result[f"diagonal_energy.level{level}"] == pytest.approx(400 * (rough @ rough) ** 2, rel=0.05)


def test_the_edge_of_the_cell_does_not_count(draw: Any) -> None:
    mask = draw.disc(40)
    values = 200 + noise(*mask.shape)
    first, second = (MaskedChannel(np.where(mask, values, around).astype(np.float32), mask) for around in (0, 255))
    assert Wavelets(wavelet="bior1.3", depth=3).values(first) == Wavelets(wavelet="bior1.3", depth=3).values(second)
    ramp = MaskedChannel(np.where(mask, np.indices(mask.shape)[0] * 0.5, 900).astype(np.float32), mask)
    result = Wavelets(wavelet="haar", depth=1).values(ramp)
    # Half a unit a row: the Haar step is a quarter along columns and 0 along rows, at the edge as in the middle.
    assert result["axial_mean.level1"] == pytest.approx(0.125, rel=1e-5)


def test_without_a_complete_support_the_status_is_too_small() -> None:
    result = Wavelets(wavelet="bior1.3", depth=3).values(full_channel(noise(16, 16)))
    assert {v for k, v in result.items() if k.endswith("level3")} == {Status.TOO_SMALL}
    # At level 2 one support of 16 x 16 px fits: one diagonal coefficient and two axial ones.
    assert result["diagonal_entropy.level2"] is Status.TOO_SMALL
    assert result["diagonal_energy.level2"] == pytest.approx(result["diagonal_mean.level2"] ** 2)
    assert isinstance(result["axial_entropy.level2"], float)
    assert set(Wavelets(wavelet="haar", depth=3).values(full_channel(noise(1, 50))).values()) == {Status.TOO_SMALL}


def test_names_follow_the_levels() -> None:
    names = Wavelets(depth=1).get_feature_names_out()
    assert names.tolist() == [f"wavelets.{feature.name}.cell.luma.level1" for feature in FEATURES]
    assert len(Wavelets().get_feature_names_out()) == 18
