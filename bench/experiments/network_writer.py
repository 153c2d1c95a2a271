"""Networks that a worker keeps while it fits a fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from bench.experiments.schema import DamagedError
from bench.experiments.stored_networks import copy_network, write_network
from bench.features.store.fitted_features import FittedFeatures
from bench.plugins.fitted_network import networks_of
from bench.plugins.plugin import Plugin
from bench.plugins.training_record import OUTER

Keep = Literal["networks", "all"]
"""Networks of the outer fits, or also those of the inner ones."""


class NetworkWriter:
    """Writes networks of one fold and collects their records.

    Parameters
    ----------
    folder : Path or None
        Folder of the files; None: nothing is kept.
    keep : {"networks", "all"}
        Networks of the outer fit, or also those of the inner fits.
    repeat, fold : int
        Number of the repeat and of the fold.

    Attributes
    ----------
    records : list of dict
        Records of the networks, as in `networks.json`.
    notices : list of str
        Messages for the user.
    """

    def __init__(self, folder: Path | None, keep: Keep, *, repeat: int, fold: int) -> None:
        self._folder, self._keep = folder, keep
        self._where = {"repeat": repeat, "fold": fold}
        self.records: list[dict[str, Any]] = []
        self.notices: list[str] = []

    def keeps(self, fit: str) -> bool:
        """Whether the networks of a fit are kept, by its name: `outer`, `inner 0`, ..."""
        return self._folder is not None and (fit == OUTER or self._keep == "all")

    def add_classifier(self, fit: str, classifier: Any, plugin: Plugin) -> None:
        """Write the networks of a fitted classifier, which has none, one, or those of its members."""
        if self._folder is None or not self.keeps(fit):
            return
        for network in networks_of(classifier, plugin):
            record = write_network(self._folder, network, role="classifier", fit=fit, **self._where)
            self.records.append(record)

    def add_extractor(self, fit: str, features: FittedFeatures, selector: str, member: str) -> None:
        """Copy the network of a fitted extractor from the entry of its features; record it as missing without one."""
        if self._folder is None or not self.keeps(fit) or (features.network or features.training) is None:
            return
        where = {"role": "extractor", "member": member, "fit": fit, **self._where}
        empty: dict[str, Any] = {
            "sha256": None,
            "bytes": 0,
            "selector": selector,
            "classes": [],
            "mean": None,
            "std": None,
        }
        description = dict(features.network) if features.network is not None else {**empty, "size": None, "crop": None}
        try:
            if features.network is None:
                raise DamagedError(f"{features.folder}: does not name its network")
            copy_network(features.network_file, self._folder, description)
            stored = True
        except DamagedError as error:
            stored = False
            self.notices.append(
                f"{selector}: a network is not stored, because its features were stored without it ({error}); bench "
                "networks fits it again"
            )
        self.records.append({**description, **where, "stored": stored})
