"""Find a plugin by its name and run every check that concerns it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.contract.classifiers import ClassifierChecks
from bench.contract.engine import EngineChecks
from bench.contract.extractors import ExtractorChecks
from bench.contract.outcomes import Check, Step, outcomes
from bench.errors import BenchError, did_you_mean
from bench.plugins.registry import Plugin, classifier, extractor, installed
from bench.plugins.selectors import parse

if TYPE_CHECKING:
    from extractors.networks.backbones.cost import Cost

Kind = Literal["extractor", "classifier"]

BRIEF = {"epochs": 2}
"""Parameters that are lowered where the selector does not give them: what the checks show needs no long fit."""


@dataclass(frozen=True)
class Subject:
    """A plugin that is to be checked.

    Parameters
    ----------
    kind : {"extractor", "classifier"}
        What it is.
    plugin : Plugin
        It, as it is checked.
    notes : tuple of str
        In what it differs from the plugin that was asked for, in sentences.
    weights_dir : str or None
        Where weights are looked for first.
    """

    kind: Kind
    plugin: Plugin
    notes: tuple[str, ...] = ()
    weights_dir: str | None = None


def check(name: str, kind: Kind | None = None, *, weights_dir: str | Path | None = None) -> list[Check]:
    """Run the contract's checks on a plugin, ours or a third party's.

    Parameters
    ----------
    name : str
        A selector: a plugin, a model's name, or the import path of a scikit-learn classifier.
    kind : {"extractor", "classifier"}, optional
        Needed only where one name stands for both.
    weights_dir : str or Path, optional
        Where weights of a network are looked for first.

    Returns
    -------
    list of Check
        In the order in which they were run; a plugin keeps to the contract where none has failed.

    Raises
    ------
    BenchError
        Nothing has that name, or both an extractor and a classifier have.
    """
    with steps_of(find_subject(name, kind, weights_dir=weights_dir)) as steps:
        return list(outcomes(steps))


def find_subject(name: str, kind: Kind | None = None, *, weights_dir: str | Path | None = None) -> Subject:
    """The plugin that a selector names, made quick to check; raises BenchError as `check` does."""
    kind = kind or _kind_of(parse(name).name)
    plugin = (extractor if kind == "extractor" else classifier)(name)
    return _with_weights(_brief(Subject(kind, plugin, weights_dir=str(weights_dir) if weights_dir else None), name))


@contextmanager
def steps_of(subject: Subject) -> Iterator[list[Step]]:
    """The checks of a plugin; its made-up cells lie in a folder that vanishes with the block."""
    with tempfile.TemporaryDirectory(prefix="cytobench-check-") as name:
        folder, plugin = Path(name), subject.plugin
        if subject.kind == "classifier":
            own = ClassifierChecks(plugin, folder).steps()
            at_work = EngineChecks(None, plugin, folder).steps()
        else:
            own = ExtractorChecks(plugin, folder, subject.weights_dir).steps()
            # Features of an extractor that learns nothing are made before the engine begins to split.
            at_work = EngineChecks(plugin, classifier("naive_bayes"), folder).steps() if plugin.requires_fit else []
        yield [*own, *at_work]


def network_cost(subject: Subject) -> Cost | None:
    """What a cell costs a frozen network; None for any other plugin."""
    from extractors.embedding import Embedding  # noqa: PLC0415 (where there is a network, it is imported by now)
    from extractors.networks.backbones.backbone import load_backbone  # noqa: PLC0415
    from extractors.networks.backbones.cost import backbone_cost  # noqa: PLC0415

    built = subject.plugin.build(weights_dir=subject.weights_dir)
    if not isinstance(built, Embedding):
        return None
    return backbone_cost(load_backbone(built.spec(), built.weights_dir))


def _kind_of(name: str) -> Kind:
    classifies, extracts = name in installed("classifiers"), name in installed("extractors")
    if classifies and extracts:
        raise BenchError(f"{name} is a classifier and an extractor; say which: --kind classifier or --kind extractor")
    if classifies or extracts:
        return "classifier" if classifies else "extractor"
    from extractors.networks.weights.registry import model_names  # noqa: PLC0415 (reads a list that may have to be made)

    if name.partition(".")[0] in model_names():
        return "extractor"
    if "." in name:
        return "classifier"
    hint = did_you_mean(name, [*installed("classifiers"), *installed("extractors")])
    raise BenchError(
        f"no extractor or classifier is called {name!r}.{hint} See bench list extractors and bench list classifiers; a "
        "plugin is found once its distribution is installed."
    )


def _brief(subject: Subject, name: str) -> Subject:
    given = parse(name).params
    lowered = {k: v for k, v in BRIEF.items() if k in subject.plugin.params and k not in given}
    if not lowered:
        return subject
    told = tuple(f"{key}={value} in these checks, so that they end soon" for key, value in lowered.items())
    plugin = replace(subject.plugin, params={**subject.plugin.params, **lowered})
    return replace(subject, plugin=plugin, notes=(*subject.notes, *told))


def _with_weights(subject: Subject) -> Subject:
    """With random weights where none are to be had: the contract holds for any weights, and this is said."""
    plugin = subject.plugin
    if "weights" not in plugin.params or subject.kind != "extractor":
        return subject
    built = plugin.build(weights_dir=subject.weights_dir)
    try:
        built.weights_file()
    except OSError:
        note = "weights=random in these checks, since no weights are to be had here"
        changed = replace(plugin, params={**plugin.params, "weights": "random"})
        return replace(subject, plugin=changed, notes=(*subject.notes, note))
    return subject
