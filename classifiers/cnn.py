"""End-to-end networks as scikit-learn classifiers of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import softmax
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Floats, ProbabilityClassifier
from extractors.cells import Cell
from extractors.networks.devices import resolved_device
from extractors.networks.training.network_estimator import NetworkEstimator
from extractors.networks.training.tie import tie_constant, tied_weight_decay


@dataclass(eq=False, repr=False, kw_only=True)
class Cnn(NetworkEstimator, ProbabilityClassifier):
    """A network trained end to end, with early stopping and choice of the epoch on held-out patients.

    Parameters
    ----------
    arch : str or tuple of str
        A network of timm or torchvision, or one of this project: `small`, `unnithan`, `allnet`, `rezayi`, `vgg16_eca`,
        `cnn_rnn`, `dct_lstm`, `joined`. Networks joined by `+` share a head on their concatenated features.
    **options
        Those of `extractors.networks.training.network_estimator.NetworkEstimator` and
        `extractors.networks.training.options.TrainingOptions`.
    """

    consumes: ClassVar[str] = "cells"
    model_parameter: ClassVar[str] = "arch"
    joined: ClassVar[tuple[str, ...]] = (*NetworkEstimator.joined, "arch")
    arch: Any = "small"

    def predict_proba(self, X: Sequence[Cell]) -> Floats:
        """Predict class probabilities: float64, shape (n, n_classes), columns as `classes_`, rows summing to 1."""
        check_is_fitted(self)
        logits = self.network_.logits(X, self.views(), threads=self.threads, device=resolved_device(self.device))
        return np.asarray(softmax(logits.astype(np.float64), axis=1))

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Draw learning rate, weight decay and dropout from an Optuna `trial`.

        With `tie=lr_wd` the weight decay follows from the learning rate.
        """
        learning_rate = trial.suggest_float("learning_rate", 1e-6, 1e-2, log=True)
        drawn = {"learning_rate": learning_rate, "dropout": trial.suggest_float("dropout", 0.1, 0.7)}
        if self.tie == "none":
            return drawn | {"weight_decay": trial.suggest_float("weight_decay", 1e-6, 0.8, log=True)}
        settings = self.settings()
        size, momentum = settings.batch_size, settings.momentum
        rate = float(settings.learning_rate)
        constant = tie_constant(rate, settings.weight_decay, batch_size=size, momentum=momentum)
        tied = tied_weight_decay(constant, learning_rate, batch_size=size, momentum=momentum)
        return drawn | {"weight_decay": tied}
