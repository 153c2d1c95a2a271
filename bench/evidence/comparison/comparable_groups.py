"""Comparable groups: experiments on the same cells, protocol and folds, which may be ranked together."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.errors import BenchError
from bench.experiments.records import LEAKY, ExperimentResult, repeat_hashes
from bench.storage.fingerprints import digest

SHORT_KEY = 8
"""Digits of a key that are appended to duplicate names."""

_REQUIREMENTS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "cells, labels, patients or split units": lambda record: record["data"]["digest"],
    "positive class": lambda record: record["data"]["positive"],
    "--split": lambda record: record["protocol"]["split"],
    "folds (--folds, --seed, --folds-file)": lambda record: repeat_hashes(record)[0],
}
"""What compared experiments must have in common, and its place in `experiment.json`."""


def shared_by_group(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the experiments of a comparable group have in common.

    Threads are not part of it: they change run times and last digits only. Neither is the number of repeats: two
    experiments are compared on their common repeats, and at least the first one has the same folds.

    Parameters
    ----------
    record : mapping
        `experiment.json` of an experiment.
    """
    protocol = {k: v for k, v in record["protocol"].items() if k not in ("threads", "repeats")}
    data = record["data"]
    return {
        "data": data["digest"],
        "positive": data["positive"],
        "protocol": protocol,
        "folds": repeat_hashes(record)[0],
        "leaky": LEAKY in record["flags"],
    }


def common_repeats(first: Mapping[str, Any], second: Mapping[str, Any]) -> int:
    """Return the number of leading repeats in which two experiments have the same folds."""
    same = (ours == theirs for ours, theirs in zip(repeat_hashes(first), repeat_hashes(second), strict=False))
    return sum(itertools.takewhile(bool, same))


def by_comparable_group(experiments: Sequence[ExperimentResult]) -> list[list[ExperimentResult]]:
    """Group experiments into comparable groups, in order of first occurrence."""
    groups: dict[str, list[ExperimentResult]] = {}
    for experiment in experiments:
        groups.setdefault(digest(shared_by_group(experiment.record)), []).append(experiment)
    return list(groups.values())


def largest_comparable_group(experiments: Sequence[ExperimentResult]) -> list[ExperimentResult]:
    """Return the largest comparable group without leakage, the first of equally large ones; empty if there is none."""
    return max((t for t in by_comparable_group(experiments) if LEAKY not in t[0].flags), key=len, default=[])


def unique_names(experiments: Sequence[ExperimentResult]) -> list[str]:
    """Return experiment names, with the first digits of the key appended to duplicates."""
    names = Counter(e.name for e in experiments)
    return [f"{e.name} ({e.key[:SHORT_KEY]})" if names[e.name] > 1 else e.name for e in experiments]


def check_comparable(experiments: Sequence[ExperimentResult]) -> None:
    """Raise BenchError if a difference between experiments is not attributable to the pipelines.

    Raises
    ------
    BenchError
        Fewer than two experiments, a duplicate, an experiment with leakage, or experiments with different data,
        positive class, split or folds; the message names them and the difference.
    """
    if len(experiments) < 2:
        only = f"one, {experiments[0].folder}" if experiments else "none"
        raise BenchError(
            f"a comparison needs two experiments of one comparable group, and there is {only}; run another pipeline on "
            "the same data with the same folds and --out"
        )
    duplicates = [key for key, n in Counter(e.key for e in experiments).items() if n > 1]
    if duplicates:
        name = next(e.name for e in experiments if e.key == duplicates[0])
        raise BenchError(f"{name} ({duplicates[0][:SHORT_KEY]}): was given twice; list each experiment once")
    leaky = [e for e in experiments if LEAKY in e.flags]
    if leaky:
        raise BenchError(
            f"{leaky[0].name}: is {LEAKY} (--split {leaky[0].record['protocol']['split']}), so its scores are not "
            "of unseen patients; compare experiments with --split patient"
        )
    first = experiments[0]
    for other in experiments[1:]:
        differing = [what for what, of in _REQUIREMENTS.items() if of(first.record) != of(other.record)]
        if differing:
            ours, theirs = (_short(str(_REQUIREMENTS[differing[0]](e.record))) for e in (first, other))
            raise BenchError(
                f"{first.name} and {other.name} cannot be compared: they differ in {', '.join(differing)} ({ours} in "
                f"{first.folder}, {theirs} in {other.folder}); run both with the same --data and folds"
            )


def _short(value: str) -> str:
    return value[:12] if len(value) == 64 else value
