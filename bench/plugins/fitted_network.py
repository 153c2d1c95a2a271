"""Networks of a fitted estimator and of its members: weights, what a prediction needs beside them, and their file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import BenchError
from bench.plugins.plugin import Plugin
from bench.plugins.selectors import Selector

SHA256 = r"^[0-9a-f]{64}$"

MAX_HEADER = 8 * 1024**2
"""Largest header of a file that is read, in bytes."""

Numbers = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(max_length=16)] | None


class NetworkRecord(BaseModel):
    """Schema of the description of a network, which may come from a stranger."""

    model_config = ConfigDict(strict=True, extra="forbid")

    sha256: Annotated[str, Field(pattern=SHA256)] | None
    bytes: Annotated[int, Field(ge=0, lt=2**53)]
    selector: str
    classes: Annotated[list[str], Field(max_length=1000)]
    mean: Numbers
    std: Numbers
    size: Annotated[int, Field(ge=1, lt=2**31)] | None
    crop: Annotated[int, Field(ge=1, lt=2**31)] | None


@dataclass(frozen=True)
class FittedNetwork:
    """Weights of a network and the settings of its input and output.

    Parameters
    ----------
    weights : mapping of str to ndarray
        Attribute `weights_` of the estimator.
    selector : str
        Selector of the estimator with all parameters, also tuned ones; of a Python object, its identity.
    classes : tuple of str
        Labels in the order of its outputs.
    mean, std : tuple of float or None
        Normalisation of the pixels / 255 by channel; None if the estimator has no `mean_` and `std_`.
    size : int or None
        Side of the input in pixels after stages of several sizes; None: that of the selector.
    crop : int or None
        Side in pixels of the square of the frame that it sees after stages of several crops; None: the whole frame.
    member : str
        Position of the member that it belongs to, from 0, in an ensemble or a bag; in a nested one positions are joined
        by points, as in `1.3`. Empty: of the estimator itself.
    """

    weights: Mapping[str, npt.NDArray[Any]]
    selector: str
    classes: tuple[str, ...]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    size: int | None = None
    crop: int | None = None
    member: str = ""

    def encoded(self) -> tuple[bytes, dict[str, Any]]:
        """Return the content of its safetensors file, and its description: the fields of `NetworkRecord`."""
        from safetensors.numpy import save  # noqa: PLC0415 (only networks need it)

        content = save({name: np.array(array, order="C") for name, array in self.weights.items()})
        return content, {
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "selector": self.selector,
            "classes": list(self.classes),
            "mean": None if self.mean is None else list(self.mean),
            "std": None if self.std is None else list(self.std),
            "size": self.size,
            "crop": self.crop,
        }


def decoded_weights(content: bytes, where: str) -> dict[str, npt.NDArray[Any]]:
    """Return the named arrays of a safetensors file.

    Raises
    ------
    BenchError
        It is damaged, or has arrays of a type that NumPy lacks; `where` names it.
    """
    from safetensors import SafetensorError  # noqa: PLC0415 (only networks need it)
    from safetensors.numpy import load  # noqa: PLC0415

    if int.from_bytes(content[:8], "little") > MAX_HEADER:
        raise BenchError(f"{where}: is not a safetensors file with a header of at most {MAX_HEADER} bytes")
    try:
        return dict(load(content))
    except (SafetensorError, KeyError, ValueError) as error:
        raise BenchError(f"{where}: is not a safetensors file of a network ({error})") from error


def has_networks(plugin: Plugin) -> bool:
    """Whether a plugin, or one nested in it, is a network: its class has the method `weights_file`."""
    return any(one.has("weights_file") for one in (plugin, *plugin.nested))


def networks_of(estimator: Any, plugin: Plugin | None, member: str = "") -> Iterator[FittedNetwork]:
    """Yield the network of a fitted estimator, or those of the members of an ensemble or a bag.

    Parameters
    ----------
    estimator : fitted classifier or extractor
        One with `weights_`, a mapping of names to arrays, is a network; `members_` is the list of its members.
    plugin : Plugin or None
        Plugin that it was built from; None for a member of a Python object.
    member : str
        Position of the estimator.
    """
    weights = getattr(estimator, "weights_", None)
    if isinstance(weights, Mapping) and all(isinstance(array, np.ndarray) for array in weights.values()):
        mean, std = (_numbers(getattr(estimator, name, None)) for name in ("mean_", "std_"))
        classes = tuple(str(label) for label in getattr(estimator, "classes_", ()))
        selector = type(estimator).__name__ if plugin is None else _fitted_selector(estimator, plugin)
        yield FittedNetwork(dict(weights), selector, classes, mean, std, *_input(estimator), member)
        return
    members = getattr(estimator, "members_", None)
    for position, one in enumerate(members if isinstance(members, list) else ()):
        yield from networks_of(one, _member(plugin, position), f"{member}.{position}".lstrip("."))


def _member(plugin: Plugin | None, position: int) -> Plugin | None:
    """Return the plugin of a member; those of a bag have the same one."""
    if plugin is None or not plugin.members:
        return None
    return plugin.members[position if plugin.is_ensemble else 0].classifier


def _fitted_selector(estimator: Any, plugin: Plugin) -> str:
    """Return the canonical selector with the parameters that were changed by tuning."""
    if not hasattr(estimator, "get_params") or not plugin.params:
        return plugin.canonical
    built, fitted = (one.get_params(deep=False) for one in (plugin.build(), estimator))
    names = plugin.params.keys() & built.keys() & fitted.keys()
    scalars = {name: fitted[name] for name in names if isinstance(fitted[name], int | float | str)}
    changed = {name: value for name, value in scalars.items() if value != built[name]}
    if not changed:
        return plugin.canonical
    return str(Selector(plugin.name, dict(sorted({**plugin.params, **changed}.items()))))


def _input(estimator: Any) -> tuple[int | None, int | None]:
    """Return the size of the input where it is not that of the estimator's parameter, and the crop of the frame."""
    spec = getattr(getattr(estimator, "network_", None), "spec", None)
    size, crop = getattr(spec, "size", None), getattr(spec, "crop", None)
    own = size if isinstance(size, int) and size != getattr(estimator, "size", None) else None
    return own, crop if isinstance(crop, int) else None


def _numbers(values: Any) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(value) for value in np.asarray(values).ravel())
