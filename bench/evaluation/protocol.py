"""The evaluation protocol of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.scores.decisions import Decision


@dataclass(frozen=True)
class Protocol:
    """Evaluation protocol of an experiment; part of its key.

    Parameters
    ----------
    split : {"patient", "image", "official", "official-linked", "lopo", "held-out"}
        Scheme of the outer folds; see `bench.splits.outer_folds.draw_folds`.
    folds, repeats, inner_folds : int
        Number of outer folds and repeats, and largest number of inner folds.
    tune : int
        Tuning trials per outer fold, with `tune_hours` the largest number; 0: no tuning, or no limit of the number.
    tune_hours : float
        Hours after which no tuning trial begins in an outer fold; 0: no limit of the time.
    sampler : {"tpe", "gp", "random", "grid"}
        Sampler of the tuning; see `bench.evaluation.samplers.make_sampler`.
    calibrate, threshold, aggregate : str
        Calibration, threshold and aggregation; see `bench.scores.decisions.Decision`.
    seed : int
        Seed from which all other seeds are derived.
    threads : int
        Threads per fit.
    """

    split: str = "patient"
    folds: int = 5
    repeats: int = 1
    inner_folds: int = 3
    tune: int = 0
    tune_hours: float = 0.0
    sampler: str = "tpe"
    calibrate: str = "none"
    threshold: str = "balanced"
    aggregate: str = "mean"
    seed: int = 0
    threads: int = 1

    @property
    def tunes(self) -> bool:
        """Whether hyperparameters are tuned."""
        return bool(self.tune or self.tune_hours)

    @property
    def decision(self) -> Decision:
        """Calibration, threshold and aggregation."""
        return Decision(self.calibrate, self.threshold, self.aggregate)


def tuning_budget(protocol: Mapping[str, Any]) -> str:
    """Return the budget of the tuning of an outer fold as text, such as `50 trials` or `at most 2 hours`."""
    trials, hours, sampler = protocol["tune"], protocol["tune_hours"], protocol["sampler"]
    parts = [f"{trials} trial{'' if trials == 1 else 's'}"] if trials else []
    parts += [f"at most {hours:g} hour{'' if hours == 1 else 's'}"] if hours else []
    return ", ".join(parts) + ("" if sampler == "tpe" else f" (sampler {sampler})")
