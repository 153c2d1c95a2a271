"""Resolve a plugin by name and collect its contract checks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.contract.classifiers import ClassifierChecks
from bench.contract.engine import EngineChecks
from bench.contract.extractors import ExtractorChecks
from bench.contract.outcomes import Step
from bench.errors import BenchError, did_you_mean
from bench.plugins.importing import installed
from bench.plugins.plugin import Plugin
from bench.plugins.registry import classifier, extractor
from bench.plugins.selectors import parse

if TYPE_CHECKING:
    from extractors.networks.backbones.cost import Cost

Kind = Literal["extractor", "classifier"]

BRIEF = {"epochs": 2}
"""Parameters that are reduced in the checks unless the selector sets them."""


@dataclass(frozen=True)
class Subject:
    """A plugin to check.

    Parameters
    ----------
    kind : {"extractor", "classifier"}
        Kind of the plugin.
    plugin : Plugin
        Plugin with the parameters used in the checks.
    notes : tuple of str
        Differences from the requested plugin, as messages.
    weights_dir : str or None
        Folder searched first for weights.
    """

    kind: Kind
    plugin: Plugin
    notes: tuple[str, ...] = ()
    weights_dir: str | None = None


def find_subject(name: str, kind: Kind | None = None, *, weights_dir: str | Path | None = None) -> Subject:
    """Resolve the plugin of a selector, with parameters that are fast to check.

    Parameters
    ----------
    name : str
        Selector of a plugin, name of a model, or import path of a scikit-learn classifier.
    kind : {"extractor", "classifier"}, optional
        Required only if both kinds have the name.
    weights_dir : str or Path, optional
        Folder searched first for weights of a network.

    Raises
    ------
    BenchError
        No plugin has this name, or both an extractor and a classifier have; or it is an ensemble whose members have
        extractors of their own.
    """
    kind = kind or _kind_of(parse(name).name)
    plugin = (extractor if kind == "extractor" else classifier)(name)
    if any(member.extractor for member in plugin.members):
        raise BenchError(
            f"{name}: members with an extractor of their own are checked one by one; name the classifiers alone, such "
            "as ensemble[members=svm+knn]"
        )
    folder = str(weights_dir) if weights_dir else None
    requested = parse(name).params
    changes: dict[str, Any] = {k: v for k, v in BRIEF.items() if k in plugin.params and k not in requested}
    notes = [f"the checks use {key}={value} to save time" for key, value in changes.items()]
    if "weights" in plugin.params and not _has_weights(plugin, folder):
        # The contract holds for any weights.
        changes["weights"] = "random"
        notes.append("the checks use weights=random, since no weights are available")
    return Subject(kind, replace(plugin, params={**plugin.params, **changes}), tuple(notes), folder)


@contextmanager
def steps_of(subject: Subject) -> Iterator[list[Step]]:
    """Provide the checks of a plugin; synthetic cells are in a folder that is removed at the end of the context."""
    with tempfile.TemporaryDirectory(prefix="cytobench-check-") as name:
        folder, plugin = Path(name), subject.plugin
        if subject.kind == "classifier":
            own = ClassifierChecks(plugin, folder, subject.weights_dir).steps()
            engine = EngineChecks(None, plugin, folder, subject.weights_dir).steps()
        else:
            own = ExtractorChecks(plugin, folder, subject.weights_dir).steps()
            # Features of a stateless extractor are computed before the engine splits the cells.
            checks = EngineChecks(plugin, classifier("naive_bayes"), folder, subject.weights_dir)
            engine = checks.steps() if plugin.requires_fit else []
        yield [*own, *engine]


def network_cost(subject: Subject) -> Cost | None:
    """Return the cost of a frozen network per cell; None for any other plugin."""
    from extractors.embedding import Embedding  # noqa: PLC0415 (already imported if the plugin is a network)
    from extractors.networks.backbones.backbone import load_backbone  # noqa: PLC0415
    from extractors.networks.backbones.cost import backbone_cost  # noqa: PLC0415

    built = subject.plugin.build(weights_dir=subject.weights_dir)
    if not isinstance(built, Embedding):
        return None
    return backbone_cost(load_backbone(built.spec(), built.weights_dir))


def _kind_of(name: str) -> Kind:
    classifies, extracts = name in installed("classifiers"), name in installed("extractors")
    if classifies and extracts:
        raise BenchError(
            f"{name} is a classifier and an extractor; choose one with --kind classifier or --kind extractor"
        )
    if classifies or extracts:
        return "classifier" if classifies else "extractor"
    from extractors.networks.weights.registry import is_model  # noqa: PLC0415 (reads a list that may have to be built)

    if is_model(name):
        return "extractor"
    if "." in name:
        return "classifier"
    hint = did_you_mean(name, [*installed("classifiers"), *installed("extractors")])
    raise BenchError(
        f"no extractor or classifier is called {name!r}.{hint} See bench list extractors and bench list classifiers; "
        "the distribution of a plugin must be installed."
    )


def _has_weights(plugin: Plugin, weights_dir: str | None) -> bool:
    """Whether the weights of a network are available; true for a class without `weights_file`, such as `knn`."""
    network = plugin.build(weights_dir=weights_dir)
    try:
        if hasattr(network, "weights_file"):
            network.weights_file()
    except OSError:
        return False
    return True
