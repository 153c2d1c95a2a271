"""Safe reading of weight files and strict loading into a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

State = dict[str, "torch.Tensor"]


def read_weights(file: Path) -> State:
    """Read the named tensors of a file, on the CPU.

    Files that end in `.safetensors` are read as such; others, which come from the cache of a hub only, by `torch.load`
    with `weights_only=True`, so that no code in them runs.

    Raises
    ------
    OSError
        The file cannot be opened.
    ValueError
        The file is damaged, truncated, or of another format than its suffix.
    """
    import torch  # noqa: PLC0415 - heavy
    from safetensors import SafetensorError  # noqa: PLC0415 - goes with torch
    from safetensors.torch import load_file  # noqa: PLC0415 - goes with torch

    if file.suffix == ".safetensors":
        try:
            return dict(load_file(file, device="cpu"))
        except SafetensorError as error:
            raise ValueError(f"{file}: not a complete safetensors file ({error}); download it again") from error
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # damaged files raise various exceptions: struct.error, IndexError, AssertionError, ...
        raise ValueError(f"{file}: cannot be read safely as a file of weights ({error})") from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise ValueError(f"{file}: contains no named tensors")
    tensors = {key: value for key, value in content.items() if isinstance(value, torch.Tensor)}
    return {str(key).removeprefix("module."): value for key, value in tensors.items()}


def load_strictly(network: torch.nn.Module, state: State, *, unused: tuple[str, ...] = ()) -> None:
    """Load `state` into `network`; the keys and shapes of both must match.

    Parameters
    ----------
    network : torch.nn.Module
        Modified in place.
    state : dict of str to Tensor
    unused : tuple of str
        Names of removed modules, whose tensors are ignored.

    Raises
    ------
    KeyError
        A tensor is missing or unexpected; the message names the first key.
    ValueError
        A tensor has another shape, is integer instead of floating point or the reverse, or contains NaN or infinity;
        the message names the first key.
    """
    prefixes = tuple(f"{name}." for name in unused)
    tensors = {key: value for key, value in state.items() if not key.startswith(prefixes)}
    expected = network.state_dict()
    for key in expected:
        # PyTorch before 0.4.1 did not store this counter; evaluation does not use it.
        if key not in tensors and not key.endswith("num_batches_tracked"):
            raise KeyError(f"key {key} is missing")
    for key in tensors:
        if key not in expected:
            raise KeyError(f"key {key} is not in the network")
    for key, value in tensors.items():
        if value.shape != expected[key].shape:
            raise ValueError(f"key {key} has shape {tuple(value.shape)}, expected {tuple(expected[key].shape)}")
        if value.is_floating_point() != expected[key].is_floating_point():
            raise ValueError(f"key {key} has type {_type(value)}, expected {_type(expected[key])}")
        if not value.isfinite().all():
            raise ValueError(f"key {key} contains NaN or infinity")
    network.load_state_dict(tensors, strict=False)


def _type(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
