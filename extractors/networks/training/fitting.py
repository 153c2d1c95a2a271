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
from extractors.networks.training.epoch_log import EpochLog
from extractors.networks.training.freed_memory import reuse_freed_memory
from extractors.networks.training.image_batches import ImageBatches
from extractors.networks.training.interrupts import keyboard_interrupts
from extractors.networks.training.learning_rates import group_rates, uses_finder
from extractors.networks.training.network import TrainableNetwork, build_network, set_trainable
from extractors.networks.training.network_cost import network_cost
from extractors.networks.training.network_spec import NetworkSpec
from extractors.networks.training.part import Part
from extractors.networks.training.progress import discard_progress, saved_progress
from extractors.networks.training.rank_environment import RankEnvironment
from extractors.networks.training.rate_search import search_rate
from extractors.networks.training.settings import Settings
from extractors.networks.training.several_devices import several_processes
from extractors.networks.training.stage_fit import StageFit, optimiser_of
from extractors.networks.training.stages import Stage
from extractors.networks.training.threads import torch_threads
from extractors.networks.training.trained_network import TrainedNetwork
from extractors.networks.training.training_module import TrainingModule
from extractors.quiet_loggers import LIGHTNING, quiet_loggers
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
    log : EpochLog or None
        Where epochs are logged.
    devices : int
        Number of GPUs, or of processes on the CPU, that share each batch.
    strategy : str
        Lightning's strategy for more than one.
    on_epoch : OnEpoch or None
        Receives the validation score of each epoch, also of those of a resumed training. The weights do not depend on
        it, unless it ends the training.
    """

    seed: int
    threads: int = 1
    device: str = "cpu"
    weights_dir: str | Path | None = None
    folder: Path | None = None
    log: EpochLog | None = None
    devices: int = 1
    strategy: str = "ddp_spawn"
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
        The loss is no longer finite, a cell or the size does not suit the network, or a logger fails.
    OSError
        A cell or the weights cannot be read.
    EndFit
        From `surroundings.on_epoch`; the saved progress is removed.
    """
    where = surroundings
    forked = [torch.cuda.current_device()] if where.device == "cuda" else []
    loggers = quiet_loggers(*LIGHTNING, "torch.multiprocessing.spawn")
    with torch_threads(where.threads), torch.random.fork_rng(devices=forked), loggers, reuse_freed_memory():
        fit = _Fit(spec, settings, training, validation, n_classes=n_classes, surroundings=where)
        if where.log is None:
            return fit.run()
        with where.log:
            return fit.run()


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
        where = f"{surroundings.seed} {surroundings.threads} {surroundings.devices}"
        identity = f"{spec} {settings} {where} {n_classes} {weights} {parts}"
        self.progress = saved_progress(surroundings.folder, identity)
        self.progress.parts = max(self.progress.parts, settings.accumulate)

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
        for number, stage in enumerate(self.settings.stages):
            if number < self.progress.stage or self.progress.stopped:
                continue
            if number > self.progress.stage:
                self.progress.begin_stage(number)
            self._use_images(stage)
            if self.progress.epoch < stage.epochs and not self.progress.stage_ended:
                self._run_stage(stage)

    def _check_stages(self) -> None:
        """Check groups and sizes of all stages before the first one is trained."""
        for stage in self.settings.stages:
            stage.first_group(len(self.network.groups))
        sizes = {stage.size: stage for stage in self.settings.stages[1:] if stage.size is not None}
        for size in sorted(sizes.keys() - {self.network.transform.size[0]}):
            self._rebuilt(sizes[size])

    def _rebuilt(self, stage: Stage) -> TrainableNetwork:
        """Return the network for the size and the crop of a stage, with its weights."""
        size = self.spec.size if stage.size is None else stage.size
        other = build_network(replace(self.spec, size=size, crop=stage.crop), self.n_classes, load=False)
        try:
            other.module.load_state_dict(self.network.module.state_dict())
        except RuntimeError as error:
            raise ValueError(
                f"sizes={stage.size}: the weights of {self.spec.arch} depend on the size of its images; leave out sizes"
            ) from error
        return other

    def _use_images(self, stage: Stage) -> None:
        """Rebuild the network for another size or crop, and load the weights so far."""
        if stage.size not in (None, self.network.transform.size[0]) or stage.crop != self.network.spec.crop:
            self.network = self._rebuilt(stage)
        if self.progress.network:
            self.network.module.load_state_dict(self.progress.network)

    def _run_stage(self, stage: Stage) -> None:
        progress, settings, network, where = self.progress, self.settings, self.network, self.where
        set_trainable(network, stage.first_group(len(network.groups)), bn=settings.bn)
        module = network.module.to(memory_format=torch.channels_last)
        batches = self._batches(self.training, training=True)
        if not progress.rates:
            progress.rates = self._rates(batches)
        fit = StageFit(
            network=network,
            n_classes=self.n_classes,
            stage=stage,
            settings=settings,
            progress=progress,
            batches=batches,
            seed=where.seed,
            threads=where.threads,
            folder=where.folder,
            log=where.log,
            report=self._report,
        )
        held_out = None if self.validation is None else self._batches(self.validation, training=False)
        with warnings.catch_warnings(action="ignore"), keyboard_interrupts():
            if where.devices == 1:
                self._trainer(stage).fit(TrainingModule(fit), batches, held_out)
            else:
                self._train_together(fit, held_out)
        module.to("cpu")

    def _train_together(self, fit: StageFit, held_out: ImageBatches | None) -> None:
        """Train in several processes, which read the progress from a file and write it there.

        The epochs are reported after the stage, since their receiver is in this process.
        """
        complete = fit.progress.epochs
        with several_processes() as temporary:
            folder = temporary if fit.folder is None else fit.folder
            fit.progress.save(folder)
            self._trainer(fit.stage).fit(
                TrainingModule(replace(fit, folder=folder, report=None)), fit.batches, held_out
            )
            self.progress = saved_progress(folder, fit.progress.identity)
        for row in self.progress.curves[complete:]:
            self._report(row)

    def _trainer(self, stage: Stage) -> Trainer:
        where, several, frozen = self.where, self.where.devices > 1, self.settings.bn == "frozen"
        return Trainer(
            accelerator="gpu" if where.device == "cuda" else "cpu",
            devices=where.devices,
            strategy=where.strategy if several else "auto",
            sync_batchnorm=several and where.device == "cuda" and not frozen,
            use_distributed_sampler=False,
            precision=PRECISIONS[self.settings.precision],
            max_epochs=stage.epochs - self.progress.epoch,
            plugins=[RankEnvironment() if several else LightningEnvironment()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )

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
            self.network.module,
            batches,
            lambda: optimiser_of(self.network, self.settings, ()),
            self.settings,
            n_groups=n_groups,
            device=self.where.device,
        )
        for rate, loss in zip(curve.rates, curve.losses, strict=True):
            row = {"stage": self.progress.stage, "learning_rate": float(rate), "loss": float(loss)}
            self.progress.finder.append(row)
        return group_rates(value, n_groups, suggestion=curve.suggestion())

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
        stage = self.settings.stages[chosen["stage"]]
        resized = stage.size is not None
        spec = replace(self.spec, size=chosen["size"] if resized else self.spec.size, crop=stage.crop)
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
                "seconds_waited": progress.waited,
                "peak_memory": progress.peak_memory,
                "devices": self.where.devices,
            },
            weights_sha256=self.sha256,
        )


def _state_digest(module: torch.nn.Module) -> str:
    """Return the SHA-256 of the tensors of a module."""
    content = hashlib.sha256()
    for key, value in module.state_dict().items():
        content.update(key.encode() + value.contiguous().numpy().tobytes())
    return content.hexdigest()
