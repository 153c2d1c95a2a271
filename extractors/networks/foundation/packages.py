"""Optional packages of foundation models: a refusal before a run, without importing them."""

from __future__ import annotations

from importlib.util import find_spec

from extractors.networks.foundation.catalogue import FOUNDATION

DISTRIBUTIONS = {"timm": "timm", "transformers": "transformers", "open_clip": "open-clip-torch"}
"""Name of the distribution of each package; the extra of cytobench has the name of the package."""


def check_package(name: str) -> None:
    """Check that the package of a network is installed; nothing is imported.

    Parameters
    ----------
    name : str
        Name of a network, with or without tag; one that is no foundation model needs no optional package.

    Raises
    ------
    ValueError
        The package is not installed.
    """
    own = name.partition(".")[0]
    model = FOUNDATION.get(own)
    if model is not None and find_spec(model.package) is None:
        raise ValueError(missing_package(own, model.package))


def missing_package(name: str, package: str) -> str:
    """Return the sentence on a package that is not installed."""
    return f"{name} needs the package {DISTRIBUTIONS[package]}: pip install 'cytobench[{package}]'"
