"""Find a finished experiment, load its data and check that they are unchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd

from bench.errors import BenchError, did_you_mean
from bench.evaluation.protocol import Protocol
from bench.experiments.experiment import Experiment, differing
from bench.experiments.plan import Plan, make_plan
from bench.experiments.records import POST_HOC, PUBLISHED, ExperimentResult, read_experiment
from bench.experiments.results import MARK, Results
from bench.experiments.saved_options import restored_options
from bench.observer import Observer
from bench.options import Options, make_options
from bench.plugins import objects
from bench.plugins.plugin import PIXELS
from bench.plugins.recorded import check_recorded


@dataclass(frozen=True)
class Reloaded:
    """A finished experiment, ready to be refitted.

    Parameters
    ----------
    result : ExperimentResult
        The stored result.
    results : Results
        Its results folder.
    plan : Plan
        The same experiment, planned with the current code, libraries and weights.
    differs : tuple of str
        Components of the key that have changed, such as `classifier_libraries.scikit-learn`; empty if a refit gives
        the stored result.
    """

    result: ExperimentResult
    results: Results
    plan: Plan
    differs: tuple[str, ...]

    @property
    def experiment(self) -> Experiment:
        """The experiment, planned with the current code."""
        return self.plan.experiments[0]

    @property
    def table(self) -> pd.DataFrame:
        """Table of the cells."""
        return self.plan.opened.dataset.table

    @property
    def labels(self) -> npt.NDArray[Any]:
        """Label of each cell, str, shape (n_cells,)."""
        return self.table["label"].to_numpy().astype(str)

    @property
    def units(self) -> npt.NDArray[Any]:
        """Split unit of each cell, str, shape (n_cells,)."""
        return self.table["unit"].to_numpy().astype(str)

    def under(self, split: str) -> Plan:
        """Return the plan of the same pipeline and data with the outer folds of `split`: same number, same seed."""
        if split == self.plan.protocol.split:
            return self.plan
        changed = self.plan.options.replace(split=split, folds_file=None)
        return make_plan(changed, opened=self.plan.opened)


def find_experiment(path: str | Path, *, name: str | None = None) -> tuple[Results, ExperimentResult]:
    """Find an experiment by folder or by name.

    Parameters
    ----------
    path : path
        Folder of an experiment, `RESULTS/experiments/NAME-KEY`, or a results folder.
    name : str, optional
        Pipeline, such as `handcrafted x svm`, or folder name of the experiment, in a results folder with several.

    Raises
    ------
    BenchError
        No experiment matches, or several do.
    """
    path = Path(path)
    if (path / "experiment.json").is_file():
        return _of_folder(path, name)
    if not path.exists():
        raise BenchError(f"{path}: does not exist; give the folder of an experiment or a results folder")
    results = Results.open(path)
    contents = results.current()
    for damage in contents.damaged:
        if not contents.experiments or damage.path.name == name:
            raise BenchError(damage.reason)
    current = contents.experiments
    if not current:
        raise BenchError(f"{path}: contains no finished experiment")
    matches = current if name is None else results.experiments({name})
    if name is not None and not matches:
        matches = [e for e in current if e.name.split() == name.split()]
    if not matches:
        hint = did_you_mean(str(name), [e.name for e in current])
        raise BenchError(f"{path}: contains no experiment {name!r}.{hint} It contains: {_listed(current)}")
    if len(matches) > 1:
        ambiguous = len({e.name for e in matches}) < len(matches)
        how = "by its folder" if ambiguous else f"such as --name {matches[0].name!r}"
        raise BenchError(
            f"{path}: contains {len(matches)} such experiments; select one with --name, {how}: {_listed(matches)}"
        )
    return results, matches[0]


def reload(
    result: ExperimentResult,
    *,
    data: Any = None,
    root: str | Path | None = None,
    store: str | Path | None = None,
    weights_dir: str | Path | None = None,
    device: str | None = None,
    extractor: object = None,
    classifier: object = None,
    observer: Observer | None = None,
) -> Reloaded:
    """Load the data of an experiment and plan it with its stored options.

    Parameters
    ----------
    result : ExperimentResult
        A result in its results folder.
    data : path, optional
        Current path; default: the stored one.
    store, weights_dir : path, optional
        As options of a run; never taken from the record.
    device : {"auto", "cpu", "cuda"}, optional
        Device of networks; default: the stored one.
    root : path, optional
        Folder of the paths in a DataFrame passed as `data`.
    extractor, classifier : str or estimator, optional
        Those of the experiment, if it was run with objects, with a class outside scikit-learn, or with weights of a
        file; none of these is taken from a record.

    Raises
    ------
    BenchError
        An object or a DataFrame of the experiment is missing or is another one; the data cannot be loaded or have
        changed, a plugin or its weights are missing, or the folds have changed.
    """
    results = Results.open(result.folder.absolute().parent.parent)
    record = result.record
    if POST_HOC in result.flags:
        raise BenchError(
            f"{result.name}: is a combination of saved predictions (bench ensemble), which cannot be refitted; run an "
            "ensemble of these members with --classifier, or name one of the members"
        )
    if PUBLISHED in result.flags:
        raise BenchError(
            f"{result.name} was evaluated by a published protocol (bench reproduce), which other commands do not "
            "repeat; name an experiment of bench run or bench matrix"
        )
    if data is None and "data" not in record["options"]:
        raise BenchError(
            f"{result.name}: its data was a DataFrame, which is not stored; pass it again as data, or write it to a "
            "manifest and pass its path with --data"
        )
    overrides = {"data": data, "root": root, "store": store, "weights_dir": weights_dir, "device": device}
    overrides["extractors"] = _same_object(result, "extractor", extractor)
    overrides["classifiers"] = _same_object(result, "classifier", classifier)
    try:
        plan = make_plan(_options(record, results, overrides), observer)
    except BenchError as error:
        raise BenchError(f"{result.folder}: cannot be planned again: {error}") from error
    experiment = plan.experiments[0]
    if plan.opened.digest != record["data"]["digest"]:
        raise BenchError(
            f"{plan.options.data}: the data have changed since {result.name} was run (cells, labels, patients or folds "
            f"differ: {len(plan.opened.dataset.table)} cells now, {record['data']['cells']} then); give the path of "
            "the original data with --data, or run the experiment again"
        )
    if plan.folds.hash != record["folds_hash"]:
        raise BenchError(f"{result.name}: the folds have changed since it was run; run the experiment again")
    if experiment.problem:
        raise BenchError(f"{result.name}: {experiment.problem}")
    components = json.loads(json.dumps(dict(experiment.components)))
    return Reloaded(result, results, plan, tuple(differing(components, record["components"])))


def _of_folder(path: Path, name: str | None) -> tuple[Results, ExperimentResult]:
    home = path.absolute().parent.parent
    if not (home / MARK).is_file():
        raise BenchError(f"{path}: this experiment is not in a results folder (no {MARK} in {home})")
    results = Results.open(home)
    match = read_experiment(path.absolute())
    if match.folder.parent.name != "experiments":
        raise BenchError(f"{path}: not an experiment of {home}")
    if name is not None and name not in (match.folder.name, match.name):
        raise BenchError(f"{path}: is {match.name}, not {name}; leave out --name, or give the results folder")
    return results, match


def _options(record: Mapping[str, Any], results: Results, overrides: Mapping[str, object]) -> Options:
    """Return the options of a record, which may come from a stranger: only what reads the data and the protocol."""
    protocol = {field.name: record["protocol"][field.name] for field in fields(Protocol)}
    pipeline = {
        "prepare": record["prepare"],
        "extractors": (record["extractor"],),
        "classifiers": (record["classifier"],),
        "baselines": False,
    }
    changes = {k: v for k, v in overrides.items() if v is not None}
    return make_options({**protocol, **pipeline, **restored_options(record["options"]), "out": results.path, **changes})


def _same_object(result: ExperimentResult, kind: str, item: object) -> list[object] | None:
    """Return the object that was passed again for an experiment; None where a selector names the plugin."""
    name = str(result.record[kind])
    if item is None:
        if objects.is_object_name(name):
            raise BenchError(
                f"{result.name}: its {kind} is a Python object, which is not stored; call bench.leakage, "
                f"bench.fitted_networks or bench.significance from Python and pass the object again: {kind}={name}"
            )
        _check_recorded(result, kind, name)
        return None
    plugin = (objects.extractor if kind == "extractor" else objects.classifier)(item)
    if plugin.selector != name:
        raise BenchError(f"{result.name}: the {kind} passed is {plugin.selector}; pass the {kind} of the experiment")
    return [item]


def _check_recorded(result: ExperimentResult, kind: str, name: str) -> None:
    try:
        if name != PIXELS:
            check_recorded(name)
    except BenchError as error:
        raise BenchError(
            f"{result.folder}: the record names the {kind} {name}: {error}; if you trust it, name it yourself with "
            f"--{kind}"
        ) from error


def _listed(experiments: list[ExperimentResult]) -> str:
    return "; ".join(f"{e.name} ({e.folder.name}, --split {e.record['protocol']['split']})" for e in experiments)
