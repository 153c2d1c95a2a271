"""Resolve selectors to plugins: entry points, model names and import paths."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from bench.errors import BenchError, did_you_mean
from bench.plugins.components import (
    WORDS,
    check_components,
    component_value,
    filled,
    instance,
    like_default,
    shortened,
    tables_of,
)
from bench.plugins.importing import Kind, check_import_path, installed, load_class
from bench.plugins.members import ENSEMBLE, NESTING, MemberText, member_texts, member_value
from bench.plugins.selectors import MAX_LENGTH, Selector, Value, check_parameters, parse, selectors_in
from extractors.inner_fits import OUT_OF_FOLD

ADAPTER = "classifiers.sklearn_adapter:SklearnAdapter"

ADAPTER_ACCEPTS = frozenset({"random_state", "cv"})
"""Engine-owned parameters of the adapter."""

PIXELS = "pixels"
"""Name in place of the extractor for a classifier that consumes cells."""

ENGINE_OWNED = {
    "random_state": "seeds follow from --seed",
    "cv": "inner splits are drawn by patient",
    "threads": "use --threads",
    "n_jobs": "use --jobs and --threads",
    "weights_dir": "use --weights-dir",
    "device": "use --device",
    "gpus_per_fit": "use --gpus-per-fit",
    "gpu_strategy": "use --strategy",
    "checkpoint_dir": "an interrupted fit continues in the results folder",
    "logger": "use --logger",
    "on_epoch": "tuning trials are pruned by epoch",
}
"""Parameters that the engine sets; not part of the identity of a plugin, not accepted in a selector."""

ADAPTED_OWNED = {name: why for name, why in ENGINE_OWNED.items() if name != "device"}
"""The same for a classifier behind an adapter, whose `device` the engine does not set."""

NEVER_SET = {"memory": "a cache of fitted steps contains pickles, which are never loaded"}
"""Parameters that no selector sets."""

_KINDS: tuple[Kind, ...] = ("extractors", "classifiers")

SCIKIT_LEARN = "sklearn."
"""Start of the import paths that a nested selector and a record may contain."""


@dataclass(frozen=True)
class Plugin:
    """A class and its parameters.

    Parameters
    ----------
    selector : str
        Canonical short form: the name and the parameters that differ from their defaults.
    target : str
        `module:Class`.
    params : dict
        All parameters, including defaults, without engine-owned ones.
    accepts : frozenset of str
        Engine-owned parameters of the class.
    consumes : {"cells", "features"}
        Input of a classifier; "cells" for an extractor.
    requires_fit : bool
        Whether an extractor is fitted on the training cells of each fold.
    notices : tuple of str
        Messages for the user, on parameters of an object that the engine replaces.
    members : tuple of Member
        Members of a combined classifier, such as an ensemble; empty for any other plugin.
    """

    selector: str
    target: str
    params: Mapping[str, Value] = field(hash=False, compare=False)
    accepts: frozenset[str] = frozenset()
    consumes: str = "cells"
    requires_fit: bool = False
    notices: tuple[str, ...] = field(default=(), compare=False)
    members: tuple[Member, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """Name of the plugin, name of the network or import path of the class."""
        return self.selector.partition("[")[0]

    @property
    def canonical(self) -> str:
        """Name with all parameters in canonical form: the identity of the plugin."""
        if self.target == ADAPTER:
            return str(self.params["estimator"])
        return str(Selector(self.name, dict(sorted(self.params.items()))))

    @property
    def nested(self) -> tuple[Plugin, ...]:
        """The estimators that the parameters name, each before those nested in it; of members, their classifiers."""
        if self.members:
            return tuple(plugin for m in self.members for plugin in (m.classifier, *m.classifier.nested))
        return tuple(_nested_plugins(load_class(self.target), self.params))

    @property
    def leaves(self) -> tuple[Plugin, ...]:
        """The classifiers of which a combined one is made, at any depth; of any other plugin, the plugin itself."""
        return tuple(leaf for m in self.members for leaf in m.classifier.leaves) if self.members else (self,)

    @property
    def nested_modules(self) -> tuple[str, ...]:
        """Modules of the estimators that the parameters name, in sort order."""
        return tuple(sorted({plugin.target.partition(":")[0] for plugin in self.nested}))

    @property
    def inner(self) -> str:
        """From which fits of a stateful extractor inner predictions come; `OUT_OF_FOLD` unless it has a parameter."""
        return str(self.params.get("inner", OUT_OF_FOLD)) if self.requires_fit else OUT_OF_FOLD

    @property
    def is_ensemble(self) -> bool:
        """Whether it is a classifier whose members may have extractors of their own."""
        return NESTING.get(self.target) == ENSEMBLE

    @property
    def class_modules(self) -> tuple[str, ...]:
        """Modules of its class and of the classes of its members, in sort order."""
        own = self.target.partition(":")[0]
        return tuple(sorted({own, *(m for one in self.members for m in one.classifier.class_modules)}))

    @property
    def random_weights(self) -> bool:
        """Whether a network has randomly initialised weights."""
        return self.params.get("weights") == "random"

    @property
    def time_limited(self) -> bool:
        """Whether a fit ends after a time: the parameter `minutes` of the class or of a nested one is set."""
        return any(one.params.get("minutes") is not None for one in (self, *self.nested))

    def has(self, name: str) -> bool:
        """Whether instances have a method or attribute, such as `weights_file`."""
        return hasattr(load_class(self.target), name)

    def build(self, **engine: object) -> Any:
        """Return an instance with the engine-owned parameters that the class accepts."""
        accepted = {k: v for k, v in engine.items() if k in self.accepts}
        nested = NESTING[self.target] if self.members else None
        params = {key: value for key, value in self.params.items() if key != nested}
        if nested is not None:
            built = tuple((str(member.text), member.classifier.build(**engine)) for member in self.members)
            accepted[nested] = built if nested == ENSEMBLE else built[0][1]
        return _instance(load_class(self.target), params, **accepted)


@dataclass(frozen=True)
class Member:
    """A member of a combined classifier.

    Parameters
    ----------
    extractor : Plugin or None
        Its own extractor; None for that of the row, or for a classifier of cells.
    classifier : Plugin
        Its classifier.
    """

    extractor: Plugin | None
    classifier: Plugin

    @property
    def text(self) -> MemberText:
        """Short selectors: `svm`, or `handcrafted:svm`."""
        return MemberText(None if self.extractor is None else self.extractor.selector, self.classifier.selector)

    @property
    def canonical_text(self) -> MemberText:
        """Selectors with all parameters."""
        return MemberText(None if self.extractor is None else self.extractor.canonical, self.classifier.canonical)


def extractor(text: str) -> Plugin:
    """Resolve the selector of an extractor: a plugin, or a timm or torchvision model.

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
    from extractors.networks.weights.registry import model_names  # noqa: PLC0415 (reads a list that may have to be built)

    models = model_names()
    if selector.name.partition(".")[0] not in models:
        hint = did_you_mean(selector.name, [*points, *models])
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
    target = _target_of(selector.name)
    if selector.name not in installed("classifiers"):
        return _adapted(selector, target)
    if target in NESTING:
        return _combined(selector, target)
    cls = load_class(target)
    consumes = getattr(cls, "consumes", "features")
    if consumes not in ("cells", "features"):
        raise BenchError(f'{selector.name}: consumes is {consumes!r}; expected "features" or "cells"')
    if takes_groups(cls):
        return validated(replace(_describe(selector, target), consumes=consumes))
    if consumes == "cells":
        raise BenchError(f"{selector.name}: fit of a classifier of cells needs the parameter groups=None")
    return _adapted(selector, target)


def takes_groups(estimator: Any) -> bool:
    """Whether `fit` of a class or instance has the parameter `groups`."""
    return hasattr(estimator, "fit") and "groups" in inspect.signature(estimator.fit).parameters


def check_recorded(text: str) -> None:
    """Check the selector of a record, which may come from a stranger, before anything is imported.

    Raises
    ------
    BenchError
        It names a class outside scikit-learn that is not an installed plugin, or loads weights from a file.
    """
    _check_recorded(parse(text))


def _check_recorded(selector: Selector) -> None:
    targets = [points[selector.name].value for kind in _KINDS if selector.name in (points := installed(kind))]
    if not targets and selector.name.startswith(SCIKIT_LEARN):
        check_import_path(selector.name)
    elif not targets and not _is_model(selector.name):
        raise BenchError(f"{selector.name} is neither an installed plugin, nor a network, nor a class of scikit-learn")
    if str(selector.params.get("weights", "")).endswith(".safetensors"):
        raise BenchError(f"{selector.name} loads its weights from a file, {selector.params['weights']}")
    members = [target for target in targets if target in NESTING]
    for member in member_texts(selector, members[0]) if members else ():
        for part in filter(None, member):
            check_recorded(part)
    own = NESTING[members[0]] if members else None
    nested = {key: value for key, value in selector.params.items() if key != own and any(selectors_in(value))}
    # Only an installed plugin is imported, and only for a value that may name its components.
    tables = [tables_of(load_class(target)) for target in targets if nested]
    for key, value in nested.items():
        table = {name: kind for tables_of_kind in tables for name, kind in tables_of_kind.get(key, {}).items()}
        if table:
            check_components(component_value(value, table), table, where=f"{selector.name}: {key}", joined=True)
        else:
            for one in _outermost(value):
                _check_recorded(one)


def _is_model(name: str) -> bool:
    from extractors.networks.weights.registry import model_names  # noqa: PLC0415 (reads a list that may have to be built)

    return name.partition(".")[0] in model_names()


def _extractor(selector: Selector, target: str, **fixed: Value) -> Plugin:
    tables = tables_of(load_class(target))
    for key, value in selector.params.items():
        if key not in tables and any(selectors_in(value)):
            raise BenchError(f"{selector.name}: {key} is a value, not a selector; extractors have no nested selectors")
    plugin = _describe(selector, target, **fixed)
    return validated(replace(plugin, requires_fit=_requires_fit(plugin)))


def owned_parameters(estimator: Any) -> Mapping[str, str]:
    """Return the parameters of an extractor or classifier, class or instance, that the engine sets, with the reason."""
    adapted = not hasattr(estimator, "transform") and not takes_groups(estimator)
    return ADAPTED_OWNED if adapted else ENGINE_OWNED


def _describe(selector: Selector, target: str, **fixed: Value) -> Plugin:
    """Check a selector and those nested in it; nothing is instantiated."""
    cls = load_class(target)
    defaults, owned, tables = _defaults(cls, selector.name), owned_parameters(cls), tables_of(cls)
    allowed = {k: v for k, v in defaults.items() if k not in owned and k not in fixed}
    for key, value in selector.params.items():
        if key in owned and key not in allowed:
            raise BenchError(f"{selector}: {key} is set by the engine; {owned[key]}")
        if key in NEVER_SET and value is not None:
            raise BenchError(f"{selector}: {key} cannot be set; {NEVER_SET[key]}")
    check_parameters(selector, sorted(allowed))
    joined = getattr(cls, "joined", ())
    named = {k: component_value(v, tables[k]) for k, v in selector.params.items() if k in tables}
    for key, value in named.items():
        words = (*WORDS, None, allowed[key])
        check_components(value, tables[key], where=f"{selector.name}: {key}", words=words, joined=key in joined)
    rest = {k: v for k, v in selector.params.items() if k not in tables}
    like = {**allowed, **{k: kind() for k, kind in getattr(cls, "numbers", {}).items()}}
    params = {k: _like_default(_listed(v) if k in joined else v, like[k]) for k, v in rest.items()}
    full = {k: _filled_value(v, f"{selector.name}: {k}") for k, v in params.items()}
    full |= {k: filled(v, tables[k]) for k, v in named.items()}
    allowed |= {k: filled(component_value(allowed[k], tables[k]), tables[k]) for k in tables if k in allowed}
    short = {k: _nested(v, _shortened) for k, v in params.items() if not _same(v, allowed[k])}
    short |= {k: shortened(v, tables[k]) for k, v in named.items() if not _same(full[k], allowed[k])}
    changed = dict(sorted(short.items()))
    return Plugin(
        selector=str(Selector(selector.name, changed)),
        target=target,
        params=_without_missing({**allowed, **full, **fixed}, selector),
        accepts=frozenset(defaults) & frozenset(owned),
        consumes=getattr(cls, "consumes", "cells"),
    )


def _combined(selector: Selector, target: str) -> Plugin:
    """Resolve a classifier that is made of others."""
    parameter = NESTING[target]
    rest = {key: value for key, value in selector.params.items() if key != parameter}
    own = _describe(Selector(selector.name, rest), target)
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


def _nested(value: Value, form: Callable[[Plugin], Selector]) -> Value:
    """Replace each selector in a value by a form of the estimator that it names."""
    if isinstance(value, tuple):
        return tuple(_nested(v, form) for v in value)
    if not isinstance(value, Selector):
        return value
    if value.name not in installed("classifiers") and not value.name.startswith(SCIKIT_LEARN):
        raise BenchError(
            f"{value.name}: a selector inside another one names an installed classifier or a class of scikit-learn, "
            f"such as sklearn.svm.SVC[];{did_you_mean(value.name, installed('classifiers'))} pass any other estimator "
            "as an object from Python"
        )
    target = _target_of(value.name)
    if target in NESTING:
        raise BenchError(f"{value.name} is not nested in a class of another library; use it as the classifier")
    cls: Any = load_class(target)
    if not all(callable(getattr(cls, method, None)) for method in ("get_params", "set_params")):
        raise BenchError(f"{value.name} is not a scikit-learn estimator: it has no get_params and set_params")
    return form(_describe(value, target))


def _filled_value(value: Value, where: str) -> Value:
    """Replace each selector in a value by its canonical form; errors name the parameter."""
    try:
        return _nested(value, _filled)
    except BenchError as error:
        raise BenchError(f"{where}: {error}") from error


def _target_of(name: str) -> str:
    """Return `module:Class` of a classifier from its plugin name or import path."""
    points = installed("classifiers")
    if name in points:
        return points[name].value
    if "." not in name:
        raise BenchError(
            f"no classifier is called {name!r}.{did_you_mean(name, points)} See bench list classifiers, or give the "
            "import path of a scikit-learn classifier such as sklearn.linear_model.LogisticRegression."
        )
    check_import_path(name)
    return ":".join(name.rsplit(".", 1))


def _filled(plugin: Plugin) -> Selector:
    return Selector(plugin.name, dict(sorted(plugin.params.items())))


def _shortened(plugin: Plugin) -> Selector:
    return parse(plugin.selector)


def _adapted(selector: Selector, target: str) -> Plugin:
    inner = load_class(target)
    from classifiers.sklearn_adapter import check_wrappable  # noqa: PLC0415 (imports scikit-learn)

    try:
        check_wrappable(inner)
        plugin = _describe(selector, target)
        check_wrappable(_plain(Selector(selector.name, plugin.params)))
    except (TypeError, ValueError) as error:
        raise BenchError(f"{selector}: {error}") from error
    params: Mapping[str, Value] = {"estimator": _filled(plugin)}
    return validated(replace(plugin, target=ADAPTER, params=params, accepts=ADAPTER_ACCEPTS, consumes="features"))


_REQUIRED = object()


def _defaults(cls: type, name: str) -> dict[str, Any]:
    try:
        parameters = inspect.signature(cls).parameters.values()
    except ValueError as error:
        raise BenchError(f"{name}: the parameters of {cls.__name__} are not known ({error})") from error
    return {
        p.name: _REQUIRED if p.default is p.empty else _frozen(p.default)
        for p in parameters
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }


def _without_missing(params: dict[str, Any], selector: Selector) -> dict[str, Value]:
    missing = [k for k, v in params.items() if v is _REQUIRED]
    if missing:
        raise BenchError(f"{selector.name} needs {', '.join(missing)}: write {selector.name}[{missing[0]}=...]")
    return params


def _like_default(value: Value, default: object) -> Value:
    in_list = isinstance(default, tuple) and not isinstance(value, bool | tuple)
    return (value,) if in_list else like_default(value, default)


def _listed(value: Value) -> Value:
    """Split quoted text joined by `+` into a list; unpack a list of one."""
    pieces = tuple(value.split("+")) if isinstance(value, str) else value
    return pieces[0] if isinstance(pieces, tuple) and len(pieces) == 1 else pieces


def _same(value: Value, default: object) -> bool:
    return type(value) is type(default) and value == default


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list | tuple) else value


def _instance(cls: type, params: Mapping[str, Value], **engine: object) -> Any:
    """Instantiate a class with the components and estimators that its parameters name."""
    tables, joined, values = tables_of(cls), getattr(cls, "joined", ()), {}
    for key, value in params.items():
        try:
            values[key] = instance(value, tables[key], joined=key in joined) if key in tables else _plain(value)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
    return cls(**values, **engine)


def _plain(value: Value) -> object:
    if isinstance(value, Selector):
        return _instance(load_class(_target_of(value.name)), value.params)
    return tuple(_plain(v) for v in value) if isinstance(value, tuple) else value


def _outermost(value: Value) -> Iterator[Selector]:
    """Yield the selectors in a value without those nested in them."""
    if isinstance(value, tuple):
        for item in value:
            yield from _outermost(item)
    elif isinstance(value, Selector):
        yield value


def _nested_plugins(cls: type, params: Mapping[str, Value]) -> Iterator[Plugin]:
    for key, value in params.items():
        for selector in _outermost(value) if key not in tables_of(cls) else ():
            plugin = _describe(selector, _target_of(selector.name))
            yield plugin
            yield from plugin.nested


def validated(plugin: Plugin) -> Plugin:
    """Check the parameters of a plugin and of those nested in it; nothing is fitted.

    Components are instantiated, and the method `validate_parameters` of a class that has it is called.

    Raises
    ------
    BenchError
        A value is invalid; the message names the selector.
    """
    for one in (plugin, *plugin.nested):
        if one.has("components") or one.has("validate_parameters"):
            with _errors_of(one):
                built = one.build()
                if one.has("validate_parameters"):
                    built.validate_parameters()
    return plugin


def _requires_fit(plugin: Plugin) -> bool:
    """Whether an extractor is fitted in each fold: always, except with the scikit-learn tag `requires_fit=False`."""
    with _errors_of(plugin):
        tags = getattr(plugin.build(), "__sklearn_tags__", None)
        return tags is None or bool(tags().requires_fit)


@contextmanager
def _errors_of(plugin: Plugin) -> Iterator[None]:
    """Convert the errors of a class to a BenchError that names the selector."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise BenchError(f"{plugin.selector}: {error}") from error
    except Exception as error:  # the class of a third party may raise anything
        raise BenchError(f"{plugin.selector} cannot be used ({type(error).__name__}: {error})") from error
