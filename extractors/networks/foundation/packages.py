"""Optional packages of foundation models: a refusal before a run, without importing them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
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


def package_version(names: Iterable[str]) -> str | None:
    """Return the version of the optional package that networks are computed by, such as `transformers 5.24.0`.

    Parameters
    ----------
    names : iterable of str
        Names of networks, with or without tag.

    Returns
    -------
    str or None
        None for networks that need no optional package. Their features do not depend on its version, so that installing
        one leaves them valid.
    """
    models = (FOUNDATION.get(name.partition(".")[0]) for name in names)
    packages = sorted({model.package for model in models if model is not None and model.package != "timm"})
    return ", ".join(f"{package} {_version(DISTRIBUTIONS[package])}" for package in packages) or None


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def missing_package(name: str, package: str) -> str:
    """Return the sentence on a package that is not installed."""
    return f"{name} needs the package {DISTRIBUTIONS[package]}: pip install 'cytobench[{package}]'"
