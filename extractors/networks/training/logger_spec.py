"""A Lightning logger and the fit that it logs, described by plain values that travel to the process that trains."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

Scalar = bool | int | float | str | None

NUMBERED = ("repeat", "fold", "trial")
"""Entries of `LoggerSpec.fit` that are numbers, in the order of the version."""

LONGEST_NAME = 60
"""Characters of the name of a selector in that of a logger."""


@dataclass(frozen=True, kw_only=True)
class LoggerSpec:
    """A logger by import path.

    Parameters
    ----------
    target : str
        `module:Class` of a subclass of `pytorch_lightning.loggers.Logger`.
    params : mapping of str to bool, int, float, str or None
        Keyword arguments of the class, without `name` and `version`.
    fit : mapping of str to bool, int, float, str or None
        The fit, logged as hyperparameters: `selector`, `key` (of its inputs and protocol), `repeat`, `fold`, `trial`
        and `fit` ("inner 0", ... or "outer"), as far as they are known.
    nested : tuple of (str, str)
        The network in a combined classifier, from the outside to the inside: label, such as `member 1`, and selector.
    """

    target: str
    params: Mapping[str, Scalar] = field(default_factory=dict)
    fit: Mapping[str, Scalar] = field(default_factory=dict)
    nested: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """Import path of the class."""
        return self.target.replace(":", ".")

    @property
    def hyperparameters(self) -> dict[str, Scalar]:
        """Entries of `fit`, and as `member` the network in a combined classifier."""
        member = {"member": ", ".join(f"{label} {name}".strip() for label, name in self.nested)} if self.nested else {}
        return {**self.fit, **member}

    def described(self, **fit: Scalar) -> LoggerSpec:
        """Return a copy with further entries of `fit`."""
        return replace(self, fit={**self.fit, **fit})

    def within(self, label: str, selector: str = "") -> LoggerSpec:
        """Return a copy for a classifier that is nested in this one; the label is unique among its neighbours."""
        return replace(self, nested=(*self.nested, (label, selector)))

    def build(self, *, epoch: int = 0) -> Any:
        """Import the class and build the logger.

        If it has the parameters, `name` is the name of the selector and `version` the fit; with `name` alone, both are
        joined in it. Neither is set if `fit` is empty.

        Parameters
        ----------
        epoch : int
            First epoch, over all stages, that is logged; above 0 it is part of the version.
        """
        module, _, attribute = self.target.partition(":")
        cls = getattr(import_module(module), attribute)
        return cls(**self.params, **self._names(inspect.signature(cls).parameters, epoch))

    def _names(self, parameters: Mapping[str, Any], epoch: int) -> dict[str, str]:
        if not self.fit and not self.nested:
            return {}
        name = re.sub(r"[^A-Za-z0-9_.-]", "-", str(self.fit.get("selector", "network")))[:LONGEST_NAME].strip("-")
        version = self._version(epoch)
        if "version" in parameters:
            return {"name": name, "version": version} if "name" in parameters else {"version": f"{name}-{version}"}
        return {"name": f"{name}-{version}"} if "name" in parameters else {}

    def _version(self, epoch: int) -> str:
        parts = [str(self.fit["key"])] if "key" in self.fit else []
        parts += [f"{name}-{self.fit[name]}" for name in NUMBERED if name in self.fit]
        parts += [str(self.fit["fit"])] if "fit" in self.fit else []
        parts += [label for label, _ in self.nested]
        parts += [f"from-epoch-{epoch}"] if epoch else []
        return "-".join(parts).replace(" ", "-")
