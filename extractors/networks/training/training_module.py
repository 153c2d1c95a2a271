"""The LightningModule of one stage: steps, validation, the choice of the epoch, and the saved progress.

Imports torch and Lightning, so this module is imported only where a network is trained.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pytorch_lightning import LightningModule

from extractors.networks.training.averages import recompute_batch_norms
from extractors.networks.training.image_batches import Batch
from extractors.networks.training.mixup import mixup
from extractors.networks.training.optimisers import set_rates
from extractors.networks.training.peak_memory import peak_memory
from extractors.networks.training.progress import saved_progress
from extractors.networks.training.several_devices import share_of
from extractors.networks.training.stage_fit import StageFit, optimiser_of
from extractors.networks.training.validation import weighted_auroc
from extractors.seeds import seed_of

if TYPE_CHECKING:
    from torch.optim.swa_utils import AveragedModel

CHECKED_TOGETHER = 16
"""Steps whose losses are read together, because the program waits for the GPU each time."""


class TrainingModule(LightningModule):  # type: ignore[misc]  # Lightning is not followed by mypy
    """Run a `StageFit` under Lightning, with manual optimisation: a batch may be divided into parts."""

    def __init__(self, fit: StageFit) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.fit, self.progress = fit, fit.progress
        self.network: torch.nn.Module = fit.network.module
        self.average: AveragedModel | None = None
        self._sums = torch.zeros(2, dtype=torch.float64)
        self._unchecked: list[torch.Tensor] = []
        self._outputs: list[tuple[torch.Tensor, ...]] = []
        self._began = self._waited = 0.0

    def setup(self, stage: str) -> None:
        """Build optimiser and average, from the saved progress where several processes train."""
        fit = self.fit
        if self.trainer.world_size > 1:
            # Tensors that are sent to a process may share memory with those of the others.
            self.progress = saved_progress(fit.folder, fit.progress.identity)
            torch.set_num_threads(fit.threads)
        self.optimiser = optimiser_of(fit.network, fit.settings, self.progress.rates)
        if self.progress.optimiser:
            self.optimiser.load_state_dict(self.progress.optimiser)
        self.average = fit.settings.average.start(self.network)
        if self.average is not None:
            self.average.requires_grad_(False)
            if self.progress.average:
                self.average.load_state_dict(self.progress.average)
        fit.batches.set_epoch(self.progress.epochs)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser of the stage."""
        return self.optimiser

    def on_train_epoch_start(self) -> None:
        """Seed dropout by the epoch, so that a resumed training draws the same."""
        other = [self.global_rank] if self.global_rank else []
        torch.manual_seed(seed_of(self.fit.seed, "dropout", self.progress.epochs, *other))
        self._began, self._waited = time.perf_counter(), self.fit.batches.waited
        self._sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        self._unchecked.clear()
        self._outputs.clear()

    def training_step(self, batch: Batch, index: int) -> None:
        """Update the weights by one batch."""
        fit, settings = self.fit, self.fit.settings
        step, steps = self.progress.epoch * len(fit.batches) + index, fit.stage.epochs * len(fit.batches)
        factor = settings.schedule.rate_factor(step, steps)
        momentum = settings.schedule.momentum(step, steps, settings.momentum)
        set_rates(self.optimiser, [rate * factor for rate in self.progress.rates], momentum)
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
        rng = np.random.default_rng(seed_of(self.fit.seed, "mixup", self.progress.epochs, index))
        return mixup(*batch, n_classes=self.fit.n_classes, alpha=self.fit.settings.mixup, rng=rng)

    def _backward(self, batch: Batch) -> None:
        """Compute the gradient of a batch in parts; after a lack of memory, in twice as many."""
        progress = self.progress
        while True:
            on_gpu = self.device.type == "cuda"
            buffers = [buffer.clone() for buffer in self.network.buffers()] if on_gpu else []
            try:
                sums = self._add_gradients(batch)
            except torch.OutOfMemoryError as error:
                if self.trainer.world_size > 1:  # the others have not failed, and wait for as many parts as before
                    raise ValueError(
                        "the rows of a batch do not fit into the memory of one GPU; set accumulate above "
                        f"{progress.parts}"
                    ) from error
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
        """Add the gradient of a batch in parts; return the sums of weighted losses and of weights, float64 (2,).

        Of several processes, each adds that of its rows; Lightning averages the gradients.
        """
        settings, processes = self.fit.settings, self.trainer.world_size
        total = batch[2].sum() / processes
        parts = max(1, min(self.progress.parts, len(batch[2]) // processes // 2))
        sums = torch.zeros(2, dtype=torch.float64, device=total.device)
        share = batch if processes == 1 else share_of(batch, self.global_rank, processes)
        for images, targets, weights in zip(*(tensor.tensor_split(parts) for tensor in share), strict=True):
            losses = settings.loss.per_cell(self.network(images), targets, label_smoothing=settings.label_smoothing)
            loss = (losses * weights).sum()
            sums += torch.stack([loss.detach(), weights.sum()]).double()
            self.manual_backward(loss / total)
        return sums

    def _check_losses(self, index: int) -> None:
        """Check the losses of the last steps, of which `index` is the last."""
        losses = self._summed(torch.stack(self._unchecked)).tolist()
        self._unchecked.clear()
        for step, loss in enumerate(losses, index + 2 - len(losses)):
            self._check_finite(loss, f"step {step} of epoch {self.progress.epochs + 1}")

    def _summed(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sums over all processes."""
        total: torch.Tensor = self.trainer.strategy.reduce(values.clone(), reduce_op="sum")
        return total

    def on_train_end(self) -> None:
        """Close the logger of a process that ends with the stage."""
        if self.trainer.world_size > 1 and self.fit.log is not None:
            self.fit.log.close()

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
        fit, progress = self.fit, self.progress
        if self._unchecked:
            self._check_losses(len(fit.batches) - 1)
        sums = self._summed(self._sums)
        own = {
            "stage": progress.stage,
            "epoch": progress.epochs,
            "size": fit.network.transform.size[0],
            "training_loss": float(sums[0] / sums[1]),
            **self._validation_scores(),
            "learning_rate": self.optimiser.param_groups[-1]["lr"],
            "seconds": time.perf_counter() - self._began,
        }
        # One process decides, since times and, on GPUs, scores of equal networks differ.
        row = self.trainer.strategy.broadcast(own)
        progress.curves.append(row)
        progress.waited += fit.batches.waited - self._waited
        progress.peak_memory = max(progress.peak_memory, peak_memory(self.device.type))
        if self.average is not None and fit.settings.average.updates_after_epoch(progress.epoch, fit.stage.epochs):
            self.average.update_parameters(self.network)
        progress.epoch += 1
        self._choose(fit.settings.score(row))
        progress.seconds += row["seconds"]
        self._end_early()
        progress.network = self.network.state_dict()
        progress.optimiser = self.optimiser.state_dict()
        progress.average = {} if self.average is None else self.average.state_dict()
        if self.trainer.is_global_zero:
            progress.save(fit.folder)
            if fit.log is not None:
                fit.log.write(row)
        fit.batches.set_epoch(progress.epochs)
        if fit.report is not None:
            fit.report(row)

    def _validation_scores(self) -> dict[str, float]:
        """Score the validation part; the loss is the cross-entropy without label smoothing."""
        if not self._outputs:
            return {"validation_loss": math.nan, "validation_auroc": math.nan}
        logits, targets, weights = (torch.cat(parts) for parts in zip(*self._outputs, strict=True))
        losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        loss = float((losses * weights).sum() / weights.sum())
        self._check_finite(loss, f"the validation of epoch {self.progress.epochs + 1}")
        auroc = weighted_auroc(logits.softmax(dim=1).numpy(), targets.numpy(), weights.numpy())
        return {"validation_loss": loss, "validation_auroc": auroc}

    def _choose(self, score: float) -> None:
        """Keep the weights of the epoch if it is the best so far, or the last one is wanted."""
        progress, last = self.progress, self.fit.settings.select == "last"
        progress.stale = 0 if score > progress.stage_best else progress.stale + 1
        progress.stage_best = max(score, progress.stage_best)
        if last or score > progress.best:
            progress.best, progress.chosen = score, progress.epochs - 1
            progress.chosen_weights = _copied(self._chosen_network())

    def _chosen_network(self) -> torch.nn.Module:
        """Return the network whose weights are used if the training ends here."""
        average = self.fit.settings.average
        if self.average is None or not average.updates_after_epoch(self.progress.epoch - 1, self.fit.stage.epochs):
            return self._evaluated()
        if average.recompute_batch_norms and self.fit.settings.bn != "frozen":
            recompute_batch_norms(self.average.module, self._images())
        return self.average.module

    def _images(self) -> Iterator[torch.Tensor]:
        """Yield the training images of the epoch again."""
        return (images.to(self.device) for images, _, _ in self.fit.batches)

    def _end_early(self) -> None:
        """End the stage without improvement, or the training at the end of its time."""
        progress, settings = self.progress, self.fit.settings
        if settings.minutes is not None and progress.seconds > 60 * settings.minutes:
            progress.stopped = f"minutes={settings.minutes}"
        progress.stage_ended = bool(progress.stopped) or 0 < settings.patience <= progress.stale
        self.trainer.should_stop = progress.stage_ended

    def _check_finite(self, loss: float, where: str) -> None:
        if not math.isfinite(loss):
            raise ValueError(
                f"the loss became {loss} in {where}: the training diverged; lower learning_rate (the largest is "
                f"{max(self.progress.rates):.3g})"
            )


def _copied(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copy the state of a module to the CPU."""
    state: dict[str, Any] = module.state_dict()
    return {key: value.detach().to("cpu", copy=True) for key, value in state.items()}
