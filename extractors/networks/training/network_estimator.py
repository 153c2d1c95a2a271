"""Base class of the estimators that train a network on cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from extractors.arrays import Float64Array, IntpArray
from extractors.cell_selection import select_cells
from extractors.cells import Cell
from extractors.component import component
from extractors.epoch_scores import OnEpoch
from extractors.grouped_splits import Cv, Split, checked_splits
from extractors.labelled_rows import class_codes, labels_of_rows, unit_weights, units_of_rows
from extractors.networks.devices import check_gpus, resolved_device
from extractors.networks.foundation.packages import check_package, package_version
from extractors.networks.training.class_balance import cell_weights
from extractors.networks.training.epoch_log import EpochLog
from extractors.networks.training.holdout import patient_holdout
from extractors.networks.training.logger_spec import Scalar
from extractors.networks.training.network_spec import NetworkSpec, network_names
from extractors.networks.training.options import TrainingOptions
from extractors.networks.training.part import Part
from extractors.networks.training.settings import Settings
from extractors.networks.training.several_devices import STRATEGIES
from extractors.networks.training.test_time import TTA, Views
from extractors.networks.weights.resolve import config_digest
from extractors.random_state import random_seed


@dataclass(eq=False, repr=False, kw_only=True)
class NetworkEstimator(TrainingOptions):
    """Training of a network with held-out patients; see the subclasses.

    Parameters
    ----------
    cv : None, splitter or iterable of (train, test) index pairs
        Its first split gives the validation part. None: a fifth of the patients of each class (`groups`; without
        them each cell is its own patient). Not used if nothing is held out (`patience=0` with `select=last`).
    random_state : int, RandomState or None
        Seed of initial weights, order, augmentation, dropout and the validation part. The same integer, machine and
        `threads` give the same results on the CPU, bit for bit.
    threads : int
        Threads of torch and of the decoder.
    device : {"auto", "cpu", "cuda"}
        `auto` is the GPU if there is one.
    gpus_per_fit : int
        GPUs that share each batch; above 1, `device` is a GPU.
    gpu_strategy : str
        Lightning's strategy for several GPUs, one of `extractors.networks.training.several_devices.STRATEGIES`.
    weights_dir : str, Path or None
        A folder of weights, searched first.
    checkpoint_dir : str, Path or None
        Folder in which `fit` saves its last complete epoch, and from which a killed `fit` resumes.
    logger : LoggerSpec or None
        A Lightning logger to which `fit` writes each epoch; it does not change the result.
    on_epoch : callable or None
        Called after each complete epoch with its number, from 0 over all stages, and its validation score by `monitor`
        (the loss with a minus sign), which is of held-out patients of `fit`; not called if nothing is held out. A
        resumed `fit` calls it first for the saved epochs. It may raise `extractors.epoch_scores.EndFit`, which removes
        the saved epoch; otherwise the result of `fit` does not depend on it.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The labels in sort order.
    network_ : TrainedNetwork
        The trained network.
    curves_, finder_ : DataFrame
        Epochs and learning-rate searches; see `TrainedNetwork`.
    training_ : dict
        Costs of network and training; see `TrainedNetwork`.
    weights_ : dict of str to ndarray
        Weights of the network.
    mean_, std_ : ndarray of float32, shape (3,)
        Channel statistics by which pixels / 255 are normalised.
    weights_sha256_ : str or None
        Digest of the file of the initial weights; None: random.
    """

    cv: Cv = None
    random_state: Any = None
    threads: int = 1
    device: str = "auto"
    gpus_per_fit: int = 1
    gpu_strategy: str = STRATEGIES[0]
    weights_dir: Any = None
    checkpoint_dir: Any = None
    logger: Any = None
    on_epoch: OnEpoch | None = None

    model_parameter: ClassVar[str] = ""
    """Name of the parameter that names the network."""

    def validate_parameters(self) -> None:
        """Check all parameters, without importing torch.

        Raises
        ------
        ValueError
            A parameter is not known or out of range, or contradicts another.
        """
        settings = self.settings()
        for size in (self.size, *(stage.size for stage in settings.stages if stage.size is not None)):
            replace(self.spec(), size=size)
        for stage in settings.stages:
            replace(self.spec(), crop=stage.crop)
        try:
            self.full_name()
            for network in self.spec().names:
                check_package(network)
        except ValueError as error:
            name = self.model_parameter
            raise ValueError(f"{name}={getattr(self, name)}: {error}") from error
        for name in ("threads", "gpus_per_fit"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ValueError(f"{name} must be at least 1 and a whole number; it is {number}")
        if self.gpu_strategy not in STRATEGIES:
            raise ValueError(f"gpu_strategy={self.gpu_strategy} is not known; it is one of {', '.join(STRATEGIES)}")
        if not (self.on_epoch is None or callable(self.on_epoch)):
            raise ValueError(f"on_epoch={self.on_epoch} is not valid; it is a function of epoch and score, or None")
        self.views()

    def spec(self) -> NetworkSpec:
        """Return the specification of the network.

        Raises
        ------
        ValueError
            A parameter is not known or out of range.
        """
        return NetworkSpec(
            arch=network_names(getattr(self, self.model_parameter), self.model_parameter),
            weights=self.weights,
            head=self.head,
            dropout=self.dropout,
            lora=self.lora,
            layer=self.layer,
            pool=self.pool,
            size=self.size,
            view=self.view,
        )

    @property
    def holds_out(self) -> bool:
        """Whether `fit` holds cells out, on which it chooses the epoch."""
        return self.settings().holds_out

    def views(self) -> Views:
        """Return the test-time augmentation."""
        views: Views = component(self.tta, TTA, "tta")
        return views

    def fit(self, X: Sequence[Cell], y: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Self:
        """Train the network on labelled cells.

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
            patients where patients are held out, a split divides a patient or has no cells of some class in its
            training part, a mask is empty, an image is too small, the loss is no longer finite, or the logger fails.
        OSError
            A cell or the weights cannot be read.
        EndFit
            From `on_epoch`.
        """
        from extractors.networks.training.fitting import Surroundings, fit_network  # noqa: PLC0415 - heavy

        self.validate_parameters()
        classes, codes = class_codes(labels_of_rows(y, len(X)))
        units = units_of_rows(groups, len(X))
        device = resolved_device(self.device)
        check_gpus(self.gpus_per_fit, device)
        settings, seed = self.settings(), random_seed(self.random_state)
        inner, outer = self._split(classes[codes], units, settings, seed)
        if settings.holds_out and settings.monitor == "auroc":
            _check_auroc(classes, codes[outer])
        training = _part(X, inner, codes, cell_weights(codes[inner], settings.balance), settings.balance)
        validation = _part(X, outer, codes, unit_weights(units[outer]), "none") if len(outer) else None
        surroundings = Surroundings(
            seed=seed,
            threads=self.threads,
            device=device,
            devices=self.gpus_per_fit,
            strategy=self.gpu_strategy,
            weights_dir=self.weights_dir,
            folder=None if self.checkpoint_dir is None else Path(self.checkpoint_dir),
            log=None if self.logger is None else EpochLog(self.logger, self._hyperparameters(seed)),
            on_epoch=self.on_epoch,
        )
        network = fit_network(
            self.spec(), settings, training, validation, n_classes=len(classes), surroundings=surroundings
        )
        self.classes_ = classes
        self.network_, self.curves_, self.finder_ = network, network.curves, network.finder
        self.training_, self.weights_sha256_ = network.training, network.weights_sha256
        self.weights_, self.mean_, self.std_ = network.weights, network.mean, network.std
        return self

    def restore(
        self,
        weights: Mapping[str, npt.NDArray[Any]],
        *,
        classes: Sequence[str],
        mean: npt.ArrayLike,
        std: npt.ArrayLike,
        size: int | None = None,
        crop: int | None = None,
    ) -> Self:
        """Set the fitted attributes from a stored network instead of training it.

        Predictions are those of the training, bit for bit, on the same machine and with the same number of threads.
        `curves_`, `finder_`, `training_` and `weights_sha256_` are not set.

        Parameters
        ----------
        weights : mapping of str to ndarray
            Attribute `weights_` of the trained estimator, which had the same parameters.
        classes : sequence of str
            Its labels in sort order.
        mean, std : array-like of float, shape (3,)
            Its `mean_` and `std_`.
        size : int, optional
            Side of its input after stages of several sizes. Default: the parameter `size`.
        crop : int, optional
            Side of the square of the frame that it sees after stages of several crops. Default: the whole frame.

        Raises
        ------
        ValueError
            A parameter is not valid, or the weights are not those of such a network.
        """
        from extractors.networks.training.trained_network import TrainedNetwork  # noqa: PLC0415 - heavy

        self.validate_parameters()
        spec = replace(self.spec(), size=self.size if size is None else size, crop=crop)
        self.mean_, self.std_ = (np.asarray(values, dtype=np.float32) for values in (mean, std))
        self.network_ = TrainedNetwork.restored(spec, len(classes), dict(weights), mean=self.mean_, std=self.std_)
        self.classes_, self.weights_ = np.array(classes), self.network_.weights
        return self

    def weights_file(self) -> Path | None:
        """Return the file of the initial weights, None for random ones, without importing torch.

        Raises
        ------
        ValueError, FileNotFoundError
            As `NetworkSpec.weights_file`.
        """
        return self.spec().weights_file(self.weights_dir)

    def config_digest(self) -> str | None:
        """Return the digest of the `config.json` of a network of a hub or a folder; None for other networks.

        Raises
        ------
        ValueError
            It is not a configuration that can be used.
        OSError
            It is not available.
        """
        return config_digest("+".join(self.spec().names))

    def package_version(self) -> str | None:
        """Return the version of the optional package that the network is built by; None if it needs none."""
        return package_version(self.spec().names)

    def full_name(self) -> str:
        """Return the name of the network with the tag of its initial weights; resolves `default`.

        Raises
        ------
        ValueError
            Unknown model or tag.
        """
        return self.spec().full_name()

    def _hyperparameters(self, seed: int) -> dict[str, Scalar]:
        """Return the parameters of network and training with the values of the preset, and the seed, for a logger."""
        name = self.model_parameter
        values = {name: getattr(self, name), **self._resolved(), "random_state": seed}
        return {name: value if isinstance(value, Scalar) else _text(value) for name, value in values.items()}

    def _split(self, labels: npt.NDArray[Any], units: npt.NDArray[Any], settings: Settings, seed: int) -> Split:
        """Return the rows of the training and of the validation part, which is empty if nothing is held out."""
        if not settings.holds_out:
            return np.arange(len(labels)), np.arange(0)
        if self.cv is None:
            return patient_holdout(labels, units, seed=seed)
        return next(checked_splits(self.cv, np.zeros((len(labels), 1)), labels, units))


def _check_auroc(classes: npt.NDArray[Any], codes: IntpArray) -> None:
    """Check that the validation part has cells of every class and of another one."""
    absent = np.setdiff1d(np.arange(len(classes)), codes)
    if len(absent):
        raise ValueError(
            f"monitor=auroc: the validation part has no cell of class {classes[absent[0]]}, so there is no AUROC; use "
            "monitor=loss or fewer folds"
        )


def _text(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _part(X: Sequence[Cell], rows: IntpArray, codes: IntpArray, weights: Float64Array, balance: str) -> Part:
    return Part(select_cells(X, rows), codes[rows].astype(np.int64), weights.astype(np.float32), balance)
