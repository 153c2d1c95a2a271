"""Embeddings of frozen networks as an extractor."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

from extractors.arrays import Float32Array
from extractors.cells import Cell
from extractors.networks.backbones.backbone import BackboneSpec
from extractors.networks.backbones.pooling import OWN
from extractors.networks.foundation.packages import check_package, package_version
from extractors.networks.inference.engine import Engine
from extractors.networks.inference.pipeline import input_images
from extractors.networks.inference.select_engine import open_engine
from extractors.networks.inference.test_time_augmentation import dihedral_images, mean_rows
from extractors.networks.weights.resolve import config_digest, full_name, weights_file

NORMALIZATIONS = ("none", "l2")


@dataclass(eq=False, repr=False)
class Embedding(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Pooled feature of a frozen network: of timm, torchvision or a foundation model; stateless.

    The full frame is resized, cropped and normalised by the data configuration of the weights, bit for bit as in a
    plain timm evaluation. Images smaller than the network's input are enlarged.

    Parameters
    ----------
    model : str
        Any timm model, a torchvision classification model that timm lacks, or a foundation model; with or without
        `.tag`. Or `hf-hub:OWNER/NAME` or `local-dir:FOLDER` with timm's `config.json` and weights.
    weights : str
        `"default"` (the library's choice), `"random"` (seeded by the name of the model), a tag, or the path of a
        safetensors file.
    pool : {"default", "avg", "max", "avg+max", "cls", "flatten"}
        How the last feature map, or the patch tokens, become one vector. `default` is the pooling that the network was
        published with: the average for most, the class token (`cls`) for most transformers.
    layer : "last" or int
        The feature stage to pool; negative numbers count from the end.
    size : "default" or int
        Side of the square input image in pixels.
    precision : {"f32", "bf16"}
        `bf16` is faster on hardware that supports it; features differ by a few hundredths of the largest.
    tta : bool
        Test-time augmentation: the mean over the 8 flips and quarter turns of the input image, because a cell has no
        upright position.
    normalize : {"none", "l2"}
        `l2` divides each feature vector by its Euclidean length; a zero vector is unchanged.
    engine : {"auto", "openvino", "torch"}
        `auto` is OpenVINO on the CPU and torch on a GPU; networks that OpenVINO does not support are computed by
        torch, with a message in `notices_`.
    weights_dir : str or Path, optional
        A folder of files named `MODEL.safetensors` or `MODEL.TAG.safetensors`, searched first.
    threads : int
        Number of compute threads; as many more threads read the next cells.
    device : {"auto", "cpu", "cuda"}
        `auto` is the GPU if there is one.

    Attributes
    ----------
    notices_ : tuple of str
        Messages for the user about how the features were computed; set by `transform`.
    weights_sha256_ : str or None
        Digest of the bytes from which the weights were loaded, None for random weights; set by `transform`.
    config_sha256_ : str or None
        Digest of the `config.json` of a repository or folder, None for other networks; set by `transform`.

    Notes
    -----
    With OpenVINO the bits of a feature depend on its image alone, not on other cells or `threads`. With torch they
    depend on `threads` on the CPU, and on the batch size on a GPU.
    """

    joined: ClassVar[tuple[str, ...]] = ("pool",)
    """Parameters that accept a list joined by `+`: `"avg+max"` is `("avg", "max")`."""

    model: str = "efficientnet_b0"
    _: KW_ONLY
    weights: str = "default"
    pool: Any = OWN
    layer: Any = "last"
    size: Any = "default"
    precision: str = "f32"
    tta: bool = False
    normalize: str = "none"
    engine: str = "auto"
    weights_dir: Any = None
    threads: int = 1
    device: str = "auto"

    def fit(self, X: Sequence[Cell], y: Any = None, groups: Any = None) -> Embedding:
        """Do nothing; return the extractor."""
        return self

    def transform(self, X: Sequence[Cell]) -> Float32Array:
        """Compute the embedding of each cell.

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
            A parameter, model or tag is unknown, the weights belong to another network, or a cell is too small or has
            a feature that is NaN or infinite.
        OSError
            The weights are not available (the message lists what was tried), or a cell cannot be read.
        """
        engine = self._engine()
        features = np.empty((len(X), engine.width), dtype=np.float32)
        with closing(input_images(X, engine.transform, threads=self.threads)) as images:
            rows = mean_rows(engine.features(dihedral_images(images))) if self.tta else engine.features(images)
            for index, row in zip(range(len(X)), rows, strict=True):
                features[index] = row
        self.notices_ = engine.notices
        self.weights_sha256_ = engine.weights_sha256
        self.config_sha256_ = engine.config_sha256
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            cell = X[int(np.argmin(finite))]
            raise ValueError(f"cell {cell.id}: its embedding by {self.model} contains NaN or infinity")
        return _unit_length(features) if self.normalize == "l2" else features

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names `MODEL_0000`, ... of the features; opens the network."""
        return np.array([f"{self.model}_{index:04d}" for index in range(self._engine().width)], dtype=object)

    def validate_parameters(self) -> None:
        """Check the parameters of the network, without importing torch.

        Raises
        ------
        ValueError
            One of them is not valid, or the package of the network is not installed.
        """
        check_package(str(self.model))
        self.spec()

    def weights_file(self) -> Path | None:
        """Return the file of the weights, None for random weights, without importing torch.

        Raises
        ------
        ValueError
            Unknown model or tag.
        FileNotFoundError
            The weights are not available; the message lists what was tried and what to do.
        """
        return weights_file(self.model, self.weights, self.weights_dir)

    def config_digest(self) -> str | None:
        """Return the digest of the `config.json` of a repository or folder; None for other networks.

        Raises
        ------
        ValueError
            It is not a configuration that can be used.
        OSError
            It is not available.
        """
        return config_digest(self.model)

    def package_version(self) -> str | None:
        """Return the version of the optional package that computes the network; None if it needs none."""
        return package_version([self.model])

    def full_name(self) -> str:
        """Return the model with the tag of its weights, such as `resnet50.a1_in1k`; resolves `default`.

        Raises
        ------
        ValueError
            Unknown model or tag.
        """
        return full_name(self.model, self.weights)

    def spec(self) -> BackboneSpec:
        """Return the specification of the network."""
        return BackboneSpec(self.model, weights=self.weights, pool=self.pool, layer=self.layer, size=self.size)

    @property
    def thread_independent(self) -> bool:
        """Whether features are identical for any `threads`; false for `auto`, which may select torch."""
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
        height, width = engine.transform.size
        if self.tta and height != width:
            raise ValueError(f"tta needs a square input; that of {self.model} has {height} x {width} pixels")
        return engine


def _unit_length(features: Float32Array) -> Float32Array:
    """Divide each row by its Euclidean length, computed in double precision; zero rows are unchanged."""
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    return (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)
