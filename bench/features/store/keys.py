"""The key of stored features: everything that went into them, in the clear, and the place that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.features.store.entry import FORMAT, Entry
from bench.plugins.preparation import parse_prepare, preparation_code
from bench.plugins.registry import Plugin
from bench.storage.file_digests import cached_file_digest
from bench.storage.fingerprints import code_digest, digest, library_versions

READING = "extractors.cells"
"""The module that decodes cells: a third party's extractor need not import it, yet lives on what it gives."""


def entry_of(
    store: Path,
    plugin: Plugin,
    cells: Sequence[str],
    *,
    weights_dir: str | None,
    threads: int,
    prepare: str = "none",
    device: str = "cpu",
) -> Entry:
    """The store entry of an extractor's features of the cells with the given digests.

    Parameters
    ----------
    store : Path
        The feature store's folder.
    plugin : Plugin
        The extractor.
    cells : sequence of str
        SHA-256 of each cell, in order.
    weights_dir : str or None
        Where weights are looked for first.
    threads : int
        Threads of one task; part of the key where the bits may depend on them.
    prepare : str
        Canonical text of the steps that cells go through first.
    device : str
        What computes, `cpu` or `cuda`; part of the key where the extractor can choose.

    Raises
    ------
    BenchError
        The extractor's weights are not to be had.
    """
    components = {
        "format": FORMAT,
        **extractor_identity(plugin, weights_dir=weights_dir, prepare=prepare, threads=threads, device=device),
        "cells": digest(list(cells)),
    }
    folder = (
        store / "features" / f"{slug(plugin.selector)}-{_identity(components)[:16]}" / str(components["cells"])[:16]
    )
    return Entry(folder, components)


def is_in_place(folder: Path, record: Mapping[str, Any]) -> bool:
    """Whether an entry lies where what it says of itself belongs, and not in the place of another.

    Parameters
    ----------
    folder : Path
        Of the entry.
    record : mapping
        What it says of itself.
    """
    components = record["components"]
    name = record["key"] if "fitted_on" in record else str(components.get("cells"))
    return folder.name == name[:16] and folder.parent.name.endswith(f"-{_identity(components)[:16]}")


def extractor_identity(
    plugin: Plugin, *, weights_dir: str | None, prepare: str = "none", threads: int = 1, device: str = "cpu"
) -> dict[str, Any]:
    """What identifies an extractor and all that it is given but the cells.

    Its selector in full, its model, its code, its weights, the libraries that compute, threads and device where its
    bits may depend on them, and the preparation with its code.
    """
    return {
        "extractor": plugin.canonical,
        **_network(plugin, weights_dir=weights_dir),
        "prepare": prepare,
        "device": device if "device" in plugin.accepts else None,
        "threads": threads if _threads_count(plugin) else None,
        **software(plugin.target.partition(":")[0], prepare),
    }


def software(module: str, prepare: str) -> dict[str, Any]:
    """What is installed for an extractor: digests of code, versions of libraries.

    Parameters
    ----------
    module : str
        Where its class lies.
    prepare : str
        Canonical text of the steps that cells go through first.

    Returns
    -------
    dict
        The components `preparation` (None for no step), `code`, `reading` and `libraries`.

    Raises
    ------
    BenchError
        There is no such module or step.
    """
    steps = parse_prepare(prepare)
    computing = (READING, *sorted({type(step).__module__ for step in steps}), module)
    return {
        "preparation": preparation_code(steps),
        "code": code_digest(module),
        "reading": code_digest(READING),
        "libraries": {name: version for part in computing for name, version in library_versions(part).items()},
    }


def _identity(components: Mapping[str, Any]) -> str:
    """Digest of the extractor's share of a key: neither the cells nor what it was fitted on."""
    return digest({k: value for k, value in components.items() if k != "cells" and not k.startswith("fit_")})


def slug(selector: str) -> str:
    """A selector as the beginning of a folder's name: letters, digits and `-_.` only, at most 60 of them."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in selector)[:60]
    return kept.lstrip(".") or "extractor"


def _network(plugin: Plugin, *, weights_dir: str | None) -> dict[str, str | None]:
    """`model`: its full name with the weights' tag; `weights`: SHA-256 of their file; None where there is none."""
    if "weights" not in plugin.params:
        return {"model": None, "weights": None}
    extractor = plugin.build(weights_dir=weights_dir)
    if not hasattr(extractor, "weights_file"):
        raise BenchError(f"{plugin.selector}: an extractor with a parameter `weights` tells its file by weights_file()")
    try:
        path = extractor.weights_file()
        model = str(extractor.full_name()) if hasattr(extractor, "full_name") else None
        return {"model": model, "weights": None if path is None else cached_file_digest(Path(path))}
    except (OSError, ValueError) as error:
        raise BenchError(str(error)) from error


def _threads_count(plugin: Plugin) -> bool:
    """Whether the bits may depend on the number of threads; a class whose bits do not says `thread_independent`."""
    return "threads" in plugin.accepts and not getattr(plugin.build(), "thread_independent", False)
