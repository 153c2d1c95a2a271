"""Licences of published weights, as timm and torchvision state them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter

from extractors.files.atomic import atomic_file
from extractors.files.cache_folder import cache_folder
from extractors.networks.architectures.catalogue import ARCHITECTURES
from extractors.networks.foundation.catalogue import foundation_model

UNKNOWN = "unknown"
"""The library states no licence for these weights."""

_DOCUMENT = TypeAdapter(dict[str, str])


def weights_licence(full_name: str) -> str:
    """Return the licence of the published weights `arch.tag`, or `UNKNOWN`.

    The licences are cached in `cache_folder` by the versions of both libraries, so that only the first call after an
    installation imports them. Weights of an architecture of this project are those of its trunk. A foundation model has
    the licence of its authors, also where it is named by its repository.
    """
    foundation = foundation_model(full_name)
    if foundation is not None:
        model = foundation[1]
        return f"{model.licence} ({model.licence_note})" if model.licence_note else model.licence
    name, _, tag = full_name.partition(".")
    own = ARCHITECTURES.get(name)
    source = full_name if own is None else f"{own.trunk}.{tag}"
    return _licences(cache_folder()).get(source, UNKNOWN)


@lru_cache(maxsize=4)
def _licences(folder: Path) -> dict[str, str]:
    file = folder / "models" / f"licences_timm-{version('timm')}_torchvision-{version('torchvision')}.json"
    try:
        return _DOCUMENT.validate_json(file.read_bytes())
    except (OSError, ValueError):
        licences = {**dict(_of_torchvision()), **dict(_of_timm())}
    with suppress(OSError), atomic_file(file) as temporary:  # the cache only saves time
        temporary.write_bytes(_DOCUMENT.dump_json(licences))
    return licences


def _of_timm() -> Iterator[tuple[str, str]]:
    import timm  # noqa: PLC0415 - heavy
    from timm.models import get_arch_pretrained_cfgs, get_pretrained_cfg  # noqa: PLC0415 - heavy

    for name in timm.list_models():
        for full in get_arch_pretrained_cfgs(name):
            licence = get_pretrained_cfg(full).license
            if licence:
                yield full, str(licence)


def _of_torchvision() -> Iterator[tuple[str, str]]:
    import torchvision  # noqa: PLC0415 - heavy
    from torchvision.models import get_model_weights, list_models  # noqa: PLC0415 - heavy

    for name in list_models(module=torchvision.models):
        for weights in get_model_weights(name):
            licence = weights.meta.get("license")
            if licence:
                yield f"{name}.{weights.name}", str(licence)
