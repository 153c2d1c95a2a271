from __future__ import annotations

import pytest

from bench.datasets.classes import check_classes, positive_class, with_positive_class
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError

THREE = ("a", "b", "c")


def test_fewer_than_two_classes_are_refused() -> None:
    assert check_classes(["b", "a", "b"], "cells") == ("a", "b")
    with pytest.raises(BenchError, match="cells holds only the class 'a'"):
        check_classes(["a", "a"], "cells")
    with pytest.raises(BenchError, match="cells holds no cell"):
        check_classes([], "cells")


@pytest.mark.parametrize(
    ("classes", "requested", "default", "positive"),
    [
        (("ALL", "HEM"), None, "ALL", "ALL"),
        (("ALL", "HEM"), "HEM", "ALL", "HEM"),
        (("a", "b"), None, None, "b"),
        (("a", "b"), None, "gone", "b"),
        (THREE, None, "a", None),
    ],
)
def test_positive_class_is_requested_default_or_last(
    classes: tuple[str, ...], requested: str | None, default: str | None, positive: str | None
) -> None:
    chosen, notice = positive_class(classes, requested, default)
    assert chosen == positive
    assumed = positive == "b"
    assert (notice is not None) == assumed
    if notice is not None:
        assert "'b', the last in sort order; set another with --positive" in notice


def test_an_assumed_positive_class_gives_a_notice() -> None:
    names = ["a", "b"]
    table = cell_table(cell=names, path=names, label=names, patient=names)
    assumed = with_positive_class(Dataset("d", "test", table, None), "d")
    assert (assumed.positive, len(assumed.notices)) == ("b", 1)
    requested = with_positive_class(Dataset("d", "test", table, None, ReadOptions(positive="a")), "d")
    assert (requested.positive, requested.notices) == ("a", ())


def test_a_wrong_positive_class_is_refused() -> None:
    with pytest.raises(BenchError, match=r"--positive all: no such class\. Did you mean .*The classes are al, hem"):
        positive_class(("al", "hem"), "all", None)
    with pytest.raises(BenchError, match="there are 3 classes; a positive class needs two"):
        positive_class(THREE, "a", None)


def test_many_classes_are_refused() -> None:
    assert len(check_classes(map(str, range(1000)), "cells")) == 1000
    with pytest.raises(BenchError, match=r"cells holds 100000 classes \(0, 1, 10, 100, 1000, \.\.\.\); at most 1000"):
        check_classes(map(str, range(100_000)), "cells")
    with pytest.raises(BenchError, match=r"--positive y{77}\.\.\.: no such class\. The classes are 0, 1,") as caught:
        positive_class(tuple(map(str, range(900))), "y" * 5000, None)
    assert len(str(caught.value)) < 400
