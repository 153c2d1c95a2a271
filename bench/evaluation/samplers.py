"""Optuna samplers of the tuning by name, and the grid of a search space."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.errors import BenchError

PROBES = 20
"""Random draws that must have the same parameters for a grid."""


def make_sampler(name: str, estimator: Any, *, trials: int, seed: int) -> Any:
    """Return an Optuna sampler.

    Parameters
    ----------
    name : {"tpe", "gp", "random", "grid"}
        Tree-structured Parzen estimator, Gaussian process (which draws at random until ten trials are complete; pruned
        ones do not count), random draws, or the grid of `grid_of`.
    estimator : estimator with `search_space(trial)`
        Its search space gives the grid.
    trials : int
        Largest number of trials, which bounds the grid.
    seed : int
        Seed of the sampler.

    Raises
    ------
    BenchError
        There is no grid, see `grid_of`.
    """
    from optuna import samplers  # noqa: PLC0415 (only a tuned run pays for the import)

    if name == "grid":
        return samplers.GridSampler(grid_of(estimator, trials=trials), seed=seed)
    kinds = {"tpe": samplers.TPESampler, "gp": samplers.GPSampler, "random": samplers.RandomSampler}
    return kinds[name](seed=seed)


def grid_of(estimator: Any, *, trials: int) -> dict[str, list[Any]]:
    """Return the values of each parameter of a search space whose grid has at most `trials` points.

    Categories are used in full. The range of each number has n values with equal distances, on the logarithmic scale if
    the space is logarithmic, ends included; n is the largest number, at least 2, for which the grid has at most
    `trials` points. Whole numbers and steps are rounded to the nearest value of the space; equal ones count once.

    Raises
    ------
    BenchError
        The space depends on drawn values, or even two values of each number give more than `trials` points.
    """
    name, space = type(estimator).__name__, _distributions(estimator)
    smallest = math.prod(len(_values(distribution, 2)) for distribution in space.values())
    if smallest > trials:
        raise BenchError(
            f"--sampler grid: the smallest grid of {name} ({', '.join(space)}) has {smallest} points, more than "
            f"--tune {trials}; use --tune {smallest} or another sampler"
        )
    count, grid = 2, {key: _values(distribution, 2) for key, distribution in space.items()}
    while count < trials:
        count += 1
        finer = {key: _values(distribution, count) for key, distribution in space.items()}
        if math.prod(map(len, finer.values())) > trials:
            break
        grid = finer
    return grid


def _distributions(estimator: Any) -> Mapping[str, Any]:
    """Return the distributions of a search space by the name of the parameter in the study."""
    import optuna  # noqa: PLC0415

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    spaces: list[dict[str, Any]] = []
    for _ in range(PROBES):
        trial = study.ask()
        estimator.search_space(trial)
        spaces.append(dict(trial.distributions))
    if any(space != spaces[0] for space in spaces):
        raise BenchError(
            f"--sampler grid: the search space of {type(estimator).__name__} depends on drawn values, so it has no "
            "grid; use another sampler"
        )
    return spaces[0]


def _values(distribution: Any, count: int) -> list[Any]:
    """Return all categories, or `count` values of a range, equal ones once."""
    if hasattr(distribution, "choices"):
        return list(distribution.choices)
    low, high, step = distribution.low, distribution.high, distribution.step
    between = np.geomspace(low, high, count) if distribution.log else np.linspace(low, high, count)
    points = [low, *map(float, between[1:-1]), high]  # the ends without rounding
    if step is not None:
        points = [low + step * round((point - low) / step) for point in points]
    kind = int if isinstance(low, int) else float
    return list(dict.fromkeys(kind(point) for point in points))
