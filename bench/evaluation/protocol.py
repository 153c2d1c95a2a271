"""How experiments are evaluated."""

from __future__ import annotations

from dataclasses import dataclass

from bench.scores.decisions import Decision


@dataclass(frozen=True)
class Protocol:
    """How an experiment is evaluated; part of its identity.

    Parameters
    ----------
    split : {"patient", "image", "official", "official-linked", "lopo", "held-out"}
        What the outer folds hold apart; see `bench.splits.outer_folds.draw_folds`.
    folds, repeats, inner_folds : int
        Outer folds, their repeats, and inner folds at most.
    tune : int
        Tuning trials for each outer fold; 0: none.
    calibrate, threshold, aggregate : str
        How probabilities become decisions; see `bench.scores.decisions.Decision`.
    seed : int
        Root of every seed.
    threads : int
        Threads of a fit.
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
        """How probabilities become decisions."""
        return Decision(self.calibrate, self.threshold, self.aggregate)
