"""Stages of a training: which layer groups train, for how many epochs, at which image size."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

MAX_EPOCHS = 100_000
"""Largest number of epochs of a training."""

MAX_SIZE = 8192
"""Largest side of an image in pixels."""

FORMS = {
    "stages": "head:EPOCHS, all:EPOCHS or groups-N:EPOCHS",
    "sizes": f"PIXELS:EPOCHS with 1 to {MAX_SIZE} pixels",
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
    """

    trainable: str
    epochs: int
    size: int | None = None

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


def stages_of(stages: str | Sequence[str] | None, sizes: str | Sequence[str] | None, epochs: int) -> tuple[Stage, ...]:
    """Parse the options `stages` and `sizes`.

    Parameters
    ----------
    stages : sequence of str, or one str joined by `+`, or None
        `WHAT:EPOCHS` with WHAT as `Stage.trainable`, such as `("head:10", "all:10")`. None: all layers train.
    sizes : sequence of str, or one str joined by `+`, or None
        `PIXELS:EPOCHS`, such as `("32:8", "64:8", "224:14")`. None: one size.
    epochs : int
        Epochs of the training if neither is given; not used otherwise.

    Returns
    -------
    tuple of Stage
        In order. If both are given, they run in parallel and must have equally many epochs in total; a stage ends
        where either changes: `head:2+all:3` with `32:4+64:1` is (head, 2, 32), (all, 2, 32), (all, 1, 64).

    Raises
    ------
    ValueError
        A piece is malformed or out of range, or the epochs of both do not agree; the message names the piece.
    """
    frozen = None if stages is None else _pieces("stages", stages, _trainable)
    resized = None if sizes is None else _pieces("sizes", sizes, _size)
    if frozen is None and resized is None:
        return (Stage("all", epochs),)
    if resized is None:
        return tuple(Stage(trainable, count) for trainable, count in frozen or ())
    if frozen is None:
        return tuple(Stage("all", count, size) for size, count in resized)
    return _overlaid(frozen, resized)


def _overlaid(frozen: list[tuple[str, int]], resized: list[tuple[int, int]]) -> tuple[Stage, ...]:
    by_epoch = [[i for i, (_, count) in enumerate(pieces) for _ in range(count)] for pieces in (frozen, resized)]
    if len(by_epoch[0]) != len(by_epoch[1]):
        raise ValueError(
            f"stages has {len(by_epoch[0])} epochs and sizes has {len(by_epoch[1])}; give both equally many, or only "
            "one of them"
        )
    runs = ((pair, len(list(run))) for pair, run in groupby(zip(*by_epoch, strict=True)))
    return tuple(Stage(frozen[i][0], count, resized[j][0]) for (i, j), count in runs)


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


def _size(text: str) -> int | None:
    size = int(text) if re.fullmatch(r"[1-9][0-9]{0,4}", text) else 0
    return size if 1 <= size <= MAX_SIZE else None
