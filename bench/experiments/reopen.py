"""A finished experiment is found and its data are opened again, checked to be the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd

from bench.datasets.loading import Opened
from bench.errors import BenchError, did_you_mean
from bench.experiments.experiment import Experiment
from bench.experiments.plan import Plan, make_plan
from bench.experiments.records import ExperimentResult
from bench.experiments.results import MARK, Results
from bench.experiments.saved_options import restored_options
from bench.observer import Observer
from bench.options import OPTIONS, Options, make_options
from bench.plugins import objects
from bench.plugins.pipeline import prepare_of
from bench.plugins.registry import Plugin


@dataclass(frozen=True)
class Reopened:
    """An experiment with all that is needed to fit it again.

    Parameters
    ----------
    result : ExperimentResult
        What was found.
    results : Results
        The folder that holds it.
    plan : Plan
        The same experiment, planned with the code, libraries and weights of today.
    differs : tuple of str
        Parts of the experiment's key that are other ones today, such as `classifier_libraries.scikit-learn`; empty
        where a fit today gives what was kept.
    """

    result: ExperimentResult
    results: Results
    plan: Plan
    differs: tuple[str, ...]

    @property
    def experiment(self) -> Experiment:
        """The experiment as planned today."""
        return self.plan.experiments[0]

    @property
    def opened(self) -> Opened:
        """The data."""
        return self.plan.opened

    @property
    def table(self) -> pd.DataFrame:
        """The table of cells."""
        return self.opened.dataset.table

    @property
    def labels(self) -> npt.NDArray[Any]:
        """Label of each cell, str, shape (n_cells,)."""
        return self.table["label"].to_numpy().astype(str)

    @property
    def units(self) -> npt.NDArray[Any]:
        """Split unit of each cell, str, shape (n_cells,)."""
        return self.table["unit"].to_numpy().astype(str)

    @property
    def extractor(self) -> Plugin | None:
        """None for a classifier that consumes cells."""
        return self.experiment.extractor

    @property
    def classifier(self) -> Plugin:
        """What is fitted."""
        return self.experiment.classifier

    def under(self, split: str) -> Plan:
        """The plan of the same pipeline on the same data with other outer folds, as many, drawn from the same seed."""
        if split == self.plan.protocol.split:
            return self.plan
        changed = self.plan.options.replace(split=split, folds_file=None)
        return make_plan(changed, opened=self.opened)


def find_experiment(path: str | Path, *, name: str | None = None) -> tuple[Results, ExperimentResult]:
    """The experiment that a person means.

    Parameters
    ----------
    path : path
        An experiment's folder, `RESULTS/experiments/NAME-KEY`, or a results folder.
    name : str, optional
        In a results folder with several: the pipeline, such as `handcrafted x svm`, or the experiment's folder name.

    Raises
    ------
    BenchError
        There is none, or there are several.
    """
    path = Path(path)
    if (path / "experiment.json").is_file():
        return _of_folder(path, name)
    if not path.exists():
        raise BenchError(f"{path}: does not exist; give an experiment's folder or a results folder")
    results = Results.open(path)
    found = results.current()[0]
    if not found:
        raise BenchError(f"{path}: holds no finished experiment")
    named = found if name is None else [e for e in results.experiments() if e.folder.name == name]
    if name is not None and not named:
        named = [e for e in found if _plain(e.name) == _plain(name)]
    if not named:
        hint = did_you_mean(str(name), [e.name for e in found])
        raise BenchError(f"{path}: holds no experiment {name!r}.{hint} It holds: {_listed(found)}")
    if len(named) > 1:
        alike = len({e.name for e in named}) < len(named)
        how = "by its folder" if alike else f"such as --name {named[0].name!r}"
        raise BenchError(f"{path}: holds {len(named)} such experiments; name one with --name, {how}: {_listed(named)}")
    return results, named[0]


def reopen(
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
) -> Reopened:
    """Open the data of an experiment again and plan it as it was.

    Parameters
    ----------
    result : ExperimentResult
        In its results folder.
    data, store, weights_dir : path, optional
        Where they lie now, if no longer where they lay.
    device : {"auto", "cpu", "cuda"}, optional
        Where networks are computed. Default: as was asked for then.
    root : path, optional
        Folder of the paths in a DataFrame passed as `data`.
    extractor, classifier : estimator, optional
        The objects of the experiment, if it was run with objects; they are not stored.

    Raises
    ------
    BenchError
        An object or a DataFrame of the experiment is missing or is another one; the data cannot be opened or are not
        the same, a plugin or its weights are missing, or the folds drawn today are other ones.
    """
    results = Results.open(result.folder.absolute().parent.parent)
    record = result.record
    if "options" not in record:
        raise BenchError(f"{result.folder}: was written before experiments kept where their data lie; run it again")
    if data is None and "data" not in record["options"]:
        raise BenchError(
            f"{result.name}: its data was a DataFrame, which is not stored; pass it again as data, or write it to a "
            "manifest and pass its path with --data"
        )
    given = {"data": data, "root": root, "store": store, "weights_dir": weights_dir, "device": device}
    given["extractors"] = _same_object(result, "extractor", extractor)
    given["classifiers"] = _same_object(result, "classifier", classifier)
    plan = make_plan(_options(record, results, given), observer)
    experiment = plan.experiments[0]
    if plan.opened.digest != record["data"]["digest"]:
        raise BenchError(
            f"{plan.options.data}: the data are not those of {result.name} any more (cells, labels, patients or folds "
            f"differ: {len(plan.opened.dataset.table)} cells now, {record['data']['cells']} then); say where those "
            "lie with --data, or run the experiment again"
        )
    if plan.folds.hash != record["folds_hash"]:
        raise BenchError(f"{result.name}: the folds drawn today are other ones than then; run the experiment again")
    if experiment.problem:
        raise BenchError(f"{result.name}: {experiment.problem}")
    components = json.loads(json.dumps(dict(experiment.components)))
    return Reopened(result, results, plan, tuple(_differing(components, record["components"])))


def _of_folder(path: Path, name: str | None) -> tuple[Results, ExperimentResult]:
    home = path.absolute().parent.parent
    if not (home / MARK).is_file():
        raise BenchError(f"{path}: this experiment lies in no results folder ({home} holds no {MARK})")
    results = Results.open(home)
    found = next((e for e in results.experiments() if e.folder.name == path.absolute().name), None)
    if found is None:
        raise BenchError(f"{path}: is no experiment of {home}")
    if name is not None and name not in (found.folder.name, found.name):
        raise BenchError(f"{path}: is {found.name}, not {name}; leave out --name, or give the results folder")
    return results, found


def _options(record: Mapping[str, Any], results: Results, given: Mapping[str, object]) -> Options:
    protocol = {k: v for k, v in record["protocol"].items() if k in OPTIONS}
    pipeline = {
        "prepare": prepare_of(record),
        "extractors": (record["extractor"],),
        "classifiers": (record["classifier"],),
        "baselines": False,
    }
    restored = restored_options(record["options"], results.path)
    places = {k: v for k, v in given.items() if v is not None}
    return make_options({**protocol, **pipeline, **restored, "out": results.path, **places})


def _same_object(result: ExperimentResult, kind: str, item: object) -> list[object] | None:
    """Return the object that was passed again for an experiment; None where a selector names the plugin."""
    name = str(result.record[kind])
    if item is None:
        if objects.is_object_name(name):
            raise BenchError(
                f"{result.name}: its {kind} is a Python object, which is not stored; call bench.leakage or "
                f"bench.significance from Python and pass the object again: {kind}={name}"
            )
        return None
    plugin = (objects.extractor if kind == "extractor" else objects.classifier)(item)
    if plugin.selector != name:
        raise BenchError(f"{result.name}: the {kind} passed is {plugin.selector}; pass the {kind} of the experiment")
    return [item]


def _differing(ours: Mapping[str, Any], theirs: Mapping[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get(key), theirs.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += _differing(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append(prefix + key)
    return found


def _plain(name: str) -> str:
    return " ".join(name.split())


def _listed(found: list[ExperimentResult]) -> str:
    return "; ".join(f"{e.name} ({e.folder.name}, --split {e.record['protocol']['split']})" for e in found)
