"""Converted networks on disk, so that each is converted once on a machine and a worker starts without torch."""

from __future__ import annotations

import gc
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from extractors.files.atomic import atomic_folder, remove_unfinished
from extractors.files.cache_folder import cache_folder
from extractors.files.digests import bytes_digest, file_digest
from extractors.files.locks import locked
from extractors.files.stamps import file_stamp
from extractors.networks.backbones.backbone import Backbone, BackboneSpec
from extractors.networks.backbones.image_transform import View
from extractors.networks.inference.conversion import MODEL, WEIGHTS, UnconvertibleError, write_network

FORMAT = 1
RECORD = "network.json"
MOST_RECORD = 2**20
"""Bytes of the largest record that is read; those that are written have a kilobyte."""

LIBRARIES = ("openvino", "timm", "torch", "torchvision")

Load = Callable[[], Backbone]


@dataclass(frozen=True)
class ConvertedNetwork:
    """A folder that holds a converted network, or why there is none.

    Parameters
    ----------
    folder : Path
    view : View
        How the network is shown an image.
    width : int
        Features of an image.
    refusal : str or None
        Why OpenVINO cannot compute this network; None where it can.
    """

    folder: Path
    view: View
    width: int
    refusal: str | None


@dataclass(frozen=True)
class CachedNetwork:
    """One folder of the cache, for people who want room.

    Parameters
    ----------
    folder : Path
    model : str
        The network as it was asked for.
    bytes : int
        Its size on disk.
    used : float
        When a process last opened it, in seconds since 1970.
    outdated : bool
        Whether other libraries or other code made it than those installed, so that nobody asks for it any more.
    """

    folder: Path
    model: str
    bytes: int
    used: float
    outdated: bool


def network_key(spec: BackboneSpec, file: Path | None) -> str:
    """What decides a converted network, as 32 hexadecimal digits: the request, the weights, libraries and our code."""
    parts = {
        "spec": asdict(spec),
        "file": None if file is None else str(file.resolve()),
        "state": None if file is None else list(file_stamp(file)),
        **_maker(),
    }
    return bytes_digest(json.dumps(parts, sort_keys=True).encode())[:32]


@contextmanager
def converted_network(spec: BackboneSpec, file: Path | None, load: Load) -> Iterator[ConvertedNetwork]:
    """The converted network, from the cache or made now; its folder is there while the block runs.

    Of several processes that want the same network one makes it and the others wait. A damaged one is made again.
    Where the cache cannot be written the network is made for this process alone.

    Parameters
    ----------
    spec : BackboneSpec
    file : Path or None
        Where its weights lie.
    load : callable
        Gives the backbone; called only where it must be converted.
    """
    folder = networks_folder() / network_key(spec, file)
    network = _read(folder)
    if network is None:
        network = _cached_now(folder, load)
        gc.collect()  # a traced network is a circle of objects: without this its weights would stay in memory
    if network is not None:
        _touch(folder)
        yield network
        return
    with tempfile.TemporaryDirectory(prefix="cytobench-network-", ignore_cleanup_errors=True) as temporary:
        yield _written(load(), Path(temporary))


def networks_folder() -> Path:
    """Where converted networks lie; it need not exist yet."""
    return cache_folder() / "networks"


def cached_networks() -> list[CachedNetwork]:
    """The networks of the cache, the one that was used last first; each may be removed at any time."""
    found = []
    for record in networks_folder().glob(f"*/{RECORD}"):
        try:
            size = sum(file.stat().st_size for file in record.parent.iterdir())
            content, used = _record(record), record.stat().st_mtime
        except (OSError, ValueError):  # another process removes it, or it is damaged and will be made again
            continue
        outdated = content.get("maker") != _maker()
        found.append(CachedNetwork(record.parent, str(content.get("model")), size, used, outdated))
    return sorted(found, key=lambda network: -network.used)


def remove(network: CachedNetwork) -> None:
    """Delete a cached network; a process that computes with it keeps what it has opened."""
    shutil.rmtree(network.folder, ignore_errors=True)


def _cached_now(folder: Path, load: Load) -> ConvertedNetwork | None:
    """Convert into the cache under the network's lock, if nobody else has; None where the cache cannot be written."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder.parent / "locks" / f"{folder.name}.lock"))
        except (OSError, NotImplementedError):  # a disk that is full, read-only or without locks
            return None
        return _read(folder) or _write_to_cache(folder, load())


def _write_to_cache(folder: Path, backbone: Backbone) -> ConvertedNetwork | None:
    """Convert into the cache; None where it cannot be written."""
    try:
        remove_unfinished(folder.parent)
        with atomic_folder(folder, existing="replace") as temporary:
            _written(backbone, temporary)
    except OSError:
        return None
    return _read(folder)


def _written(backbone: Backbone, folder: Path) -> ConvertedNetwork:
    refusal = None
    try:
        write_network(backbone, folder)
    except UnconvertibleError as error:
        refusal = str(error)
        for file in (MODEL, WEIGHTS):
            (folder / file).unlink(missing_ok=True)
    digests = {name: file_digest(folder / name) for name in (MODEL, WEIGHTS) if (folder / name).is_file()}
    record = {
        "model": str(backbone.spec),
        "view": backbone.view.to_dict(),
        "width": backbone.width,
        "refusal": refusal,
        "digests": digests,
        "maker": _maker(),
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return ConvertedNetwork(folder, backbone.view, backbone.width, refusal)


def _read(folder: Path) -> ConvertedNetwork | None:
    """The network of a folder; None where there is none or it is damaged."""
    try:
        record = _record(folder / RECORD)
        refusal = record["refusal"]
        for name in (MODEL, WEIGHTS) if refusal is None else ():
            if file_digest(folder / name) != record["digests"][name]:
                return None
        view = View.from_dict(record["view"])
        return ConvertedNetwork(folder, view, int(record["width"]), None if refusal is None else str(refusal))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _record(file: Path) -> dict[str, Any]:
    if file.stat().st_size > MOST_RECORD:
        raise ValueError(f"{file}: too large for a record of a converted network")
    record = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(record, dict):
        raise ValueError(f"{file}: no record of a converted network")
    return record


def _touch(folder: Path) -> None:
    """Leave word of the last use; a cache that cannot be written forgets it."""
    with suppress(OSError):
        os.utime(folder / RECORD)


def _maker() -> dict[str, object]:
    """Libraries and code that convert networks here."""
    libraries = {name: version(name) for name in LIBRARIES}
    return {"format": FORMAT, "libraries": libraries, "code": _code_digest()}


@cache
def _code_digest() -> str:
    """SHA-256 of the source files that make backbones and convert them."""
    room = Path(__file__).parent.parent
    files = sorted(room.rglob("*.py"))
    return bytes_digest(b"".join(f"{file.relative_to(room)}\n".encode() + file.read_bytes() for file in files))
