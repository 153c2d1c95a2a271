"""Interface of the inference engines: input images to one row of features each."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

from extractors.arrays import Float32Array, UInt8Array
from extractors.networks.backbones.resize_crop import ResizeCrop

InputImage = UInt8Array
"""Output of an image transform: RGB uint8, shape (height, width, 3)."""

Row = Float32Array
"""Features of one image: float32, shape (width,)."""


class Engine(Protocol):
    """A frozen network, ready for inference."""

    weights_sha256: str | None
    """Digest of the bytes from which its weights were loaded; None: random weights."""

    config_sha256: str | None
    """Digest of the `config.json` of a repository or folder; None: another network."""

    @property
    def transform(self) -> ResizeCrop:
        """Image transform of the network."""

    @property
    def width(self) -> int:
        """Number of features per image."""

    @property
    def notices(self) -> tuple[str, ...]:
        """Messages for the user about how the features are computed."""

    def features(self, images: Iterable[InputImage]) -> Generator[Row, None, None]:
        """Compute the features of each image, in order.

        Images are consumed lazily, a few ahead of the yielded row, so that memory holds neither all images nor all
        rows.

        Parameters
        ----------
        images : iterable of ndarray of uint8, shape (height, width, 3)
            Of the size of the transform.

        Yields
        ------
        ndarray of float32, shape (width,)
            A copy that the engine does not reuse.
        """
