"""Base class of the estimators that train a network on cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import check_random_state

from extractors.arrays import Float32Array, Int64Array
from extractors.cell_selection import select_cells
from extractors.cells import Cell
from extractors.component import component
from extractors.grouped_splits import Cv, Split, checked_splits
from extractors.networks.devices import resolved_device
from extractors.networks.training.class_balance import cell_weights
from extractors.networks.training.holdout import patient_holdout
from extractors.networks.training.network_spec import NetworkSpec, network_names
from extractors.networks.training.options import TrainingOptions
from extractors.networks.training.part import Part
from extractors.networks.training.settings import Settings
from extractors.networks.training.test_time import TTA


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
    weights_dir : str, Path or None
        A folder of weights, searched first.
    checkpoint_dir : str, Path or None
        Folder in which `fit` saves its last complete epoch, and from which a killed `fit` resumes.

    Attributes
    ----------
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
    weights_dir: Any = None
    checkpoint_dir: Any = None

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
        try:
            self.full_name()
        except ValueError as error:
            name = self.model_parameter
            raise ValueError(f"{name}={getattr(self, name)}: {error}") from error
        if isinstance(self.threads, bool) or not isinstance(self.threads, int) or self.threads < 1:
            raise ValueError(f"threads must be at least 1 and a whole number; it is {self.threads}")
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

    def views(self) -> Any:
        """Return the test-time augmentation."""
        return component(self.tta, TTA, "tta")

    def train(self, X: Sequence[Cell], y: npt.ArrayLike, groups: npt.ArrayLike | None) -> npt.NDArray[Any]:
        """Train the network; set the attributes of this class and return the classes in sort order.

        Raises
        ------
        ValueError
            A parameter is out of range, there are fewer than two classes, lengths differ, a class has fewer than two
            patients where patients are held out, a split divides a patient or has no cells of some class in its
            training part, a mask is empty, an image is too small, or the loss is no longer finite.
        OSError
            A cell or the weights cannot be read.
        """
        from extractors.networks.training.fitting import Surroundings, fit_network  # noqa: PLC0415 - heavy

        self.validate_parameters()
        classes, codes = _codes(y, len(X))
        units = _units(groups, len(X))
        settings, seed = self.settings(), int(check_random_state(self.random_state).randint(2**31 - 1))
        inner, outer = self._split(classes[codes], units, settings, seed)
        if settings.holds_out and settings.monitor == "auroc":
            _check_auroc(classes, codes[outer])
        training = Part(
            select_cells(X, inner),
            codes[inner],
            _float32(cell_weights(codes[inner], settings.balance)),
            settings.balance,
        )
        validation = Part(select_cells(X, outer), codes[outer], _unit_weights(units[outer])) if len(outer) else None
        surroundings = Surroundings(
            seed=seed,
            threads=self.threads,
            device=resolved_device(self.device),
            weights_dir=self.weights_dir,
            folder=None if self.checkpoint_dir is None else Path(self.checkpoint_dir),
        )
        network = fit_network(
            self.spec(), settings, training, validation, n_classes=len(classes), surroundings=surroundings
        )
        self.network_, self.curves_, self.finder_ = network, network.curves, network.finder
        self.training_, self.weights_sha256_ = network.training, network.weights_sha256
        self.weights_, self.mean_, self.std_ = network.weights, network.mean, network.std
        return classes

    def weights_file(self) -> Path | None:
        """Return the file of the initial weights, None for random ones, without importing torch.

        Raises
        ------
        ValueError, FileNotFoundError
            As `NetworkSpec.weights_file`.
        """
        return self.spec().weights_file(self.weights_dir)

    def full_name(self) -> str:
        """Return the name of the network with the tag of its initial weights; resolves `default`.

        Raises
        ------
        ValueError
            Unknown model or tag.
        """
        return self.spec().full_name()

    def _split(self, labels: npt.NDArray[Any], units: npt.NDArray[Any], settings: Settings, seed: int) -> Split:
        """Return the rows of the training and of the validation part, which is empty if nothing is held out."""
        if not settings.holds_out:
            return np.arange(len(labels)), np.arange(0)
        if self.cv is None:
            return patient_holdout(labels, units, seed=seed)
        return next(checked_splits(self.cv, np.zeros((len(labels), 1)), labels, units))


def _codes(y: npt.ArrayLike, n_cells: int) -> tuple[npt.NDArray[Any], Int64Array]:
    """Return the classes in sort order and the class code of each cell."""
    labels = np.asarray(y)
    if labels.shape != (n_cells,):
        raise ValueError(f"{n_cells} cells and labels of shape {labels.shape}; one label for each cell is expected")
    if not n_cells:
        raise ValueError("there is no training cell")
    _check_values(labels, "labels")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"only one class, {classes[0]!s}, is among the {n_cells} training cells; at least two are needed"
        )
    return classes, codes.astype(np.int64)


def _units(groups: npt.ArrayLike | None, n_cells: int) -> npt.NDArray[Any]:
    units = np.arange(n_cells) if groups is None else np.asarray(groups)
    if units.shape != (n_cells,):
        raise ValueError(f"groups has the shape {units.shape}; one patient for each of the {n_cells} cells is expected")
    _check_values(units, "groups")
    return units


def _check_values(values: npt.NDArray[Any], name: str) -> None:
    """Check that labels or groups are complete and can be sorted."""
    missing = np.flatnonzero(pd.isna(values))
    if len(missing):
        raise ValueError(f"{name}: the value of cell {missing[0]} is missing")
    kinds = {type(value).__name__ for value in values.tolist()}
    if len(kinds) > 1 and str in map(type, values.tolist()):
        raise ValueError(f"{name} has values of the types {', '.join(sorted(kinds))}; use one type")


def _check_auroc(classes: npt.NDArray[Any], codes: Int64Array) -> None:
    """Check that the validation part has cells of every class and of another one."""
    absent = np.setdiff1d(np.arange(len(classes)), codes)
    if len(absent):
        raise ValueError(
            f"monitor=auroc: the validation part has no cell of class {classes[absent[0]]}, so there is no AUROC; use "
            "monitor=loss or fewer folds"
        )


def _unit_weights(units: npt.NDArray[Any]) -> Float32Array:
    """Return weights by which the cells of each unit sum to 1."""
    _, codes, counts = np.unique(units, return_inverse=True, return_counts=True)
    return _float32(1.0 / counts[codes])


def _float32(values: npt.NDArray[np.float64]) -> Float32Array:
    return values.astype(np.float32)
