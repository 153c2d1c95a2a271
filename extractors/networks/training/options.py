"""Options of networks that are trained here, shared by end-to-end classifiers and fine-tuned extractors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from extractors.component import Component, component
from extractors.networks.training.augmentation.augmentation import AUGMENTATIONS, Augmentation
from extractors.networks.training.augmentation.random_transform import RandomTransform
from extractors.networks.training.averages import AVERAGES
from extractors.networks.training.class_balance import BALANCES
from extractors.networks.training.heads import HEADS
from extractors.networks.training.learning_rates import check_learning_rate
from extractors.networks.training.losses import LOSSES
from extractors.networks.training.optimisers import DECAYS, OPTIMISERS
from extractors.networks.training.presets import PRESETS
from extractors.networks.training.schedules import SCHEDULES
from extractors.networks.training.settings import Settings
from extractors.networks.training.stages import stages_of
from extractors.networks.training.test_time import TTA

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "preset": tuple(PRESETS),
    "optimiser": tuple(OPTIMISERS),
    "balance": tuple(BALANCES),
    "scale": ("default", "none", "training"),
    "view": ("default", "frame", "mask"),
    "bn": ("train", "frozen"),
    "precision": ("f32", "bf16"),
    "select": ("best", "last"),
    "monitor": ("loss", "auroc"),
    "tie": ("none", "lr_wd"),
    "decay": DECAYS,
    "decay_norms": (True, False),
}
"""Values of the parameters that are words."""

RANGES: Mapping[str, tuple[float, float]] = {
    "epochs": (1, 100_000),
    "batch_size": (2, 65_536),
    "accumulate": (1, 65_536),
    "lora": (0, 1024),
    "curriculum": (0, 100_000),
    "momentum": (0, 0.9999),
    "beta2": (0, 0.99999),
    "eps": (0, 1),
    "weight_decay": (0, 10),
    "label_smoothing": (0, 0.99),
    "mixup": (0, 100),
    "clip": (0, 1e6),
    "dropout": (0, 0.99),
    "patience": (0, 100_000),
    "minutes": (1e-3, 1e6),
}
"""Smallest and largest value of the parameters that are numbers."""

INTEGERS = ("epochs", "batch_size", "accumulate", "lora", "curriculum", "patience")
"""Parameters that are whole numbers."""

OPTIONAL = ("dropout", "minutes")
"""Parameters for which None is a value of its own: the head's own rate, and no limit."""


@dataclass(eq=False, repr=False, kw_only=True)
class TrainingOptions:
    """Parameters of the network and its training; None takes the value of `preset`.

    Parameters
    ----------
    weights : str
        Initial weights: `"default"` (those that the library publishes; architectures of this project have none and
        start at random), `"random"`, a tag, or the path of a safetensors file.
    head : "default", "linear" or Head
        Layers after the pooled feature: `linear`, `mlp[width=320]`, `fastai`; the default is that of the architecture,
        `linear` for networks of timm and torchvision.
    dropout : float or None
        Dropout rate before the last layer, 0 <= dropout < 1. None: that of the head.
    lora : int
        Rank of low-rank adapters of the attention layers of a transformer (Hu et al. 2022), which are trained instead
        of these layers; 0: none.
    layer, pool
        As in `extractors.embedding.Embedding`: the feature stage and its pooling.
    size : "default" or int
        Side of the input in pixels.
    scale : {"default", "none", "training"}
        Normalisation of pixels / 255: by the data configuration of the network, none, or by the channel statistics of
        the training part.
    view : {"default", "frame", "mask"}
        What of a cell's image is resized to the input: the whole frame, as for embeddings, or the bounding box of its
        mask, padded to a square. The default is `mask` for `small`, `unnithan`, `allnet` and `rezayi`, otherwise
        `frame`.
    preset : {"default", "fastai1", "keras", "timm"}
        Library whose defaults fill the parameters that are None.
    epochs : int or None
        Largest number of epochs, unless `stages`, `sizes` or `crops` gives them.
    minutes : float or None
        Time after which no epoch begins. The result then depends on the machine; the row is marked TIME-LIMITED.
    stages : tuple of str or None
        Stages of freezing with their epochs: `head:10+all:10` trains the head for 10 epochs, then all layers for 10.
    sizes : tuple of str or None
        Progressive resizing with epochs: `32:8+64:8+224:14`.
    crops : tuple of str or None
        Squares in the centre of the frame, in pixels of the cell's image, that are resized to the input, with epochs:
        `300:1300+frame:700`; `frame` is the whole frame.
    bn : {"train", "frozen"} or None
        Whether batch norms train, also those of frozen layers, or keep statistics and weights everywhere.
    batch_size : int or None
        Largest number of cells in a step.
    accumulate : int
        Number of parts into which a batch is divided to save memory; their gradients are added before the step.
    optimiser : {"adam", "adamw", "adamax", "rmsprop", "sgd"} or None
    momentum, beta2 : float or None
        Decay rates of the means of gradients and of their squares (beta 1 and beta 2 of Adam).
    learning_rate : float, tuple of 2 floats, "find" or None
        The largest rate; `1e-5+1e-3` increases geometrically over the layer groups from the input to the head; `find`
        is the learning-rate finder.
    eps : float or None
        Added to the root of the mean of squared gradients.
    weight_decay : float or None
    decay : {"coupled", "decoupled"} or None
        Whether the decay is added to the gradient, or multiplies the weights before the step.
    decay_norms : bool or None
        Whether biases and the weights of batch norms decay.
    schedule : {"constant", "cosine"} or Schedule, or None
        Course of the learning rate over each stage: `constant`, `cosine`, `one_cycle`, `steps`.
    loss : "cross_entropy" or Loss
        `cross_entropy` or `focal[gamma=2]`.
    label_smoothing : float or None
        Share of each target that is spread over all classes.
    balance : {"none", "weighted", "root_weighted", "oversample", "undersample"} or None
        Class handling: weights of cells in the loss, or the cells of an epoch.
    mixup : float
        Parameter of the Beta distribution of mixup (Zhang et al. 2018); 0: none.
    clip : float
        Largest norm of the gradient; 0: not clipped.
    average : "none" or Average
        Average of the weights over steps or epochs: `ema[decay=0.999]`, `swa[epochs=5]`.
    precision : {"f32", "bf16"}
    augment : tuple of Augmentation, "none" or None
        Augmentations of training images, joined by `+`, such as `flips+rotate[degrees=45]`.
    curriculum : int
        Number of epochs over which the strength of the augmentations grows; 0: full strength from the start.
    tta : "none" or TTA
        Test-time augmentation: the mean of the logits over `dihedral` or `rotations[n=8]` views.
    patience : int or None
        Epochs of a stage without a better validation score after which the stage ends; 0: never.
    select : {"best", "last"} or None
        Epoch whose weights are used.
    monitor : {"loss", "auroc"}
        Validation score for `patience` and `select`. In both, each patient of the validation part has weight 1.
    tie : {"none", "lr_wd"}
        `lr_wd` keeps learning rate x weight decay / (batch size x (1 - momentum)) constant in tuning.
    """

    components: ClassVar[Mapping[str, Mapping[str, type[Component]]]] = {
        "head": HEADS,
        "schedule": SCHEDULES,
        "loss": LOSSES,
        "average": AVERAGES,
        "augment": AUGMENTATIONS,
        "tta": TTA,
    }
    joined: ClassVar[tuple[str, ...]] = ("augment", "stages", "sizes", "crops", "pool")
    numbers: ClassVar[Mapping[str, type[float]]] = {
        "learning_rate": float,
        **{name: int if name in INTEGERS else float for name in RANGES},
    }

    weights: str = "default"
    head: Any = "default"
    dropout: Any = None
    lora: int = 0
    layer: Any = "last"
    pool: Any = "default"
    size: Any = "default"
    scale: str = "default"
    view: str = "default"
    preset: str = "default"
    epochs: Any = None
    minutes: Any = None
    stages: Any = None
    sizes: Any = None
    crops: Any = None
    bn: Any = None
    batch_size: Any = None
    accumulate: int = 1
    optimiser: Any = None
    momentum: Any = None
    beta2: Any = None
    learning_rate: Any = None
    eps: Any = None
    weight_decay: Any = None
    decay: Any = None
    decay_norms: Any = None
    schedule: Any = None
    loss: Any = "cross_entropy"
    label_smoothing: Any = None
    balance: Any = None
    mixup: float = 0.0
    clip: float = 0.0
    average: Any = "none"
    precision: str = "f32"
    augment: Any = None
    curriculum: int = 0
    tta: Any = "none"
    patience: Any = None
    select: Any = None
    monitor: str = "loss"
    tie: str = "none"

    def settings(self) -> Settings:
        """Return the settings of the training: parameters that are None have the value of the preset.

        Raises
        ------
        ValueError
            A parameter is not known or out of range.
        """
        value = self._resolved()
        for name in CHOICES:
            _check_word(name, value[name])
        for name, (low, high) in RANGES.items():
            _check_number(name, value[name], low, high)
        check_learning_rate(value["learning_rate"])
        augmentations = _augmentations(value["augment"])
        parts = {
            "stages": stages_of(value["stages"], value["sizes"], value["epochs"], value["crops"]),
            "schedule": component(value["schedule"], SCHEDULES, "schedule"),
            "loss": component(value["loss"], LOSSES, "loss"),
            "average": component(value["average"], AVERAGES, "average"),
            "augmentation": Augmentation(augmentations, value["curriculum"]) if augmentations else None,
        }
        if parts["average"].needs_last_epochs and (value["patience"] or value["select"] == "best"):
            raise ValueError(f"average={self.average} is of the last epochs; it needs patience=0 and select=last")
        if parts["average"].needs_last_epochs and value["minutes"] is not None:
            raise ValueError(
                f"average={self.average} is of the last epochs, which minutes may leave out; use one of them"
            )
        if value["tie"] != "none" and not isinstance(value["learning_rate"], int | float):
            raise ValueError(f"tie={self.tie} needs a number as learning_rate; it is {value['learning_rate']}")
        plain = {field.name: value[field.name] for field in fields(Settings) if field.name not in parts}
        return Settings(**parts, **plain)

    def _resolved(self) -> dict[str, Any]:
        """Return all parameters of this class, those that are None from the preset."""
        _check_word("preset", self.preset)
        if self.optimiser is not None:
            _check_word("optimiser", self.optimiser)
        value = {field.name: getattr(self, field.name) for field in fields(TrainingOptions)}
        defaults = PRESETS[self.preset].values(self.optimiser)
        return value | {name: default for name, default in defaults.items() if value[name] is None}


def _check_word(name: str, value: Any) -> None:
    known = CHOICES[name]
    # 1 == True, but it is another selector.
    if not any(type(value) is type(word) and value == word for word in known):
        raise ValueError(f"{name}={value} is not known; it is one of {', '.join(map(str, known))}")


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    if value is None and name in OPTIONAL:
        return
    integer = isinstance(value, int) and not isinstance(value, bool)
    kind, correct = (
        ("a whole number", integer) if name in INTEGERS else ("a number", integer or isinstance(value, float))
    )
    if not (correct and low <= value <= high):
        raise ValueError(f"{name}={value} is not valid; it is {kind} from {low} to {high}")


def _augmentations(value: Any) -> tuple[RandomTransform, ...]:
    pieces = value if isinstance(value, tuple | list) else (value,)
    if "none" in pieces:
        if len(pieces) > 1:
            raise ValueError("augment=none cannot be joined with an augmentation")
        return ()
    return tuple(component(piece, AUGMENTATIONS, "augment") for piece in pieces)
