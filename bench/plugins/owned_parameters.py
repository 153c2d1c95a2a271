"""Parameters that the engine sets, and parameters that no selector sets."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

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


def takes_groups(estimator: Any) -> bool:
    """Whether `fit` of a class or instance has the parameter `groups`."""
    return hasattr(estimator, "fit") and "groups" in inspect.signature(estimator.fit).parameters


def owned_parameters(estimator: Any) -> Mapping[str, str]:
    """Return the parameters of an extractor or classifier, class or instance, that the engine sets, with the reason."""
    adapted = not hasattr(estimator, "transform") and not takes_groups(estimator)
    return ADAPTED_OWNED if adapted else ENGINE_OWNED
