"""Resolve selectors to plugins: entry points, model names and import paths."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bench.errors import BenchError, did_you_mean
from bench.plugins.importing import check_import_path, installed, load_class
from bench.plugins.selectors import Selector, Value, check_parameters, parse, selectors_in

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
}
"""Parameters of an extractor that the engine sets; not part of its identity, not accepted in a selector."""

CLASSIFIER_OWNED = {name: why for name, why in ENGINE_OWNED.items() if name != "device"}
"""Parameters of a classifier that the engine sets; the user may choose its `device` in the selector."""

NEVER_SET = {"memory": "a cache of fitted steps contains pickles, which are never loaded"}
"""Parameters that no selector sets."""

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
    """

    selector: str
    target: str
    params: Mapping[str, Value] = field(hash=False, compare=False)
    accepts: frozenset[str] = frozenset()
    consumes: str = "cells"
    requires_fit: bool = False
    notices: tuple[str, ...] = field(default=(), compare=False)

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
    def nested_modules(self) -> tuple[str, ...]:
        """Modules of the classes that the parameters name, in sort order."""
        return tuple(sorted(set(_modules(tuple(self.params.values())))))

    @property
    def random_weights(self) -> bool:
        """Whether a network has randomly initialised weights."""
        return self.params.get("weights") == "random"

    def build(self, **engine: object) -> Any:
        """Return an instance with the engine-owned parameters that the class accepts."""
        accepted = {k: v for k, v in engine.items() if k in self.accepts}
        return load_class(self.target)(**{k: _plain(v) for k, v in self.params.items()}, **accepted)


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
    wrapped in `SklearnAdapter`, like one named by import path.

    Raises
    ------
    BenchError
        A name or parameter is unknown; the message suggests similar ones.
    """
    selector = parse(text)
    target = _target_of(selector.name)
    if selector.name not in installed("classifiers"):
        return _adapted(selector, target)
    cls = load_class(target)
    consumes = getattr(cls, "consumes", "features")
    if consumes not in ("cells", "features"):
        raise BenchError(f'{selector.name}: consumes is {consumes!r}; expected "features" or "cells"')
    if takes_groups(cls):
        return replace(_describe(selector, target, CLASSIFIER_OWNED), consumes=consumes)
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
    selector = parse(text)
    for one in (selector, *selectors_in(tuple(selector.params.values()))):
        is_plugin = one.name in installed("extractors") or one.name in installed("classifiers")
        if not is_plugin and one.name.startswith(SCIKIT_LEARN):
            check_import_path(one.name)
        elif not is_plugin and not _is_model(one.name):
            raise BenchError(f"{one.name} is neither an installed plugin, nor a network, nor a class of scikit-learn")
        if str(one.params.get("weights", "")).endswith(".safetensors"):
            raise BenchError(f"{one.name} loads its weights from a file, {one.params['weights']}")


def _is_model(name: str) -> bool:
    from extractors.networks.weights.registry import model_names  # noqa: PLC0415 (reads a list that may have to be built)

    return name.partition(".")[0] in model_names()


def _extractor(selector: Selector, target: str, **fixed: Value) -> Plugin:
    for key, value in selector.params.items():
        if any(selectors_in(value)):
            raise BenchError(f"{selector.name}: {key} is a value, not a selector; extractors have no nested selectors")
    plugin = _describe(selector, target, ENGINE_OWNED, **fixed)
    return replace(plugin, requires_fit=_requires_fit(plugin))


def _describe(selector: Selector, target: str, owned: Mapping[str, str], **fixed: Value) -> Plugin:
    """Check a selector and those nested in it; nothing is instantiated."""
    cls = load_class(target)
    defaults = _defaults(cls, selector.name)
    allowed = {k: v for k, v in defaults.items() if k not in owned and k not in fixed}
    for key, value in selector.params.items():
        if key in owned and key not in allowed:
            raise BenchError(f"{selector}: {key} is set by the engine; {owned[key]}")
        if key in NEVER_SET and value is not None:
            raise BenchError(f"{selector}: {key} cannot be set; {NEVER_SET[key]}")
    check_parameters(selector, sorted(allowed))
    joined = getattr(cls, "joined", ())
    params = {k: _like_default(_listed(v) if k in joined else v, allowed[k]) for k, v in selector.params.items()}
    full = {k: _nested(v, _filled) for k, v in params.items()}
    changed = {k: _nested(params[k], _shortened) for k in sorted(params) if not _same(params[k], allowed[k])}
    return Plugin(
        selector=str(Selector(selector.name, changed)),
        target=target,
        params=_without_missing({**allowed, **full, **fixed}, selector),
        accepts=frozenset(defaults) & frozenset(owned),
        consumes=getattr(cls, "consumes", "cells"),
    )


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
    cls: Any = load_class(target)
    if not all(callable(getattr(cls, method, None)) for method in ("get_params", "set_params")):
        raise BenchError(f"{value.name} is not a scikit-learn estimator: it has no get_params and set_params")
    return form(_describe(value, target, CLASSIFIER_OWNED))


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
        plugin = _describe(selector, target, CLASSIFIER_OWNED)
        check_wrappable(_plain(Selector(selector.name, plugin.params)))
    except (TypeError, ValueError) as error:
        raise BenchError(f"{selector}: {error}") from error
    return replace(
        plugin, target=ADAPTER, params={"estimator": _filled(plugin)}, accepts=ADAPTER_ACCEPTS, consumes="features"
    )


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
    if isinstance(value, bool) or isinstance(default, bool):
        return value
    if isinstance(default, float) and isinstance(value, int):
        return float(value)
    if isinstance(default, int) and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(default, tuple) and not isinstance(value, tuple):
        return (value,)
    return value


def _listed(value: Value) -> Value:
    """Split quoted text joined by `+` into a list; unpack a list of one."""
    pieces = tuple(value.split("+")) if isinstance(value, str) else value
    return pieces[0] if isinstance(pieces, tuple) and len(pieces) == 1 else pieces


def _same(value: Value, default: object) -> bool:
    return type(value) is type(default) and value == default


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list | tuple) else value


def _plain(value: Value) -> object:
    if isinstance(value, Selector):
        return load_class(_target_of(value.name))(**{k: _plain(v) for k, v in value.params.items()})
    return tuple(_plain(v) for v in value) if isinstance(value, tuple) else value


def _modules(value: Value) -> Iterator[str]:
    if isinstance(value, tuple):
        for item in value:
            yield from _modules(item)
    elif isinstance(value, Selector):
        yield _target_of(value.name).partition(":")[0]
        yield from _modules(tuple(value.params.values()))


def _requires_fit(plugin: Plugin) -> bool:
    """Whether an extractor is fitted in each fold: always, except with the scikit-learn tag `requires_fit=False`."""
    try:
        tags = getattr(plugin.build(), "__sklearn_tags__", None)
        return tags is None or bool(tags().requires_fit)
    except (TypeError, ValueError) as error:
        raise BenchError(f"{plugin.selector}: {error}") from error
    except Exception as error:  # the class of a third party may raise anything
        raise BenchError(f"{plugin.selector} cannot be used ({type(error).__name__}: {error})") from error
