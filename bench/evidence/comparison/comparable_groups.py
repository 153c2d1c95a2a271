"""Tracks: experiments on the same cells, protocol and folds; only these are ever put in one order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bench.errors import BenchError
from bench.experiments.records import LEAKY, ExperimentResult
from bench.storage.fingerprints import digest

SHORT_KEY = 8
"""Digits of a key that tell experiments of one name apart."""

_PREMISES: Mapping[str, str] = {
    "data": "cells, labels, patients or split units",
    "positive": "positive class",
    "split": "--split",
    "folds": "folds (numbers of folds and repeats, --seed, --folds-file)",
}


def shared_by_group(record: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a track. Threads change times and last digits, not what is estimated.

    Parameters
    ----------
    record : mapping
        `experiment.json` of an experiment.
    """
    protocol = {k: v for k, v in record["protocol"].items() if k != "threads"}
    data = record["data"]
    return {
        "data": data["digest"],
        "positive": data["positive"],
        "protocol": protocol,
        "folds": record["folds_hash"],
        "leaky": LEAKY in record["flags"],
    }


def by_comparable_group(experiments: Sequence[ExperimentResult]) -> list[list[ExperimentResult]]:
    """The experiments of each track, in the order in which the tracks are met."""
    groups: dict[str, list[ExperimentResult]] = {}
    for experiment in experiments:
        groups.setdefault(digest(shared_by_group(experiment.record)), []).append(experiment)
    return list(groups.values())


def largest_comparable_group(experiments: Sequence[ExperimentResult]) -> list[ExperimentResult]:
    """The track with the most experiments, leaky ones left out; the first met of equally large ones, or empty."""
    return max((t for t in by_comparable_group(experiments) if LEAKY not in t[0].flags), key=len, default=[])


def unique_names(experiments: Sequence[ExperimentResult]) -> list[str]:
    """Names of experiments; with the first digits of the key where two have one name."""
    names = Counter(e.name for e in experiments)
    return [f"{e.name} ({e.key[:SHORT_KEY]})" if names[e.name] > 1 else e.name for e in experiments]


def check_comparable(experiments: Sequence[ExperimentResult]) -> None:
    """Stop where experiments were not asked the same question, so that a difference says nothing of the pipelines.

    Raises
    ------
    BenchError
        Fewer than two experiments, one that is there twice, one that leaks, or two that differ in data, positive class,
        split or folds; the message says which and in what.
    """
    if len(experiments) < 2:
        raise BenchError(
            f"a comparison needs two experiments of one track, and there {'is one' if experiments else 'is none'}; run "
            "another pipeline on the same data with the same folds and --out"
        )
    twice = [key for key, n in Counter(e.key for e in experiments).items() if n > 1]
    if twice:
        name = next(e.name for e in experiments if e.key == twice[0])
        raise BenchError(f"{name} ({twice[0][:SHORT_KEY]}): is there twice; name every experiment once")
    leaky = [e for e in experiments if LEAKY in e.flags]
    if leaky:
        raise BenchError(
            f"{leaky[0].name}: is {LEAKY} (--split {leaky[0].record['protocol']['split']}), so its folds tell nothing "
            "of unseen patients, and no test on them would; compare experiments with --split patient"
        )
    first = experiments[0]
    for other in experiments[1:]:
        ours, theirs = _premises(first), _premises(other)
        wrong = [name for name in ours if theirs[name] != ours[name]]
        if wrong:
            raise BenchError(
                f"{first.name} and {other.name} cannot be compared: they differ in "
                f"{', '.join(_PREMISES[name] for name in wrong)} ({_short(ours[wrong[0]])} in {first.folder}, "
                f"{_short(theirs[wrong[0]])} in {other.folder}); run both with the same --data and folds"
            )


def _premises(experiment: ExperimentResult) -> dict[str, str]:
    record = experiment.record
    return {
        "data": str(record["data"]["digest"]),
        "positive": str(record["data"]["positive"]),
        "split": str(record["protocol"]["split"]),
        "folds": str(record["folds_hash"]),
    }


def _short(value: str) -> str:
    return value[:12] if len(value) == 64 else value
