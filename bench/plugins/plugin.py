"""A class and its parameters, as a selector or an object names them, and the instances that are built of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.errors import BenchError
from bench.plugins.components import instance, tables_of
from bench.plugins.importing import load_class, target_of
from bench.plugins.members import ENSEMBLE, NESTING, MemberText
from bench.plugins.selectors import Selector, Value
from extractors.inner_fits import OUT_OF_FOLD

ADAPTER = "classifiers.sklearn_adapter:SklearnAdapter"

ADAPTER_ACCEPTS = frozenset({"random_state", "cv"})
"""Engine-owned parameters of the adapter."""

PIXELS = "pixels"
"""Name in place of the extractor for a classifier that consumes cells."""


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
    nested : tuple of Plugin
        The estimators that the parameters name, each before those nested in it; of members, their classifiers.
    """

    selector: str
    target: str
    params: Mapping[str, Value] = field(hash=False, compare=False)
    accepts: frozenset[str] = frozenset()
    consumes: str = "cells"
    requires_fit: bool = False
    notices: tuple[str, ...] = field(default=(), compare=False)
    members: tuple[Member, ...] = field(default=(), compare=False)
    nested: tuple[Plugin, ...] = field(default=(), compare=False)

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
            with errors_of(one):
                built = one.build()
                if one.has("validate_parameters"):
                    built.validate_parameters()
    return plugin


@contextmanager
def errors_of(plugin: Plugin) -> Iterator[None]:
    """Convert the errors of a class to a BenchError that names the selector."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise BenchError(f"{plugin.selector}: {error}") from error
    except Exception as error:  # the class of a third party may raise anything
        raise BenchError(f"{plugin.selector} cannot be used ({type(error).__name__}: {error})") from error


def _instance(cls: type, params: Mapping[str, Value], **engine: object) -> Any:
    """Instantiate a class with the components and estimators that its parameters name."""
    tables, joined, values = tables_of(cls), getattr(cls, "joined", ()), {}
    for key, value in params.items():
        try:
            values[key] = instance(value, tables[key], joined=key in joined) if key in tables else plain_value(value)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
    return cls(**values, **engine)


def plain_value(value: Value) -> object:
    """Return a value of a parameter with its selectors replaced by instances."""
    if isinstance(value, Selector):
        return _instance(load_class(target_of(value.name)), value.params)
    return tuple(plain_value(v) for v in value) if isinstance(value, tuple) else value
