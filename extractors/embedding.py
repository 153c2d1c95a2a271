"""Frozen networks as extractors: each cell's pooled feature."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

from extractors.cells import Cell
from extractors.networks.backbones.backbone import BackboneSpec
from extractors.networks.backbones.pooling import OWN
from extractors.networks.inference.engine import Engine
from extractors.networks.inference.pipeline import shown_images
from extractors.networks.inference.select_engine import open_engine
from extractors.networks.inference.test_time_augmentation import averaged, turned
from extractors.networks.weights.resolve import full_name, weights_file

NORMALIZATIONS = ("none", "l2")


class Embedding(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The pooled feature of a frozen timm or torchvision network; nothing is learned from the cells.

    The whole frame is resized, cropped and standardised as the weights' own data configuration says, bit for bit as a
    plain timm evaluation does. Images smaller than the network's input are enlarged.

    Parameters
    ----------
    model : str
        Any timm model, or a torchvision classification model that timm lacks; with or without `.tag`.
    weights : str
        `"default"` (the library's choice), `"random"` (a fixed seed made of the model's name), a tag, or the path of
        a safetensors file.
    pool : {"default", "avg", "max", "avg+max", "cls", "flatten"}
        How the last map, or the patch tokens, become one vector. `default` is what the network was published with: the
        average for most, the class token (`cls`) for most transformers.
    layer : "last" or int
        The feature stage that is pooled; negative ones count from the end.
    size : "default" or int
        Side in pixels of the square that the network is shown.
    precision : {"f32", "bf16"}
        `bf16` is faster where the hardware has units for it; features then differ by some hundredths of the largest.
    tta : bool
        The mean over the 8 flips and quarter turns of what the network is shown: a cell has no upright position.
    normalize : {"none", "l2"}
        `l2` divides each feature vector by its Euclidean length; a vector of zeros stays as it is.
    engine : {"auto", "openvino", "torch"}
        `auto` is OpenVINO on the processor and torch on a GPU; where OpenVINO cannot compute a network, torch does,
        and `notices_` says so.
    weights_dir : str or Path, optional
        A folder of files named `MODEL.safetensors` or `MODEL.TAG.safetensors`; looked into first.
    threads : int
        Threads that compute; as many more read the next cells meanwhile.
    device : {"auto", "cpu", "cuda"}
        `auto` is the GPU where there is one.

    Attributes
    ----------
    notices_ : tuple of str
        After `transform`: what a person should read once about how the features were computed.

    Notes
    -----
    By OpenVINO the bits of a feature depend on its image alone, neither on the other cells nor on `threads`; by torch
    on the processor they depend on `threads`, on a GPU on the number of cells in a batch.
    """

    joined: ClassVar[tuple[str, ...]] = ("pool",)
    """Parameters whose text is a list joined by `+`: `"avg+max"` is `("avg", "max")`."""

    def __init__(
        self,
        model: str = "efficientnet_b0",
        *,
        weights: str = "default",
        pool: Any = OWN,
        layer: Any = "last",
        size: Any = "default",
        precision: str = "f32",
        tta: bool = False,
        normalize: str = "none",
        engine: str = "auto",
        weights_dir: Any = None,
        threads: int = 1,
        device: str = "auto",
    ) -> None:
        self.model = model
        self.weights = weights
        self.pool = pool
        self.layer = layer
        self.size = size
        self.precision = precision
        self.tta = tta
        self.normalize = normalize
        self.engine = engine
        self.weights_dir = weights_dir
        self.threads = threads
        self.device = device

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
            A parameter, model or tag is unknown; weights that do not fit; a cell that is too small, or whose feature
            is NaN or infinite.
        OSError
            No weights (the message says what was tried), or a cell that cannot be read.
        """
        engine = self._engine()
        features = np.empty((len(X), engine.width), dtype=np.float32)
        with closing(shown_images(X, engine.view, threads=self.threads)) as images:
            rows = averaged(engine.features(turned(images))) if self.tta else engine.features(images)
            for index, row in zip(range(len(X)), rows, strict=True):
                features[index] = row
        self.notices_ = engine.notices
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            cell = X[int(np.argmin(finite))]
            raise ValueError(f"cell {cell.id}: its embedding by {self.model} holds NaN or infinity")
        return _unit_length(features) if self.normalize == "l2" else features

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """`MODEL_0000`, ... one for each number of the feature; opens the network."""
        return np.array([f"{self.model}_{index:04d}" for index in range(self._engine().width)], dtype=object)

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

    def full_name(self) -> str:
        """The network with the tag of its weights, such as `resnet50.a1_in1k`: what `default` stands for.

        Raises
        ------
        ValueError
            Unknown model or tag.
        """
        return full_name(self.model, self.weights)

    def spec(self) -> BackboneSpec:
        """The network as it is asked for."""
        return BackboneSpec(self.model, weights=self.weights, pool=self.pool, layer=self.layer, size=self.size)

    @property
    def thread_independent(self) -> bool:
        """Whether the bits of a feature are the same for any `threads`; by torch, as `auto` may be, they are not."""
        return self.engine == "openvino"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

    def _engine(self) -> Engine:
        if self.normalize not in NORMALIZATIONS:
            raise ValueError(f"normalize={self.normalize} is not known; it is one of {', '.join(NORMALIZATIONS)}")
        if not isinstance(self.tta, bool):
            raise ValueError(f"tta={self.tta} is not known; it is true or false")
        engine = open_engine(
            self.spec(),
            engine=self.engine,
            precision=self.precision,
            device=self.device,
            threads=self.threads,
            weights_dir=self.weights_dir,
        )
        height, width = engine.view.size
        if self.tta and height != width:
            raise ValueError(f"tta turns squares; {self.model} is shown images of {height} x {width} pixels")
        return engine


def _unit_length(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each row divided by its Euclidean length, computed in double precision; a row of zeros stays."""
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    return (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)
