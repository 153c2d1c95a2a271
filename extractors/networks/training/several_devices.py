"""Training of one network by several processes: shares of a batch, and what is shared and restored around it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extractors.networks.training.image_batches import Batch

STRATEGIES = ("ddp_spawn", "ddp_spawn_find_unused_parameters_false", "ddp_spawn_find_unused_parameters_true")
"""Strategies of Lightning for several GPUs: those that start processes of their own with a copy of the network.

`ddp` and its relatives run the program again, which is that of a worker; a forked process cannot use a GPU that this
one has used; and `fsdp`, `deepspeed` and the others divide the weights, so that no process could save them alone.
"""

_VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "TMPDIR")
"""Environment variables by which processes of a training meet, and of their temporary files."""

_ERROR = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception)): ", re.MULTILINE)
"""Type at the end of a traceback, at the start of a line; the message follows."""


def share_of(batch: Batch, rank: int, processes: int) -> Batch:
    """Return the rows of one process; one row of weight 0 for a process without rows."""
    images, targets, weights = (tensor.tensor_split(processes)[rank] for tensor in batch)
    if len(weights):
        return images, targets, weights
    return batch[0][:1], batch[1][:1], batch[2][:1] * 0


@contextmanager
def several_processes() -> Iterator[Path]:
    """Run a Lightning training on several devices in the block.

    Errors of its processes become errors of this one. The environment is restored afterwards.

    Yields
    ------
    Path
        Folder of temporary files, which is removed; Lightning and torch would leave theirs.

    Raises
    ------
    OSError, ValueError
        That of the process that failed first; a ValueError with its type for any other.
    """
    from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException  # noqa: PLC0415 - heavy

    before, place = {name: os.environ.get(name) for name in _VARIABLES}, tempfile.tempdir
    try:
        with tempfile.TemporaryDirectory(prefix="cytobench-training-") as folder:
            for name in _VARIABLES:
                os.environ.pop(name, None)
            os.environ["TMPDIR"] = tempfile.tempdir = folder  # of spawned processes, and of this one and forked ones
            yield Path(folder)
    except ProcessRaisedException as error:
        raise _raised(str(error)) from error
    except ProcessExitedException as error:
        raise ValueError(f"a process of the training on several devices ended ({error})") from error
    finally:
        tempfile.tempdir = place
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _raised(text: str) -> Exception:
    """Return the error at the end of a traceback."""
    errors = list(_ERROR.finditer(text))
    if not errors:
        return ValueError(f"a process of the training on several devices failed ({text.rsplit(maxsplit=1)[-1]})")
    kind, message = errors[-1].group(1), " ".join(text[errors[-1].end() :].split())
    if kind == "ValueError":
        return ValueError(message)
    return OSError(message) if kind.endswith("NotFoundError") or kind == "OSError" else ValueError(f"{kind}: {message}")
