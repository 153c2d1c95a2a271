"""The training loop: Lightning, early stopping on held-out patients, restoring the weights of the best epoch."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from extractors.networks.training.augmentation import CellAugmentation
from extractors.networks.training.data import Batch, Batches, LabelledPixels, Statistics
from extractors.quiet_loggers import quiet_loggers

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Schedule:
    """Duration of the training and size of its steps, by AdamW (Loshchilov & Hutter 2019).

    Parameters
    ----------
    epochs : int
        Largest number of passes over the training cells.
    patience : int
        Stop after this many epochs without a lower validation loss.
    batch_size : int
        Largest number of cells in a step.
    learning_rate, weight_decay : float
        Parameters of AdamW; the learning rate decreases to 0 over all epochs along a half cosine.
    """

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float


@dataclass(slots=True)
class History:
    """Losses by epoch.

    Parameters
    ----------
    training, validation : list of float
        Weighted mean loss; the training loss is measured during the updates, with dropout.
    best_epoch : int
        Index of the epoch with the lowest validation loss, whose weights are restored.
    """

    training: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best_epoch: int = -1


def train(
    network: torch.nn.Module,
    training: LabelledPixels,
    validation: LabelledPixels,
    *,
    statistics: Statistics,
    schedule: Schedule,
    augmentation: CellAugmentation | None = None,
    device: str = "cpu",
    seed: int,
) -> History:
    """Minimise the weighted cross-entropy of `network` in place.

    Afterwards it has the weights of its best epoch, in evaluation mode, on the CPU.

    On the CPU, the same seed, arguments and number of torch threads give the same weights, bit for bit.

    Parameters
    ----------
    network : torch.nn.Module
        Float32 (n, 3, height, width) to logits (n, classes).
    training, validation : LabelledPixels
        The caller ensures that the cells of the two parts come from different patients.
    statistics : Statistics
        Those that the network is also evaluated with; they normalise the pixels.
    schedule : Schedule
    augmentation : CellAugmentation, optional
        Applied to training pixels. Default: none.
    device : {"cpu", "cuda"}
        Where the network is trained.
    seed : int
        Of order, augmentation and dropout.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        The loss is no longer finite.
    """
    import torch  # noqa: PLC0415 - heavy
    from pytorch_lightning import Trainer  # noqa: PLC0415 - heavy
    from pytorch_lightning.callbacks import EarlyStopping  # noqa: PLC0415 - heavy
    from pytorch_lightning.plugins.environments import LightningEnvironment  # noqa: PLC0415 - heavy

    history = History()
    module = _training_module(network, schedule, history)
    batches = Batches(training, statistics, schedule.batch_size, augmentation=augmentation, seed=seed)
    validation_batches = Batches(validation, statistics, schedule.batch_size)
    forked: list[int] = [torch.cuda.current_device()] if device == "cuda" else []
    loggers = quiet_loggers("pytorch_lightning", "lightning_fabric")
    with warnings.catch_warnings(action="ignore"), loggers, torch.random.fork_rng(devices=forked):
        torch.manual_seed(seed)
        trainer = Trainer(
            accelerator=device,
            devices=1,
            max_epochs=schedule.epochs,
            callbacks=[EarlyStopping("validation", patience=schedule.patience)],
            plugins=[LightningEnvironment()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(module, batches, validation_batches)
    network.to("cpu").load_state_dict(module.best)
    network.eval()
    return history


def _training_module(network: torch.nn.Module, schedule: Schedule, history: History) -> Any:
    """Create the LightningModule around `network`; the class is local because importing Lightning takes seconds."""
    import torch  # noqa: PLC0415 - heavy
    from pytorch_lightning import LightningModule  # noqa: PLC0415 - heavy

    class TrainingModule(LightningModule):  # type: ignore[misc]  # Lightning is not followed by mypy
        def __init__(self) -> None:
            super().__init__()
            self.network = network.to(memory_format=torch.channels_last)
            self.best: dict[str, torch.Tensor] = {}
            self.total = torch.zeros(2, dtype=torch.float64)

        def _weighted_loss(self, batch: Batch) -> torch.Tensor:
            images, targets, weights = batch
            losses = torch.nn.functional.cross_entropy(self.network(images), targets, reduction="none")
            self.total += torch.stack([(losses.detach() * weights).sum(), weights.sum()]).cpu()
            return (losses * weights).sum() / weights.sum()

        def on_train_epoch_start(self) -> None:
            self.total.zero_()

        def training_step(self, batch: Batch, _: int) -> torch.Tensor:
            loss = self._weighted_loss(batch)
            _check_finite(loss.item(), schedule.learning_rate)
            return loss

        def on_validation_epoch_start(self) -> None:
            history.training.append(float(self.total[0] / self.total[1]))
            self.total.zero_()

        def validation_step(self, batch: Batch, _: int) -> None:
            self._weighted_loss(batch)

        def on_validation_epoch_end(self) -> None:
            loss = float(self.total[0] / self.total[1])
            _check_finite(loss, schedule.learning_rate)
            if not history.validation or loss < min(history.validation):
                history.best_epoch = len(history.validation)
                state = self.network.state_dict()
                self.best = {key: value.detach().to("cpu", copy=True) for key, value in state.items()}
            history.validation.append(loss)
            self.log("validation", loss)

        def configure_optimizers(self) -> Any:
            rate, decay = schedule.learning_rate, schedule.weight_decay
            optimiser = torch.optim.AdamW(self.parameters(), lr=rate, weight_decay=decay)
            return [optimiser], [torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, schedule.epochs)]

    return TrainingModule()


def _check_finite(loss: float, learning_rate: float) -> None:
    if not math.isfinite(loss):
        raise ValueError(
            f"the loss of the network became {loss}: its weights diverged; lower learning_rate (it is {learning_rate})"
        )
