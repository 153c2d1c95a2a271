"""Points of a classifier's search space, drawn at random as a tuner draws them."""

from __future__ import annotations

from typing import Any


def drawn_parameters(classifier: Any, count: int) -> list[dict[str, Any]]:
    """What `search_space` gives for so many Optuna trials; nothing where the classifier has no search space.

    The draws are the same in each call.
    """
    if not hasattr(classifier, "search_space"):
        return []
    import optuna  # noqa: PLC0415 (only a check that needs it pays for the import)

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        return [classifier.search_space(study.ask()) for _ in range(count)]
    finally:
        optuna.logging.set_verbosity(verbosity)
