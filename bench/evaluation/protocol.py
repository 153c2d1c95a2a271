"""The evaluation protocol of an experiment."""

from __future__ import annotations

from dataclasses import dataclass

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
        Tuning trials per outer fold; 0: no tuning.
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
    calibrate: str = "none"
    threshold: str = "balanced"
    aggregate: str = "mean"
    seed: int = 0
    threads: int = 1

    @property
    def decision(self) -> Decision:
        """Calibration, threshold and aggregation."""
        return Decision(self.calibrate, self.threshold, self.aggregate)
