"""A distribution of plugins with the interface of trained networks, without torch: `install(*FAKE_NETWORKS)`."""

from __future__ import annotations

SOURCE = '''
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression

from extractors.component import Component, choice_field, number_field


@dataclass(frozen=True)
class Linear(Component):
    name = "linear"


@dataclass(frozen=True)
class Mlp(Component):
    name = "mlp"
    width: int = number_field(512, low=1, high=4096)
    dropout: float = number_field(0.0, low=0, high=0.99)


@dataclass(frozen=True)
class Flips(Component):
    name = "flips"
    p: float = number_field(0.5, low=0, high=1)


@dataclass(frozen=True)
class Rotate(Component):
    name = "rotate"
    degrees: float = number_field(180.0, low=0, high=180)
    padding: str = choice_field("reflect", "zeros")


HEADS = {one.name: one for one in (Linear, Mlp)}
AUGMENTATIONS = {one.name: one for one in (Flips, Rotate)}


@dataclass(eq=False, repr=False, kw_only=True)
class _Network(BaseEstimator):
    """Logistic regression on the mean colour, in the dress of a network."""

    components: ClassVar[Any] = {"head": HEADS, "augment": AUGMENTATIONS}
    joined: ClassVar[Any] = ("augment", "stages")
    arch: str = "tiny"
    weights: str = "random"
    head: Any = "linear"
    augment: Any = None
    stages: Any = None
    learning_rate: Any = 1e-3
    epochs: int = 3
    minutes: Any = None
    random_state: Any = None
    cv: Any = None
    threads: int = 1
    weights_dir: Any = None
    device: str = "auto"
    checkpoint_dir: Any = None
    logger: Any = None

    def validate_parameters(self):
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1; it is {self.epochs}")

    def weights_file(self):
        if self.weights == "random":
            return None
        file = Path(self.weights_dir or "nowhere") / f"{self.arch}.safetensors"
        if not file.is_file():
            raise FileNotFoundError(f"no weights for {self.arch}: put {file.name} into a folder and pass --weights-dir")
        return file

    def full_name(self):
        return f"{self.arch}.tagged"

    def _train(self, X, y, groups):
        self.validate_parameters()
        rng = np.random.default_rng(self.random_state)
        state = {"epoch": 0, "loss": 1.0}
        place = None if self.checkpoint_dir is None else Path(self.checkpoint_dir)
        if place is not None and (place / "last.json").is_file():
            state = json.loads((place / "last.json").read_text())
        log = os.environ.get("FAKE_LOG")
        draws = rng.random(self.epochs)
        rows = []
        for epoch in range(self.epochs):
            if epoch >= state["epoch"]:
                if log:
                    with open(log, "a") as file:
                        file.write(f"{place} {epoch}\\n")
                state = {"epoch": epoch + 1, "loss": state["loss"] * (0.5 + 0.25 * draws[epoch])}
                if place is not None:
                    place.mkdir(parents=True, exist_ok=True)
                    (place / "last.json").write_text(json.dumps(state))
                kill = os.environ.get("FAKE_KILL")
                if kill and epoch == 1 and Path(kill).exists():
                    Path(kill).unlink()
                    os._exit(9)
            loss = 2.0 ** -epoch
            rows.append((0, epoch, 64, loss, loss + 0.25, 0.5 + 0.1 * epoch, 1e-3, 0.01))
        names = ["stage", "epoch", "size", "training_loss", "validation_loss", "validation_auroc", "learning_rate"]
        self.curves_ = pd.DataFrame(rows, columns=[*names, "seconds"])
        self.finder_ = pd.DataFrame({"learning_rate": [1e-4, 1e-3], "loss": [0.7, 0.6]})
        self.training_ = {
            "chosen_epoch": self.epochs - 1, "parameters": 1234, "flops": 5_000_000, "bytes": 4936,
            "device": self.device, "seconds": time.perf_counter() % 1, "peak_memory": 10_000_000,
            "loss": state["loss"],
        }
        self.weights_ = {"colour": np.float32([state["loss"]])}
        self.model_ = LogisticRegression().fit(self._colours(X), y)

    def _colours(self, X):
        return np.stack([cell.image.mean(axis=(0, 1)) for cell in X]) / 255


@dataclass(eq=False, repr=False, kw_only=True)
class Net(ClassifierMixin, _Network):
    """Classifier of cells."""

    consumes: ClassVar[str] = "cells"

    def fit(self, X, y, groups=None):
        self._train(X, y, groups)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(self._colours(X))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def search_space(self, trial):
        return {
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
            "epochs": trial.suggest_categorical("epochs", [1, 2]),
        }


@dataclass(eq=False, repr=False, kw_only=True)
class Tuned(TransformerMixin, _Network):
    """Stateful extractor."""

    def fit(self, X, y=None, groups=None):
        self._train(X, y, groups)
        return self

    def transform(self, X):
        return self.model_.decision_function(self._colours(X)).reshape(len(X), -1).astype(np.float32)

    def get_feature_names_out(self, input_features=None):
        return np.array(["score"], dtype=object)


class Holder(ClassifierMixin, BaseEstimator):
    """Classifier of cells that holds another one."""

    consumes = "cells"

    def __init__(self, estimator="none"):
        self.estimator = estimator

    def fit(self, X, y, groups=None):
        self.fitted_ = self.estimator.fit(X, y, groups)
        self.classes_ = self.fitted_.classes_
        return self

    def predict_proba(self, X):
        return self.fitted_.predict_proba(X)
'''

FAKE_NETWORKS = (
    "their_networks",
    SOURCE,
    "[bench.classifiers]\nnet = their_networks:Net\nholder = their_networks:Holder\n"
    "[bench.extractors]\ntuned = their_networks:Tuned\n",
)
"""Module, source and entry points of the classifiers `net` and `holder` and the extractor `tuned`."""
