"""Folds, metrics, intervals and comparisons of fifty experiments against scikit-learn in SciPy's bootstrap."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from _memory import peak_since_reset, reset_peak
from scipy.stats import bootstrap
from sklearn.metrics import roc_auc_score

from bench.evaluation.protocol import Protocol
from bench.evidence.comparison.compare import compare
from bench.experiments.results import Results
from bench.scores.metrics import score
from bench.splits.outer_folds import draw_folds
from bench.storage.fingerprints import digest

EXPERIMENTS = 50
PATIENTS = {"all": 47, "hem": 26}
CELLS = {"all": 7272, "hem": 3389}
FOLDS, REPEATS, DRAWS = 5, 5, 10_000
PEER_DRAWS = 5


def measure() -> None:
    """Print seconds and memory of an evaluation like that of C-NMC's 10,661 cells of 73 patients, and the ratio.

    The peer gives each experiment one interval, that of the primary metric, and no comparison: scikit-learn's weighted
    AUROC in every fold, scored anew in each of SciPy's bootstrap draws of the patients. It is timed on a few draws of
    one experiment and scaled.
    """
    reset_peak()
    rng = np.random.default_rng(0)
    table = _cells(rng)
    start = time.perf_counter()
    folds = draw_folds(table, split="patient", folds=FOLDS, repeats=REPEATS)
    drawn = time.perf_counter() - start
    made = folds.table.merge(table[["cell", "label"]], on="cell")
    with tempfile.TemporaryDirectory() as place:
        results = Results.create(Path(place) / "results")
        scored = sum(_scored(results, n, _predictions(made, rng), folds.hash) for n in range(EXPERIMENTS))
        start = time.perf_counter()
        found = compare(results.experiments(), draws=DRAWS)
        compared = time.perf_counter() - start
        peer = _peer(results.experiments()[0].predictions) * EXPERIMENTS * DRAWS / PEER_DRAWS
    ours = drawn + scored + compared
    memory = peak_since_reset() / 1024
    sys.stdout.write(
        f"evaluation {EXPERIMENTS} experiments x {len(table)} cells x {FOLDS} folds x {REPEATS} repeats: {ours:.1f} s "
        f"(folds {drawn:.1f}, all metrics with intervals {scored:.1f}, {len(found.table)} comparisons and the ranks "
        f"{compared:.1f}), peak memory {memory:.1f} GiB; one interval each by scikit-learn and SciPy about "
        f"{peer:.0f} s (scaled from {PEER_DRAWS} draws of one experiment), ratio about {peer / ours:.0f}\n"
    )


def _cells(rng: np.random.Generator) -> pd.DataFrame:
    """Patients with log-normal numbers of cells; as many of each class as C-NMC's training set has."""
    rows = []
    for label, patients in PATIENTS.items():
        share = rng.lognormal(sigma=0.7, size=patients)
        counts = 1 + rng.multinomial(CELLS[label] - patients, share / share.sum())
        rows += [(f"{label}{p:02d}-{c:04d}", f"{label}{p:02d}", label) for p, n in enumerate(counts) for c in range(n)]
    table = pd.DataFrame(rows, columns=["cell", "patient", "label"])
    return table.assign(unit=table["patient"])


def _predictions(made: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    positive = (made["label"] == "all").to_numpy()
    _, unit_of = np.unique(made["unit"].to_numpy().astype(str), return_inverse=True)
    logit = rng.normal(size=len(made)) + rng.normal(size=unit_of.max() + 1)[unit_of] + rng.uniform(0.5, 2) * positive
    share = 1 / (1 + np.exp(-logit))
    return made.assign(p_all=share, p_hem=1 - share, threshold=0.5, patient_threshold=0.5)


def _scored(results: Results, number: int, predictions: pd.DataFrame, folds_hash: str) -> float:
    """Seconds of scoring; the experiment is written for the comparison to read."""
    start = time.perf_counter()
    scores = score(predictions, classes=list(PATIENTS), positive="all", draws=DRAWS)
    seconds = time.perf_counter() - start
    record: dict[str, Any] = {
        "key": digest({"engine": str(number)}),
        "components": {"engine": str(number)},
        "environment": {"python": "3.11", "machine": "x86_64"},
        "prepare": "none",
        "extractor": f"extractor{number:02d}",
        "classifier": "svm",
        "flags": [],
        "violations": [],
        "folds_hash": folds_hash,
        "data": {
            "name": "cells", "digest": digest("cells"), "positive": "all", "classes": list(PATIENTS), "cells": 10661,
            "patients": 73, "split_units": 73, "reader": "cnmc", "notices": [], "per_class": {},
        },
        "protocol": vars(Protocol(folds=FOLDS, repeats=REPEATS)),
        "options": {},
    }  # fmt: skip
    results.write_experiment(f"e{number:02d}", record, {"predictions": predictions, "scores": scores}, {})
    return seconds


def _peer(predictions: pd.DataFrame) -> float:
    """Seconds of one bootstrap interval of the patient-weighted AUROC, `PEER_DRAWS` draws."""
    units, unit_of = np.unique(predictions["unit"].to_numpy().astype(str), return_inverse=True)
    positive, scores = (predictions["label"] == "all").to_numpy(), predictions["p_all"].to_numpy()
    part_of = predictions.groupby(["repeat", "fold"]).ngroup().to_numpy()
    parts = [np.flatnonzero(part_of == part) for part in range(FOLDS * REPEATS)]
    size = np.bincount(unit_of) / REPEATS
    is_positive = np.zeros(len(units), dtype=bool)
    is_positive[unit_of[positive]] = True

    def statistic(first: npt.NDArray[np.intp], second: npt.NDArray[np.intp]) -> float:
        weight = (np.bincount(np.concatenate([first, second]), minlength=len(units)) / size)[unit_of]
        each = []
        for part in parts:
            rows = part[weight[part] > 0]
            if 0 < positive[rows].sum() < len(rows):
                each.append(roc_auc_score(positive[rows], scores[rows], sample_weight=weight[rows]))
        return float(np.mean(each))

    start = time.perf_counter()
    bootstrap(
        (np.flatnonzero(is_positive), np.flatnonzero(~is_positive)),
        statistic,
        n_resamples=PEER_DRAWS,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return time.perf_counter() - start
