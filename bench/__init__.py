"""Which pipeline recognises diseased cells on patients it has never seen.

`run`, `matrix`, `plan`, `score`, `compare`, `audit`, `leakage`, `significance` and `extract_features` are the command
line's words as functions; `open_results` reads a results folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api import MatrixResult, compare, matrix, open_results, plan, run
    from bench.errors import BenchError
    from bench.evidence.audit.auditing import audit
    from bench.evidence.leakage.report import leakage
    from bench.evidence.permutation.significance import significance
    from bench.experiments.records import ExperimentResult
    from bench.experiments.rescoring import score
    from bench.experiments.results import Results
    from bench.features.extract import extract_features
    from bench.features.table import FeatureTable
    from bench.observer import Observer

__all__ = [
    "BenchError",
    "ExperimentResult",
    "FeatureTable",
    "MatrixResult",
    "Observer",
    "Results",
    "audit",
    "compare",
    "extract_features",
    "leakage",
    "matrix",
    "open_results",
    "plan",
    "run",
    "score",
    "significance",
]

_HOME = {
    "BenchError": "bench.errors",
    "ExperimentResult": "bench.experiments.records",
    "FeatureTable": "bench.features.table",
    "MatrixResult": "bench.api",
    "Observer": "bench.observer",
    "Results": "bench.experiments.results",
    "audit": "bench.evidence.audit.auditing",
    "compare": "bench.api",
    "extract_features": "bench.features.extract",
    "leakage": "bench.evidence.leakage.report",
    "matrix": "bench.api",
    "open_results": "bench.api",
    "plan": "bench.api",
    "run": "bench.api",
    "score": "bench.experiments.rescoring",
    "significance": "bench.evidence.permutation.significance",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import bench` stays light."""
    if name not in _HOME:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 (only a first use pays)

    return getattr(import_module(_HOME[name]), name)
