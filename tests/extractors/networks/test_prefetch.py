from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice

import pytest

from extractors.networks.prefetch import prefetched


def test_results_have_the_order_of_the_items() -> None:
    assert list(prefetched(lambda x: x * x, range(50), threads=3, ahead=7)) == [x * x for x in range(50)]


def test_at_most_ahead_items_are_taken_before_their_result_is_consumed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = prefetched(lambda x: x, items(), threads=2, ahead=5)
    for consumed in range(1, 20):
        next(results)
        assert len(taken) == consumed + 4
    results.close()
    assert len(taken) == 23


def test_an_error_is_raised_at_its_item_and_ends_the_threads() -> None:
    before = threading.active_count()
    results = prefetched(lambda x: 1 // x, [2, 1, 0, 1], threads=2, ahead=2)
    assert list(islice(results, 2)) == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before


def test_each_thread_is_initialised() -> None:
    local = threading.local()
    results = prefetched(
        lambda _: local.ready, range(9), threads=3, ahead=9, initializer=lambda: setattr(local, "ready", True)
    )
    assert all(results)
