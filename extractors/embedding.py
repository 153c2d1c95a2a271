"""Frozen networks as extractors: each cell's pooled feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin

from extractors.cells import Cell
from extractors.networks.backbones import Backbone, load_backbone
from extractors.networks.threads import torch_threads
from extractors.networks.weights import weights_file

if TYPE_CHECKING:
    import torch


class Embedding(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The pooled feature of a frozen timm or torchvision network; nothing is learned from the cells.

    The whole frame is resized, cropped and standardised as the weights' own data configuration says, by the route of
    a plain timm evaluation (Pillow). Images smaller than the network's input are enlarged.

    Parameters
    ----------
    model : str
        Any timm model, or a torchvision classification model that timm lacks; with or without `.tag`.
    weights : str
        `"default"` (the library's choice), `"random"` (a fixed seed made of the model's name), a tag, or the path of
        a safetensors file.
    pool : {"avg", "max", "avg+max", "cls"}
        How the last map, or the patch tokens, become one vector; `cls` takes the class token of a transformer.
    weights_dir : str or Path, optional
        A folder of files named `MODEL.safetensors` or `MODEL.TAG.safetensors`; looked into first.
    threads : int
        Threads of torch; as many more decode the next batch meanwhile.

    Notes
    -----
    Cells go through the network in batches of `BATCH`, counted from the first. The bits of a feature depend on the
    shape of its batch, so shards of a multiple of `BATCH` cells give the same matrix as one call.
    """

    BATCH: ClassVar[int] = 16
    not_identity: ClassVar[tuple[str, ...]] = ("weights_dir", "threads")
    """Parameters that say where and how fast, not what."""

    def __init__(
        self,
        model: str = "efficientnet_b0",
        *,
        weights: str = "default",
        pool: str = "avg",
        weights_dir: Any = None,
        threads: int = 1,
    ) -> None:
        self.model = model
        self.weights = weights
        self.pool = pool
        self.weights_dir = weights_dir
        self.threads = threads

    def fit(self, X: Sequence[Cell], y: Any = None, groups: Any = None) -> Embedding:
        """Nothing is fitted; returns itself."""
        return self

    def transform(self, X: Sequence[Cell]) -> npt.NDArray[np.float32]:
        """The feature of each cell.

        Parameters
        ----------
        X : sequence of Cell, length n

        Returns
        -------
        ndarray of float32, shape (n, width)
            Always finite.

        Raises
        ------
        ValueError
            Unknown model, tag or pooling; weights that do not fit; a cell whose feature is NaN or infinite.
        OSError
            No weights (the message says what was tried), or a cell that cannot be read.
        """
        with torch_threads(self.threads):
            backbone = self._backbone()
            features = np.empty((len(X), backbone.width), dtype=np.float32)
            start = 0
            for batch in self._batches(X, backbone):
                features[start : start + len(batch)] = backbone.features(batch).numpy()
                start += len(batch)
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            cell = X[int(np.argmin(finite))]
            raise ValueError(f"cell {cell.id}: its embedding by {self.model} holds NaN or infinity")
        return features

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """`MODEL_0000`, ... one for each number of the feature; loads the network."""
        with torch_threads(self.threads):
            width = self._backbone().width
        return np.array([f"{self.model}_{index:04d}" for index in range(width)], dtype=object)

    def weights_file(self) -> Path | None:
        """The file that the weights are read from, None for random ones; found without importing torch.

        Raises
        ------
        ValueError
            Unknown model or tag.
        FileNotFoundError
            No weights; the message tells what was tried and what to do.
        """
        return weights_file(self.model, self.weights, self.weights_dir)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

    def _backbone(self) -> Backbone:
        return load_backbone(self.model, weights=self.weights, pool=self.pool, weights_dir=self.weights_dir)

    def _batches(self, X: Sequence[Cell], backbone: Backbone) -> Iterator[torch.Tensor]:
        """Uint8 batches in order; while one is computed the next is decoded, never more."""
        import torch  # noqa: PLC0415 - heavy

        def shrunk(index: int) -> torch.Tensor:
            return backbone.shrink(Image.fromarray(X[index].image))

        with ThreadPoolExecutor(max_workers=self.threads) as pool:

            def submit(start: int) -> list[Future[torch.Tensor]]:
                return [pool.submit(shrunk, index) for index in range(start, min(start + self.BATCH, len(X)))]

            waiting = submit(0)
            for start in range(0, len(X), self.BATCH):
                ready = torch.stack([future.result() for future in waiting])
                waiting = submit(start + self.BATCH)
                yield ready
