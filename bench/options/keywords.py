"""Keyword arguments of the Python functions, for type checkers and editors; a test compares them with `Options`."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    import pandas as pd

StrPath = str | PathLike[str]
Plugins = str | Sequence[Any] | Any
"""Selectors, separated by commas or in a list, or scikit-learn estimators."""


class RunKeywords(TypedDict, total=False):
    """Options of `bench.run`."""

    data: StrPath | pd.DataFrame
    root: StrPath
    mask: str
    nucleus_mask: str
    mask_values: str
    nucleus_mask_values: str
    patient_pattern: str
    label_pattern: str
    unit_pattern: str
    positive: str
    white_level: int
    um_per_px: float
    skip_unreadable: bool
    links: StrPath
    prepare: str
    held_out: str
    split: Literal["patient", "image", "official", "official-linked", "lopo", "held-out"]
    folds_file: StrPath
    folds: int
    repeats: int | Literal["auto"]
    reason: str
    inner_folds: int
    tune: int
    tune_hours: float
    sampler: Literal["tpe", "gp", "random", "grid"]
    storage: str
    calibrate: Literal["none", "sigmoid", "temperature"]
    threshold: str | float
    aggregate: Literal["mean", "logit", "share"]
    seed: int
    jobs: int
    threads: int
    device: Literal["auto", "cpu", "cuda"]
    gpus_per_fit: int
    strategy: Literal["ddp_spawn", "ddp_spawn_find_unused_parameters_false", "ddp_spawn_find_unused_parameters_true"]
    fit_time: float
    weights_dir: StrPath
    keep_models: Literal["none", "networks", "all"]
    logger: str
    out: StrPath
    store: StrPath


class MatrixKeywords(RunKeywords, total=False):
    """Options of `bench.matrix` and `bench.plan`, beside `extractors` and `classifiers`."""

    baselines: bool
    retry_failed: bool
