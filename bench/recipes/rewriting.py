"""Rewrite the networks that the selectors of a pipeline name: fewer epochs, or random weights."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.plugins import registry
from bench.plugins.importing import installed
from bench.plugins.members import ENSEMBLE, NESTING, member_texts, member_value
from bench.plugins.plugin import Plugin
from bench.plugins.selectors import Selector, Value, parse
from extractors.networks.training.options import TrainingOptions

Change = Callable[[Plugin, Selector], Selector]
"""Called with a network and its selector; returns its new selector."""


def rewritten_classifier(text: str, change: Change) -> str:
    """Apply a change to each network of a classifier; members of ensembles and bags are classifiers too.

    Raises
    ------
    BenchError
        The text is not the selector of a classifier.
    """
    return str(_classifier(text, change))


def rewritten_extractor(text: str, change: Change) -> str:
    """Apply a change to the network of an extractor, if it has one.

    Raises
    ------
    BenchError
        The text is not the selector of an extractor.
    """
    return str(_changed(registry.extractor(text), parse(text), change))


def fewer_epochs(scale: float) -> Change:
    """Return the change of the epochs of each stage to `ceil(scale x epochs)`, at least 1."""

    def change(plugin: Plugin, selector: Selector) -> Selector:
        network = plugin.build()
        if not isinstance(network, TrainingOptions):
            return selector
        stages = [(one, max(1, math.ceil(round(scale * one.epochs, 9)))) for one in network.settings().stages]
        params: dict[str, Value] = {}
        if network.stages is not None:
            params["stages"] = tuple(f"{stage.trainable}:{count}" for stage, count in stages)
        if network.sizes is not None:
            params["sizes"] = tuple(f"{stage.size}:{count}" for stage, count in stages)
        if network.crops is not None:
            params["crops"] = tuple(f"{stage.crop or 'frame'}:{count}" for stage, count in stages)
        return Selector(selector.name, {**selector.params, **(params or {"epochs": stages[0][1]})})

    return change


def random_weights(weights_dir: str | None, missing: dict[str, None]) -> Change:
    """Return the change of networks whose weights are not available to random weights.

    Parameters
    ----------
    weights_dir : str or None
        Folder that is searched first for weights.
    missing : dict
        Receives the names of these networks as keys.
    """

    def change(plugin: Plugin, selector: Selector) -> Selector:
        network = plugin.build(weights_dir=weights_dir)
        try:
            network.weights_file()
        except FileNotFoundError:
            missing[network.full_name()] = None
            return _from_random_weights(selector, getattr(network, "model_parameter", None))
        return selector

    return change


def _from_random_weights(selector: Selector, parameter: str | None) -> Selector:
    """Return a selector with random weights and without the tags of weights in the names of its networks."""
    params = {**selector.params, "weights": "random"}
    if parameter is None:
        return Selector(_without_tag(selector.name), params)
    names = params.get(parameter)
    if isinstance(names, str):
        params[parameter] = "+".join(map(_without_tag, names.split("+")))
    elif isinstance(names, tuple):
        params[parameter] = tuple(_without_tag(str(name)) for name in names)
    return Selector(selector.name, params)


def _without_tag(name: str) -> str:
    return name.partition(".")[0]


def _classifier(text: str, change: Change) -> Selector:
    selector, points = parse(text), installed("classifiers")
    target = points[selector.name].value if selector.name in points else ""
    if target not in NESTING:
        return _changed(registry.classifier(text), selector, change)
    members: tuple[Value, ...] = tuple(
        member_value(
            member._replace(
                extractor=None if member.extractor is None else rewritten_extractor(member.extractor, change),
                classifier=rewritten_classifier(member.classifier, change),
            )
        )
        for member in member_texts(selector, target)
    )
    value = members if NESTING[target] == ENSEMBLE else members[0]
    return Selector(selector.name, {**selector.params, NESTING[target]: value})


def _changed(plugin: Plugin, selector: Selector, change: Change) -> Selector:
    return change(plugin, selector) if plugin.has("weights_file") else selector
