"""Tables of a finished experiment, computed from the results of its folds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.evaluation.optimism import optimism
from bench.experiments.experiment import Experiment
from bench.experiments.parts import optional_table, predictions_of
from bench.experiments.plan import Plan
from bench.plugins.feature_catalogue import described
from bench.scores.metrics import METRICS, PRIMARY, score


def tables_of(plan: Plan, experiment: Experiment, parts: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """Join the folds of an experiment, score it and measure the optimism of its tuning.

    Parameters
    ----------
    parts : sequence of Path
        Folders of all folds, as `bench.experiments.parts.write_part` writes them.

    Returns
    -------
    dict of str to DataFrame
        `predictions`, `inner`, `trials`, `importances`, `scores`, `optimism` and, where importances and descriptions
        exist, `features`; see `bench.experiments.records.ExperimentResult`.

    Raises
    ------
    BenchError
        A score is undefined, or predictions are incomplete.
    """
    data, protocol = plan.opened.dataset, plan.protocol
    cells = data.table[["cell", "patient", "unit", "label"]]
    tables = {name: predictions_of(parts, name, cells) for name in ("predictions", "inner")}
    tables |= {name: optional_table(parts, name) for name in ("trials", "importances")}
    if experiment.extractor is not None and len(tables["importances"]):
        tables["features"] = pd.DataFrame(described(experiment.extractor))
    tables["scores"] = score(
        tables["predictions"],
        classes=data.classes,
        positive=data.positive,
        aggregate=protocol.aggregate,
        seed=protocol.seed,
        held_out=protocol.split == "held-out",
    )
    tables["optimism"] = optimism(
        tables["trials"],
        tables["predictions"],
        classes=data.classes,
        positive=data.positive,
        unit="cell" if protocol.split == "image" else "unit",
    )
    return tables


def headline(scores: pd.DataFrame) -> str:
    """Return the first defined headline metric with its interval, as text; leave-one-patient-out has no AUROC."""
    defined = scores[[METRICS[str(name)].headline for name in scores["metric"]]].dropna(subset=["value"])
    for line in defined.sort_values("metric", key=lambda names: names != PRIMARY, kind="stable").itertuples():
        return f"{METRICS[str(line.metric)].title} {line.value:.2f} [{line.low:.2f}, {line.high:.2f}]"
    return "done; no headline metric is defined"
