"""How a plugin keeps its parameters: what scikit-learn asks of a constructor, of clone, get_params and set_params."""

from __future__ import annotations

import inspect
from typing import Any

from sklearn.base import clone

from bench.contract.outcomes import Broken


def check_parameters(estimator: Any) -> None:
    """Every keyword is an attribute of the same name, and making an instance does nothing else.

    Raises
    ------
    Broken
        A parameter that is not kept as it was given, an attribute that is none, or a copy with other parameters.
    """
    cls = type(estimator)
    parameters = inspect.signature(cls).parameters.values()
    for parameter in parameters:
        stars = (
            "*"
            if parameter.kind is parameter.VAR_POSITIONAL
            else "**"
            if parameter.kind is parameter.VAR_KEYWORD
            else ""
        )
        if stars:
            raise Broken(
                f"its constructor takes {stars}{parameter.name}; name every parameter: each is part of an identity"
            )
    given = {p.name: object() for p in parameters}
    try:
        made = cls(**given)
    except Exception as error:
        raise Broken(
            f"its constructor looks at what it is given ({type(error).__name__}: {error}); keep it, check it in fit"
        ) from error
    for name, value in given.items():
        if getattr(made, name, None) is not value:
            raise Broken(f"its constructor does not keep {name} as it was given; write self.{name} = {name}, no more")
    more = sorted(set(vars(made)) - set(given))
    if more:
        raise Broken(f"its constructor sets {', '.join(more)}, which no parameter is; set it in fit")
    _check_copies(estimator)


def _check_copies(estimator: Any) -> None:
    for method in ("get_params", "set_params"):
        if not hasattr(estimator, method):
            raise Broken(f"it has no {method}; derive from sklearn.base.BaseEstimator")
    own = estimator.get_params(deep=False)
    missing = sorted(set(inspect.signature(type(estimator)).parameters) - set(own))
    if missing:
        raise Broken(f"get_params does not tell {', '.join(missing)}")
    copy = clone(estimator)
    if repr(sorted(copy.get_params(deep=False).items(), key=_name)) != repr(sorted(own.items(), key=_name)):
        raise Broken("clone gives an estimator with other parameters")
    copy.set_params(**own)
    changed = [name for name, value in copy.get_params(deep=False).items() if value is not own[name]]
    if changed:
        raise Broken(f"set_params does not set {', '.join(changed)}")


def _name(item: tuple[str, Any]) -> str:
    return item[0]
