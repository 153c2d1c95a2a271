"""Section on feature importances: the most important features of each pipeline, with their formulas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.rows import Row, readable
from reports.section import ReportData, Section
from reports.sections.group_parts import group_parts

SHOWN = 15
"""Number of features listed for each pipeline."""


@dataclass(frozen=True)
class FeatureLine:
    """One feature of one pipeline.

    Parameters
    ----------
    name : str
        Full name.
    formula, unit : str
        Metadata of the extractor; empty where there is none.
    mean, low, high : float
        Share of the importance of all features, in [0, 1]: mean, minimum and maximum over the outer folds of all
        repeats.
    used : int
        Number of folds with a share above 0.
    scale : float
        Largest share of any feature of the pipeline in a fold; the full width of the bars.
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
    """The most important features of one pipeline.

    Parameters
    ----------
    row : Row
        Its row in the leaderboard.
    folds : int
        Number of outer folds of all repeats.
    features : int
        Number of input features of the classifier.
    used : int
        Number of features with a share above 0 in some fold.
    lines : tuple of FeatureLine
        Largest mean first; at least one.
    families : tuple of (str, float)
        Sum of the means of each family, largest first. Empty where the names have no families.
    """

    row: Row
    folds: int
    features: int
    used: int
    lines: tuple[FeatureLine, ...]
    families: tuple[tuple[str, float], ...]

    @property
    def share(self) -> float:
        """Sum of the listed means, in [0, 1]."""
        return sum(line.mean for line in self.lines)


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on importances.

    Raises
    ------
    BenchError
        The importances of an experiment cannot be read.
    """
    parts = group_parts(data.groups, pipeline_importances)
    if parts:
        yield Section("Feature importances", parts, "importances.html.j2", "importances")


def pipeline_importances(row: Row) -> PipelineImportances | None:
    """Rank the features of one pipeline; None for a classifier without importances, such as `svm`."""
    with readable("importances", row.result):
        stored = row.result.importances
        if not len(stored):
            return None
        shares = stored.pivot(index="feature", columns=["repeat", "fold"], values="importance").fillna(0.0)
        features = row.result.features.to_dict(orient="records")
        metadata = {str(r["name"]): (str(r["formula"]), str(r["unit"])) for r in features}
    lines = _lines(shares, metadata)
    if not lines:
        return None
    used = int((shares > 0).any(axis=1).sum())
    return PipelineImportances(row, shares.shape[1], len(shares), used, lines, _families(shares.mean(axis=1)))


def _lines(shares: pd.DataFrame, metadata: Mapping[str, tuple[str, str]]) -> tuple[FeatureLine, ...]:
    means = shares.mean(axis=1).rename("mean").reset_index()
    ranked = means[means["mean"] > 0].sort_values(["mean", "feature"], ascending=[False, True]).head(SHOWN)
    names = [str(name) for name in ranked["feature"]]
    values = [shares.loc[name].to_numpy(dtype=np.float64) for name in names]
    scale = max((float(share.max()) for share in values), default=1.0)
    return tuple(
        FeatureLine(
            name,
            *metadata.get(name, ("", "")),
            mean=float(share.mean()),
            low=float(share.min()),
            high=float(share.max()),
            used=int((share > 0).sum()),
            scale=scale,
        )
        for name, share in zip(names, values, strict=True)
    )


def _families(means: pd.Series[float]) -> tuple[tuple[str, float], ...]:
    names = means.index.astype(str)
    if not all("." in name for name in names):
        return ()
    sums = means.groupby([name.partition(".")[0] for name in names]).sum()
    ranked = sorted(((str(family), float(share)) for family, share in sums.items()), key=lambda f: (-f[1], f[0]))
    return tuple(ranked) if len(ranked) > 1 else ()
