"""What has changed since features were extracted, so that nobody can ask for them any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import BenchError
from bench.features.store.keys import software
from bench.plugins.registry import installed


def outdated(components: Mapping[str, Any]) -> tuple[str, ...]:
    """The components in which the installed software differs from the one that made an entry.

    What a person chooses (parameters, weights, cells, threads, device) can be chosen again and is not looked at.

    Parameters
    ----------
    components : mapping
        What the entry's key is made of.

    Returns
    -------
    tuple of str
        `("extractor",)` where it is not installed any more; else those of "code", "reading", "preparation" and
        "libraries" that differ. Nothing of an entry that the installed software would make just so.
    """
    extractor = components.get("extractor")
    target = extractor.partition("[")[0] if isinstance(extractor, str) else ""
    # Only what is installed as an extractor is looked up: to find a module may import its package.
    if target not in {point.value.replace(":", ".") for point in installed("extractors").values()}:
        return ("extractor",)
    try:
        now = software(target.rpartition(".")[0], str(components.get("prepare", "none"))[:10_000])
    except BenchError:
        return ("preparation",)
    return tuple(name for name, value in now.items() if components.get(name) != value)
