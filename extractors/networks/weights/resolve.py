"""Resolve the weights of a network to a file, without importing torch."""

from __future__ import annotations

import difflib
import itertools
from pathlib import Path

from extractors.networks.weights.hub import cached_file, download
from extractors.networks.weights.loading import MAX_BYTES
from extractors.networks.weights.registry import ModelEntry, model_entry

SUFFIX = ".safetensors"


def split_tag(model: str, weights: str) -> tuple[str, str]:
    """Split off the tag: `("resnet50.a1_in1k", "default")` becomes `("resnet50", "a1_in1k")`.

    Returns
    -------
    architecture, weights : str

    Raises
    ------
    ValueError
        The name of the model has a tag that differs from `weights`.
    """
    architecture, _, tag = model.partition(".")
    if not tag:
        return architecture, weights
    if weights not in ("default", tag):
        raise ValueError(
            f"{model} has a tag, which weights={weights} contradicts; write {architecture} without the tag"
        )
    return architecture, tag


def full_name(model: str, weights: str = "default") -> str:
    """Return the full `arch.tag` of a network.

    Parameters
    ----------
    model : str
        Name of a timm or torchvision model, with or without `.tag`.
    weights : str
        See `weights_file`.

    Returns
    -------
    str
        For example `"efficientnet_b0.ra_in1k"` for `"efficientnet_b0"` with `"default"`, depending on the version of
        the library. Random weights and files have the default tag, whose data configuration defines the image
        transform. The name alone if the library publishes no weights of the model.

    Raises
    ------
    ValueError
        Unknown model, or its tag contradicts `weights`.
    """
    architecture, choice = split_tag(model, weights)
    entry = model_entry(architecture)
    tag = choice if choice in entry.tags else entry.default_tag
    return architecture if tag is None else f"{architecture}.{tag}"


def weights_file(model: str, weights: str = "default", weights_dir: str | Path | None = None) -> Path | None:
    """Return the file with the weights of `model`, or None for random weights.

    Search order: `weights_dir` (`MODEL.safetensors` for the default weights, then `MODEL.TAG.safetensors`), the
    Hugging Face cache, the torch hub cache, and the hub itself, with one request and a limit of 5 seconds. For an
    architecture of this project whose first layers are those of a published network, the weights of that network are
    searched after its own.

    Parameters
    ----------
    model : str
        Name of a timm or torchvision model, with or without `.tag`.
    weights : str
        `"default"`, `"random"`, a tag of the model, or the path of a safetensors file.
    weights_dir : str or Path, optional
        A folder of safetensors files.

    Returns
    -------
    Path or None

    Raises
    ------
    ValueError
        Unknown model or tag, or the file is larger than `MAX_BYTES`.
    FileNotFoundError
        The weights are not available; the message lists what was tried and what to do.
    """
    architecture, weights = split_tag(model, weights)
    if weights == "random":
        return None
    if weights.endswith(SUFFIX):
        if not Path(weights).is_file():
            raise FileNotFoundError(f"{weights}: no such file (weights of {architecture})")
        return _checked(Path(weights))
    return _checked(_search(architecture, weights, weights_dir))


def _checked(file: Path) -> Path:
    """Raise ValueError for a file that is too large to be read, before its digest is computed."""
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{file}: {size} bytes; at most {MAX_BYTES} are read")
    return file


def _search(architecture: str, weights: str, weights_dir: str | Path | None) -> Path:
    file, tried = _in_folder(architecture, weights, weights_dir)
    if file is not None:
        return file
    entry = model_entry(architecture)
    tag = entry.default_tag if weights == "default" else weights
    for name, choice in itertools.product((architecture, entry.trunk), (weights, tag)):
        if file is None and name is not None and choice is not None:
            file, more = _in_folder(name, choice, weights_dir)
            tried += more
    if file is None:
        file, more = _published(entry, tag)
        tried += more
    if file is None:
        raise FileNotFoundError(_no_weights(architecture, weights, tag, list(dict.fromkeys(tried)), weights_dir))
    return file


def _in_folder(architecture: str, weights: str, weights_dir: str | Path | None) -> tuple[Path | None, list[str]]:
    if weights_dir is None:
        return None, ["--weights-dir: not given"]
    name = architecture if weights == "default" else f"{architecture}.{weights}"
    file = Path(weights_dir) / f"{name}{SUFFIX}"
    return (file, []) if file.is_file() else (None, [f"--weights-dir: no file {file}"])


def _published(entry: ModelEntry, tag: str | None) -> tuple[Path | None, list[str]]:
    if tag is None:
        return None, [f"the hub: {entry.library} publishes no weights of {entry.name}"]
    source = entry.tags.get(tag)
    if source is None:
        similar = difflib.get_close_matches(tag, list(entry.tags), n=3, cutoff=0.5) or list(entry.tags)
        known = ", ".join(similar) if similar else "none"
        raise ValueError(
            f"{entry.name} has no weights {tag!r} ({known}); weights= takes default, random, a tag, or the path of a "
            f"{SUFFIX} file"
        )
    file, tried = cached_file(source)
    if file is None:
        file, more = download(source)
        tried += more
    return file, tried or [f"the hub: the format of {source.hub_id or source.url or 'unknown'} is not supported"]


def _no_weights(
    architecture: str, weights: str, tag: str | None, tried: list[str], weights_dir: str | Path | None
) -> str:
    choice = weights if weights != "default" or tag is None else f"default, which is {tag}"
    name = f"{architecture if weights == 'default' else f'{architecture}.{weights}'}{SUFFIX}"
    others = sorted(Path(weights_dir).glob(f"{architecture}.*{SUFFIX}")) if weights_dir is not None else []
    hint = f"\n(There is {others[0].name}: select it by its tag, weights=TAG.)" if others else ""
    return (
        f"no weights for {architecture} ({choice}). Tried:\n"
        + "\n".join(f"  - {line}" for line in tried)
        + f"{hint}\nPut a file named {name} into a folder and pass the folder with --weights-dir, "
        "or run once with access to the hub (downloads are cached), "
        "or select untrained weights with weights=random."
    )
