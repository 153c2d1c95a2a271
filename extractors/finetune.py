"""Pooled features of a network that is fine-tuned on the training cells of each fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from extractors.arrays import Float32Array
from extractors.cells import Cell
from extractors.inner_fits import INNER, OUT_OF_FOLD
from extractors.networks.devices import resolved_device
from extractors.networks.training.network_estimator import NetworkEstimator


@dataclass(eq=False, repr=False, kw_only=True)
class Finetune(NetworkEstimator, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Features of a network after fine-tuning.

    The network is trained end to end with its head, as the classifier `cnn`; the pooled features that enter the head
    are the result, for any classifier of features.

    Parameters
    ----------
    backbone : str or tuple of str
        As `arch` of `classifiers.cnn.Cnn`.
    inner : {"out-of-fold", "holdout", "naive"}
        From which network the inner predictions come by which the engine tunes a classifier, calibrates and chooses
        the threshold. A classifier that is scored on cells that its network was trained on looks better than it is.
        `out-of-fold`: one network per inner fold, trained without the cells that are predicted. `holdout`: one network
        per outer fold, trained without the patients of one inner fold, on which alone inner predictions are made.
        `naive`: one network that was trained on the cells of the inner predictions too; optimistic, for tests of that
        optimism only.

    Other parameters and attributes are those of `extractors.networks.training.network_estimator.NetworkEstimator` and
    `extractors.networks.training.options.TrainingOptions`.
    """

    model_parameter: ClassVar[str] = "backbone"
    joined: ClassVar[tuple[str, ...]] = (*NetworkEstimator.joined, "backbone")
    backbone: Any = "efficientnet_b0"
    inner: str = OUT_OF_FOLD

    def validate_parameters(self) -> None:
        """Check all parameters, without importing torch.

        Raises
        ------
        ValueError
            A parameter is not known or out of range.
        """
        if self.inner not in INNER:
            raise ValueError(f"inner={self.inner} is not known; it is one of {', '.join(INNER)}")
        super().validate_parameters()

    def transform(self, X: Sequence[Cell]) -> Float32Array:
        """Compute the pooled features of each cell.

        Returns
        -------
        ndarray of float32, shape (n, width)
            Always finite.

        Raises
        ------
        ValueError
            A cell does not suit the network, or has a feature that is NaN or infinite.
        OSError
            A cell cannot be read.
        """
        check_is_fitted(self)
        features = self.network_.features(X, self.views(), threads=self.threads, device=resolved_device(self.device))
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            cell = X[int(np.argmin(finite))]
            raise ValueError(f"cell {cell.id}: its feature by {self.backbone} contains NaN or infinity")
        return features

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names `BACKBONE_0000`, ... of the features."""
        check_is_fitted(self)
        name = self.backbone if isinstance(self.backbone, str) else "+".join(self.backbone)
        return np.array([f"{name}_{index:04d}" for index in range(self.network_.width)], dtype=object)
