"""What every engine is: images as a network is shown them in, one row of features each out."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from extractors.networks.backbones.image_transform import View

Shown = npt.NDArray[np.uint8]
"""An image as `View.shown` gives it: RGB uint8, shape (height, width, 3)."""

Row = npt.NDArray[np.float32]
"""The features of one image: float32, shape (width,)."""


class Engine(Protocol):
    """A frozen network, ready to compute."""

    @property
    def view(self) -> View:
        """How the network is shown an image."""
        ...

    @property
    def width(self) -> int:
        """Features of an image."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should read once about how the features are computed."""
        ...

    def features(self, images: Iterable[Shown]) -> Generator[Row, None, None]:
        """The features of each image, in the order of the images.

        Images are taken only as they are needed, a few ahead of the row that is given, so that neither all images nor
        all rows lie in memory.

        Parameters
        ----------
        images : iterable of ndarray of uint8, shape (height, width, 3)
            Of the view's size.

        Yields
        ------
        ndarray of float32, shape (width,)
            In memory of its own.
        """
        ...
