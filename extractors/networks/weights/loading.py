"""Safe reading of weight files and strict loading into a network."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from extractors.files.digests import check_unchanged
from extractors.files.regular import read_regular

if TYPE_CHECKING:
    import torch

State = dict[str, "torch.Tensor"]

MAX_BYTES = 8 * 1024**3
"""Largest file of weights that is read; it is held in memory while it is loaded."""

MAX_HEADER_BYTES = 8 * 1024**2
"""Largest header of a safetensors file; that of 2,000 tensors has a quarter of a megabyte."""


def read_weights(file: Path, *, sha256: str | None = None) -> State:
    """Read the named tensors of a file, on the CPU.

    Files that end in `.safetensors` are read as such; others, which come from the cache of a hub or belong to a
    foundation model, by `torch.load` with `weights_only=True`, so that no code in them runs. The tensors may be nested
    under `state_dict`, `model` or `teacher`. The file is read once; the tensors come from these bytes.

    Parameters
    ----------
    file : Path
        A regular file.
    sha256 : str, optional
        Expected digest of the bytes.

    Raises
    ------
    OSError
        The file cannot be opened, is not a regular file, or is too large.
    ValueError
        The file is damaged, truncated, of another format than its suffix, or its digest differs.
    """
    content = read_regular(file, limit=MAX_BYTES)
    check_unchanged(file, content, sha256)
    return _from_safetensors(file, content) if file.suffix == ".safetensors" else _from_torch(file, content)


def _from_safetensors(file: Path, content: bytes) -> State:
    from safetensors import SafetensorError  # noqa: PLC0415 - goes with torch
    from safetensors.torch import load  # noqa: PLC0415 - goes with torch

    header = int.from_bytes(content[:8], "little")
    if MAX_HEADER_BYTES < header <= len(content):
        raise ValueError(f"{file}: a header of {header} bytes; at most {MAX_HEADER_BYTES} are read")
    try:
        return dict(load(content))
    except SafetensorError as error:
        raise ValueError(f"{file}: not a complete safetensors file ({error}); download it again") from error
    except KeyError as error:  # a type that PyTorch lacks
        raise ValueError(f"{file}: tensors of the type {error.args[0]}, which cannot be loaded") from error


def _from_torch(file: Path, content: bytes) -> State:
    import torch  # noqa: PLC0415 - heavy

    try:
        _check_not_compressed(content)
        with warnings.catch_warnings(action="ignore"):  # of other protocols of pickle
            loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files raise various exceptions: struct.error, IndexError, AssertionError, ...
        if type(error).__name__ == "UnpicklingError":  # the message of torch advises to load it without this check
            raise ValueError(
                f"{file}: cannot be read safely as a file of weights (it has objects that are no tensors, or is "
                "damaged); save the tensors alone, as safetensors"
            ) from error
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{file}: cannot be read safely as a file of weights ({reason})") from error
    for wrapper in ("state_dict", "model", "teacher"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping):
        raise ValueError(f"{file}: contains no named tensors")
    tensors = {key: value for key, value in loaded.items() if isinstance(value, torch.Tensor)}
    return {str(key).removeprefix("module."): value for key, value in tensors.items()}


def _check_not_compressed(content: bytes) -> None:
    """Raise ValueError for an archive whose files take more memory than it has bytes; PyTorch does not compress."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(item.file_size for item in archive.infolist()) > len(content):
                raise ValueError("a compressed archive")


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
