"""A distribution of Lightning loggers: `install(*FAKE_LOGGERS)`."""

from __future__ import annotations

SOURCE = '''
import json
import random
from pathlib import Path

import numpy as np
import torch
from pytorch_lightning.loggers import Logger


class _Lines(Logger):
    """Append every call as a line of JSON to a file."""

    def __init__(self, file):
        super().__init__()
        self.file = Path(file)

    name = version = "none"

    def _append(self, *line):
        with self.file.open("a") as file:
            file.write(json.dumps([self._where(), *line]) + "\\n")

    def _where(self):
        return None

    def log_hyperparams(self, params):
        self._append("hyperparameters", params)

    def log_metrics(self, metrics, step=None):
        self._append("metrics", step, metrics)

    def save(self):
        self._append("save")

    def finalize(self, status):
        self._append("end", status)


class Nameless(_Lines):
    pass


class NameOnly(_Lines):
    def __init__(self, file, name="n"):
        super().__init__(file)
        self.own = name

    def _where(self):
        return self.own


class Disturbing(_Lines):
    """Changes what a logger can reach: random states, its arguments and numbers of threads."""

    def log_metrics(self, metrics, step=None):
        super().log_metrics(metrics, step)
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        metrics.clear()

    def log_hyperparams(self, params):
        super().log_hyperparams(params)
        torch.manual_seed(1)
        params.clear()


class Failing(_Lines):
    def __init__(self, file, step=1):
        super().__init__(file)
        self.step = step

    def log_metrics(self, metrics, step=None):
        super().log_metrics(metrics, step)
        if step == self.step:
            raise OSError("the server is\\nnot there")


class Unfinished(_Lines):
    def finalize(self, status):
        raise RuntimeError("no end")


class Broken(_Lines):
    def __init__(self, file, limit=3):
        raise TypeError("limit is not supported")


class NoLogger:
    def __init__(self, file):
        raise AssertionError("it was called")
'''

FAKE_LOGGERS = ("their_loggers", SOURCE, "")
"""Module, source and entry points."""
