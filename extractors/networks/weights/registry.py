"""Registry of networks and their published weights, available without importing torch."""

from __future__ import annotations

import difflib
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from extractors.files.atomic import atomic_file
from extractors.files.cache_folder import cache_folder
from extractors.networks.architectures.catalogue import ARCHITECTURES
from extractors.networks.foundation.catalogue import FOUNDATION

Library = Literal["timm", "torchvision", "cytobench", "foundation", "hub"]
SCHEMA = 2

HUB = "hf-hub:"
LOCAL = "local-dir:"


@dataclass(frozen=True, slots=True)
class Published:
    """Source of one set of published weights.

    Parameters
    ----------
    hub_id : str or None
        Repository of the Hugging Face hub.
    filename : str or None
        File in that repository, if the library specifies one.
    url : str or None
        Download address; its file is stored in the torch hub cache.
    """

    hub_id: str | None = None
    filename: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One network.

    Parameters
    ----------
    name : str
        Name in its library.
    library : {"timm", "torchvision", "cytobench", "foundation", "hub"}
        timm if torchvision has it too; cytobench for the architectures of this project; hub for a network that is named
        by its repository or folder.
    default_tag : str or None
        Tag of the library's default weights.
    tags : dict of str to Published
        Published weights by tag.
    trunk : str or None
        Network whose published weights these are, if they are those of the first layers only.
    """

    name: str
    library: Library
    default_tag: str | None
    tags: dict[str, Published]
    trunk: str | None = None


_DOCUMENT = TypeAdapter(dict[str, ModelEntry])


def model_names() -> list[str]:
    """List timm models, torchvision classification models that timm lacks, own architectures and foundation models.

    Sorted.

    The lists of the libraries are cached in `cache_folder` by their versions, so that only the first call after an
    installation imports them.
    """
    return sorted(_entries(cache_folder()))


def is_model(name: str) -> bool:
    """Whether a network has this name, with or without tag, or is named by its repository or folder."""
    return is_hub_model(name) or without_tag(name) in _entries(cache_folder())


def is_hub_model(name: str) -> bool:
    """Whether a network is named by its repository (`hf-hub:OWNER/NAME`) or folder (`local-dir:FOLDER`)."""
    return name.startswith((HUB, LOCAL))


def without_tag(name: str) -> str:
    """Return the name of a network without the tag of its weights; a repository or folder has none."""
    return name if is_hub_model(name) else name.partition(".")[0]


def model_entry(name: str) -> ModelEntry:
    """Return the entry of the network `name` (without tag).

    Raises
    ------
    ValueError
        Unknown name; the message suggests similar names.
    """
    if is_hub_model(name):
        source = {"hub": Published(name.removeprefix(HUB))} if name.startswith(HUB) else {}
        return ModelEntry(name, "hub", None, source)
    entries = _entries(cache_folder())
    if name not in entries:
        similar = difflib.get_close_matches(name, list(entries), n=3, cutoff=0.6)
        hint = f" Did you mean {', '.join(similar)}?" if similar else " bench list extractors --timm prints all names."
        raise ValueError(f"there is no timm or torchvision model {name!r}.{hint}")
    return entries[name]


@lru_cache(maxsize=4)
def _entries(folder: Path) -> dict[str, ModelEntry]:
    entries = _library_entries(folder)
    for name, architecture in ARCHITECTURES.items():
        trunk = architecture.trunk
        tag, tags = (None, {}) if trunk is None else (entries[trunk].default_tag, entries[trunk].tags)
        entries[name] = ModelEntry(name, "cytobench", tag, tags, trunk)
    for name, model in FOUNDATION.items():
        tags = {tag: Published(hub, file) for tag, (hub, file) in model.sources.items()}
        entries[name] = ModelEntry(name, "foundation", next(iter(tags)), tags)
    return entries


def _library_entries(folder: Path) -> dict[str, ModelEntry]:
    file = folder / "models" / f"{SCHEMA}_timm-{version('timm')}_torchvision-{version('torchvision')}.json"
    try:
        return _DOCUMENT.validate_json(file.read_bytes())
    except (OSError, ValueError):
        entries = {**_torchvision_entries(), **_timm_entries()}
    with suppress(OSError), atomic_file(file) as temporary:  # the cache only saves time
        temporary.write_bytes(_DOCUMENT.dump_json(entries))
    return entries


def _timm_entries() -> dict[str, ModelEntry]:
    import timm  # noqa: PLC0415 - heavy
    from timm.models import get_arch_pretrained_cfgs, get_pretrained_cfg  # noqa: PLC0415 - heavy

    entries = {}
    for name in timm.list_models():
        default = get_pretrained_cfg(name)
        tags = {}
        for full in get_arch_pretrained_cfgs(name):
            config = get_pretrained_cfg(full)
            url = config.url[0] if isinstance(config.url, tuple) else config.url
            if config.hf_hub_id or url:
                tags[full.partition(".")[2]] = Published(config.hf_hub_id or None, config.hf_hub_filename, url or None)
        tag = default.tag if default is not None and default.tag in tags else None
        entries[name] = ModelEntry(name, "timm", tag, tags)
    return entries


def _torchvision_entries() -> dict[str, ModelEntry]:
    import torchvision  # noqa: PLC0415 - heavy
    from torchvision.models import get_model_weights, list_models  # noqa: PLC0415 - heavy

    entries = {}
    for name in list_models(module=torchvision.models):
        weights = get_model_weights(name)
        tags = {tag.name: Published(url=tag.url) for tag in weights}
        entries[name] = ModelEntry(name, "torchvision", weights.DEFAULT.name if tags else None, tags)
    return entries
