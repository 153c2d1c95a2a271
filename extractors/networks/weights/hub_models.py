"""Networks named by `hf-hub:OWNER/NAME` or `local-dir:FOLDER`: their files and their configuration, as data.

A repository or folder has timm's `config.json`, with the architecture and the data configuration, and one file of
weights. No code of a repository is run, and only architectures that timm knows are built.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from extractors.files.digests import bytes_digest, check_unchanged
from extractors.files.regular import read_regular
from extractors.networks.weights.hub import cached_hub_file, download_hub_file
from extractors.networks.weights.registry import HUB, LOCAL

CONFIG = "config.json"
MAX_CONFIG_BYTES = 4 * 1024**2
"""Largest `config.json` that is read; one that lists 20,000 class names has a megabyte."""

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")
"""Files of weights in a folder, in order of preference."""

MAX_NUMBER = 8192
"""Bound on the magnitude of numbers among the options of an architecture."""

MAX_DEPTH = 256
"""Largest depth of a network."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*(@[A-Za-z0-9][\w.\-/]*)?\Z")
_WORD = re.compile(r"[A-Za-z0-9_.\-]{0,100}\Z")
_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .+()\-]{0,60}\Z")
_OPTION = re.compile(r"[a-z][a-z0-9_]{0,50}\Z")

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=8, le=4096)]


class _DataConfig(BaseModel):
    """Fields of `pretrained_cfg` that are used; all others are ignored."""

    model_config = ConfigDict(extra="ignore")

    input_size: tuple[Literal[3], Side, Side] | None = None
    mean: tuple[Number, Number, Number] | None = None
    std: tuple[Positive, Positive, Positive] | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"] | None = None
    crop_pct: Annotated[float, Field(ge=0.1, le=4)] | None = None
    crop_mode: Literal["center", "squash", "border"] | None = None
    fixed_input_size: bool | None = None
    num_classes: Annotated[int, Field(ge=0, le=10**6)] | None = None
    classifier: str | tuple[str, ...] | None = None
    first_conv: str | tuple[str, ...] | None = None
    license: str | None = None

    @field_validator("license")
    @classmethod
    def _short(cls, value: str | None) -> str | None:
        return value if value is not None and _LICENCE.match(value) else None


@dataclass(frozen=True)
class HubModel:
    """Configuration of a network of a hub or a folder.

    Parameters
    ----------
    architecture : str
        Name of an architecture of timm.
    options : mapping
        Its options: numbers, words and lists of them.
    config : mapping
        Fields of timm's configuration, such as `input_size`, `mean` and `std`.
    licence : str or None
        As `config.json` states it, if that is a name of up to 60 characters.
    """

    architecture: str
    options: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    licence: str | None = None


def check_hub_model(name: str) -> None:
    """Check the name of a network of a hub or a folder; nothing is read.

    Raises
    ------
    ValueError
        It is not `hf-hub:OWNER/NAME`, with `@REVISION` if needed, or `local-dir:FOLDER`.
    """
    if name.startswith(HUB) and (not _REPOSITORY.match(name.removeprefix(HUB)) or ".." in name):
        raise ValueError(f"{name}: expected hf-hub:OWNER/NAME or hf-hub:OWNER/NAME@REVISION")
    if name.startswith(LOCAL) and not name.removeprefix(LOCAL):
        raise ValueError(f"{name}: expected local-dir:FOLDER")


def config_file(name: str) -> Path:
    """Return the `config.json` of a network; that of a hub is taken from the cache, or requested once.

    Raises
    ------
    ValueError
        The name is invalid, or the file leaves the folder.
    FileNotFoundError
        There is none; the message lists what was tried.
    """
    check_hub_model(name)
    if name.startswith(LOCAL):
        return _inside(Path(name.removeprefix(LOCAL)), (CONFIG,))
    repository = name.removeprefix(HUB)
    file, tried = cached_hub_file(repository, CONFIG)
    if file is None:
        file, more = download_hub_file(repository, CONFIG)
        tried += more
    if file is None:
        attempts = "\n".join(f"  - {line}" for line in tried)
        raise FileNotFoundError(
            f"no {CONFIG} of {name}. Tried:\n{attempts}\nRun once with access to the hub (downloads are cached), or "
            f"copy the repository into a folder and name it local-dir:FOLDER."
        )
    return file


def local_weights(name: str) -> Path:
    """Return the file of weights in the folder of a network `local-dir:FOLDER`.

    Raises
    ------
    ValueError
        The file leaves the folder.
    FileNotFoundError
        There is none.
    """
    return _inside(Path(name.removeprefix(LOCAL)), WEIGHT_FILES)


def read_config(name: str, *, sha256: str | None = None) -> tuple[HubModel, str]:
    """Read the configuration of a network.

    Parameters
    ----------
    name : str
    sha256 : str, optional
        Expected digest of `config.json`.

    Returns
    -------
    model : HubModel
    sha256 : str
        Digest of the bytes that were read.

    Raises
    ------
    ValueError
        The file is not a configuration of timm, names an unknown architecture or has an option that is not allowed;
        the message names it. Or its digest differs.
    OSError
        It is not available, not a regular file, or too large.
    """
    file = config_file(name)
    content = read_regular(file, limit=MAX_CONFIG_BYTES)
    check_unchanged(file, content, sha256)
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}: not JSON ({str(error)[:100]})") from error
    if not isinstance(values, dict):
        raise ValueError(f"{file}: not an object")
    try:
        return _parsed(values), bytes_digest(content)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _parsed(values: Mapping[str, Any]) -> HubModel:
    architecture = values.get("architecture")
    if not (isinstance(architecture, str) and re.fullmatch(r"[a-z0-9_]{1,100}", architecture)):
        raise ValueError(
            "it names no architecture of timm, so it is not a repository of timm; other packages are not supported"
        )
    nested = values.get("pretrained_cfg", values)
    try:
        config = _DataConfig.model_validate(nested if isinstance(nested, dict) else {}).model_dump(exclude_none=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    classes = values.get("num_classes")
    if isinstance(classes, int) and not isinstance(classes, bool) and 0 <= classes <= 10**6:
        config["num_classes"] = classes
    licence = config.pop("license", None)
    options = values.get("model_args") or {}
    if not isinstance(options, dict):
        raise ValueError("model_args is not an object")
    checked = {str(key): _option(str(key), value) for key, value in options.items()}
    checked.pop("num_classes", None)
    pool = values.get("global_pool")
    if isinstance(pool, str) and _WORD.match(pool):
        checked.setdefault("global_pool", pool)
    return HubModel(architecture, checked, config, licence)


def _option(key: str, value: Any) -> Any:
    """Check an option of an architecture: a number, a word, or a list of these."""
    if not _OPTION.match(key) or key in FORBIDDEN_OPTIONS or key.startswith("pretrained"):
        raise ValueError(f"model_args: {key[:50]} is not an option of an architecture that a file may set")
    if key == "in_chans" and value != 3:
        raise ValueError(f"model_args: in_chans is {value!r}; only RGB images (3) are supported")
    if isinstance(value, list):
        if len(value) > 64 or any(isinstance(item, list) for item in value):
            raise ValueError(f"model_args: {key} is not a short list")
        return tuple(_option(key, item) for item in value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        bound = MAX_DEPTH if key.startswith(("depth", "layers", "num_layers", "num_blocks")) else MAX_NUMBER
        if not math.isfinite(value) or abs(value) > bound:
            raise ValueError(f"model_args: {key} is {value!r}; at most {bound} is accepted")
        return value
    if isinstance(value, str) and _WORD.match(value):
        return value
    raise ValueError(f"model_args: {key} is neither a number nor a word")


FORBIDDEN_OPTIONS = frozenset(
    {
        *("model_name", "checkpoint_path", "cache_dir", "scriptable", "exportable", "no_jit"),
        *("features_only", "out_indices", "feature_cfg", "kwargs_filter", "device", "dtype", "weight_init"),
    }
)
"""Parameters of timm's factory that load files or change what is built; those that begin with `pretrained` as well."""


def _inside(folder: Path, names: tuple[str, ...]) -> Path:
    """Return the first file of these names in a folder.

    Raises
    ------
    ValueError
        It is a link out of the folder.
    FileNotFoundError
        There is none.
    """
    for name in names:
        file = folder / name
        if file.is_file():
            if not file.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"{file}: a link out of the folder; copy the file into it")
            return file
    raise FileNotFoundError(f"{folder}: no file {' or '.join(names)} in this folder")
