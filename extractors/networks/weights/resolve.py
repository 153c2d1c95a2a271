"""Resolve the weights of a network to a file, without importing torch."""

from __future__ import annotations

import difflib
import itertools
from pathlib import Path

from extractors.networks.foundation.catalogue import foundation_model
from extractors.networks.weights.hub import cached_file, download
from extractors.networks.weights.hub_models import check_hub_model, local_weights, read_config
from extractors.networks.weights.loading import MAX_BYTES
from extractors.networks.weights.registry import LOCAL, ModelEntry, is_hub_model, model_entry

SUFFIX = ".safetensors"

SUFFIXES = (SUFFIX, ".pth", ".bin", ".pt")
"""Files of weights of foundation models, which are published in several formats; other networks have the first."""


def split_tag(model: str, weights: str) -> tuple[str, str]:
    """Split off the tag: `("resnet50.a1_in1k", "default")` becomes `("resnet50", "a1_in1k")`.

    Returns
    -------
    architecture, weights : str

    Raises
    ------
    ValueError
        The name of the model has a tag that differs from `weights`, or a repository or folder has an invalid name or
        a tag.
    """
    if is_hub_model(model):
        check_hub_model(model)
        if weights not in ("default", "random") and not weights.endswith(SUFFIX):
            raise ValueError(
                f"{model} has no weights {weights!r}; weights= takes default, random, or the path of a {SUFFIX} file"
            )
        return model, weights
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

    Search order: `weights_dir` (`MODEL.safetensors` for the default weights, then `MODEL.TAG.safetensors`; for a
    foundation model also with the other `SUFFIXES`), the Hugging Face cache, the torch hub cache, and the hub itself,
    with one request and a limit of 5 seconds. For an architecture of this project whose first layers are those of a
    published network, the weights of that network are searched after its own. The weights of `local-dir:FOLDER` are in
    this folder, and those of `hf-hub:OWNER/NAME` in the cache or on the hub.

    Parameters
    ----------
    model : str
        Name of a network, with or without `.tag`, or its repository or folder.
    weights : str
        `"default"`, `"random"`, a tag of the model, or the path of a safetensors file (of a foundation model, also with
        the other `SUFFIXES`).
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
    entry = model_entry(architecture)
    if weights.endswith(_suffixes(entry)):
        if not Path(weights).is_file():
            raise FileNotFoundError(f"{weights}: no such file (weights of {architecture})")
        return _checked(Path(weights))
    if architecture.startswith(LOCAL):
        return _checked(local_weights(architecture))
    return _checked(_search(entry, weights, weights_dir))


def config_digest(model: str) -> str | None:
    """Return the SHA-256 of the `config.json` of a network of a hub or a folder; None for any other network.

    Parameters
    ----------
    model : str
        Name of a network; several may be joined by `+`.

    Raises
    ------
    ValueError
        It is not a configuration that can be used.
    OSError
        It is not available.
    """
    digests = [read_config(name)[1] for name in model.split("+") if is_hub_model(name)]
    return "+".join(digests) or None


def _checked(file: Path) -> Path:
    """Raise ValueError for a file that is too large to be read, before its digest is computed."""
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{file}: {size} bytes; at most {MAX_BYTES} are read")
    return file


def _suffixes(entry: ModelEntry) -> tuple[str, ...]:
    return SUFFIXES if entry.library == "foundation" else (SUFFIX,)


def _search(entry: ModelEntry, weights: str, weights_dir: str | Path | None) -> Path:
    architecture, suffixes = entry.name, _suffixes(entry)
    tag = entry.default_tag if weights == "default" else weights
    file, tried = None, []
    for name, choice in itertools.product((architecture, entry.trunk), (weights, tag)):
        if file is None and name is not None and choice is not None and entry.library != "hub":
            file, more = _in_folder(name, choice, weights_dir, suffixes)
            tried += more
    if file is None:
        file, more = _published(entry, tag)
        tried += more
    if file is None:
        raise FileNotFoundError(_no_weights(entry, weights, tag, list(dict.fromkeys(tried)), weights_dir))
    return file


def _in_folder(
    architecture: str, weights: str, weights_dir: str | Path | None, suffixes: tuple[str, ...]
) -> tuple[Path | None, list[str]]:
    if weights_dir is None:
        return None, ["--weights-dir: not given"]
    name = architecture if weights == "default" else f"{architecture}.{weights}"
    files = [Path(weights_dir) / f"{name}{suffix}" for suffix in suffixes]
    existing = next((file for file in files if file.is_file()), None)
    others = f" ({', '.join(suffixes[1:])})" if len(suffixes) > 1 else ""
    return existing, [] if existing is not None else [f"--weights-dir: no file {files[0]}{others}"]


def _published(entry: ModelEntry, tag: str | None) -> tuple[Path | None, list[str]]:
    if entry.library == "hub":
        tag = entry.library
    if tag is None:
        return None, [f"the hub: {entry.library} publishes no weights of {entry.name}"]
    source = entry.tags.get(tag)
    if source is None:
        similar = difflib.get_close_matches(tag, list(entry.tags), n=3, cutoff=0.5) or list(entry.tags)
        known = ", ".join(similar) if similar else "none"
        suffixes = " or ".join(_suffixes(entry))
        raise ValueError(
            f"{entry.name} has no weights {tag!r} ({known}); weights= takes default, random, a tag, or the path of a "
            f"{suffixes} file"
        )
    file, tried = cached_file(source)
    if file is None:
        file, more = download(source)
        tried += more
    return file, tried or [f"the hub: the format of {source.hub_id or source.url or 'unknown'} is not supported"]


def _no_weights(
    entry: ModelEntry, weights: str, tag: str | None, tried: list[str], weights_dir: str | Path | None
) -> str:
    architecture = entry.name
    choice = weights if weights != "default" or tag is None else f"default, which is {tag}"
    attempts = "\n".join(f"  - {line}" for line in tried)
    known = foundation_model(architecture)
    access = "" if known is None or not known[1].access else f"\n{known[0]} is gated: {known[1].access}."
    problem = f"no weights for {architecture} ({choice}). Tried:\n{attempts}"
    if entry.library == "hub":
        return (
            f"{problem}{access}\nRun once with access to the hub (downloads are cached), or copy config.json and the "
            "weights into a folder and name it local-dir:FOLDER, or select untrained weights with weights=random."
        )
    published = "" if entry.library != "foundation" or known is None else f"\nPublished at {known[1].address}."
    stem = architecture if weights == "default" else f"{architecture}.{weights}"
    name = " or ".join(f"{stem}{suffix}" for suffix in _suffixes(entry)[:3])
    others = sorted(Path(weights_dir).glob(f"{architecture}.*{SUFFIX}")) if weights_dir is not None else []
    hint = f"\n(There is {others[0].name}: select it by its tag, weights=TAG.)" if others else ""
    return (
        f"{problem}{hint}{published}{access}\nPut a file named {name} into a folder and pass the folder with "
        "--weights-dir, or run once with access to the hub (downloads are cached), "
        "or select untrained weights with weights=random."
    )
