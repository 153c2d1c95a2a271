"""Weights from a file into a network: tensors only, and every key must fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

State = dict[str, "torch.Tensor"]


def read_weights(file: Path) -> State:
    """The named tensors of a file, on the CPU.

    Files that end in `.safetensors` are read as such; others, which only a hub's cache holds, by `torch.load` with
    `weights_only=True`, so that no code in them runs.

    Raises
    ------
    OSError
        The file cannot be opened.
    ValueError
        It is damaged, cut off, or something else than its suffix says.
    """
    import torch  # noqa: PLC0415 - heavy
    from safetensors import SafetensorError  # noqa: PLC0415 - goes with torch
    from safetensors.torch import load_file  # noqa: PLC0415 - goes with torch

    if file.suffix == ".safetensors":
        try:
            return dict(load_file(file, device="cpu"))
        except SafetensorError as error:
            raise ValueError(f"{file}: not a whole safetensors file ({error}); fetch it again") from error
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged file fails in a dozen ways: struct.error, IndexError, AssertionError, ...
        raise ValueError(f"{file}: not a file of weights that can be read safely ({error})") from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise ValueError(f"{file}: holds no named tensors")
    tensors = {key: value for key, value in content.items() if isinstance(value, torch.Tensor)}
    return {str(key).removeprefix("module."): value for key, value in tensors.items()}


def load_strictly(network: torch.nn.Module, state: State, *, unused: tuple[str, ...] = ()) -> None:
    """Put `state` into `network`; every tensor of either must have its counterpart of the same shape.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place.
    state : dict of str to Tensor
    unused : tuple of str
        Names of modules that the network no longer has; their tensors may be there or not.

    Raises
    ------
    KeyError
        A tensor is missing, or nothing takes it; the first such key is named.
    ValueError
        A tensor has another shape, integers in the place of fractions, or holds NaN or infinity; the first such key is
        named.
    """
    prefixes = tuple(f"{name}." for name in unused)
    given = {key: value for key, value in state.items() if not key.startswith(prefixes)}
    wanted = network.state_dict()
    for key in wanted:
        # PyTorch before 0.4.1 did not store this counter; evaluation does not use it.
        if key not in given and not key.endswith("num_batches_tracked"):
            raise KeyError(f"key {key} is missing")
    for key in given:
        if key not in wanted:
            raise KeyError(f"key {key} belongs to no layer of it")
    for key, value in given.items():
        if value.shape != wanted[key].shape:
            raise ValueError(f"key {key} has shape {tuple(value.shape)}, its layer {tuple(wanted[key].shape)}")
        if value.is_floating_point() != wanted[key].is_floating_point():
            raise ValueError(f"key {key} holds numbers of type {_type(value)}, its layer {_type(wanted[key])}")
        if not value.isfinite().all():
            raise ValueError(f"key {key} holds NaN or infinity")
    network.load_state_dict(given, strict=False)


def _type(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
