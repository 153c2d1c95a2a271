"""The LightningModule of one stage: steps, validation, the choice of the epoch, and the saved progress.

Imports torch and Lightning, so this module is imported only where a network is trained.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pytorch_lightning import LightningModule

from extractors.networks.training.averages import recompute_batch_norms
from extractors.networks.training.image_batches import Batch, ImageBatches
from extractors.networks.training.mixup import mixup
from extractors.networks.training.optimisers import set_rates
from extractors.networks.training.progress import Progress
from extractors.networks.training.settings import Settings
from extractors.networks.training.stages import Stage
from extractors.networks.training.validation import weighted_auroc
from extractors.seeds import seed_of

if TYPE_CHECKING:
    from torch.optim.swa_utils import AveragedModel

CHECKED_TOGETHER = 16
"""Steps whose losses are read together, because the program waits for the GPU each time."""


@dataclass(frozen=True, kw_only=True)
class StageFit:
    """One stage of a training.

    Parameters
    ----------
    network : torch.nn.Module
        Normalised images to logits.
    n_classes : int
        Length of the logits.
    stage : Stage
        Epochs and trainable layers.
    size : int
        Height of the images in pixels.
    settings : Settings
        Settings of the training.
    progress : Progress
        Updated and saved after each epoch.
    batches : ImageBatches
        Training images.
    optimiser : torch.optim.Optimizer
        From `extractors.networks.training.optimisers.make_optimiser`.
    average : AveragedModel or None
        Average of the weights.
    seed : int
        Of dropout and mixup.
    folder : Path or None
        Where the progress is saved.
    report : callable
        Called with the row of each complete epoch after its progress is saved; may raise.
    """

    network: torch.nn.Module
    n_classes: int
    stage: Stage
    size: int
    settings: Settings
    progress: Progress
    batches: ImageBatches
    optimiser: torch.optim.Optimizer
    average: AveragedModel | None
    seed: int
    folder: Path | None
    report: Callable[[Mapping[str, Any]], None]


class TrainingModule(LightningModule):  # type: ignore[misc]  # Lightning is not followed by mypy
    """Run a `StageFit` under Lightning, with manual optimisation: a batch may be divided into parts."""

    def __init__(self, fit: StageFit) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network, self.average = fit.network, fit.average
        self.fit = fit
        self._sums = torch.zeros(2, dtype=torch.float64)
        self._unchecked: list[torch.Tensor] = []
        self._outputs: list[tuple[torch.Tensor, ...]] = []
        self._began = 0.0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser of the stage."""
        return self.fit.optimiser

    def on_train_epoch_start(self) -> None:
        """Seed dropout by the epoch, so that a resumed training draws the same."""
        torch.manual_seed(seed_of(self.fit.seed, "dropout", self.fit.progress.epochs))
        self._began = time.perf_counter()
        self._sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        self._unchecked.clear()
        self._outputs.clear()

    def training_step(self, batch: Batch, index: int) -> None:
        """Update the weights by one batch."""
        fit, settings = self.fit, self.fit.settings
        step, steps = fit.progress.epoch * len(fit.batches) + index, fit.stage.epochs * len(fit.batches)
        factor = settings.schedule.rate_factor(step, steps)
        momentum = settings.schedule.momentum(step, steps, settings.momentum)
        set_rates(fit.optimiser, [rate * factor for rate in fit.progress.rates], momentum)
        optimiser = self.optimizers()
        optimiser.zero_grad()
        self._backward(self._targets(batch, index))
        if len(self._unchecked) == CHECKED_TOGETHER:
            self._check_losses(index)
        if settings.clip:
            self.clip_gradients(optimiser, gradient_clip_val=settings.clip, gradient_clip_algorithm="norm")
        optimiser.step()
        if self.average is not None and settings.average.updates_after_step():
            self.average.update_parameters(self.network)

    def _targets(self, batch: Batch, index: int) -> Batch:
        """Mix the cells of a batch, if the settings ask for mixup."""
        if not self.fit.settings.mixup:
            return batch
        rng = np.random.default_rng(seed_of(self.fit.seed, "mixup", self.fit.progress.epochs, index))
        return mixup(*batch, n_classes=self.fit.n_classes, alpha=self.fit.settings.mixup, rng=rng)

    def _backward(self, batch: Batch) -> None:
        """Compute the gradient of a batch in parts; after a lack of memory, in twice as many."""
        progress = self.fit.progress
        while True:
            on_gpu = self.device.type == "cuda"
            buffers = [buffer.clone() for buffer in self.network.buffers()] if on_gpu else []
            try:
                sums = self._add_gradients(batch)
            except torch.OutOfMemoryError:
                if len(batch[1]) < 4 * progress.parts:
                    raise
                for buffer, before in zip(self.network.buffers(), buffers, strict=True):
                    buffer.copy_(before)
                self.network.zero_grad()
                torch.cuda.empty_cache()
                progress.parts *= 2
                continue
            self._sums += sums
            self._unchecked.append(sums[0])
            return

    def _add_gradients(self, batch: Batch) -> torch.Tensor:
        """Add the gradient of a batch in parts; return the sums of weighted losses and of weights, float64 (2,)."""
        settings, total = self.fit.settings, batch[2].sum()
        parts = max(1, min(self.fit.progress.parts, len(batch[2]) // 2))
        sums = torch.zeros(2, dtype=torch.float64, device=total.device)
        for images, targets, weights in zip(*(tensor.tensor_split(parts) for tensor in batch), strict=True):
            losses = settings.loss.per_cell(self.network(images), targets, label_smoothing=settings.label_smoothing)
            loss = (losses * weights).sum()
            sums += torch.stack([loss.detach(), weights.sum()]).double()
            self.manual_backward(loss / total)
        return sums

    def _check_losses(self, index: int) -> None:
        """Check the losses of the last steps, of which `index` is the last."""
        losses = torch.stack(self._unchecked).tolist()
        self._unchecked.clear()
        for step, loss in enumerate(losses, index + 2 - len(losses)):
            self._check_finite(loss, f"step {step} of epoch {self.fit.progress.epochs + 1}")

    def validation_step(self, batch: Batch, _: int) -> None:
        """Collect the logits of a batch of the validation part."""
        images, targets, weights = batch
        self._outputs.append((self._evaluated()(images).double().cpu(), targets.cpu(), weights.double().cpu()))

    def _evaluated(self) -> torch.nn.Module:
        """Return the network whose weights are scored and chosen: the average over steps, if there is one."""
        if self.average is None or not self.fit.settings.average.updates_after_step():
            return self.network
        return self.average.module

    def on_train_epoch_end(self) -> None:
        """Score the epoch, keep its weights if it is the best, save the progress, and report the epoch."""
        fit, progress = self.fit, self.fit.progress
        if self._unchecked:
            self._check_losses(len(fit.batches) - 1)
        seconds = time.perf_counter() - self._began
        row = {
            "stage": progress.stage,
            "epoch": progress.epochs,
            "size": fit.size,
            "training_loss": float(self._sums[0] / self._sums[1]),
            **self._validation_scores(),
            "learning_rate": fit.optimiser.param_groups[-1]["lr"],
            "seconds": seconds,
        }
        progress.curves.append(row)
        if self.average is not None and fit.settings.average.updates_after_epoch(progress.epoch, fit.stage.epochs):
            self.average.update_parameters(self.network)
        progress.epoch += 1
        self._choose(fit.settings.score(row))
        progress.seconds += seconds
        self._end_early()
        progress.network = self.network.state_dict()
        progress.optimiser = fit.optimiser.state_dict()
        progress.average = {} if self.average is None else self.average.state_dict()
        progress.save(fit.folder)
        fit.batches.set_epoch(progress.epochs)
        fit.report(row)

    def _validation_scores(self) -> dict[str, float]:
        """Score the validation part; the loss is the cross-entropy without label smoothing."""
        if not self._outputs:
            return {"validation_loss": math.nan, "validation_auroc": math.nan}
        logits, targets, weights = (torch.cat(parts) for parts in zip(*self._outputs, strict=True))
        losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        loss = float((losses * weights).sum() / weights.sum())
        self._check_finite(loss, f"the validation of epoch {self.fit.progress.epochs + 1}")
        auroc = weighted_auroc(logits.softmax(dim=1).numpy(), targets.numpy(), weights.numpy())
        return {"validation_loss": loss, "validation_auroc": auroc}

    def _choose(self, score: float) -> None:
        """Keep the weights of the epoch if it is the best so far, or the last one is wanted."""
        progress, last = self.fit.progress, self.fit.settings.select == "last"
        progress.stale = 0 if score > progress.stage_best else progress.stale + 1
        progress.stage_best = max(score, progress.stage_best)
        if last or score > progress.best:
            progress.best, progress.chosen = score, progress.epochs - 1
            progress.chosen_weights = _copied(self._chosen_network())

    def _chosen_network(self) -> torch.nn.Module:
        """Return the network whose weights are used if the training ends here."""
        average = self.fit.settings.average
        if self.average is None or not average.updates_after_epoch(self.fit.progress.epoch - 1, self.fit.stage.epochs):
            return self._evaluated()
        if average.recompute_batch_norms and self.fit.settings.bn != "frozen":
            recompute_batch_norms(self.average.module, self._images())
        return self.average.module

    def _images(self) -> Iterator[torch.Tensor]:
        """Yield the training images of the epoch again."""
        return (images.to(self.device) for images, _, _ in self.fit.batches)

    def _end_early(self) -> None:
        """End the stage without improvement, or the training at the end of its time."""
        progress, settings = self.fit.progress, self.fit.settings
        if settings.minutes is not None and progress.seconds > 60 * settings.minutes:
            progress.stopped = f"minutes={settings.minutes}"
        progress.stage_ended = bool(progress.stopped) or 0 < settings.patience <= progress.stale
        self.trainer.should_stop = progress.stage_ended

    def _check_finite(self, loss: float, where: str) -> None:
        if not math.isfinite(loss):
            raise ValueError(
                f"the loss became {loss} in {where}: the training diverged; lower learning_rate (the largest is "
                f"{max(self.fit.progress.rates):.3g})"
            )


def _copied(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copy the state of a module to the CPU."""
    state: dict[str, Any] = module.state_dict()
    return {key: value.detach().to("cpu", copy=True) for key, value in state.items()}
