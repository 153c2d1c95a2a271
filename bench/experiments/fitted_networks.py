"""Read the fitted networks of a finished experiment from its results folder, or fit those that are missing again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.executors.cores import default_jobs
from bench.experiments.experiment_network import ExperimentNetwork
from bench.experiments.network_refit import refit_networks
from bench.experiments.records import POST_HOC, TIME_LIMITED, ExperimentResult
from bench.experiments.refit import disk_errors_as_bench_error
from bench.experiments.reload import find_experiment, reload
from bench.experiments.stored_networks import MODELS, network_path, place_of, read_network
from bench.experiments.worker import Refits
from bench.observer import Observer
from bench.plugins import registry
from bench.plugins.fitted_network import has_networks
from bench.plugins.objects import is_object_name
from bench.plugins.plugin import PIXELS
from bench.plugins.recorded import check_recorded
from bench.plugins.training_record import OUTER

Place = tuple[int, int]
"""Repeat and fold."""


def fitted_networks(
    experiment: ExperimentResult | str | Path,
    *,
    name: str | None = None,
    repeat: int | None = None,
    fold: int | None = None,
    inner: bool = False,
    jobs: int | None = None,
    data: Any = None,
    root: str | Path | None = None,
    store: str | Path | None = None,
    weights_dir: str | Path | None = None,
    device: str | None = None,
    extractor: object = None,
    classifier: object = None,
    observer: Observer | None = None,
) -> Iterator[ExperimentNetwork]:
    """Return the fitted networks of an experiment.

    A network is read from `models/` in the results folder. A missing one is fitted once more, which a notice reports,
    and its digest is compared with that of the record; data, folds, code and weights must be those of the run.

    Parameters
    ----------
    experiment : ExperimentResult or path
        The experiment, its folder, or a results folder.
    name : str, optional
        Name of the experiment, in a results folder with several.
    repeat, fold : int, optional
        Only networks of this repeat or fold, from 0. Default: all.
    inner : bool
        Also networks of the inner fits, which --keep-models all stores.
    jobs : int, optional
        Worker processes of fits. Default: as many as the cores allow.
    data, root, store, weights_dir, device, extractor, classifier : optional
        As for `bench.significance`; needed where a network is fitted.
    observer : Observer, optional
        Receives progress and notices.

    Yields
    ------
    ExperimentNetwork
        With `record`, `weights` and the fitted `estimator`; ordered by repeat and fold.

    Raises
    ------
    BenchError
        The experiment has no networks or no such repeat or fold; a stored file was changed; the data have changed; or
        a network that was fitted again has another digest than in the record.

    Examples
    --------
    >>> import bench
    >>> for network in bench.fitted_networks("results", name="pixels x cnn"):  # doctest: +SKIP
    ...     network.estimator.predict_proba(cells)
    """
    result = experiment if isinstance(experiment, ExperimentResult) else find_experiment(experiment, name=name)[1]
    _check_has_networks(result, extractor, classifier)
    inputs = {"data": data, "root": root, "store": store, "weights_dir": weights_dir, "device": device}
    inputs |= {"extractor": extractor, "classifier": classifier}
    observer = observer or Observer()
    networks = _Networks(result, _places(result, repeat, fold), inner, inputs, jobs, observer)
    return networks.read()


@dataclass(frozen=True)
class _Networks:
    """Networks of some folds of an experiment."""

    result: ExperimentResult
    places: list[Place]
    inner: bool
    inputs: Mapping[str, Any]
    jobs: int | None
    observer: Observer

    @property
    def models(self) -> Path:
        return self.result.folder.absolute().parent.parent / MODELS

    def read(self) -> Iterator[ExperimentNetwork]:
        """Yield the networks; the missing ones are fitted before the first one is read."""
        missing = {place: what for place in self.places if (what := self._missing(place))}
        with tempfile.TemporaryDirectory(prefix="cytobench-networks-") as folder:
            refitted = self._refit(missing, Path(folder))
            for place in self.places:
                for record in sorted(refitted.get(place, self._records(place)), key=_order):
                    yield self._network(record, Path(folder))

    def _records(self, place: Place) -> list[dict[str, Any]]:
        """Return the records of the wanted networks of a fold."""
        records = [one for one in self.result.networks if (one["repeat"], one["fold"]) == place]
        return [one for one in records if self.inner or one["fit"] == OUTER]

    def _has_file(self, record: Mapping[str, Any]) -> bool:
        """Whether the file of a network is in the results folder, also through another experiment."""
        path = None if record["sha256"] is None else network_path(self.models, record["sha256"])
        return path is not None and (path.exists() or path.is_symlink())

    def _missing(self, place: Place) -> Refits | None:
        """Return which networks of a fold must be fitted again; None: none."""
        records = self._records(place)
        missing = [one for one in records if not self._has_file(one)]
        lacks_inner = self.inner and all(one["fit"] == OUTER for one in records)
        if records and not missing and not lacks_inner:
            return None
        if lacks_inner or any(one["fit"] != OUTER for one in missing):
            return "all"
        return "extractors" if {one["role"] for one in missing} == {"extractor"} else "outer"

    def _refit(self, missing: Mapping[Place, Refits], folder: Path) -> dict[Place, list[dict[str, Any]]]:
        """Fit networks again, compare their digests with the records, and return the records of each fold."""
        if not missing:
            return {}
        reloaded = reload(self.result, observer=self.observer, **self.inputs)
        if reloaded.differs:
            self.observer.notice(f"changed since {self.result.name} ran: {', '.join(reloaded.differs)}")
        jobs = self.jobs or default_jobs(reloaded.plan.protocol.threads)
        with disk_errors_as_bench_error(reloaded.results.path, reloaded.plan.store):
            fitted = refit_networks(reloaded, missing, folder, jobs=jobs, observer=self.observer)
        joined = {place: self._joined(place, fitted[place], reloaded.differs) for place in missing}
        if not any(joined.values()):
            raise BenchError(f"{self.result.name}: has no networks; only cnn, finetune and their combinations have")
        for place in missing:
            self._report(place)
        return joined

    def _joined(self, place: Place, fitted: tuple[dict[str, Any], ...], differs: tuple[str, ...]) -> list[Any]:
        """Return the records of a fold, with those of the networks that were fitted again in place of the missing."""
        new = {place_of(one): one for one in fitted}
        recorded = {place_of(one): one for one in self._records(place)}
        for key, record in recorded.items():
            if self._has_file(record):
                new.setdefault(key, record)
            elif key not in new:
                raise BenchError(
                    f"{self._where(record)}: the fit has no such network; the record names {record['role']}"
                )
            if record["sha256"] not in (None, new[key]["sha256"]):
                limited = (TIME_LIMITED,) if TIME_LIMITED in self.result.flags else ()
                raise BenchError(_difference(self._where(record), record, new[key], (*differs, *limited)))
            if self._has_file(record):
                new[key] = record
        return list(new.values())

    def _report(self, place: Place) -> None:
        missing = [one for one in self._records(place) if not self._has_file(one)]
        compared = bool(missing) and all(one["sha256"] is not None for one in missing)
        self.observer.notice(
            f"{self.result.name}, repeat {place[0]}, fold {place[1]}: networks that are not in {self.models} were "
            "fitted again; "
            + ("their SHA-256 are those of the record" if compared else "there is no SHA-256 to compare them with")
        )

    def _where(self, record: Mapping[str, Any]) -> str:
        member = f" of member {record['member']}" if record["member"] else ""
        return f"{self.result.name}, repeat {record['repeat']}, fold {record['fold']}: the {record['role']}{member}"

    def _network(self, record: Mapping[str, Any], folder: Path) -> ExperimentNetwork:
        """Read a network from the results folder, or from the folder of those that were fitted again."""
        refitted = not self._has_file(record)
        content = read_network(network_path(folder if refitted else self.models, record["sha256"]), record)
        role = "extractor" if record["role"] == "extractor" and not record["member"] else "classifier"
        threads = int(self.result.record["protocol"]["threads"])
        return ExperimentNetwork(record, content, refitted, threads, self.inputs[role])


def _order(record: Mapping[str, Any]) -> tuple[str, list[int], str]:
    """Return role, positions of the member and fit, by which the networks of a fold are ordered."""
    return record["role"], [int(position) for position in record["member"].split(".") if position], record["fit"]


def _difference(where: str, record: Mapping[str, Any], fitted: Mapping[str, Any], differs: tuple[str, ...]) -> str:
    known = f" ({', '.join(differs)})" if differs else ""
    return (
        f"{where} that was fitted again has the SHA-256 {fitted['sha256']}, and its record {record['sha256']}: the "
        f"machine, its number of threads or the versions of libraries differ from those of the run{known}; run the "
        "experiment again"
    )


def _places(result: ExperimentResult, repeat: int | None, fold: int | None) -> list[Place]:
    """Return the wanted folds of an experiment."""
    folds = result.predictions[["repeat", "fold"]].drop_duplicates().itertuples(index=False)
    every = sorted((int(a), int(b)) for a, b in folds)
    wanted = [(a, b) for a, b in every if repeat in (None, a) and fold in (None, b)]
    if not wanted:
        requested = [f"{what} {n}" for what, n in (("repeat", repeat), ("fold", fold)) if n is not None]
        repeats, folds_of_each = (1 + max(numbers) for numbers in zip(*every, strict=True))
        raise BenchError(
            f"{result.name}: has no {', '.join(requested)}; it has the repeats 0 to {repeats - 1} and the folds 0 to "
            f"{folds_of_each - 1}"
        )
    return wanted


def _check_has_networks(result: ExperimentResult, extractor: object, classifier: object) -> None:
    """Raise where no part of an experiment trains a network; a Python object is known only after its fit."""
    if POST_HOC in result.flags:
        raise BenchError(
            f"{result.name}: is a combination of saved predictions (bench ensemble) without networks of its own; name "
            "one of its members"
        )
    if result.networks or extractor is not None or classifier is not None:
        return
    names = {kind: str(result.record[kind]) for kind in ("extractor", "classifier")}
    if any(is_object_name(text) for text in names.values()):
        return
    for text in names.values():
        if text != PIXELS:
            check_recorded(text)
    plugin = registry.classifier(names["classifier"])
    own = None if names["extractor"] == PIXELS else registry.extractor(names["extractor"])
    fitted = [one for one in (own, *(member.extractor for member in plugin.members)) if one and one.requires_fit]
    if not has_networks(plugin) and not any(map(has_networks, fitted)):
        raise BenchError(
            f"{result.name}: trains no network; only cnn, finetune, and ensembles and bags of them have networks"
        )
