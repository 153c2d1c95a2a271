"""Resolve selectors and estimator objects to plugins."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cloudpickle
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV

from bench.errors import BenchError
from bench.plugins import registry
from bench.plugins.components import component_value, tables_of
from bench.plugins.importing import Kind, installed
from bench.plugins.object_adapters import ExtractorAdapter
from bench.plugins.object_identity import identity_of, import_path, is_estimator, unfindable_modules
from bench.plugins.owned_parameters import ENGINE_OWNED, owned_parameters, takes_groups
from bench.plugins.pipeline import PipelineSpec
from bench.plugins.plugin import ADAPTER, ADAPTER_ACCEPTS, Plugin, validated
from bench.plugins.selectors import Selector
from classifiers.sklearn_adapter import SklearnAdapter, check_wrappable
from extractors.component import Component

_EXTRACTOR_ADAPTER = "bench.plugins.object_adapters:ExtractorAdapter"
_LONGEST_NAME = 120


@dataclass(frozen=True)
class ObjectPlugin(Plugin):
    """A plugin made from an estimator object.

    The object is never written to disk. It is sent to worker processes through their pipes, by value where its class
    cannot be imported there.

    Parameters
    ----------
    estimator : estimator
        Cloned for every fit.
    identity : str
        Canonical form of class, code and parameters (`bench.plugins.object_identity`).
    """

    estimator: Any = field(default=None, compare=False, repr=False)
    identity: str = ""

    @property
    def canonical(self) -> str:
        """Identity: class, code and parameters in canonical form."""
        return self.identity

    def has(self, name: str) -> bool:
        """Whether instances have a method or attribute; those of an estimator behind an adapter are not used."""
        return takes_groups(self.estimator) and hasattr(self.estimator, name)

    def build(self, **engine: object) -> Any:
        """Return a clone with the parameters of the engine that it accepts, behind an adapter where it needs one."""
        values = {name: value for name, value in engine.items() if name in self.accepts}
        estimator = clone(self.estimator).set_params(**_everywhere(self.estimator, values))
        return estimator if takes_groups(estimator) else ExtractorAdapter(estimator)

    def __getstate__(self) -> dict[str, Any]:
        modules = [sys.modules[name] for name in unfindable_modules(self.estimator)]
        for module in modules:
            cloudpickle.register_pickle_by_value(module)
        try:
            return {**self.__dict__, "estimator": cloudpickle.dumps(self.estimator)}
        finally:
            for module in modules:
                cloudpickle.unregister_pickle_by_value(module)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**state, "estimator": cloudpickle.loads(state["estimator"])})


def extractor(item: object) -> Plugin:
    """Return the extractor of a selector or of a transformer object.

    Raises
    ------
    BenchError
        As `registry.extractor`; or the object is not a transformer or cannot be identified.
    """
    if isinstance(item, str):
        return registry.extractor(item)
    if not (hasattr(item, "fit") and hasattr(item, "transform")):
        raise BenchError(f"{name_of(item)} is not an extractor: it needs fit(cells, y=None) and transform(cells)")
    if (selector := _installed_selector(item, "extractors")) is not None:
        return replace(registry.extractor(str(selector)), notices=_replaced(item))
    _check_nested_cv(item)
    accepts = frozenset(ENGINE_OWNED).intersection(map(_leaf, item.get_params()))  # type: ignore[attr-defined]
    requires_fit = bool(item.__sklearn_tags__().requires_fit) if hasattr(item, "__sklearn_tags__") else True
    return _object_plugin(item, _EXTRACTOR_ADAPTER, accepts, requires_fit=requires_fit)


def classifier(item: object) -> Plugin:
    """Return the classifier of a selector or of a classifier object.

    A classifier with `predict_proba` whose `fit` takes groups is used as it is, any other one behind
    `classifiers.sklearn_adapter.SklearnAdapter`. One without probabilities is calibrated.

    Raises
    ------
    BenchError
        As `registry.classifier`; or the object is not a classifier, would split cells of a patient, or cannot be
        identified.
    """
    if isinstance(item, str):
        return registry.classifier(item)
    if not (hasattr(item, "fit") and hasattr(item, "predict")):
        raise BenchError(f"{name_of(item)} is not a classifier: it needs fit(X, y), predict_proba(X) and classes_")
    selector = _installed_selector(item, "classifiers")
    if selector is None and not takes_groups(item) and hasattr(item, "predict_proba"):
        selector = _selector(item, import_path(type(item)))
    if selector is not None:
        return replace(registry.classifier(str(selector)), notices=_replaced(item))
    if takes_groups(item) and hasattr(item, "predict_proba"):
        accepts = frozenset(ENGINE_OWNED).intersection(item.get_params())  # type: ignore[attr-defined]
        return _object_plugin(item, _EXTRACTOR_ADAPTER, accepts, consumes=getattr(item, "consumes", "features"))
    return _adapted(item)


def notices_of(pipelines: Iterable[PipelineSpec]) -> list[str]:
    """Return the notices of the objects in pipelines, each once."""
    plugins = [plugin for pipeline in pipelines for plugin in (pipeline.extractor, pipeline.classifier)]
    return list(dict.fromkeys(notice for plugin in plugins if plugin is not None for notice in plugin.notices))


def is_object_name(name: str) -> bool:
    """Whether the name of an extractor or classifier in a record is that of an object, which selectors cannot name."""
    return "(" in name.partition("[")[0]


def _adapted(item: Any) -> Plugin:
    name, notices = name_of(item), _replaced(item)
    if not hasattr(item, "predict_proba") and hasattr(item, "decision_function"):
        notices += (f"{name} has no predict_proba; it is calibrated on patient-grouped folds of training cells",)
        item = CalibratedClassifierCV(item)
    try:
        check_wrappable(item)
    except ValueError as error:
        raise BenchError(f"{name}: {error}") from error
    plugin = _object_plugin(SklearnAdapter(item), ADAPTER, ADAPTER_ACCEPTS)
    return replace(plugin, selector=name, notices=notices, consumes=getattr(item, "consumes", "features"))


def _object_plugin(item: Any, target: str, accepts: frozenset[str], **more: Any) -> Plugin:
    values = {"estimator": item, "identity": identity_of(item), "notices": _replaced(item), **more}
    return validated(ObjectPlugin(name_of(item), target, params={}, accepts=accepts, **values))


def _installed_selector(item: Any, kind: Kind) -> Selector | None:
    """Return the selector of an instance of an installed plugin's class."""
    target = f"{type(item).__module__}:{type(item).__qualname__}"
    name = next((name for name, point in installed(kind).items() if point.value == target), None)
    return _selector(item, name)


def _selector(item: Any, name: str | None) -> Selector | None:
    """Return a selector with the changed parameters; None without a name or if one cannot be written in a selector."""
    params, tables = {} if name is None else _changed(item), tables_of(type(item))
    lists = {*tables, *getattr(item, "joined", ())}
    params = {k: tuple(v) if isinstance(v, list) and k in lists else v for k, v in params.items()}
    values = {k: component_value(v, tables[k]) if k in tables else v for k, v in params.items()}
    writable = all(_is_writable(value, tables.get(key, {})) for key, value in params.items())
    return Selector(name, values) if name is not None and writable else None


def _is_writable(value: Any, table: Mapping[str, type]) -> bool:
    """Whether a selector can name a value: a number, text, a component of the parameter, or a tuple of these."""
    if isinstance(value, tuple):
        return all(not isinstance(item, tuple) and _is_writable(item, table) for item in value)
    is_component = isinstance(value, Component) and table.get(value.name) is type(value)
    return is_component or isinstance(value, bool | int | float | str | None)


def _changed(item: Any) -> dict[str, Any]:
    """Return the parameters that differ from their defaults, without those that the engine sets."""
    signature, owned = inspect.signature(type(item)).parameters, owned_parameters(item)
    return {
        name: value
        for name, value in item.get_params(deep=False).items()
        if name not in owned and (name not in signature or not _equal(value, signature[name].default))
    }


def _equal(value: Any, default: Any) -> bool:
    comparable = isinstance(value, bool | int | float | str | tuple | Component)
    return value is default or (type(value) is type(default) and comparable and value == default)


def name_of(item: object) -> str:
    """Return a selector, or a short text such as `LogisticRegression(C=3)` or `Pipeline(StandardScaler(), SVC())`."""
    text = item if isinstance(item, str) else _text(item)
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 4] + "...)"


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    if not is_estimator(value):
        return getattr(value, "__name__", None) or (str(value) if isinstance(value, Component) else repr(value))
    steps = getattr(value, "steps", None)
    if isinstance(steps, list):
        return f"{type(value).__name__}({', '.join(_text(step) for _, step in steps)})"
    return f"{type(value).__name__}({', '.join(f'{k}={_text(v)}' for k, v in _changed(value).items())})"


def _replaced(item: Any) -> tuple[str, ...]:
    """Return a notice of the parameters whose values the engine replaces."""
    owned, signature = owned_parameters(item), inspect.signature(type(item)).parameters
    own = {name: value for name, value in item.get_params().items() if _leaf(name) in owned and value is not None}
    names = sorted(k for k, v in own.items() if k not in signature or not _equal(v, signature[k].default))
    if not names:
        return ()
    return (f"{name_of(item)}: {', '.join(names)} set by the engine (seeds follow from --seed, splits are by patient)",)


def _everywhere(item: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for the parameters of an estimator, and for the seeds of those inside it."""
    return {
        name: values[_leaf(name)]
        for name in item.get_params()
        if _leaf(name) in values and (name == _leaf(name) or _leaf(name) == "random_state")
    }


def _leaf(name: str) -> str:
    return name.rsplit("__", 1)[-1]


def _check_nested_cv(item: Any) -> None:
    nested = sorted(name for name in item.get_params() if _leaf(name) == "cv" and name != "cv")
    if nested:
        raise BenchError(
            f"{name_of(item)}: {nested[0]} would split cells of one patient; give the extractor a parameter cv of its "
            "own, which receives a splitter by patient"
        )
