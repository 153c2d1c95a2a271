"""Draw random points of the search space of a classifier."""

from __future__ import annotations

from typing import Any


def drawn_parameters(classifier: Any, count: int) -> list[dict[str, Any]]:
    """Return the results of `search_space` for `count` Optuna trials; empty without a search space.

    The draws are the same in each call.
    """
    if not hasattr(classifier, "search_space"):
        return []
    import optuna  # noqa: PLC0415 (slow; not needed by every check)

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        return [classifier.search_space(study.ask()) for _ in range(count)]
    finally:
        optuna.logging.set_verbosity(verbosity)
