"""A trained network as arrays and tables, and what it computes of cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from extractors.arrays import Float32Array
from extractors.cells import Cell
from extractors.networks.training.network_spec import NetworkSpec
from extractors.networks.training.test_time import Views, mean_logits
from extractors.networks.training.threads import torch_threads

BATCH = 64
"""Cells in a batch of inference."""


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """A trained network.

    Parameters
    ----------
    spec : NetworkSpec
        The network, at the size of the chosen epoch.
    n_classes, width : int
        Length of the logits and of the pooled features.
    weights : dict of str to ndarray
        State of the network.
    mean, std : ndarray of float32, shape (3,)
        Channel statistics by which pixels / 255 are normalised.
    curves : DataFrame
        One row per epoch: `stage`, `epoch`, `size`, `training_loss`, `validation_loss`, `validation_auroc`,
        `learning_rate` (of the head, in the last step), `seconds`.
    finder : DataFrame
        `stage`, `learning_rate`, `loss` of each step of the learning-rate finder.
    training : dict
        Chosen epoch, costs of the network, and seconds and peak memory of the training, which differ between equal
        trainings.
    weights_sha256 : str or None
        Digest of the file of the initial weights; None: random.
    """

    spec: NetworkSpec
    n_classes: int
    width: int
    weights: dict[str, npt.NDArray[Any]]
    mean: Float32Array
    std: Float32Array
    curves: pd.DataFrame
    finder: pd.DataFrame
    training: dict[str, Any]
    weights_sha256: str | None

    @classmethod
    def restored(
        cls,
        spec: NetworkSpec,
        n_classes: int,
        weights: dict[str, npt.NDArray[Any]],
        *,
        mean: Float32Array,
        std: Float32Array,
    ) -> TrainedNetwork:
        """Return a trained network from its stored weights, without the records of its training.

        Parameters
        ----------
        spec, n_classes, weights, mean, std
            As those of the network.

        Raises
        ------
        ValueError
            The weights are not those of such a network: a name or a shape differs.
        """
        import torch  # noqa: PLC0415 - heavy

        from extractors.networks.training.network import build_network  # noqa: PLC0415 - heavy

        with torch.random.fork_rng(devices=[]):
            network = build_network(spec, n_classes, load=False)
        try:
            network.module.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
        except (RuntimeError, TypeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ValueError(f"the weights are not those of {spec.arch} with {n_classes} classes: {reason}") from error
        return cls(
            spec=spec,
            n_classes=n_classes,
            width=network.width,
            weights=weights,
            mean=mean,
            std=std,
            curves=pd.DataFrame(),
            finder=pd.DataFrame(),
            training={},
            weights_sha256=None,
        )

    def logits(self, cells: Sequence[Cell], views: Views, *, threads: int, device: str = "cpu") -> Float32Array:
        """Compute the mean logits over the views of each cell.

        Parameters
        ----------
        cells : sequence of Cell, length n
        views : Views
            Test-time augmentation.
        threads : int
            Threads of torch and of the decoder.
        device : {"cpu", "cuda"}

        Returns
        -------
        ndarray of float32, shape (n, n_classes)
        """
        return self._outputs(cells, "logits", views, threads=threads, device=device)

    def features(self, cells: Sequence[Cell], views: Views, *, threads: int, device: str = "cpu") -> Float32Array:
        """Compute the mean pooled features over the views of each cell, shape (n, width); arguments as `logits`."""
        return self._outputs(cells, "features", views, threads=threads, device=device)

    def _outputs(
        self,
        cells: Sequence[Cell],
        what: Literal["logits", "features"],
        views: Views,
        *,
        threads: int,
        device: str,
    ) -> Float32Array:
        import torch  # noqa: PLC0415 - heavy

        with torch_threads(threads), torch.random.fork_rng(devices=[]), torch.inference_mode():
            rows = list(self._batch_outputs(cells, what, views, threads, device))
        return np.concatenate(rows)

    def _batch_outputs(
        self, cells: Sequence[Cell], what: str, views: Views, threads: int, device: str
    ) -> Iterator[Float32Array]:
        import torch  # noqa: PLC0415 - heavy

        from extractors.networks.training.image_batches import ImageBatches  # noqa: PLC0415 - heavy
        from extractors.networks.training.network import build_network  # noqa: PLC0415 - heavy

        with torch.inference_mode(mode=False):  # layers that the feature does not need are recognised by gradients
            network = build_network(self.spec, self.n_classes, load=False)
        network.module.load_state_dict({key: torch.from_numpy(value) for key, value in self.weights.items()})
        module = network.module.to(device).to(memory_format=torch.channels_last).eval()
        forward = module if what == "logits" else module.body
        zeros = np.zeros(len(cells))
        batches = ImageBatches(
            cells,
            network.transform,
            zeros.astype(np.int64),
            zeros.astype(np.float32),
            batch_size=BATCH,
            statistics=(self.mean, self.std),
            threads=threads,
        )
        yield np.zeros((0, self.n_classes if what == "logits" else self.width), dtype=np.float32)
        for images, _, _ in batches:
            outputs = mean_logits(forward, images.to(device), views, batches.fill.to(device))
            yield outputs.float().cpu().numpy()
