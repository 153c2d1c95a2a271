"""The options of a run: one vocabulary for the command line, the configuration file and Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from bench.errors import BenchError, did_you_mean
from bench.plugins.preparation import parse_prepare, shortened
from bench.plugins.selectors import split_list
from bench.scores.thresholds import parse_threshold

MAX_CONFIG_BYTES = 1_000_000


def _selectors(value: object) -> object:
    if isinstance(value, str):
        return tuple(split_list(value))
    return tuple(str(v) for v in value) if isinstance(value, list | tuple) else value


def _threshold(value: object) -> str:
    try:
        return str(parse_threshold(str(value)))
    except BenchError as error:
        raise PydanticCustomError("threshold", "{why}", {"why": str(error).removeprefix("threshold ")}) from error


def _prepare(value: str) -> str:
    try:
        return shortened(parse_prepare(value))
    except BenchError as error:
        why = str(error).removeprefix("--prepare").removeprefix(":").strip()
        raise PydanticCustomError("prepare", "{why}", {"why": why}) from error


Threshold = Annotated[str, BeforeValidator(_threshold)]
Prepare = Annotated[str, AfterValidator(_prepare)]
Selectors = Annotated[tuple[str, ...], BeforeValidator(_selectors)]


class Options(BaseModel):
    """What is to be run, and how: the command line's options, `-` written `_`; `bench matrix --help` explains each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = Field("phantom")
    mask: str | None = Field(None)
    nucleus_mask: str | None = Field(None)
    patient_pattern: str | None = Field(None)
    positive: str | None = Field(None)
    white_level: int | None = Field(None, ge=1, le=65535)
    um_per_px: float | None = Field(None, gt=0)
    skip_unreadable: bool = Field(False)
    links: Path | None = Field(None)
    prepare: Prepare = Field("none")
    extractors: Selectors = Field(("handcrafted", "efficientnet_b0"))
    clfs: Selectors = Field(())
    baselines: bool = Field(True)
    split: Literal["patient", "image", "official", "official-linked", "lopo", "held-out"] = Field("patient")
    held_out: str | None = Field(None)
    reason: str | None = Field(None)
    folds_file: Path | None = Field(None)
    folds: int = Field(5, ge=2)
    repeats: int = Field(1, ge=1)
    inner_folds: int = Field(3, ge=2)
    tune: int = Field(0, ge=0)
    storage: str | None = Field(None, min_length=1)
    calibrate: Literal["none", "sigmoid", "temperature"] = Field("none")
    threshold: Threshold = Field("balanced")
    aggregate: Literal["mean", "logit", "share"] = Field("mean")
    seed: int = Field(0, ge=0)
    jobs: int | None = Field(None, ge=1)
    threads: int = Field(1, ge=1)
    device: Literal["auto", "cpu", "cuda"] = Field("auto")
    timeout: float | None = Field(None, gt=0)
    weights_dir: Path | None = Field(None)
    out: Path = Field(Path("results"))
    store: Path | None = Field(None)
    retry_failed: bool = Field(False)


def make_options(values: Mapping[str, Any], *, config: Path | None = None) -> Options:
    """Options from a configuration file and, over it, from given values; None counts as not given.

    Raises
    ------
    BenchError
        An unknown key or a value of the wrong kind, with the key and, from a file, its line.
    """
    from_file, lines = _read_config(config) if config is not None else ({}, {})
    given = {k: v for k, v in values.items() if v is not None}
    try:
        return Options.model_validate(_with_split({**from_file, **given}))
    except ValidationError as error:
        raise BenchError("\n".join(_explain(e, config, lines, given) for e in error.errors())) from error


def _with_split(values: dict[str, Any]) -> dict[str, Any]:
    """`--held-out PATH` implies `--split held-out`."""
    if values.get("held_out") is None:
        if values.get("reason") is not None and values.get("split") != "held-out":
            raise BenchError("--reason says why held-out cells are looked at; it goes with --held-out PATH")
        return values
    if values.get("split", "held-out") != "held-out":
        raise BenchError(f"--held-out goes with --split held-out, not with --split {values['split']}; leave one out")
    return {**values, "split": "held-out"}


def _explain(error: Mapping[str, Any], config: Path | None, lines: Mapping[str, int], given: Mapping[str, Any]) -> str:
    key = str(error["loc"][0])
    where = f"{config}, line {lines[key]}: " if key in lines and key not in given else ""
    if error["type"] == "extra_forbidden":
        return f"{where}no option is called {key!r}.{did_you_mean(key, Options.model_fields)}"
    given_value = repr(error["input"])
    return f"{where}{key}: {error['msg']}" + ("" if given_value in error["msg"] else f" (given: {given_value})")


def _read_config(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise BenchError(f"{path}: larger than {MAX_CONFIG_BYTES} bytes; this is no configuration")
        text = path.read_text(encoding="utf-8")
        values = yaml.safe_load(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BenchError(f"{path}: cannot be read as YAML ({error})") from error
    if values is None:
        return {}, {}
    if not isinstance(values, dict) or not isinstance(node, yaml.MappingNode):
        raise BenchError(f"{path}: a mapping of options to values is expected, such as `folds: 5`")
    lines: dict[str, int] = {}
    for key, _ in node.value:
        name, line = str(key.value).replace("-", "_"), key.start_mark.line + 1
        if name in lines:
            raise BenchError(f"{path}, line {line}: {name} is given twice, first in line {lines[name]}")
        lines[name] = line
    return {str(k).replace("-", "_"): v for k, v in values.items()}, lines
