"""Which pipeline recognises diseased cells on patients it has never seen.

`run`, `matrix`, `plan`, `score`, `compare`, `audit`, `leakage`, `significance` and `extract_features` are the command
line's words as functions; `open_results` reads a results folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.errors import BenchError
    from bench.evidence.audit.auditing import audit
    from bench.evidence.chance import significance
    from bench.evidence.leaks import leakage
    from bench.feature_extraction import extract_features
    from bench.feature_table import FeatureTable
    from bench.interface import MatrixResult, compare, matrix, open_results, plan, run
    from bench.observer import Observer
    from bench.rescoring import score
    from bench.results import ExperimentResult, Results

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
    "ExperimentResult": "bench.results",
    "FeatureTable": "bench.feature_table",
    "MatrixResult": "bench.interface",
    "Observer": "bench.observer",
    "Results": "bench.results",
    "audit": "bench.evidence.audit.auditing",
    "compare": "bench.interface",
    "extract_features": "bench.feature_extraction",
    "leakage": "bench.evidence.leaks",
    "matrix": "bench.interface",
    "open_results": "bench.interface",
    "plan": "bench.interface",
    "run": "bench.interface",
    "score": "bench.rescoring",
    "significance": "bench.evidence.chance",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import bench` stays light."""
    if name not in _HOME:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 (only a first use pays)

    return getattr(import_module(_HOME[name]), name)
