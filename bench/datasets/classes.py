"""Classes of a dataset and the choice of the positive class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bench.datasets.canonical_names import known_spelling
from bench.datasets.known_negatives import positive_of
from bench.datasets.names import MAX_CLASSES, listed
from bench.datasets.table import Dataset
from bench.errors import BenchError, did_you_mean, shortened


def with_positive_class(dataset: Dataset, name: str) -> Dataset:
    """Set the positive class of a dataset; a notice, before all others, states why it is assumed.

    Parameters
    ----------
    dataset : Dataset
        Table of cells; `dataset.positive` is the class that the reader names.
    name : str
        Name of the cells in error messages.

    Raises
    ------
    BenchError
        There are fewer than two classes, or `dataset.options.positive` cannot be the positive class.
    """
    classes = check_classes(dataset.table["label"], name)
    positive, notice = positive_class(classes, dataset.options.positive, dataset.positive)
    notices = ((notice,) if notice else ()) + dataset.notices
    return replace(dataset, positive=positive, notices=tuple(dict.fromkeys(notices)))


def check_classes(labels: Iterable[str], name: str) -> tuple[str, ...]:
    """Return the labels in sort order.

    Raises
    ------
    BenchError
        There are fewer than two, or more than `MAX_CLASSES`.
    """
    classes = tuple(sorted(set(labels)))
    if len(classes) < 2:
        only = f"only the class {classes[0]!r}" if classes else "no cell"
        raise BenchError(f"{name} holds {only}; at least two classes are needed")
    if len(classes) > MAX_CLASSES:
        raise BenchError(
            f"{name} holds {len(classes)} classes ({listed(classes)}); at most {MAX_CLASSES} are read: is the label a "
            "name or number of the cell?"
        )
    return classes


def positive_class(
    classes: tuple[str, ...], requested: str | None, default: str | None
) -> tuple[str | None, str | None]:
    """Choose the positive class.

    Parameters
    ----------
    classes : tuple of str
        Labels in sort order.
    requested : str or None
        Positive class named by the user.
    default : str or None
        Positive class named by the reader.

    Returns
    -------
    positive : str or None
        `requested`, `default`, the label that is not a known negative, or the last label, in this order; None with
        more than two classes. `requested` and `default` are compared by `name_key`.
    notice : str or None
        Message for the user if neither the user nor the reader names it.

    Raises
    ------
    BenchError
        `requested` is not a label, or there are more than two classes.
    """
    if requested is not None:
        requested = _spelled(requested, classes)
        if requested not in classes:
            hint = did_you_mean(requested, classes)
            raise BenchError(
                f"--positive {shortened(requested)}: no such class.{hint} The classes are {listed(classes, 20)}."
            )
        if len(classes) > 2:
            raise BenchError(f"--positive {requested}: there are {len(classes)} classes; a positive class needs two")
    if requested is not None or len(classes) > 2:
        return requested, None
    if default is not None and (named := _spelled(default, classes)) in classes:
        return named, None
    change = "set another with --positive"
    if (positive := positive_of(classes)) is not None:
        other = next(label for label in classes if label != positive)
        return positive, f"the positive class is {positive!r}, since {other!r} is a known negative; {change}"
    last = classes[-1]
    return last, f"the positive class is {last!r}, the last in sort order; {change}"


def _spelled(label: str, classes: tuple[str, ...]) -> str:
    return known_spelling([label], classes).get(label, label)
