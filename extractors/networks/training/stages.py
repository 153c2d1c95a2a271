"""Stages of a training: which layer groups train, for how many epochs, at which image size and crop."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

MAX_EPOCHS = 100_000
"""Largest number of epochs of a training."""

MAX_SIZE = 8192
"""Largest side of an image in pixels."""

FORMS = {
    "stages": "head:EPOCHS, all:EPOCHS or groups-N:EPOCHS",
    "sizes": f"PIXELS:EPOCHS with 1 to {MAX_SIZE} pixels",
    "crops": f"frame:EPOCHS, or PIXELS:EPOCHS with 1 to {MAX_SIZE} pixels",
}
"""Form of a piece of each option."""

T = TypeVar("T")


@dataclass(frozen=True)
class Stage:
    """Consecutive epochs with the same layer groups and image size; the schedule runs once over each stage.

    Parameters
    ----------
    trainable : str
        `all`, `head` (the last layer group), or `groups-N` (the last N layer groups).
    epochs : int
        Largest number of epochs, at least 1.
    size : int or None
        Side of the images in pixels; None: that of the network's options.
    crop : int or None
        Side in pixels of the square in the centre of the frame that is resized to `size`; None: the whole frame.
    """

    trainable: str
    epochs: int
    size: int | None = None
    crop: int | None = None

    def first_group(self, n_groups: int) -> int:
        """Return the index of the first layer group that trains; groups before it are frozen.

        Raises
        ------
        ValueError
            The stage names more groups than the network has.
        """
        if self.trainable == "all":
            return 0
        trained = 1 if self.trainable == "head" else int(self.trainable.removeprefix("groups-"))
        if trained > n_groups:
            raise ValueError(f"stages={self.trainable}:{self.epochs}: the network has {n_groups} layer groups")
        return n_groups - trained


def stages_of(
    stages: str | Sequence[str] | None,
    sizes: str | Sequence[str] | None,
    epochs: int,
    crops: str | Sequence[str] | None = None,
) -> tuple[Stage, ...]:
    """Parse the options `stages`, `sizes` and `crops`.

    Parameters
    ----------
    stages : sequence of str, or one str joined by `+`, or None
        `WHAT:EPOCHS` with WHAT as `Stage.trainable`, such as `("head:10", "all:10")`. None: all layers train.
    sizes : sequence of str, or one str joined by `+`, or None
        `PIXELS:EPOCHS`, such as `("32:8", "64:8", "224:14")`. None: one size.
    epochs : int
        Epochs of the training if none of the others is given; not used otherwise.
    crops : sequence of str, or one str joined by `+`, or None
        `PIXELS:EPOCHS` or `frame:EPOCHS`, such as `("300:1300", "frame:700")`. None: the whole frame.

    Returns
    -------
    tuple of Stage
        In order. Those that are given run in parallel and must have equally many epochs in total; a stage ends where
        one of them changes: `head:2+all:3` with `32:4+64:1` is (head, 2, 32), (all, 2, 32), (all, 1, 64).

    Raises
    ------
    ValueError
        A piece is malformed or out of range, or the epochs do not agree; the message names the piece.
    """
    pieces: dict[str, list[tuple[Any, int]]] = {}
    for option, value, parse in (("stages", stages, _trainable), ("sizes", sizes, _size), ("crops", crops, _crop)):
        if value is not None:
            pieces[option] = _pieces(option, value, parse)
    if not pieces:
        return (Stage("all", epochs),)
    return tuple(
        Stage(values.get("stages", "all"), count, values.get("sizes"), values.get("crops") or None)
        for values, count in _overlaid(pieces)
    )


def _overlaid(pieces: Mapping[str, list[tuple[Any, int]]]) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the values of each option and the epochs for which none of them changes."""
    by_epoch = {option: [i for i, (_, n) in enumerate(listed) for _ in range(n)] for option, listed in pieces.items()}
    totals = {option: len(indices) for option, indices in by_epoch.items()}
    if len(set(totals.values())) > 1:
        (first, one), *_, (last, other) = sorted(totals.items(), key=lambda item: (item[1], item[0]))
        names = list(pieces)
        if names.index(first) > names.index(last):
            (first, one), (last, other) = (last, other), (first, one)
        raise ValueError(
            f"{first} has {one} epochs and {last} has {other}; give both equally many, or only one of them"
        )
    for indices, run in groupby(zip(*by_epoch.values(), strict=True)):
        yield {option: pieces[option][i][0] for option, i in zip(pieces, indices, strict=True)}, len(list(run))


def _pieces(option: str, value: str | Sequence[str], parse: Callable[[str], T | None]) -> list[tuple[T, int]]:
    pieces = value.split("+") if isinstance(value, str) else value
    if not isinstance(pieces, list | tuple):
        raise ValueError(f"{option}={value} is not of the form {FORMS[option]}")
    parsed = [_piece(option, str(piece), parse) for piece in pieces]
    total = sum(count for _, count in parsed)
    if not 1 <= total <= MAX_EPOCHS:
        raise ValueError(f"{option} has {total} epochs; 1 to {MAX_EPOCHS} are possible")
    return parsed


def _piece(option: str, piece: str, parse: Callable[[str], T | None]) -> tuple[T, int]:
    what, _, count = piece.partition(":")
    value = parse(what)
    if value is None or not re.fullmatch(r"[1-9][0-9]{0,5}", count):
        raise ValueError(f"{option}={piece} is not of the form {FORMS[option]}")
    return value, int(count)


def _trainable(text: str) -> str | None:
    return text if re.fullmatch(r"all|head|groups-[1-9][0-9]{0,3}", text) else None


def _crop(text: str) -> int | None:
    """Return the side in pixels, 0 for the whole frame."""
    return 0 if text == "frame" else _size(text)


def _size(text: str) -> int | None:
    size = int(text) if re.fullmatch(r"[1-9][0-9]{0,4}", text) else 0
    return size if 1 <= size <= MAX_SIZE else None
