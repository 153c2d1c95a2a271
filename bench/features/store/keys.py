"""Keys of stored features: everything that they depend on, and the path that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.features.store.entry import FORMAT, Entry
from bench.plugins.devices import key_device
from bench.plugins.network_weights import network_identity
from bench.plugins.preparation import parse_prepare, preparation_code
from bench.plugins.registry import Plugin
from bench.storage.fingerprints import code_digest, digest, library_versions

READING = "extractors.cells"
"""The module that decodes cells; part of every key, since a third-party extractor need not import it."""


def entry_of(
    store: Path,
    plugin: Plugin,
    cells: Sequence[str],
    *,
    weights_dir: str | None,
    threads: int,
    prepare: str = "none",
    device: str = "cpu",
    gpus_per_fit: int = 1,
) -> Entry:
    """The store entry of an extractor's features for a list of cells.

    Parameters
    ----------
    store : Path
        The feature store's folder.
    plugin : Plugin
        The extractor.
    cells : sequence of str
        SHA-256 of each cell, in order.
    weights_dir : str or None
        Folder that is searched first for weights.
    threads : int
        Threads of one task; part of the key if the features may depend on them.
    prepare : str
        Canonical text of the preparation of the cells.
    device : str
        `cpu` or `cuda`; part of the key if the extractor takes it.
    gpus_per_fit : int
        Number of GPUs of a fit; part of the key if it is above 1 and the extractor takes it.

    Raises
    ------
    BenchError
        The extractor's weights are not available.
    """
    identity = extractor_identity(
        plugin, weights_dir=weights_dir, prepare=prepare, threads=threads, device=device, gpus_per_fit=gpus_per_fit
    )
    components = {"format": FORMAT, **identity, "cells": digest(list(cells))}
    return Entry(extractor_folder(store / "features", plugin, components) / str(components["cells"])[:16], components)


def extractor_folder(root: Path, plugin: Plugin, components: Mapping[str, Any]) -> Path:
    """Folder of the entries that differ in nothing but the cells and the training data."""
    return root / f"{slug(plugin.selector)}-{_identity(components)[:16]}"


def is_in_place(folder: Path, record: Mapping[str, Any]) -> bool:
    """Whether the path of an entry matches its record.

    Parameters
    ----------
    folder : Path
        Path of the entry.
    record : mapping
        Its record.
    """
    components = record["components"]
    name = record["key"] if "fitted_on" in record else str(components.get("cells"))
    return folder.name == name[:16] and folder.parent.name.endswith(f"-{_identity(components)[:16]}")


def extractor_identity(
    plugin: Plugin,
    *,
    weights_dir: str | None,
    prepare: str = "none",
    threads: int = 1,
    device: str = "cpu",
    gpus_per_fit: int = 1,
) -> dict[str, Any]:
    """Components of the key that do not depend on the cells.

    The canonical selector, model, code, weights, versions of the computing libraries, threads and device where the
    features may depend on them, and the preparation with its code.
    """
    return {
        "extractor": plugin.canonical,
        **_network(plugin, weights_dir=weights_dir),
        "prepare": prepare,
        "device": key_device(plugin, device, gpus_per_fit),
        "threads": threads if _threads_count(plugin) else None,
        **software(plugin.target.partition(":")[0], prepare),
    }


def software(module: str, prepare: str) -> dict[str, Any]:
    """Digests of the installed code of an extractor, and versions of its libraries.

    Parameters
    ----------
    module : str
        Module of its class.
    prepare : str
        Canonical text of the preparation of the cells.

    Returns
    -------
    dict
        The components `preparation` (None without steps), `code`, `reading` and `libraries`.

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
    """Digest of the components without the cells and the training data."""
    return digest({k: value for k, value in components.items() if k != "cells" and not k.startswith("fit_")})


def slug(selector: str) -> str:
    """Convert a selector to the start of a folder name: letters, digits and `-_.`, at most 60 characters."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in selector)[:60]
    return name.lstrip(".") or "extractor"


def _network(plugin: Plugin, *, weights_dir: str | None) -> dict[str, str | None]:
    """`model`: full name with the tag of the weights; `weights`: SHA-256 of their file; None without weights."""
    if "weights" in plugin.params and not plugin.has("weights_file"):
        raise BenchError(f"{plugin.selector}: an extractor with a parameter `weights` needs a method weights_file()")
    return network_identity(plugin, weights_dir=weights_dir)


def _threads_count(plugin: Plugin) -> bool:
    """Whether features may depend on the number of threads; a class declares otherwise by `thread_independent`."""
    return "threads" in plugin.accepts and not getattr(plugin.build(), "thread_independent", False)
