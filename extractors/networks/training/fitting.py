"""Train a network on cells: its stages as Lightning trainings, from saved progress to the chosen weights.

Imports torch and Lightning, so this module is imported only where a network is trained.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.plugins.environments import LightningEnvironment

from extractors.epoch_scores import EndFit, OnEpoch
from extractors.files.digest_cache import cached_file_digest
from extractors.networks.training.channel_statistics import Statistics, channel_statistics
from extractors.networks.training.image_batches import ImageBatches
from extractors.networks.training.interrupts import keyboard_interrupts
from extractors.networks.training.learning_rates import group_rates, uses_finder
from extractors.networks.training.network import TrainableNetwork, build_network, set_trainable
from extractors.networks.training.network_cost import network_cost
from extractors.networks.training.network_spec import NetworkSpec
from extractors.networks.training.optimisers import make_optimiser
from extractors.networks.training.part import Part
from extractors.networks.training.peak_memory import peak_memory
from extractors.networks.training.progress import discard_progress, saved_progress
from extractors.networks.training.rate_search import search_rate
from extractors.networks.training.settings import Settings
from extractors.networks.training.stages import Stage
from extractors.networks.training.threads import torch_threads
from extractors.networks.training.trained_network import TrainedNetwork
from extractors.networks.training.training_module import StageFit, TrainingModule
from extractors.quiet_loggers import quiet_loggers
from extractors.seeds import seed_of

PRECISIONS = {"f32": "32-true", "bf16": "bf16-mixed"}


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the engine sets for a training.

    Parameters
    ----------
    seed : int
        Of initial weights, order, augmentation, dropout and mixup.
    threads : int
        Threads of torch and of the decoder.
    device : {"cpu", "cuda"}
        Where the network is trained.
    weights_dir : str, Path or None
        A folder of weights.
    folder : Path or None
        Where the progress is saved.
    on_epoch : OnEpoch or None
        Receives the validation score of each epoch, also of those of a resumed training. The weights do not depend on
        it, unless it ends the training.
    """

    seed: int
    threads: int = 1
    device: str = "cpu"
    weights_dir: str | Path | None = None
    folder: Path | None = None
    on_epoch: OnEpoch | None = None


def fit_network(
    spec: NetworkSpec,
    settings: Settings,
    training: Part,
    validation: Part | None,
    *,
    n_classes: int,
    surroundings: Surroundings,
) -> TrainedNetwork:
    """Train a network; the caller ensures that the two parts come from different patients.

    On the CPU, the same arguments and number of torch threads give the same weights, bit for bit, also if the training
    was killed after some epochs and resumes from `surroundings.folder`.

    Parameters
    ----------
    spec : NetworkSpec
    settings : Settings
    training, validation : Part
        None: nothing is held out, which `settings.holds_out` excludes.
    n_classes : int
        Length of the logits.
    surroundings : Surroundings

    Returns
    -------
    TrainedNetwork

    Raises
    ------
    ValueError
        The loss is no longer finite, or a cell or the size does not suit the network.
    OSError
        A cell or the weights cannot be read.
    EndFit
        From `surroundings.on_epoch`; the saved progress is removed.
    """
    where = surroundings
    forked = [torch.cuda.current_device()] if where.device == "cuda" else []
    loggers = quiet_loggers("pytorch_lightning", "lightning_fabric")
    with torch_threads(where.threads), torch.random.fork_rng(devices=forked), loggers:
        return _Fit(spec, settings, training, validation, n_classes=n_classes, surroundings=where).run()


class _Fit:
    def __init__(
        self,
        spec: NetworkSpec,
        settings: Settings,
        training: Part,
        validation: Part | None,
        *,
        n_classes: int,
        surroundings: Surroundings,
    ) -> None:
        self.spec, self.settings, self.where, self.n_classes = spec, settings, surroundings, n_classes
        self.training, self.validation = training, validation
        torch.manual_seed(surroundings.seed)
        file = spec.weights_file(surroundings.weights_dir)
        self.sha256 = None if file is None else cached_file_digest(file)
        self.network = build_network(spec, n_classes, weights_dir=surroundings.weights_dir, sha256=self.sha256)
        self.statistics = self._statistics()
        parts = [part.digest() for part in (training, validation) if part is not None]
        weights = _state_digest(self.network.module)
        identity = f"{spec} {settings} {surroundings.seed} {surroundings.threads} {n_classes} {weights} {parts}"
        self.progress = saved_progress(surroundings.folder, identity)
        self.progress.parts = max(self.progress.parts, settings.accumulate)
        self.waited = 0.0

    def run(self) -> TrainedNetwork:
        self._check_stages()
        try:
            for row in self.progress.curves:
                self._report(row)
            self._run_stages()
        except EndFit:
            discard_progress(self.where.folder)
            raise
        return self._result()

    def _run_stages(self) -> None:
        """Train the epochs that are not complete."""
        progress = self.progress
        for number, stage in enumerate(self.settings.stages):
            if number < progress.stage or progress.stopped:
                continue
            if number > progress.stage:
                progress.begin_stage(number)
            self._use_size(stage)
            if progress.epoch < stage.epochs and not progress.stage_ended:
                self._run_stage(stage)

    def _check_stages(self) -> None:
        """Check groups and sizes of all stages before the first one is trained."""
        for stage in self.settings.stages:
            stage.first_group(len(self.network.groups))
        sizes = {stage.size for stage in self.settings.stages[1:] if stage.size is not None}
        for size in sorted(sizes - {self.network.transform.size[0]}):
            self._resized(size)

    def _resized(self, size: int) -> TrainableNetwork:
        """Return the network for another size with its weights."""
        other = build_network(replace(self.spec, size=size), self.n_classes, load=False)
        try:
            other.module.load_state_dict(self.network.module.state_dict())
        except RuntimeError as error:
            raise ValueError(
                f"sizes={size}: the weights of {self.spec.arch} depend on the size of its images; leave out sizes"
            ) from error
        return other

    def _use_size(self, stage: Stage) -> None:
        """Rebuild the network for another size, and load the weights so far."""
        if stage.size not in (None, self.network.transform.size[0]):
            self.network = self._resized(int(stage.size))
        if self.progress.network:
            self.network.module.load_state_dict(self.progress.network)

    def _run_stage(self, stage: Stage) -> None:
        progress, settings, network, where = self.progress, self.settings, self.network, self.where
        set_trainable(network, stage.first_group(len(network.groups)), bn=settings.bn)
        module = network.module.to(memory_format=torch.channels_last)
        batches = self._batches(self.training, training=True)
        if not progress.rates:
            progress.rates = self._rates(batches)
        optimiser = self._optimiser()
        if progress.optimiser:
            optimiser.load_state_dict(progress.optimiser)
        average = settings.average.start(module)
        if average is not None and progress.average:
            average.load_state_dict(progress.average)
        batches.set_epoch(progress.epochs)
        fit = StageFit(
            network=module,
            n_classes=self.n_classes,
            stage=stage,
            size=self.network.transform.size[0],
            settings=settings,
            progress=progress,
            batches=batches,
            optimiser=optimiser,
            average=average,
            seed=where.seed,
            folder=where.folder,
            report=self._report,
        )
        held_out = None if self.validation is None else self._batches(self.validation, training=False)
        with warnings.catch_warnings(action="ignore"), keyboard_interrupts():
            trainer = Trainer(
                accelerator="gpu" if where.device == "cuda" else "cpu",
                devices=1,
                precision=PRECISIONS[settings.precision],
                max_epochs=stage.epochs - progress.epoch,
                plugins=[LightningEnvironment()],
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
            )
            trainer.fit(TrainingModule(fit), batches, held_out)
        self.waited += batches.waited
        module.to("cpu")

    def _report(self, row: Mapping[str, Any]) -> None:
        """Report the score of an epoch, if it has one."""
        score = self.settings.score(row)
        if self.where.on_epoch is not None and not math.isnan(score):
            self.where.on_epoch(row["epoch"], score)

    def _rates(self, batches: ImageBatches) -> list[float]:
        """Return the largest rate of each layer group, from the finder if the settings ask for it."""
        value, n_groups = self.settings.learning_rate, len(self.network.groups)
        if not uses_finder(value):
            return group_rates(value, n_groups)
        torch.manual_seed(seed_of(self.where.seed, "finder", self.progress.stage))
        curve = search_rate(
            self.network.module, batches, self._optimiser, self.settings, n_groups=n_groups, device=self.where.device
        )
        for rate, loss in zip(curve.rates, curve.losses, strict=True):
            row = {"stage": self.progress.stage, "learning_rate": float(rate), "loss": float(loss)}
            self.progress.finder.append(row)
        return group_rates(value, n_groups, suggestion=curve.suggestion())

    def _optimiser(self) -> torch.optim.Optimizer:
        settings = self.settings
        groups = [[tensor for layer in group for tensor in layer.parameters()] for group in self.network.groups]
        return make_optimiser(
            settings.optimiser,
            groups,
            self.progress.rates or [1.0] * len(groups),
            momentum=settings.momentum,
            beta2=settings.beta2,
            weight_decay=settings.weight_decay,
            decay=settings.decay,
            eps=settings.eps,
            decay_norms=settings.decay_norms,
        )

    def _batches(self, part: Part, *, training: bool) -> ImageBatches:
        return ImageBatches(
            part.cells,
            self.network.transform,
            part.targets,
            part.weights,
            batch_size=self.settings.batch_size,
            statistics=self.statistics,
            threads=self.where.threads,
            seed=self.where.seed if training else None,
            augmentation=self.settings.augmentation if training else None,
            rows=part.epoch_rows() if training else None,
        )

    def _statistics(self) -> Statistics:
        """Return the channel statistics by which images are normalised."""
        network, scale = self.network, self.settings.scale
        if scale == "none":
            return np.zeros(3, dtype=np.float32), np.ones(3, dtype=np.float32)
        if scale == "training" or (scale == "default" and self.spec.scale == "training"):
            return channel_statistics(self.training.cells, network.transform, threads=self.where.threads)
        return np.asarray(network.mean, dtype=np.float32), np.asarray(network.std, dtype=np.float32)

    def _check_finite(self, weights: dict[str, torch.Tensor]) -> None:
        """Check the weights, which the last step may have made infinite after its loss was computed."""
        if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
            raise ValueError(
                f"the weights are not finite after epoch {self.progress.chosen + 1}: the training diverged; lower "
                f"learning_rate (the largest is {max(self.progress.rates):.3g})"
            )

    def _result(self) -> TrainedNetwork:
        progress = self.progress
        self._check_finite(progress.chosen_weights)
        chosen = progress.curves[progress.chosen]
        resized = self.settings.stages[chosen["stage"]].size is not None
        spec = replace(self.spec, size=chosen["size"]) if resized else self.spec
        cost = network_cost(self.network.module, chosen["size"] if resized else self.network.transform.size)
        return TrainedNetwork(
            spec=spec,
            n_classes=self.n_classes,
            width=self.network.width,
            weights={key: value.contiguous().numpy() for key, value in progress.chosen_weights.items()},
            mean=self.statistics[0],
            std=self.statistics[1],
            curves=pd.DataFrame(progress.curves),
            finder=pd.DataFrame(progress.finder, columns=["stage", "learning_rate", "loss"]),
            training={
                "chosen_epoch": progress.chosen,
                "epochs": progress.epochs,
                "stopped": progress.stopped,
                "parts": progress.parts,
                "parameters": cost.parameters,
                "flops": cost.flops,
                "bytes": cost.bytes,
                "seconds": progress.seconds,
                "seconds_waited": self.waited,
                "peak_memory": peak_memory(self.where.device),
            },
            weights_sha256=self.sha256,
        )


def _state_digest(module: torch.nn.Module) -> str:
    """Return the SHA-256 of the tensors of a module."""
    content = hashlib.sha256()
    for key, value in module.state_dict().items():
        content.update(key.encode() + value.contiguous().numpy().tobytes())
    return content.hexdigest()
