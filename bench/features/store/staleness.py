"""Detect entries made by other code or library versions than those that are installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import BenchError
from bench.features.store.keys import software
from bench.plugins.registry import installed


def stale_components(components: Mapping[str, Any]) -> tuple[str, ...]:
    """The components in which the installed software differs from the software that made an entry.

    Parameters, weights, cells, threads and device are not compared, since the user can choose them again.

    Parameters
    ----------
    components : mapping
        Components of the entry's key.

    Returns
    -------
    tuple of str
        `("extractor",)` where the extractor is not installed; otherwise those of "code", "reading", "preparation" and
        "libraries" that differ. Empty if the installed software would compute the same entry.
    """
    points = installed("extractors")
    name = str(components.get("extractor")).partition("[")[0]
    # A network is an extractor under its own name. Only modules of installed extractors are looked up.
    point = points.get("embedding" if components.get("model") and name not in points else name)
    if point is None:
        return ("extractor",)
    try:
        now = software(point.value.partition(":")[0], str(components.get("prepare", "none"))[:10_000])
    except BenchError:
        return ("preparation",)
    return tuple(name for name, value in now.items() if components.get(name) != value)
