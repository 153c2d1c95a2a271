from __future__ import annotations

import pytest

from bench.datasets.classes import check_classes, positive_class
from bench.errors import BenchError

THREE = ("a", "b", "c")


def test_fewer_than_two_classes_are_refused() -> None:
    assert check_classes(["b", "a", "b"], "cells") == ("a", "b")
    with pytest.raises(BenchError, match="cells holds only the class 'a'"):
        check_classes(["a", "a"], "cells")
    with pytest.raises(BenchError, match="cells holds no cell"):
        check_classes([], "cells")


@pytest.mark.parametrize(
    ("classes", "asked", "known", "positive"),
    [
        (("ALL", "HEM"), None, "ALL", "ALL"),
        (("ALL", "HEM"), "HEM", "ALL", "HEM"),
        (("a", "b"), None, None, "b"),
        (("a", "b"), None, "gone", "b"),
        (THREE, None, "a", None),
    ],
)
def test_who_names_the_positive_class(
    classes: tuple[str, ...], asked: str | None, known: str | None, positive: str | None
) -> None:
    found, notice = positive_class(classes, asked, known)
    assert found == positive
    assumed = positive == "b"
    assert (notice is not None) == assumed
    if notice is not None:
        assert "'b', the last in sort order; --positive" in notice


def test_a_wrong_positive_class_is_refused() -> None:
    with pytest.raises(BenchError, match=r"--positive all: no such class\. Did you mean .*The classes are al, hem"):
        positive_class(("al", "hem"), "all", None)
    with pytest.raises(BenchError, match="there are 3 classes; a positive class is for two"):
        positive_class(THREE, "a", None)
