"""Temporary results folders with synthetic predictions, in the format of the engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.experiments.results import Results
from bench.scores.decisions import Decision
from bench.scores.metrics import score
from bench.storage.fingerprints import digest
from reports.groups import ComparableGroup
from reports.page import write_report
from reports.section import ReportData

BINARY = ("diseased", "normal")


def synthetic_predictions(
    classes: Sequence[str],
    *,
    patients: int = 12,
    cells: int = 6,
    skill: float = 1.0,
    repeats: int = 1,
    seed: int = 0,
    prefix: str = "",
) -> pd.DataFrame:
    """Patients 0, 1, ... of each class in folds 0 to 3; logits of the true class are `skill` higher on average."""
    rng = np.random.default_rng(seed)
    rows = []
    for repeat in range(repeats):
        for c, label in enumerate(classes):
            for p in range(patients):
                for cell in range(cells - p % 3):
                    logits = rng.normal(size=len(classes)) + skill * (np.arange(len(classes)) == c)
                    share = np.exp(logits) / np.exp(logits).sum()
                    name = f"{prefix}{label[:1].upper()}{p:02d}"
                    rows.append((f"{name}-{cell}", name, name, label, *share, repeat, (p + repeat) % 4))
    columns = ["cell", "patient", "unit", "label", *(f"p_{c}" for c in classes), "repeat", "fold"]
    threshold = 0.5 if len(classes) == 2 else np.nan
    return pd.DataFrame(rows, columns=columns).assign(threshold=threshold, patient_threshold=threshold)


def synthetic_record(predictions: pd.DataFrame, classes: Sequence[str], **changes: Any) -> dict[str, Any]:
    """Record of an experiment; `changes` update the top level, `data` and `protocol` their own level."""
    first = predictions[predictions["repeat"] == 0]
    per_class = {
        c: {"cells": len(part), "patients": part["patient"].nunique(), "split_units": part["unit"].nunique()}
        for c, part in ((c, first[first["label"] == c]) for c in classes)
    }
    record: dict[str, Any] = {
        "prepare": "none",
        "extractor": "handcrafted",
        "classifier": "svm",
        "flags": [],
        "violations": [],
        "folds_hash": digest(first["fold"].tolist()),
        "components": {
            "classifier": "svm[C=1]",
            "classifier_libraries": {"scikit-learn": "1.9.1", "numpy": "2.4.6"},
            "features": {"extractor": "handcrafted[bin_width=null]", "libraries": {"opencv-python-headless": "5.0.0"}},
        },
        "options": {},
        "environment": {"python": "3.11.7", "machine": "x86_64"},
        **{k: v for k, v in changes.items() if k not in ("data", "protocol")},
    }
    record["data"] = {
        "name": "synthetic",
        "reader": "manifest",
        "digest": digest(classes),
        "cells": len(first),
        "patients": int(first["patient"].nunique()),
        "split_units": int(first["unit"].nunique()),
        "classes": list(classes),
        "positive": classes[0] if len(classes) == 2 else None,
        "notices": [],
        "per_class": per_class,
        **changes.get("data", {}),
    }
    record["protocol"] = {
        "split": "patient",
        "folds": 4,
        "repeats": int(predictions["repeat"].nunique()),
        "inner_folds": 3,
        "tune": 0,
        "tune_hours": 0.0,
        "sampler": "tpe",
        **vars(Decision()),
        "seed": 0,
        "threads": 1,
        **changes.get("protocol", {}),
    }
    _agree(record, changes)
    others = ("flags", "components", "data", "protocol", "missing")
    rest = digest({k: v for k, v in record.items() if k not in others})
    identity = {"data": record["data"]["digest"], "protocol": record["protocol"], "engine": rest}
    record["components"] = {**record["components"], **identity}
    record["key"] = digest(record["components"])
    return record


def _agree(record: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Make the names of the components and of the record agree; those that a test states stay."""
    features = {**record["components"].get("features", {})}
    components = record["components"] = {**record["components"], "features": features}
    for kind, home in (("classifier", components), ("extractor", features)):
        same = str(home.get(kind)).partition("[")[0] == record[kind].partition("[")[0]
        if kind in changes and not (same and "components" in changes):
            home[kind] = record[kind]
        elif not same and kind in home:
            record[kind] = home[kind]


def _renamed(record: Mapping[str, Any], **names: str) -> dict[str, Any]:
    """Return the record of another extractor or classifier, with its components and key."""
    components = {**record["components"], "features": {**record["components"]["features"]}}
    for kind, name in names.items():
        (components if kind == "classifier" else components["features"])[kind] = name
    return {**record, **names, "components": components, "key": digest(components)}


AddExperiment = Callable[..., Mapping[str, Any]]


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """An empty results folder."""
    return Results.create(tmp_path / "results")


@pytest.fixture
def add(results: Results) -> AddExperiment:
    """Write an experiment with synthetic predictions into the folder and return its record."""

    def write(
        *,
        classes: Sequence[str] = BINARY,
        skill: float = 1.0,
        patients: int = 12,
        cells: int = 6,
        repeats: int = 1,
        seed: int = 0,
        prefix: str = "",
        extra: Mapping[str, pd.DataFrame] | None = None,
        **changes: Any,
    ) -> Mapping[str, Any]:
        predictions = synthetic_predictions(
            classes, patients=patients, cells=cells, skill=skill, repeats=repeats, seed=seed, prefix=prefix
        )
        record = synthetic_record(predictions, classes, **changes)
        positive = record["data"]["positive"]
        tables = {
            "predictions": predictions,
            "inner": predictions.drop(columns=["threshold", "patient_threshold"]).assign(inner_fold=0),
            "scores": score(predictions, classes=classes, positive=positive, draws=100),
            "trials": pd.DataFrame(),
            **(extra or {}),
        }
        timing = {"repeat0-fold0": {"tune": 0.5, "fit": 2.0}, "repeat0-fold1": {"tune": 0.25, "fit": 1.0}}
        results.write_experiment(f"e{record['key'][:12]}", record, tables, timing)
        return record

    return write


@pytest.fixture
def renamed() -> Callable[..., dict[str, Any]]:
    """Return the record of another extractor or classifier, with its components and key."""
    return _renamed


@pytest.fixture
def data(results: Results) -> Callable[[], ReportData]:
    """Read the current contents of the folder."""
    return lambda: ReportData.read(results)


@pytest.fixture
def groups(data: Callable[[], ReportData]) -> Callable[[], tuple[ComparableGroup, ...]]:
    """Read the current comparable groups of the folder."""
    return lambda: data().groups


@pytest.fixture
def section(results: Results) -> Callable[[str], str]:
    """Render the report and return the HTML of one section, or an empty string."""

    def html(anchor: str) -> str:
        page = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
        match = re.search(rf'<section id="{anchor}".*?</section>', page, re.DOTALL)
        return match.group(0) if match else ""

    return html


@pytest.fixture
def section_text(section: Callable[[str], str]) -> Callable[[str], str]:
    """Render the report and return the text of one section, without tags."""
    return lambda anchor: " ".join(re.sub(r"<[^>]*>", " ", section(anchor)).split())
