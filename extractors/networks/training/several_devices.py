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

_ADDRESS = ("MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE")
"""Environment variables by which processes of a training meet."""

_ERROR = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception)): ", re.MULTILINE)
"""Type at the end of a traceback, at the start of a line; the message follows."""


def share_of(batch: Batch, rank: int, processes: int) -> Batch:
    """Return the rows of one process; one row of weight 0 for a process without rows."""
    images, targets, weights = (tensor.tensor_split(processes)[rank] for tensor in batch)
    if len(weights):
        return images, targets, weights
    return batch[0][:1], batch[1][:1], batch[2][:1] * 0


@contextmanager
def progress_folder(folder: Path | None) -> Iterator[Path]:
    """Return the folder by which the processes exchange the progress: that of the training, or a temporary one."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="cytobench-training-") as temporary:
        yield Path(temporary)


@contextmanager
def several_processes() -> Iterator[None]:
    """Run a Lightning training on several devices in the block.

    Errors of its processes become errors of this one, and the addresses by which they meet are removed afterwards.

    Raises
    ------
    OSError, ValueError
        That of the process that failed first; a ValueError with its type for any other.
    """
    from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException  # noqa: PLC0415 - heavy

    before = {name: os.environ.pop(name, None) for name in _ADDRESS}
    try:
        yield
    except ProcessRaisedException as error:
        raise _raised(str(error)) from error
    except ProcessExitedException as error:
        raise ValueError(f"a process of the training on several devices ended ({error})") from error
    finally:
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
