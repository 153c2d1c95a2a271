"""Check the parameters of a plugin by the rules of scikit-learn, and draw those of a search space."""

from __future__ import annotations

import inspect
from typing import Any

from sklearn.base import clone

from bench.contract.outcomes import Violation
from extractors.quiet_loggers import quiet_loggers


def check_parameters(estimator: Any) -> None:
    """Check that every keyword is stored as an attribute of the same name and the constructor does nothing else.

    Raises
    ------
    Violation
        A parameter is not stored unchanged, there is another attribute, or a copy has other parameters.
    """
    cls = type(estimator)
    parameters = inspect.signature(cls).parameters.values()
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            name = str(parameter.replace(annotation=parameter.empty))
            raise Violation(f"its constructor takes {name}; name every parameter, each is part of the identity")
    values = {p.name: object() for p in parameters}
    try:
        instance = cls(**values)
    except Exception as error:
        raise Violation(
            f"its constructor uses its parameters ({type(error).__name__}: {error}); store them, validate them in fit"
        ) from error
    for name, value in values.items():
        if getattr(instance, name, None) is not value:
            raise Violation(f"its constructor does not store {name} unchanged; write self.{name} = {name}")
    more = sorted(set(vars(instance)) - set(values))
    if more:
        raise Violation(f"its constructor sets {', '.join(more)}, which is not a parameter; set it in fit")
    _check_copies(estimator)


def _check_copies(estimator: Any) -> None:
    for method in ("get_params", "set_params"):
        if not hasattr(estimator, method):
            raise Violation(f"it has no {method}; derive from sklearn.base.BaseEstimator")
    own = estimator.get_params(deep=False)
    missing = sorted(set(inspect.signature(type(estimator)).parameters) - set(own))
    if missing:
        raise Violation(f"get_params does not return {', '.join(missing)}")
    copy = clone(estimator)
    if repr(sorted(copy.get_params(deep=False).items())) != repr(sorted(own.items())):
        raise Violation("clone returns an estimator with other parameters")
    copy.set_params(**own)
    changed = [name for name, value in copy.get_params(deep=False).items() if value is not own[name]]
    if changed:
        raise Violation(f"set_params does not set {', '.join(changed)}")


def drawn_parameters(classifier: Any, count: int) -> list[dict[str, Any]]:
    """Return the results of `search_space` for `count` Optuna trials; empty without a search space.

    The draws are the same in each call.
    """
    if not hasattr(classifier, "search_space"):
        return []
    import optuna  # noqa: PLC0415 (slow; not needed by every check)

    with quiet_loggers("optuna"):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        return [classifier.search_space(study.ask()) for _ in range(count)]
