"""Section on feature importances: the most important features of each pipeline, with their formulas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.rows import Row
from reports.section import ReportData, Section, part_section

SHOWN = 15
"""Number of features listed for each pipeline."""

_DESCRIPTION = ("name", "formula", "unit")


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
    lines : list of named tuples
        `name`, `formula` and `unit` of a feature (empty where the extractor describes none); `mean`, `low` and `high`,
        its share of the importance of all features, in [0, 1], as mean, minimum and maximum over the folds; `used`,
        the number of folds with a share above 0. Largest mean first; at least one.
    families : tuple of (str, float)
        Sum of the means of each family, largest first. Empty where the names have no families.
    """

    row: Row
    folds: int
    features: int
    used: int
    lines: list[Any]
    families: tuple[tuple[str, float], ...]

    @property
    def share(self) -> float:
        """Sum of the listed means, in [0, 1]."""
        return float(sum(line.mean for line in self.lines))

    @property
    def scale(self) -> float:
        """Largest share of any feature in a fold; the full width of the bars."""
        return float(max(line.high for line in self.lines))


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on importances.

    Raises
    ------
    BenchError
        The importances of an experiment cannot be read.
    """
    return part_section(data, "Feature importances", "importances", pipeline_importances)


def pipeline_importances(row: Row) -> PipelineImportances | None:
    """Rank the features of one pipeline; None for a classifier without importances, such as `svm`."""
    stored = row.result.importances
    if not len(stored):
        return None
    shares = stored.pivot(index="feature", columns=["repeat", "fold"], values="importance").fillna(0.0)
    features = row.result.features
    described = features[list(_DESCRIPTION)] if len(features) else pd.DataFrame(columns=list(_DESCRIPTION))
    means, used = shares.mean(axis=1), (shares > 0).sum(axis=1)
    table = pd.DataFrame({"mean": means, "low": shares.min(axis=1), "high": shares.max(axis=1), "used": used})
    table = table[means > 0].rename_axis("name").reset_index()
    table = table.sort_values(["mean", "name"], ascending=[False, True]).head(SHOWN)
    if table.empty:
        return None
    lines = table.merge(described, on="name", how="left").fillna(dict.fromkeys(_DESCRIPTION, ""))
    folds, n_used = shares.shape[1], int((used > 0).sum())
    return PipelineImportances(row, folds, len(shares), n_used, list(lines.itertuples(index=False)), _families(means))


def _families(means: pd.Series[float]) -> tuple[tuple[str, float], ...]:
    names = means.index.astype(str)
    if not all("." in name for name in names):
        return ()
    sums = means.groupby([name.partition(".")[0] for name in names]).sum()
    ranked = sorted(((str(family), float(share)) for family, share in sums.items()), key=lambda f: (-f[1], f[0]))
    return tuple(ranked) if len(ranked) > 1 else ()
