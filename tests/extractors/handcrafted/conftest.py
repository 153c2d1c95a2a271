"""Shapes whose size, form and clefts are known."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

BoolMask = npt.NDArray[np.bool_]


class Drawing:
    """Masks of analytic shapes on a frame that leaves room around them."""

    def ellipse(self, a: float, b: float, angle: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> BoolMask:
        """Pixels whose centre lies inside an ellipse of half axes a and b."""
        half = int(np.ceil(max(a, b))) + 4
        y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
        x, y = x - shift[0], y - shift[1]
        u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
        return np.asarray((u / a) ** 2 + (v / b) ** 2 <= 1)

    def disc(self, radius: float, shift: tuple[float, float] = (0.0, 0.0)) -> BoolMask:
        """Pixels whose centre lies inside a disc."""
        return self.ellipse(radius, radius, 0.0, shift)

    def rectangle(self, height: int, width: int) -> BoolMask:
        """A rectangle of whole pixels."""
        return np.pad(np.ones((height, width), dtype=np.bool_), 5)

    def polar(self, radius: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]], reach: float) -> BoolMask:
        """Pixels whose centre lies nearer to the middle than `radius` of their direction."""
        half = int(np.ceil(reach)) + 4
        y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
        return np.asarray(np.hypot(x, y) <= radius(np.arctan2(y, x)))

    def cleft_nucleus(
        self, clefts: int, depth: float, rng: np.random.Generator, *, radii: tuple[float, float] = (70, 110)
    ) -> BoolMask:
        """A round nucleus with notches as deep as a share of its radius; by default as large as real ones in pixels."""
        return self.planted(clefts, depth, rng, radii=radii)[0]

    def planted(
        self, clefts: int, depth: float, rng: np.random.Generator, *, radii: tuple[float, float]
    ) -> tuple[BoolMask, npt.NDArray[np.float64]]:
        """A cleft nucleus, and 20 000 points (x, y) of the curve that it was drawn from."""
        size = rng.uniform(*radii)
        start = rng.uniform(0, 2 * np.pi)
        jitter = rng.uniform(-0.15, 0.15, clefts)
        angles = start + np.arange(clefts) * 2 * np.pi / max(clefts, 1) + jitter
        widths = rng.uniform(0.06, 0.09, clefts)

        def radius(theta: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            share = np.ones_like(theta)
            for angle, width in zip(angles, widths, strict=True):
                apart = np.angle(np.exp(1j * (theta - angle)))
                share -= depth * np.exp(-0.5 * (apart / width) ** 2)
            return size * share

        turn = np.arange(20_000) * 2 * np.pi / 20_000
        return self.polar(radius, size), radius(turn)[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)

    def blob(self, rng: np.random.Generator, radius: float) -> BoolMask:
        """A nucleus with a smooth, irregular outline of random waves."""
        waves, phases = rng.normal(0, 0.25, 12) / np.arange(1, 13), rng.uniform(0, 2 * np.pi, 12)

        def of(theta: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            order = np.arange(2, 14)[:, None]
            ripple = waves[:, None] * np.cos(order * theta.ravel() + phases[:, None])
            return np.asarray(radius * np.maximum(1 + ripple.sum(axis=0), 0.3).reshape(theta.shape))

        return self.polar(of, 2 * radius)

    def speckled(self, mask: BoolMask, seed: int = 0) -> npt.NDArray[np.uint8]:
        """A colour image with smooth texture, black outside the mask."""
        rng = np.random.default_rng(seed)
        noise = rng.normal(0, 40, (*mask.shape, 3)).astype(np.float32)
        image = np.clip(np.array([130, 80, 150]) + cv2.GaussianBlur(noise, (0, 0), 1.5) * 2, 1, 255)
        return np.where(mask[..., None], image, 0).astype(np.uint8)


@pytest.fixture(scope="session")
def draw() -> Drawing:
    """The drawer of shapes."""
    return Drawing()
