"""End-to-end convolutional network as a scikit-learn classifier of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Floats, ProbabilityClassifier, Units, class_codes, seed_of, units_of_rows
from classifiers.inner_splits import Cv, Split, checked_splits
from classifiers.weighting import unit_weights
from extractors.cells import Cell
from extractors.networks.architectures.mask_crop import MaskCrop
from extractors.networks.architectures.small_cnn import small_network
from extractors.networks.training.augmentation import CellAugmentation, to_unit_scale
from extractors.networks.training.data import LabelledPixels, channel_statistics, normalise, pixel_stack
from extractors.networks.training.holdout import patient_holdout
from extractors.networks.training.loop import Schedule, train
from extractors.networks.training.threads import torch_threads

if TYPE_CHECKING:
    import torch

PREDICTION_BATCH = 64


@dataclass(eq=False, repr=False, kw_only=True)
class Cnn(ProbabilityClassifier):
    """Four convolutions trained from random weights, with early stopping on held-out patients.

    Cells are cropped to their mask, padded to a square and resized; the channel statistics come from the training
    part alone. The training loss weights cells by `class_weight`. Early stopping monitors the log loss in which each
    patient of the validation part has weight 1 and each of its n cells 1/n. The weights of the best epoch are restored.

    Parameters
    ----------
    size : int
        Side of the input in pixels, at least 16.
    width : int
        Channels of the first block; each of the following three doubles them.
    dropout : float
        Dropout rate before the last layer, 0 <= dropout < 1.
    epochs : int
        Largest number of epochs.
    patience : int
        Epochs without a lower validation loss after which training stops.
    learning_rate, weight_decay : float
        Parameters of AdamW; the learning rate decreases along a half cosine.
    batch_size : int
        Largest number of cells in a step, at least 2.
    augment : bool
        Whether to augment the training cells by random flips and quarter turns.
    jitter : float
        Standard deviation of the logarithm of the random gains, of the image and of each channel, that vary brightness
        and stain of the training cells; 0: none.
    class_weight : "balanced", dict or None
        As in scikit-learn, on the training part.
    cv : None, splitter or iterable of (train, test) index pairs
        Its first split gives the validation part. None: a fifth of the patients of each class (`groups`; without
        them each cell is its own patient).
    random_state : int, RandomState or None
        Seed of initial weights, order, augmentation, dropout and the validation part. The same integer, machine and
        `threads` give the same predictions, bit for bit.
    threads : int
        Threads of torch and of the decoder.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The labels in sort order.
    history_ : dict of str to list of float
        `"training"` and `"validation"`: the weighted log loss of each epoch, in nats.
    best_epoch_ : int
        Index of the epoch whose weights are restored.
    weights_ : dict of str to ndarray
        Weights of the network.
    mean_, std_ : ndarray of float32, shape (3,)
        Channel statistics of the training part, on the scale 0 to 1.
    """

    consumes: ClassVar[str] = "cells"
    size: int = 64
    width: int = 16
    dropout: float = 0.2
    epochs: int = 30
    patience: int = 5
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    batch_size: int = 32
    augment: bool = True
    jitter: float = 0.1
    class_weight: Any = "balanced"
    cv: Cv = None
    random_state: Any = None
    threads: int = 1

    def fit(self, X: Sequence[Cell], y: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Cnn:
        """Train the network.

        Parameters
        ----------
        X : sequence of Cell, length n
        y : array-like, shape (n,)
            At least two classes.
        groups : array-like, shape (n,), optional
            Split unit of each cell. Default: each cell is its own.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            A parameter is out of range, there are fewer than two classes, lengths differ, a class has fewer than two
            patients (`cv=None`), a split divides a patient or has no cells of some class in its training part, a mask
            is empty, or the loss is no longer finite.
        OSError
            A cell cannot be read.
        """
        self._check_parameters()
        labels = np.asarray(y)
        if len(X) != len(labels):
            raise ValueError(f"{len(X)} cells and {len(labels)} labels; one label for each cell is expected")
        self.classes_, targets = class_codes(labels)
        units = units_of_rows(groups, len(X))
        seed = seed_of(self.random_state)
        inner, outer = self._first_split(labels, units, seed)
        pixels = pixel_stack(X, MaskCrop(self.size), threads=self.threads)
        self.mean_, self.std_ = channel_statistics(pixels[inner])
        weights = np.ones(len(targets))
        weights[inner] = compute_sample_weight(self.class_weight, labels[inner])
        weights[outer] = unit_weights(units[outer])
        training, validation = (
            LabelledPixels(pixels[rows], targets[rows].astype(np.int64), weights[rows].astype(np.float32))
            for rows in (inner, outer)
        )
        self._train(training, validation, seed)
        return self

    def predict_proba(self, X: Sequence[Cell]) -> Floats:
        """Predict class probabilities: float64, shape (n, n_classes), columns as `classes_`, rows summing to 1."""
        import torch  # noqa: PLC0415 - heavy

        check_is_fitted(self)
        pixels: Any = torch.from_numpy(pixel_stack(X, MaskCrop(self.size), threads=self.threads))
        with torch.random.fork_rng(devices=[]):
            network = self._network()
        network.load_state_dict({key: torch.from_numpy(value) for key, value in self.weights_.items()})
        network.to(memory_format=torch.channels_last).eval()
        with torch_threads(self.threads), torch.inference_mode():
            logits = [
                network(normalise(to_unit_scale(batch), (self.mean_, self.std_)))
                for batch in pixels.split(PREDICTION_BATCH)
            ] or [torch.empty(0, len(self.classes_))]
            probabilities = torch.cat(logits).double().softmax(dim=1).numpy()
        return np.asarray(probabilities, dtype=np.float64)

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Draw parameters from an Optuna `trial`."""
        return {
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.6),
            "jitter": trial.suggest_float("jitter", 0.0, 0.3),
            "width": trial.suggest_categorical("width", [8, 16, 32]),
        }

    def _network(self) -> torch.nn.Module:
        return small_network(len(self.classes_), width=self.width, dropout=self.dropout)

    def _train(self, training: LabelledPixels, validation: LabelledPixels, seed: int) -> None:
        import torch  # noqa: PLC0415 - heavy

        schedule = Schedule(self.epochs, self.patience, self.batch_size, self.learning_rate, self.weight_decay)
        with torch_threads(self.threads), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = self._network()
            history = train(
                network,
                training,
                validation,
                statistics=(self.mean_, self.std_),
                schedule=schedule,
                augmentation=CellAugmentation(self.augment, self.jitter),
                seed=seed,
            )
        self.weights_ = {key: value.contiguous().numpy() for key, value in network.state_dict().items()}
        self.history_ = {"training": history.training, "validation": history.validation}
        self.best_epoch_ = history.best_epoch

    def _first_split(self, labels: npt.NDArray[Any], units: Units, seed: int) -> Split:
        if self.cv is None:
            return patient_holdout(labels, units, seed=seed)
        return next(checked_splits(self.cv, np.zeros((len(labels), 1)), labels, units))

    def _check_parameters(self) -> None:
        minima = {"size": 16, "width": 1, "epochs": 1, "patience": 1, "batch_size": 2, "threads": 1}
        for name, bound in minima.items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name} must be at least {bound}; it is {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1); it is {self.dropout}")
        if not self.learning_rate > 0 or not self.weight_decay >= 0 or not self.jitter >= 0:
            raise ValueError("learning_rate must be positive, weight_decay and jitter non-negative")
