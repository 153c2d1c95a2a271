"""One step of preparation: pixels and masks in, pixels and masks out."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt


class Picture(NamedTuple):
    """What is prepared together.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        True on the cell.
    nucleus : ndarray of bool, shape (height, width), or None
        True on the nucleus that the user has drawn.
    """

    image: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.bool_]
    nucleus: npt.NDArray[np.bool_] | None = None


class Step(Protocol):
    """A step of preparation: a frozen dataclass whose fields are its parameters, so that it can be hashed and sent.

    `str(step)` is its canonical selector with every parameter, such as `clahe[clip=2.0,tiles=8]`.
    """

    name: ClassVar[str]

    def __call__(self, picture: Picture) -> Picture:
        """The picture after this step; what comes in is not changed.

        Raises
        ------
        ValueError
            The step cannot be done to this picture, or leaves nothing of the cell.
        """
        ...
