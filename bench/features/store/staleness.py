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
    extractor = components.get("extractor")
    target = extractor.partition("[")[0] if isinstance(extractor, str) else ""
    # Only installed extractors are looked up: finding a module may import its package.
    if target not in {point.value.replace(":", ".") for point in installed("extractors").values()}:
        return ("extractor",)
    try:
        now = software(target.rpartition(".")[0], str(components.get("prepare", "none"))[:10_000])
    except BenchError:
        return ("preparation",)
    return tuple(name for name, value in now.items() if components.get(name) != value)
