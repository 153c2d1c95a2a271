"""Resolve selectors to plugins: entry points, model names and import paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.errors import BenchError, did_you_mean
from bench.plugins.components import tables_of
from bench.plugins.description import described, filled_selector
from bench.plugins.importing import SCIKIT_LEARN, installed, load_class, target_of
from bench.plugins.members import ENSEMBLE, NESTING, MemberText, member_texts, member_value
from bench.plugins.owned_parameters import takes_groups
from bench.plugins.plugin import ADAPTER, ADAPTER_ACCEPTS, Member, Plugin, errors_of, plain_value, validated
from bench.plugins.selectors import MAX_LENGTH, Selector, Value, parse, selectors_in
from extractors.inner_fits import OUT_OF_FOLD


def extractor(text: str) -> Plugin:
    """Resolve the selector of an extractor: a plugin, or the name of a network.

    Raises
    ------
    BenchError
        A name or parameter is unknown; the message suggests similar ones.
    """
    selector = parse(text)
    points = installed("extractors")
    if selector.name in points:
        plugin = _extractor(selector, points[selector.name].value)
        if selector.name == "embedding":
            model = plugin.params.get("model")
            if not isinstance(model, str):
                raise BenchError("embedding needs a model: write embedding[model=resnet50], or just resnet50")
            rest = {k: v for k, v in selector.params.items() if k != "model"}
            return extractor(str(Selector(model, rest)))
        return plugin
    from extractors.networks.weights.registry import is_model, model_names  # noqa: PLC0415 (a list that may be built)

    if not is_model(selector.name):
        hint = did_you_mean(selector.name, [*points, *model_names()])
        raise BenchError(
            f"no extractor is called {selector.name!r}.{hint} See bench list extractors, and --timm for model names."
        )
    return _extractor(selector, points["embedding"].value, model=selector.name)


def classifier(text: str) -> Plugin:
    """Resolve the selector of a classifier: a plugin, or the import path of a scikit-learn classifier.

    A class without `consumes` consumes features. A classifier of features whose `fit` has no parameter `groups` is
    wrapped in `SklearnAdapter`, like one named by import path. An ensemble consumes cells, which stands for the inputs
    of its members, if a member has an extractor of its own or consumes cells.

    Raises
    ------
    BenchError
        A name or parameter is unknown; the message suggests similar ones.
    """
    selector = parse(text)
    target = target_of(selector.name)
    if selector.name not in installed("classifiers"):
        return _adapted(selector, target)
    if target in NESTING:
        return _combined(selector, target)
    cls = load_class(target)
    consumes = getattr(cls, "consumes", "features")
    if consumes not in ("cells", "features"):
        raise BenchError(f'{selector.name}: consumes is {consumes!r}; expected "features" or "cells"')
    if takes_groups(cls):
        return validated(replace(described(selector, target), consumes=consumes))
    if consumes == "cells":
        raise BenchError(f"{selector.name}: fit of a classifier of cells needs the parameter groups=None")
    return _adapted(selector, target)


def _extractor(selector: Selector, target: str, **fixed: Value) -> Plugin:
    tables = tables_of(load_class(target))
    for key, value in selector.params.items():
        if key not in tables and any(selectors_in(value)):
            raise BenchError(f"{selector.name}: {key} is a value, not a selector; extractors have no nested selectors")
    plugin = described(selector, target, **fixed)
    return validated(replace(plugin, requires_fit=_requires_fit(plugin)))


def _combined(selector: Selector, target: str) -> Plugin:
    """Resolve a classifier that is made of others."""
    parameter = NESTING[target]
    rest = {key: value for key, value in selector.params.items() if key != parameter}
    own = described(Selector(selector.name, rest), target)
    members = tuple(_member(text, selector, target) for text in member_texts(selector, target))
    short, full = (
        tuple(member_value(text) for text in texts)
        for texts in ([m.text for m in members], [m.canonical_text for m in members])
    )
    changed = parse(own.selector).params
    is_list = parameter == ENSEMBLE
    plugin = replace(
        own,
        selector=str(Selector(selector.name, {parameter: short if is_list else short[0], **changed})),
        params={**own.params, parameter: full if is_list else full[0]},
        consumes=_input_of(members, selector),
        members=members,
        nested=tuple(plugin for m in members for plugin in (m.classifier, *m.classifier.nested)),
    )
    if len(plugin.canonical) > MAX_LENGTH:
        raise BenchError(
            f"{selector.name}: with all parameters it has more than {MAX_LENGTH} characters; use fewer members"
        )
    try:
        plugin.build().validate_parameters()
    except (TypeError, ValueError) as error:
        raise BenchError(f"{selector}: {error}") from error
    return plugin


def _member(text: MemberText, selector: Selector, target: str) -> Member:
    where = f"member {text} of {selector.name}"
    name = text.classifier.partition("[")[0]
    point = installed("classifiers").get(name)
    if point is None and "." in name and not name.startswith(SCIKIT_LEARN):
        raise BenchError(f"{where}: {name} is neither an installed classifier nor a class of scikit-learn")
    if point is not None and NESTING.get(point.value) == ENSEMBLE:
        raise BenchError(f"{where}: an ensemble is not a member of another classifier; name its members instead")
    try:
        resolved = classifier(text.classifier)
        own = None if text.extractor is None else extractor(text.extractor)
    except BenchError as error:
        raise BenchError(f"{where}: {error}") from error
    if own is not None and NESTING[target] != ENSEMBLE:
        raise BenchError(f"{where}: it takes the extractor of the row; write --extractor {own.selector}")
    if own is not None and own.inner != OUT_OF_FOLD:
        raise BenchError(f"{where}: an extractor of a member predicts out of fold; leave out inner={own.inner}")
    if own is not None and resolved.consumes == "cells":
        raise BenchError(f"{where}: {resolved.selector} is fitted on cells, not on features; leave out {own.selector}:")
    return Member(own, resolved)


def _input_of(members: tuple[Member, ...], selector: Selector) -> str:
    """Return what a combined classifier consumes: "cells" if a member has its own extractor or consumes cells."""
    alone = [m for m in members if m.extractor is None and m.classifier.consumes == "features"]
    if len(alone) == len(members):
        return "features"
    if alone:
        raise BenchError(
            f"member {alone[0].text} of {selector.name} needs features, but other members do not use the extractor "
            f"of the row; name its extractor, such as handcrafted:{alone[0].text}"
        )
    return "cells"


def _adapted(selector: Selector, target: str) -> Plugin:
    inner = load_class(target)
    from classifiers.sklearn_adapter import check_wrappable  # noqa: PLC0415 (imports scikit-learn)

    try:
        check_wrappable(inner)
        plugin = described(selector, target)
        check_wrappable(plain_value(Selector(selector.name, plugin.params)))
    except (TypeError, ValueError) as error:
        raise BenchError(f"{selector}: {error}") from error
    params: Mapping[str, Value] = {"estimator": filled_selector(plugin)}
    outer = replace(plugin, target=ADAPTER, params=params, accepts=ADAPTER_ACCEPTS, consumes="features")
    return validated(replace(outer, nested=(plugin, *plugin.nested)))


def _requires_fit(plugin: Plugin) -> bool:
    """Whether an extractor is fitted in each fold: always, except with the scikit-learn tag `requires_fit=False`."""
    with errors_of(plugin):
        tags = getattr(plugin.build(), "__sklearn_tags__", None)
        return tags is None or bool(tags().requires_fit)
