"""A fitted network of an experiment: its record, its weights, and the estimator that predicts with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy.typing as npt

from bench.errors import BenchError
from bench.plugins import objects, registry
from bench.plugins.fitted_network import decoded_weights
from bench.plugins.plugin import Plugin
from bench.plugins.recorded import check_recorded
from bench.plugins.training_record import OUTER
from extractors.networks.training.network_estimator import NetworkEstimator
from extractors.networks.training.trained_network import TrainedNetwork


@dataclass(frozen=True)
class ExperimentNetwork:
    """A fitted network of an experiment.

    Parameters
    ----------
    record : mapping
        Its record, see `ExperimentResult.networks`.
    content : bytes
        Content of its safetensors file.
    refitted : bool
        Whether it was fitted once more, because its file was missing.
    threads : int
        Threads of the run, on which results depend in their last digits.
    owner : str or estimator, optional
        Extractor or classifier of the experiment that the user named, if a record cannot name it.
    """

    record: Mapping[str, Any]
    content: bytes = field(repr=False)
    refitted: bool
    threads: int
    owner: object = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Name of its place in the experiment: `repeat0-fold1`, `repeat0-fold1-extractor`, `repeat0-fold1-member0`."""
        record = self.record
        parts = [f"repeat{record['repeat']}-fold{record['fold']}"]
        parts += ["extractor"] if record["role"] == "extractor" else []
        parts += [f"member{record['member']}"] if record["member"] else []
        parts += [] if record["fit"] == OUTER else [record["fit"].replace(" ", "")]
        return "-".join(parts)

    @cached_property
    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays by name."""
        return decoded_weights(self.content, self.name)

    @cached_property
    def estimator(self) -> NetworkEstimator:
        """The fitted `Cnn` or `Finetune`, on the CPU with the threads of the run; predicts as in it.

        Raises
        ------
        BenchError
            It is another class, of which weights alone are stored, or its selector or weights are not valid.
        """
        record, plugin = self.record, self._plugin()
        built = plugin.build(device="cpu", threads=self.threads)
        if not isinstance(built, NetworkEstimator) or record["mean"] is None or record["std"] is None:
            raise BenchError(
                f"{self.name}: {plugin.name} cannot be built again from its weights; only cnn and finetune can"
            )
        settings = {name: record[name] for name in ("classes", "mean", "std", "size", "crop")}
        try:
            return built.restore(self.weights, **settings)
        except (OSError, ValueError) as error:
            raise BenchError(f"{self.name}: {error}") from error

    @property
    def network(self) -> TrainedNetwork:
        """The trained network, without the records of its training; errors as `estimator`."""
        network: TrainedNetwork = self.estimator.network_
        return network

    def _plugin(self) -> Plugin:
        """Return the plugin by its selector; one that a record may not name is taken from the user."""
        role, selector = self.record["role"], str(self.record["selector"])
        try:
            check_recorded(selector)
            return (registry.extractor if role == "extractor" else registry.classifier)(selector)
        except BenchError as error:
            if self.owner is None:
                raise BenchError(f"{self.name}: {error}; pass the {role} of the experiment") from error
        plugin = (objects.extractor if role == "extractor" else objects.classifier)(self.owner)
        for position in filter(None, self.record["member"].split(".")):
            if not plugin.members:
                raise BenchError(f"{self.name}: {plugin.selector} has no member {position} that can be built again")
            plugin = plugin.members[int(position) if plugin.is_ensemble else 0].classifier
        return plugin
