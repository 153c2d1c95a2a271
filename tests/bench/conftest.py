"""Throw-away results folders of made-up predictions, and plugins of a third party that are installed for a test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.experiments.records import ExperimentResult
from bench.experiments.results import Results
from bench.plugins import importing
from bench.scores.decisions import Decision
from bench.scores.metrics import score
from bench.storage.fingerprints import digest

Keep = Callable[..., ExperimentResult]
Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution of one module: `install(module, source, entry_points)`; workers import it, too."""
    place = tmp_path_factory.mktemp("plugins")
    modules = []

    def distribution(module: str, source: str, entry_points: str) -> None:
        modules.append(module)
        (place / f"{module}.py").write_text(source)
        info = place / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        monkeypatch.syspath_prepend(str(place))
        monkeypatch.setenv("PYTHONPATH", str(place))
        importing.installed.cache_clear()

    yield distribution
    importing.installed.cache_clear()
    importing.load_class.cache_clear()
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def kept(tmp_path: Path) -> Results:
    return Results.create(tmp_path / "results")


@pytest.fixture
def keep(kept: Results) -> Keep:
    """Write an experiment from `cell`, `unit`, `label`, `repeat`, `fold` and `p_<class>`; give what is read back."""

    def write(
        classifier: str,
        predictions: pd.DataFrame,
        *,
        extractor: str = "made_up",
        split: str = "patient",
        classes: Sequence[str] = ("diseased", "normal"),
        split_units: int | None = None,
        key: str = "",
        flags: Sequence[str] = (),
        **changes: Any,
    ) -> ExperimentResult:
        positive = classes[0] if len(classes) == 2 else None
        table = predictions.assign(patient=predictions["unit"])
        if "threshold" not in table:
            table = table.assign(threshold=0.5 if positive else float("nan"))
        folds = table[["cell", "repeat", "fold"]].to_dict(orient="list")
        units = int(table["unit"].nunique()) if split_units is None else split_units
        record = {
            "prepare": "none",
            "extractor": extractor,
            "classifier": classifier,
            "flags": list(flags),
            "violations": [],
            "folds_hash": digest(folds),
            "components": {
                "classifier": classifier,
                "classifier_libraries": {},
                "features": {"extractor": extractor},
                "engine": key,
            },
            "options": {},
            "environment": {"python": "3.11.7", "machine": "x86_64"},
            "data": {
                "name": "made up",
                "reader": "manifest",
                "digest": digest(["cells", sorted(table["cell"].unique())]),
                "cells": int(table["cell"].nunique()),
                "patients": units,
                "split_units": units,
                "classes": list(classes),
                "positive": positive,
                "notices": [],
                "per_class": {},
            },
            "protocol": {
                "split": split,
                "folds": int(table["fold"].nunique()),
                "repeats": int(table["repeat"].nunique()),
                "inner_folds": 3,
                "tune": 0,
                "tune_hours": 0.0,
                "sampler": "tpe",
                **vars(Decision()),
                "seed": 0,
                "threads": 1,
            },
        }
        for name, value in changes.items():
            record[name] = {**record[name], **value} if isinstance(value, dict) else value
        record["key"] = digest(record["components"])
        scores = score(table, classes=classes, positive=positive, draws=200)
        slug = f"{classifier}-{record['key'][:12]}"
        kept.write_experiment(slug, record, {"predictions": table, "scores": scores}, {})
        return next(e for e in kept.experiments() if e.folder.name == slug)

    return write
