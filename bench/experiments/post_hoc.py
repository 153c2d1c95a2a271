"""Post-hoc ensembles: combine the saved predictions of finished experiments, without a refit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.evaluation.optimism import uncalibrated
from bench.experiments.experiment import FORMAT, differing, slug_of
from bench.experiments.records import (
    LEAKY,
    NO_PATIENTS,
    POST_HOC,
    RANDOM_WEIGHTS,
    SEEN_IN_PRETRAINING,
    TIME_LIMITED,
    ExperimentResult,
    decision_of,
    read_experiment,
)
from bench.experiments.reload import find_experiment
from bench.experiments.rescoring import decided
from bench.experiments.results import Results
from bench.observer import Observer
from bench.plugins.pipeline import NO_PREPARATION, prepared_name
from bench.plugins.plugin import PIXELS
from bench.plugins.selectors import Selector
from bench.scores.metrics import score
from bench.scores.predictions import probability_columns
from bench.splits.held_out_log import AccessLog
from bench.statistics.arrays import Floats
from bench.storage.fingerprints import code_digest, digest
from bench.storage.locks import locked
from classifiers.combination_rules import LEARNED, OutOfFold, check_rule, combination

NAME = "post_hoc"
"""Name in place of the classifier."""

_CELLS = ["repeat", "fold", "cell", "patient", "unit", "label"]


@dataclass(frozen=True)
class _Rule:
    """Rule and weights of a combination."""

    name: str
    weights: tuple[float, ...]


def ensemble(
    path: str | Path,
    names: Sequence[str],
    *,
    rule: str = "mean",
    weights: Sequence[float] = (),
    out: str | Path | None = None,
    observer: Observer | None = None,
) -> ExperimentResult:
    """Combine the saved predictions of finished experiments and store the result as an experiment of its own.

    Nothing is refitted. In each outer fold, rules and the decision are learned on inner out-of-fold predictions of the
    training patients: ranks and stacking on those of all members, and for the inner predictions of the combination on
    those of the other inner folds; then calibration and thresholds as in a run. Members chosen after their scores were
    seen have been selected on the tested patients: the experiment has the flag POST HOC.

    Parameters
    ----------
    path : path
        Results folder.
    names : sequence of str
        Pipelines, such as `handcrafted x svm`, or names of their folders; at least two.
    rule : {"mean", "rank", "majority", "stack"}
        See `classifiers.ensemble.Ensemble`.
    weights : sequence of float
        Positive weights of the members; equal ones by default. Not for `stack`.
    out : path, optional
        Results folder that the experiment is written into. Default: the same.
    observer : Observer, optional
        Receives notices.

    Returns
    -------
    ExperimentResult
        The combination; a second call writes the same bytes.

    Raises
    ------
    BenchError
        A name is unknown, the experiments differ in data, folds, repeats, protocol or cells (it is named), one of them
        is itself a combination, rule or weights are invalid, or the folder cannot be written.

    Examples
    --------
    >>> import bench
    >>> bench.ensemble("results/", ["handcrafted x svm", "resnet50 x knn"], rule="rank")  # doctest: +SKIP
    """
    chosen = _Rule(rule, tuple(float(w) for w in weights))
    members = _members(Path(path), names)
    try:
        check_rule(rule, chosen.weights, [member.name for member in members])
    except ValueError as error:
        raise BenchError(str(error)) from error
    _check_comparable(members)
    record, tables = _record(members, chosen), _tables(members, chosen)
    results = Results.create(Path(path if out is None else out))
    slug = slug_of(record["prepare"], PIXELS, record["classifier"], record["key"])
    held_out = record["data"].get("held_out")
    if held_out is not None:
        command = f"bench ensemble --names {','.join(names)} --rule {rule}"
        AccessLog(results.path, str(held_out["digest"]), command).add(record["classifier"])
    try:
        with locked(results.lock_path(slug)):
            results.write_experiment(slug, record, tables, {})
        results.write_leaderboard()
    except OSError as error:
        raise BenchError(
            f"{results.path}: cannot be written ({error.strerror or error}); free space, or use --out"
        ) from error
    if observer is not None:
        observer.notice(
            f"{POST_HOC}: choosing members after their scores were seen is a selection on the tested patients, so the "
            "score of this combination is optimistic; to evaluate it, name the members before they are run, with "
            "--classifier ensemble[members=...], or test it on other patients"
        )
    return read_experiment(results.experiment_folder(slug))


def _members(path: Path, names: Sequence[str]) -> list[ExperimentResult]:
    members = [find_experiment(path, name=name)[1] for name in names]
    for name, member in zip(names, members, strict=True):
        if POST_HOC in member.flags:
            raise BenchError(f"{name}: is itself a combination of saved predictions; name its members instead")
    repeated = [name for name, member in zip(names, members, strict=True) if members.count(member) > 1]
    if repeated:
        raise BenchError(f"{repeated[0]}: was named twice; use weights instead")
    return members


def _check_comparable(members: Sequence[ExperimentResult]) -> None:
    """Check that all members have the same data, folds, protocol and cells."""
    first, *others = members
    for other in others:
        names = differing(_setting(first.record), _setting(other.record))
        if names:
            raise BenchError(
                f"{first.name} and {other.name} cannot be combined: they differ in {', '.join(names)}; run both with "
                "the same data, folds and protocol"
            )
        for table in ("predictions", "inner_predictions"):
            ours, theirs = (_ordered(getattr(one, table)) for one in (first, other))
            keys = [*_CELLS, *(["inner_fold"] if table == "inner_predictions" else [])]
            if not ours[keys].equals(theirs[keys]):
                raise BenchError(
                    f"{first.name} and {other.name} cannot be combined: their {table.replace('_', ' ')} are not of the "
                    "same cells in the same folds; run both again"
                )


def _setting(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what members must share: data, classes, folds and protocol without the number of threads."""
    data = {name: record["data"].get(name) for name in ("digest", "classes", "positive", "held_out")}
    protocol = {name: value for name, value in record["protocol"].items() if name != "threads"}
    return {"data": data, "folds": record["folds_hash"], "protocol": protocol}


def _record(members: Sequence[ExperimentResult], rule: _Rule) -> dict[str, Any]:
    """Return the record of a combination: that of its first member, with a key and a name of its own."""
    first = members[0].record
    classifier = _selector(members, rule)
    preparations = {str(member.record["prepare"]) for member in members}
    components = {
        "format": FORMAT,
        "data": first["data"]["digest"],
        "positive": first["data"]["positive"],
        "protocol": first["protocol"],
        "folds": first["folds_hash"],
        "classifier": classifier,
        "members": [member.key for member in members],
        "engine": code_digest(__name__),
    }
    inherited = {LEAKY, NO_PATIENTS, SEEN_IN_PRETRAINING, RANDOM_WEIGHTS, TIME_LIMITED}
    flags = {flag for member in members for flag in member.flags} & inherited
    licences = {name: licence for member in members for name, licence in member.licences.items()}
    shared = ("violations", "data", "protocol", "folds_hash", "repeat_hashes", "fold_notices", "environment", "options")
    record = {
        "key": digest(components),
        "prepare": preparations.pop() if len(preparations) == 1 else NO_PREPARATION,
        "extractor": PIXELS,
        "classifier": classifier,
        "flags": [POST_HOC, *sorted(flags)],
        "licences": dict(sorted(licences.items())),
        **{name: first[name] for name in shared if name in first},
        "components": components,
        "members": [{"name": member.name, "key": member.key} for member in members],
    }
    copied: dict[str, Any] = json.loads(json.dumps(record))
    return copied


def _selector(members: Sequence[ExperimentResult], rule: _Rule) -> str:
    """Return the name of a combination: `post_hoc[members=handcrafted:svm+size:knn,rule=mean]`."""
    prepared = len({member.record["prepare"] for member in members}) > 1
    texts = []
    for member in members:
        record = member.record
        name = f"{record['extractor']}:{record['classifier']}"
        texts.append(prepared_name(record["prepare"], name) if prepared else name)
    weights = {"weights": rule.weights} if rule.weights else {}
    return str(Selector(NAME, {"members": tuple(texts), "rule": rule.name, **weights}))


def _tables(members: Sequence[ExperimentResult], rule: _Rule) -> dict[str, pd.DataFrame]:
    """Return the combined predictions, inner predictions and scores."""
    record = members[0].record
    classes, positive = record["data"]["classes"], record["data"]["positive"]
    columns, decision = probability_columns(classes), decision_of(record)
    outer = [_ordered(uncalibrated(member.predictions, classes)) for member in members]
    inner = [_ordered(member.inner_predictions) for member in members]
    learned_on = np.stack([table[columns].to_numpy(dtype=np.float64) for table in inner], axis=1)
    tested = np.stack([table[columns].to_numpy(dtype=np.float64) for table in outer], axis=1)
    unit = "cell" if record["protocol"]["split"] == "image" else "unit"
    codes = pd.Index(classes).get_indexer(pd.Index(inner[0]["label"].astype(str))).astype(np.intp)
    training = OutOfFold(learned_on, codes, inner[0][unit].to_numpy().astype(str))
    combined_inner, combined = np.empty(learned_on[:, 0].shape), np.empty(tested[:, 0].shape)
    positions = outer[0].groupby(["repeat", "fold"], sort=True).indices
    for key, rows in inner[0].groupby(["repeat", "fold"], sort=True).indices.items():
        test = positions[key]
        combined[test] = _combined(rule, _rows(training, rows), tested[test])
        folds = inner[0]["inner_fold"].to_numpy()[rows]
        if rule.name in LEARNED and len(np.unique(folds)) < 2:
            raise BenchError(
                f"rule={rule.name} learns from the other inner folds, but {members[0].name} has one "
                "(inner=holdout); use --rule mean or majority"
            )
        for fold in np.unique(folds):
            here, others = rows[folds == fold], rows[folds != fold]
            combined_inner[here] = _combined(rule, _rows(training, others), learned_on[here])
    inner_table = inner[0][[*_CELLS, "inner_fold"]].assign(**dict(zip(columns, combined_inner.T, strict=True)))
    raw = outer[0][_CELLS].assign(**dict(zip(columns, combined.T, strict=True)))
    predictions = decided(raw, inner_table, record, decision)
    scores = score(
        predictions,
        classes=classes,
        positive=positive,
        aggregate=decision.aggregate,
        seed=int(record["protocol"]["seed"]),
    )
    return {"predictions": predictions, "inner": inner_table, "scores": scores}


def _combined(rule: _Rule, out_of_fold: OutOfFold, probabilities: Floats) -> Floats:
    learned = out_of_fold if rule.name in LEARNED else None
    try:
        combine = combination(rule.name, probabilities.shape[1], weights=rule.weights, out_of_fold=learned)
    except ValueError as error:
        raise BenchError(str(error)) from error
    return combine(probabilities)


def _rows(out_of_fold: OutOfFold, rows: Any) -> OutOfFold:
    return OutOfFold(out_of_fold.probabilities[rows], out_of_fold.codes[rows], out_of_fold.units[rows])


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Return predictions in one order for all members."""
    return table.sort_values(["repeat", "fold", "cell"], kind="stable", ignore_index=True)
