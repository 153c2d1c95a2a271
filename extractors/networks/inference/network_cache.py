"""Disk cache of converted networks: each is converted once per machine, and workers start without torch."""

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

from extractors.files.atomic import atomic_folder, remove_unfinished_of
from extractors.files.cache_folder import cache_folder
from extractors.files.digests import bytes_digest, file_digest
from extractors.files.locks import locked
from extractors.networks.backbones.backbone import Backbone, BackboneSpec
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.foundation.packages import package_version
from extractors.networks.inference.conversion import MODEL, WEIGHTS, UnconvertibleError, write_network

FORMAT = 1
RECORD = "network.json"
MAX_RECORD_BYTES = 2**20
"""Size limit of a record file; records have about a kilobyte."""

LIBRARIES = ("openvino", "timm", "torch", "torchvision")

Load = Callable[[], Backbone]


@dataclass(frozen=True)
class ConvertedNetwork:
    """The folder of a converted network, or the reason why it cannot be converted.

    Parameters
    ----------
    folder : Path
    transform : ResizeCrop
        Image transform of the network.
    width : int
        Number of features per image.
    unsupported : str or None
        Why OpenVINO does not support the network; None if it does.
    """

    folder: Path
    transform: ResizeCrop
    width: int
    unsupported: str | None


@dataclass(frozen=True)
class CachedNetwork:
    """A cached network, as listed for cleanup.

    Parameters
    ----------
    folder : Path
    model : str
        The specification of the network.
    bytes : int
        Size on disk.
    used : float
        Time of last use in seconds since 1970.
    outdated : bool
        Whether it was converted by other library or code versions than those installed, so that it is not used.
    """

    folder: Path
    model: str
    bytes: int
    used: float
    outdated: bool


def network_key(spec: BackboneSpec, sha256: str | None) -> str:
    """Key of a converted network, 32 hexadecimal digits: digest of specification, weights, libraries and code."""
    parts = {"spec": asdict(spec), "weights": sha256, "package": package_version([spec.model]), **_versions()}
    return bytes_digest(json.dumps(parts, sort_keys=True).encode())[:32]


@contextmanager
def converted_network(spec: BackboneSpec, sha256: str | None, load: Load) -> Iterator[ConvertedNetwork]:
    """Return the converted network from the cache, converting it if needed; its folder exists while the block runs.

    If several processes need the same network, one converts it and the others wait. A damaged network is converted
    again. If the cache cannot be written, the network is converted for this process alone.

    Parameters
    ----------
    spec : BackboneSpec
    sha256 : str or None
        Digest of the file of the weights; None: random.
    load : callable
        Returns the backbone with these weights; called only for a conversion.
    """
    folder = networks_folder() / network_key(spec, sha256)
    network = _read(folder)
    if network is None:
        network = _convert_into_cache(folder, load)
        gc.collect()  # a traced network has reference cycles: without this its weights would stay in memory
    if network is not None:
        with suppress(OSError):  # the cache may be read-only
            os.utime(folder / RECORD)
        yield network
        return
    with tempfile.TemporaryDirectory(prefix="cytobench-network-", ignore_cleanup_errors=True) as temporary:
        yield _convert(load(), Path(temporary))


def networks_folder() -> Path:
    """Return the folder of converted networks; it need not exist."""
    return cache_folder() / "networks"


def cached_networks() -> list[CachedNetwork]:
    """List the cached networks, most recently used first; each may be removed at any time."""
    networks = []
    for record in networks_folder().glob(f"*/{RECORD}"):
        try:
            size = sum(file.stat().st_size for file in record.parent.iterdir())
            content, used = _record(record), record.stat().st_mtime
        except (OSError, ValueError):  # another process removes it, or it is damaged and will be converted again
            continue
        outdated = content.get("versions") != _versions()
        networks.append(CachedNetwork(record.parent, str(content.get("model")), size, used, outdated))
    return sorted(networks, key=lambda network: -network.used)


def remove(network: CachedNetwork) -> None:
    """Delete a cached network; a process that has opened it can continue to use it."""
    shutil.rmtree(network.folder, ignore_errors=True)


def _convert_into_cache(folder: Path, load: Load) -> ConvertedNetwork | None:
    """Convert under the network's lock, unless another process has; None if the cache cannot be written."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder.parent / "locks" / f"{folder.name}.lock"))
        except (OSError, NotImplementedError):  # the disk is full, read-only or without locks
            return None
        if (network := _read(folder)) is not None:
            return network
        backbone = load()
        with suppress(OSError):
            remove_unfinished_of(folder)
            with atomic_folder(folder, existing="replace") as temporary:
                _convert(backbone, temporary)
        return _read(folder)


def _convert(backbone: Backbone, folder: Path) -> ConvertedNetwork:
    """Write the converted network, or the reason why it cannot be converted, and its record."""
    unsupported = None
    try:
        write_network(backbone, folder)
    except UnconvertibleError as error:
        unsupported = str(error)
        for file in (MODEL, WEIGHTS):
            (folder / file).unlink(missing_ok=True)
    digests = {name: file_digest(folder / name) for name in (MODEL, WEIGHTS) if (folder / name).is_file()}
    record = {
        "model": str(backbone.spec),
        "transform": asdict(backbone.transform),
        "width": backbone.width,
        "unsupported": unsupported,
        "digests": digests,
        "versions": _versions(),
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return ConvertedNetwork(folder, backbone.transform, backbone.width, unsupported)


def _read(folder: Path) -> ConvertedNetwork | None:
    """Read a converted network; None if it is missing or damaged."""
    try:
        record = _record(folder / RECORD)
        unsupported = record["unsupported"]
        for name in (MODEL, WEIGHTS) if unsupported is None else ():
            if file_digest(folder / name) != record["digests"][name]:
                return None
        transform = ResizeCrop.from_dict(record["transform"])
        reason = None if unsupported is None else str(unsupported)
        return ConvertedNetwork(folder, transform, int(record["width"]), reason)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _record(file: Path) -> dict[str, Any]:
    if file.stat().st_size > MAX_RECORD_BYTES:
        raise ValueError(f"{file}: too large for a record of a converted network")
    record = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(record, dict):
        raise ValueError(f"{file}: not a record of a converted network")
    return record


def _versions() -> dict[str, object]:
    """Versions of format, libraries and code."""
    return {"format": FORMAT, "libraries": {name: version(name) for name in LIBRARIES}, "code": _code_digest()}


@cache
def _code_digest() -> str:
    """SHA-256 of the source files that build and convert networks."""
    package = Path(__file__).parent.parent
    files = sorted(package.rglob("*.py"))
    return bytes_digest(b"".join(f"{file.relative_to(package)}\n".encode() + file.read_bytes() for file in files))
