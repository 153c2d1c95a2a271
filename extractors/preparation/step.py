"""One step of preparation: pixels and masks in, pixels and masks out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

STRIP = 2 * 1024 * 1024
"""Pixels of a strip: more than nearly every cell has, and 24 MB in three channels of float32."""

_KINDS = {int: "a whole number", float: "a number", str: "a word"}


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


@dataclass(frozen=True)
class StepBase:
    """What the steps share: parameters that are checked when they are given, and that some of the cell stays.

    Raises
    ------
    ValueError
        A parameter of another type than its default (a whole number may stand for a number), or outside its range.
    """

    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for parameter in fields(self):
            value = _coerced(parameter.default, getattr(self, parameter.name))
            object.__setattr__(self, parameter.name, value)
            kind = type(parameter.default)
            if type(value) is not kind:
                raise ValueError(f"{parameter.name} is {_KINDS[kind]} (given: {value!r})")
            allowed = parameter.metadata
            if "words" in allowed and value not in allowed["words"]:
                raise ValueError(f"{parameter.name} is one of {', '.join(allowed['words'])} (given: {value})")
            if "low" in allowed and not allowed["low"] <= value <= allowed["high"]:
                raise ValueError(f"{parameter.name} is from {allowed['low']} to {allowed['high']} (given: {value})")

    def __call__(self, picture: Picture) -> Picture:
        """The picture after this step; what comes in is not changed.

        Raises
        ------
        ValueError
            The step cannot be done to this picture, or leaves nothing of the cell.
        """
        if not picture.mask.any():
            raise ValueError("the mask is empty: there is no cell to prepare")
        prepared = self._apply(picture)
        if not prepared.mask.any():
            raise ValueError("leaves nothing of the cell; crop to the cell before, or leave out the cell or the step")
        return prepared

    @property
    def is_identity(self) -> bool:
        """Whether its parameters say that every picture stays as it is."""
        return False

    def __str__(self) -> str:
        given = ",".join(f"{p.name}={_formatted(getattr(self, p.name))}" for p in fields(self))
        return f"{self.name}[{given}]" if given else self.name

    def _apply(self, picture: Picture) -> Picture:
        raise NotImplementedError


def replace_cell_pixels(picture: Picture, image: npt.NDArray[np.uint8]) -> Picture:
    """The picture with the cell's pixels taken from `image`; the background stays as it is."""
    # A tenth of the time of numpy.where.
    return picture._replace(image=np.asarray(cv2.copyTo(image, picture.mask.view(np.uint8), picture.image.copy())))


def row_strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of an image by the strip, so that a step's numbers in floats stay small however large the image is.

    Parameters
    ----------
    shape : tuple of int
        Height and width, px. Up to `STRIP` pixels are one strip.
    """
    height, width = shape[:2]
    rows = max(1, STRIP // width)
    return (slice(top, min(height, top + rows)) for top in range(0, height, rows))


def number(default: float, *, low: float, high: float) -> Any:
    """A parameter of a step that is a number from `low` to `high`; whole where its default is."""
    return field(default=default, metadata={"low": low, "high": high})


def word(default: str, *others: str) -> Any:
    """A parameter of a step that is one of some words."""
    return field(default=default, metadata={"words": (default, *others)})


def _coerced(default: object, value: object) -> object:
    """The value as its default is written: 3 for 3.0, and the other way round."""
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(default) is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _formatted(value: float | str) -> str:
    return value if isinstance(value, str) else json.dumps(value)
