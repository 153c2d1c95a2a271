"""The classes of a data set, and which of two is the positive one."""

from __future__ import annotations

from collections.abc import Iterable

from bench.errors import BenchError, did_you_mean


def check_classes(labels: Iterable[str], name: str) -> tuple[str, ...]:
    """The labels in sort order.

    Raises
    ------
    BenchError
        There are fewer than two.
    """
    classes = tuple(sorted(set(labels)))
    if len(classes) < 2:
        only = f"only the class {classes[0]!r}" if classes else "no cell"
        raise BenchError(f"{name} holds {only}; at least two classes are needed to tell them apart")
    return classes


def positive_class(classes: tuple[str, ...], asked: str | None, known: str | None) -> tuple[str | None, str | None]:
    """The positive class, and a notice where it was only assumed.

    Parameters
    ----------
    classes : tuple of str
        The labels in sort order.
    asked : str or None
        What the user named.
    known : str or None
        What the reader knows.

    Returns
    -------
    positive : str or None
        `asked`, else `known`, else the last label; None with more than two classes.
    notice : str or None
        A sentence where the last label was taken.

    Raises
    ------
    BenchError
        `asked` is no label, or there are more than two classes.
    """
    if asked is not None and asked not in classes:
        hint = did_you_mean(asked, classes)
        raise BenchError(f"--positive {asked}: no such class.{hint} The classes are {', '.join(classes)}.")
    if asked is not None and len(classes) > 2:
        raise BenchError(f"--positive {asked}: there are {len(classes)} classes; a positive class is for two")
    if len(classes) > 2:
        return None, None
    if asked is not None:
        return asked, None
    if known in classes:
        return known, None
    last = classes[-1]
    return last, f"the positive class is {last!r}, the last in sort order; --positive names another"
