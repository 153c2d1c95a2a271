"""Presets: the training defaults of this project, fastai 1, Keras and timm.

Sources, read for this table: fastai 1.0 (`basic_train.py`, `torch_core.py`, `callback.py`, `callbacks/one_cycle.py`,
`basic_data.py`); Keras 3 (`optimizers/*.py`, `Model.fit`); timm 1.0 (`train.py` of its repository, `timm.optim`).
What a library leaves open is chosen here, and marked so.

================  ===================  =====================  =================  ======================================
option            default              fastai1                keras              timm
================  ===================  =====================  =================  ======================================
optimiser         adamw                adamw [1]_             rmsprop            nesterov (its name there is `sgd`)
learning_rate     1e-3                 slice:3e-3             1e-3 [2]_          0.05 (0.1 x batch / 256 at 128) [3]_
momentum          0.9                  0.9 [4]_               0                  0.9
beta2             0.999                0.99                   0.9 (rho)          not used
weight_decay      1e-4                 1e-2                   0                  2e-5
decay             coupled [5]_         decoupled              decoupled          coupled, no biases and norms
eps               1e-8                 1e-8                   1e-7               1e-8
schedule          cosine               one_cycle              constant           cosine, warm-up of 5 of 300 epochs
epochs            40                   10 (chosen here)       30 (chosen here)   300
batch_size        32                   64                     32                 128
label_smoothing   0                    0                      0                  0.1
balance           weighted             none                   none               none
augment           flips, turns, stain  none                   none               flips, colour [6]_
patience          12                   0 (never stops)        0                  0
select            best                 last                   last               best
bn                train                train                  train              train
================  ===================  =====================  =================  ======================================

.. [1] Adam with decoupled decay is AdamW. A new learner of fastai 1 with pretrained weights trains its head only; that
   is `stages=head:N`, which no preset sets.
.. [2] 0.01 for sgd and nesterov.
.. [3] `train.py` scales the rate with the batch size; here it is that of a batch of 128. Its warm-up begins at 1e-5 and
   changes the rate between epochs, here the rate changes with every step.
.. [4] `one_cycle` sets its own momentum.
.. [5] adamw is always decoupled.
.. [6] The nearest to its horizontal flip (p 0.5) and colour jitter (0.4); its random crops of 8 to 100 % of the image
   are not applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extractors.networks.training.optimisers import OPTIMISERS
from extractors.networks.training.schedules import Cosine


@dataclass(frozen=True)
class Preset:
    """Values of training options.

    Parameters
    ----------
    options : mapping of str to object
        Values by option.
    by_optimiser : mapping of str to (mapping of str to object)
        Values of options that depend on the optimiser, such as the momentum.
    """

    options: Mapping[str, Any]
    by_optimiser: Mapping[str, Mapping[str, Any]]

    def values(self, optimiser: str | None = None) -> dict[str, Any]:
        """Return the value of each option.

        Parameters
        ----------
        optimiser : str, optional
            Name of another optimiser, whose momentum, beta2, learning rate and weight decay are returned then.

        Raises
        ------
        ValueError
            There is no such optimiser.
        """
        name = self.options["optimiser"] if optimiser is None else optimiser
        if name not in OPTIMISERS:
            raise ValueError(f"optimiser={name} is not known; it is one of {', '.join(OPTIMISERS)}")
        return {**self.options, **self.by_optimiser[name], "optimiser": name}


def _by_optimiser(*, adam_beta2: float, rho: float, rms_momentum: float, sgd_momentum: float) -> dict[str, Any]:
    adam = {"momentum": 0.9, "beta2": adam_beta2}
    sgd = {"momentum": sgd_momentum, "beta2": rho}
    rmsprop = {"momentum": rms_momentum, "beta2": rho}
    return {"adam": adam, "adamw": adam, "adamax": adam, "rmsprop": rmsprop, "sgd": sgd, "nesterov": sgd}


_DEFAULT = Preset(
    options={
        "optimiser": "adamw",
        "learning_rate": 1e-3,
        "weight_decay": 1e-4,
        "eps": 1e-8,
        "decay": "coupled",
        "decay_norms": True,
        "schedule": "cosine",
        "epochs": 40,
        "batch_size": 32,
        "label_smoothing": 0.0,
        "balance": "weighted",
        "augment": ("flips", "turns", "stain"),
        "patience": 12,
        "select": "best",
        "bn": "train",
    },
    # rmsprop as in torch; the momentum of SGD is chosen here, torch's is 0.
    by_optimiser=_by_optimiser(adam_beta2=0.999, rho=0.99, rms_momentum=0.0, sgd_momentum=0.9),
)

_FASTAI1 = Preset(
    options={
        "optimiser": "adamw",
        "learning_rate": "slice:3e-3",
        "weight_decay": 1e-2,
        "eps": 1e-8,
        "decay": "decoupled",
        "decay_norms": True,
        "schedule": "one_cycle",
        "epochs": 10,
        "batch_size": 64,
        "label_smoothing": 0.0,
        "balance": "none",
        "augment": "none",
        "patience": 0,
        "select": "last",
        "bn": "train",
    },
    # fastai 1 passes other optimisers of torch with torch's momentum and alpha; nesterov needs one (chosen here).
    by_optimiser={
        **_by_optimiser(adam_beta2=0.99, rho=0.99, rms_momentum=0.0, sgd_momentum=0.0),
        "nesterov": {"momentum": 0.9, "beta2": 0.99},
    },
)

_KERAS_SGD = {"learning_rate": 0.01, "momentum": 0.0, "beta2": 0.9}
_KERAS = Preset(
    options={
        "optimiser": "rmsprop",
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "eps": 1e-7,
        "decay": "decoupled",
        "decay_norms": True,
        "schedule": "constant",
        "epochs": 30,
        "batch_size": 32,
        "label_smoothing": 0.0,
        "balance": "none",
        "augment": "none",
        "patience": 0,
        "select": "last",
        "bn": "train",
    },
    by_optimiser={
        **_by_optimiser(adam_beta2=0.999, rho=0.9, rms_momentum=0.0, sgd_momentum=0.0),
        "adamw": {"momentum": 0.9, "beta2": 0.999, "weight_decay": 0.004},
        "sgd": _KERAS_SGD,
        "nesterov": {**_KERAS_SGD, "momentum": 0.9},  # chosen here; torch's nesterov needs one
    },
)

_TIMM = Preset(
    options={
        "optimiser": "nesterov",
        "learning_rate": 0.05,
        "weight_decay": 2e-5,
        "eps": 1e-8,
        "decay": "coupled",
        "decay_norms": False,
        "schedule": Cosine(warmup=5 / 300),
        "epochs": 300,
        "batch_size": 128,
        "label_smoothing": 0.1,
        "balance": "none",
        "augment": ("flips", "colour"),
        "patience": 0,
        "select": "best",
        "bn": "train",
    },
    by_optimiser=_by_optimiser(adam_beta2=0.999, rho=0.9, rms_momentum=0.9, sgd_momentum=0.9),
)

PRESETS: Mapping[str, Preset] = {"default": _DEFAULT, "fastai1": _FASTAI1, "keras": _KERAS, "timm": _TIMM}
"""Presets by name."""
