"""Compare pipelines of feature extractors and classifiers for single-cell images on unseen patients.

`run`, `matrix`, `plan`, `score`, `ensemble`, `compare`, `audit`, `leakage`, `significance`, `reproduce`,
`fitted_networks` and `extract_features` are the commands as functions; `open_results` opens a results folder; `Cell`,
`Extractor` and `Dataset` are for writers of plugins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api import MatrixResult, compare, matrix, open_results, plan, run
    from bench.datasets.table import Dataset
    from bench.errors import BenchError
    from bench.evidence.audit.auditing import audit
    from bench.evidence.leakage.report import leakage
    from bench.evidence.permutation.significance import significance
    from bench.experiments.fitted_networks import fitted_networks
    from bench.experiments.post_hoc import ensemble
    from bench.experiments.records import ExperimentResult
    from bench.experiments.rescoring import score
    from bench.experiments.results import Results
    from bench.features.extract import extract_features
    from bench.features.table import FeatureTable
    from bench.observer import Observer
    from bench.recipes.reproduce import reproduce
    from extractors.cells import Cell
    from extractors.protocol import Extractor

__all__ = [
    "BenchError",
    "Cell",
    "Dataset",
    "ExperimentResult",
    "Extractor",
    "FeatureTable",
    "MatrixResult",
    "Observer",
    "Results",
    "audit",
    "compare",
    "ensemble",
    "extract_features",
    "fitted_networks",
    "leakage",
    "matrix",
    "open_results",
    "plan",
    "reproduce",
    "run",
    "score",
    "significance",
]

_MODULES = {
    "BenchError": "bench.errors",
    "Cell": "extractors.cells",
    "Dataset": "bench.datasets.table",
    "ExperimentResult": "bench.experiments.records",
    "Extractor": "extractors.protocol",
    "FeatureTable": "bench.features.table",
    "MatrixResult": "bench.api",
    "Observer": "bench.observer",
    "Results": "bench.experiments.results",
    "audit": "bench.evidence.audit.auditing",
    "compare": "bench.api",
    "ensemble": "bench.experiments.post_hoc",
    "extract_features": "bench.features.extract",
    "fitted_networks": "bench.experiments.fitted_networks",
    "leakage": "bench.evidence.leakage.report",
    "matrix": "bench.api",
    "open_results": "bench.api",
    "plan": "bench.api",
    "reproduce": "bench.recipes.reproduce",
    "run": "bench.api",
    "score": "bench.experiments.rescoring",
    "significance": "bench.evidence.permutation.significance",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import bench` is fast."""
    if name not in _MODULES:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 (only on first use)

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """Return the public names, for completion."""
    return __all__
