"""What each pipeline leans on: the features of largest mean importance over the outer folds, with their formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.errors import BenchError
from reports.sections.leaderboard import ComparableGroup, Row
from reports.sections.per_group import TrackPart, track_parts

SHOWN = 15
"""Features of a pipeline that are listed."""


@dataclass(frozen=True)
class FeatureLine:
    """One feature of one pipeline.

    Parameters
    ----------
    name : str
        In full.
    formula, unit : str
        As the extractor tells them; empty where it does not.
    mean, low, high : float
        Share of the importance of all features, in [0, 1]: mean, smallest and largest over the outer folds of all
        repeats.
    used : int
        Folds in which it is above 0.
    scale : float
        Largest share of any feature of the pipeline in a fold: the full width of the bars.
    """

    name: str
    formula: str
    unit: str
    mean: float
    low: float
    high: float
    used: int
    scale: float

    @property
    def bar(self) -> tuple[float, float, float]:
        """Mean, low and high in percent of the full width."""
        return self.mean / self.scale * 100, self.low / self.scale * 100, self.high / self.scale * 100


@dataclass(frozen=True)
class PipelineImportances:
    """The features that one pipeline leans on most.

    Parameters
    ----------
    row : Row
        Of the leaderboard.
    folds : int
        Outer folds of all repeats.
    features : int
        Features that the classifier was given.
    used : int
        Features that are above 0 in some fold.
    lines : tuple of FeatureLine
        The largest mean first; at least one.
    families : tuple of (str, float)
        Sum of the means of each family, the largest first: how features that correlate share their importance inside a
        family does not matter to it. Empty where the names have no families.
    """

    row: Row
    folds: int
    features: int
    used: int
    lines: tuple[FeatureLine, ...]
    families: tuple[tuple[str, float], ...]

    @property
    def share(self) -> float:
        """Sum of the means that are listed, in [0, 1]."""
        return sum(line.mean for line in self.lines)


def important_groups(tracks: Sequence[ComparableGroup]) -> list[TrackPart[PipelineImportances]]:
    """The tracks in which some classifier tells importances; silent are those that tell none, such as `svm`.

    Raises
    ------
    BenchError
        The importances of an experiment cannot be read.
    """
    return track_parts(tracks, _pipeline)


def _pipeline(row: Row) -> PipelineImportances | None:
    try:
        kept = row.result.importances
        if not len(kept):
            return None
        shares = kept.pivot(index="feature", columns=["repeat", "fold"], values="importance").fillna(0.0)
        known = row.result.features
        told = {str(r["name"]): (str(r["formula"]), str(r["unit"])) for r in known.to_dict(orient="records")}
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(
            f"{row.result.folder}: the importances cannot be read ({error}); delete this folder and run the matrix "
            "again"
        ) from error
    lines = _lines(shares, told)
    if not lines:
        return None
    used = int((shares > 0).any(axis=1).sum())
    return PipelineImportances(row, shares.shape[1], len(shares), used, lines, _families(shares.mean(axis=1)))


def _lines(shares: pd.DataFrame, told: Mapping[str, tuple[str, str]]) -> tuple[FeatureLine, ...]:
    means = shares.mean(axis=1).rename("mean").reset_index()
    ranked = means[means["mean"] > 0].sort_values(["mean", "feature"], ascending=[False, True]).head(SHOWN)
    names = [str(name) for name in ranked["feature"]]
    values = [shares.loc[name].to_numpy(dtype=np.float64) for name in names]
    scale = max((float(of.max()) for of in values), default=1.0)
    return tuple(
        FeatureLine(
            name,
            *told.get(name, ("", "")),
            mean=float(of.mean()),
            low=float(of.min()),
            high=float(of.max()),
            used=int((of > 0).sum()),
            scale=scale,
        )
        for name, of in zip(names, values, strict=True)
    )


def _families(means: pd.Series[float]) -> tuple[tuple[str, float], ...]:
    names = means.index.astype(str)
    if not all("." in name for name in names):
        return ()
    sums = means.groupby([name.partition(".")[0] for name in names]).sum()
    ranked = sorted(((str(family), float(share)) for family, share in sums.items()), key=lambda f: (-f[1], f[0]))
    return tuple(ranked) if len(ranked) > 1 else ()
