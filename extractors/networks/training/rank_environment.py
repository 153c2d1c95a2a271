"""Environment of the processes that train one network: they print no messages of Lightning.

Imports Lightning, so this module is imported only where a network is trained.
"""

from __future__ import annotations

import logging
import warnings

from pytorch_lightning.plugins.environments import LightningEnvironment

from extractors.quiet_loggers import LIGHTNING


class RankEnvironment(LightningEnvironment):  # type: ignore[misc]  # Lightning is not followed by mypy
    """The environment of Lightning, which is the first code of it that a new process runs."""

    def set_global_rank(self, rank: int) -> None:
        """Set the rank; warnings and messages of the process are dropped from here on."""
        warnings.simplefilter("ignore")
        for name in LIGHTNING:
            logging.getLogger(name).setLevel(logging.ERROR)
        super().set_global_rank(rank)
