"""Gabor amplitudes against dense convolution, scikit-image, plane waves and hand-made regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import convolve
from skimage.filters import gabor_kernel

from extractors.handcrafted.framework.channels import luma
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.gabor import FEATURES, OCTAVE, Gabor, gabor_amplitudes


def wave(shape: tuple[int, int], length: float, degrees: float, amplitude: float = 1.0) -> np.ndarray:
    """A wave that runs at an angle from the columns' direction (x), counted towards falling rows."""
    y, x = np.indices(shape)
    angle = np.deg2rad(degrees)
    phase = 2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length + 0.3
    return (amplitude * np.cos(phase)).astype(np.float32)


def full_channel(values: np.ndarray) -> MaskedChannel:
    return MaskedChannel(values.astype(np.float32), np.ones(values.shape, dtype=bool))


@pytest.mark.parametrize("length", [4, 9])
@pytest.mark.parametrize("shape", [(61, 71), (60, 70), (61, 70)])
def test_responses_are_those_of_a_dense_zero_mean_kernel(length: int, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(length).normal(size=shape).astype(np.float32)
    result = gabor_amplitudes(image, np.ones(shape, dtype=bool), wavelength=length, orientations=6)
    # The points' distance from the middle of the image is a whole number of steps along each axis.
    step = max(length // 4, 2)
    half = [int(((n - 1) / 2 - length + (0.5 if n % 2 == 0 else 0)) // step) for n in shape]
    points = [(n - 1) / 2 + step * np.arange(-h, h + 1) for n, h in zip(shape, half, strict=True)]
    reach = int(np.ceil(3 * OCTAVE * length))
    pad = np.pad(image, reach + 1)
    expected = []
    for degrees in (0, 30, 60, 90, 120, 150):
        answers = []
        for px in points[1]:
            for py in points[0]:
                y, x = (np.arange(n + 2 * reach + 2) - reach - 1 - p for n, p in zip(shape, (py, px), strict=True))
                near_y, near_x = np.abs(y) < reach, np.abs(x) < reach
                dy, dx = np.meshgrid(y[near_y], x[near_x], indexing="ij")
                envelope = np.exp(-(dx**2 + dy**2) / (2 * (OCTAVE * length) ** 2))
                envelope /= envelope.sum()
                turn = 2 * np.pi / length
                carrier = np.exp(1j * turn * (dx * np.cos(np.deg2rad(degrees)) + dy * np.sin(np.deg2rad(degrees))))
                kernel = 2 * envelope * (carrier - np.sum(envelope * carrier))
                answers.append(abs(np.sum(kernel * pad[np.ix_(near_y, near_x)])))
        expected.append(answers)
    ours = result[np.lexsort(result.T[::-1])]
    theirs = np.array(expected)
    np.testing.assert_allclose(ours, theirs[np.lexsort(theirs.T[::-1])], atol=3e-6)


def test_kernel_is_that_of_scikit_image_but_for_its_response_to_a_constant() -> None:
    length, n = 8, 101
    spread = OCTAVE * length
    image = np.random.default_rng(1).normal(size=(n, n)).astype(np.float32)
    result = gabor_amplitudes(image, np.ones((n, n), dtype=bool), wavelength=length, orientations=2)
    expected = []
    for theta in (np.pi / 2, 0):
        # One octave is the peer's default bandwidth; a longer cut on its side is worth 2 %.
        kernel = gabor_kernel(1 / length, theta=theta, bandwidth=1, n_stds=3)
        peer = gabor_kernel(1 / length, theta=theta, sigma_x=spread, sigma_y=spread, n_stds=3)
        np.testing.assert_allclose(kernel, peer, rtol=1e-9, atol=1e-12)
        envelope = np.abs(peer) / np.abs(peer).sum()
        kernel = 2 * (peer / np.abs(peer).sum() - envelope * np.sum(peer) / np.abs(peer).sum())
        real, imaginary = convolve(image, kernel.real, mode="constant"), convolve(image, kernel.imag, mode="constant")
        expected.append(np.hypot(real, imaginary)[8:-8, 8:-8][::2, ::2].T.ravel())
    np.testing.assert_allclose(result, expected, atol=0.01)


@pytest.mark.parametrize(("length", "degrees"), [(6, 0), (8, 30), (8, 90), (12, 60), (16, 150), (20, 120)])
def test_a_wave_of_the_filters_length_and_direction_gives_its_amplitude(length: int, degrees: int) -> None:
    plane = full_channel(wave((160, 161), length, degrees, amplitude=7))
    result = Gabor(wavelengths=(length,)).values(plane)
    amplitudes = gabor_amplitudes(plane.values, plane.mask, wavelength=length, orientations=6)
    inner = amplitudes.reshape(6, -1).max(axis=0)
    # The cut at three standard deviations and the wave's alias at the opposite frequency leave less than 1 %.
    assert np.median(inner) == pytest.approx(7, rel=0.01)
    # Filters 30 degrees off answer exp(-(sigma |k - k'|)^2 / 2) of it, those at 60, 90 degrees nothing to speak of.
    gain = [
        np.exp(-0.5 * (OCTAVE * 2 * np.pi * 2 * np.sin(np.deg2rad(off) / 2)) ** 2) for off in (0, 30, 30, 60, 60, 90)
    ]
    assert result[f"anisotropy.w{length}"] == pytest.approx(1 / np.mean(gain), rel=0.08)
    assert result[f"local_anisotropy.w{length}"] == pytest.approx(1 / np.mean(gain), rel=0.08)


def test_the_wavelength_of_a_wave_answers_most() -> None:
    lengths = (4, 6, 8, 12, 16, 24)
    for length in lengths:
        result = Gabor(wavelengths=lengths).values(full_channel(wave((150, 150), length, 90)))
        assert max(lengths, key=lambda other: result[f"energy.w{other}"]) == length


def test_every_direction_alike_has_no_anisotropy() -> None:
    y, x = np.mgrid[-100:101, -100:101]
    rings = np.cos(2 * np.pi * np.hypot(x, y) / 8)
    result = Gabor(wavelengths=8).values(MaskedChannel(rings.astype(np.float32), np.hypot(x, y) <= 100))
    assert result["anisotropy.w8"] == pytest.approx(1, abs=0.02)
    # At each point the rings are a wave of one direction.
    assert result["local_anisotropy.w8"] > 2.3


def test_local_anisotropy_is_a_mean_over_points() -> None:
    # Where one half's wave is three times as strong, each point's strongest direction stays as strong as its others.
    image = wave((96, 160), 8, 0)
    even = Gabor(wavelengths=[8]).values(full_channel(image))
    image[:, 80:] *= 3
    uneven = Gabor(wavelengths=[8]).values(full_channel(image))
    assert uneven["local_anisotropy.w8"] == pytest.approx(even["local_anisotropy.w8"], rel=0.05)


def test_the_edge_of_the_cell_does_not_count(draw: Any) -> None:
    mask = draw.disc(60)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, mask.shape)
    dark, bright = (MaskedChannel(np.where(mask, 200 + noise, around).astype(np.float32), mask) for around in (0, 255))
    result = Gabor(wavelengths=(4, 8, 16)).values(dark)
    assert result == Gabor(wavelengths=(4, 8, 16)).values(bright)
    # White noise of variance 1: the expected energy is 4 times the sum of g^2, which is 1 / (4 pi spread^2).
    for length in (4, 8):
        assert result[f"energy.w{length}"] == pytest.approx(4 / (4 * np.pi * (OCTAVE * length) ** 2), rel=0.15)
    # Filled with black in place of the mean, the edge alone would give more than all the noise.
    assert result["mean.w16"] < 0.2


def test_without_sample_points_the_status_is_too_small(draw: Any) -> None:
    mask = draw.disc(13)
    result = Gabor(wavelengths=(8, 16)).values(MaskedChannel(luma(draw.speckled(mask)), mask, 1000))
    assert {v for k, v in result.items() if k.endswith("w16")} == {Status.TOO_SMALL}
    assert not any(isinstance(v, Status) for k, v in result.items() if k.endswith("w8"))
    thin = np.random.default_rng(0).normal(size=(1, 60))
    assert set(Gabor(wavelengths=(4,)).values(full_channel(thin)).values()) == {Status.TOO_SMALL}


def test_without_any_response_there_is_no_anisotropy() -> None:
    # One pixel differs from all others, too far from the deep points to be seen.
    values = np.zeros((81, 81), dtype=np.float32)
    values[0, 0] = 1
    mask = np.zeros((81, 81), dtype=bool)
    mask[0, 0] = True
    mask[20:, 20:] = True
    result = Gabor(wavelengths=4, orientations=4).values(MaskedChannel(values, mask))
    assert result["mean.w4"] == pytest.approx(0, abs=1e-6)
    assert result["anisotropy.w4"] is Status.FLAT
    assert result["local_anisotropy.w4"] is Status.FLAT


def test_names_follow_the_wavelengths() -> None:
    names = Gabor(wavelengths=5).get_feature_names_out()
    assert names.tolist() == [f"gabor.{feature.name}.cell.luma.w5" for feature in FEATURES]
    assert len(Gabor().get_feature_names_out()) == 20
