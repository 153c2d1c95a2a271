"""Networks of the fits: one safetensors file per network, named by its digest, and a record of each."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from bench.errors import BenchError
from bench.experiments.schema import DamagedError, check_file
from bench.plugins.fitted_network import FittedNetwork, NetworkRecord
from bench.storage.json_files import MAX_JSON, read_json
from extractors.files.atomic import atomic_file
from extractors.files.regular import open_regular, read_regular

MODELS = "models"
"""Folder of the networks in a results folder, and of those of finished folds in the work folder of an experiment."""

RECORDS = "networks.json"
"""Records of the networks of a finished fold, and of those of an experiment."""

MAX_STORED = 5 * 1024**3
"""Largest sum of the networks of a results folder, in bytes."""

_PART = 2**20
"""Bytes that are copied at once."""

Number = Annotated[int, Field(ge=0, lt=2**53)]


class _Network(NetworkRecord):
    role: Literal["classifier", "extractor"]
    member: Annotated[str, Field(pattern=r"^([0-9]{1,6}(\.[0-9]{1,6}){0,7})?$")]
    fit: Annotated[str, Field(pattern=r"^(outer|inner [0-9]{1,6})$")]
    repeat: Number
    fold: Number
    stored: bool


_RECORDS = TypeAdapter(Annotated[list[_Network], Field(max_length=100_000)])


def write_network(folder: Path, network: FittedNetwork, **fields: Any) -> dict[str, Any]:
    """Write a network as `SHA256.safetensors` and return its record.

    Parameters
    ----------
    folder : Path
        Folder; created if it is missing.
    network : FittedNetwork
        Its weights may be arrays of any type that safetensors knows.
    **fields
        `role`, `fit`, `repeat` and `fold`.

    Returns
    -------
    dict
        The description of the network, its `member`, the fields, and `stored`: True.
    """
    content, description = network.encoded()
    with atomic_file(network_path(folder, description["sha256"])) as temporary:
        temporary.write_bytes(content)
    return {**description, "member": network.member, **fields, "stored": True}


def copy_network(source: Path, folder: Path, description: Mapping[str, Any]) -> None:
    """Copy the file of a network into a folder, under its digest, which is compared with the bytes that are read.

    Raises
    ------
    DamagedError
        The file is missing, too large, or has another digest than its description.
    """
    target = network_path(folder, str(description["sha256"]))
    content = hashlib.sha256()
    try:
        size = int(description["bytes"])
        with open_regular(source, limit=size, follow_link=False) as file, atomic_file(target) as temporary:
            with temporary.open("wb") as copy:
                while part := file.read(_PART):
                    content.update(part)
                    copy.write(part)
            if content.hexdigest() != description["sha256"]:
                raise DamagedError(f"{source}: has another digest than its record")
    except OSError as error:
        if error.filename != str(source):
            raise
        raise DamagedError(f"{source}: cannot be read ({error.strerror})") from error


def network_path(folder: Path, sha256: str) -> Path:
    """Return the file of a network."""
    return folder / f"{sha256}.safetensors"


def read_network(path: Path, record: Mapping[str, Any]) -> bytes:
    """Return the content of the file of a network, after its size and digest are compared with the record.

    Raises
    ------
    DamagedError
        The file cannot be read, is a link or too large, or is another one than in the record.
    """
    check_file(path, MAX_STORED)
    remedy = "delete the file, and the network is fitted again when it is needed"
    size, expected = path.lstat().st_size, int(record["bytes"])
    if size != expected:
        raise DamagedError(f"{path}: was changed: it has {size} bytes, {expected} in its record; {remedy}")
    try:
        content = read_regular(path, limit=expected, follow_link=False)
    except OSError as error:
        raise DamagedError(f"{path}: cannot be read ({error.strerror or error})") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != record["sha256"]:
        raise DamagedError(
            f"{path}: was changed: its SHA-256 is {digest}, and {record['sha256']} in its record; {remedy}"
        )
    return content


def read_fold_networks(path: Path, models: Path) -> list[dict[str, Any]]:
    """Read the records of the networks of a finished fold, and check that the files are there; empty without records.

    Raises
    ------
    DamagedError
        They are not such records, or a file is missing or has another size.
    """
    if not (path.exists() or path.is_symlink()):
        return []
    records = read_networks(path)
    for record in records:
        if record["stored"]:
            file = network_path(models, record["sha256"])
            check_file(file, record["bytes"])
            if file.stat().st_size != record["bytes"]:
                raise DamagedError(f"{file}: has another size than its record")
    return records


def read_networks(path: Path) -> list[dict[str, Any]]:
    """Read the records of the networks of an experiment.

    Raises
    ------
    DamagedError
        They are not such records, or two of them are of one network.
    """
    check_file(path, MAX_JSON)
    try:
        value: Any = read_json(path).get("networks")
        _RECORDS.validate_python(value)
    except (BenchError, ValidationError) as error:
        reason = " ".join(str(error).removeprefix(f"{path}: ").split())[:300]
        raise DamagedError(f"{path}: is not a record of networks ({reason})") from error
    records: list[dict[str, Any]] = list(value)
    if any(one["stored"] and one["sha256"] is None for one in records):
        raise DamagedError(f"{path}: is not a record of networks (a stored network has no digest)")
    if len({place_of(one) for one in records}) < len(records):
        raise DamagedError(f"{path}: is not a record of networks (two records are of the same network)")
    return records


def place_of(record: Mapping[str, Any]) -> tuple[int, int, str, str, str]:
    """Return what identifies a network in an experiment: `repeat`, `fold`, `role`, `member` and `fit`."""
    return record["repeat"], record["fold"], record["role"], record["member"], record["fit"]


def link_networks(records: Sequence[Mapping[str, Any]], work: Path, target: Path) -> list[dict[str, Any]]:
    """Put the networks of finished folds into the results folder, all or none of an experiment.

    They stay in the work folder as well, so that a killed process leaves nothing incomplete.

    Parameters
    ----------
    records : sequence of mapping
        Records of `read_fold_networks`; only those that are stored have a file.
    work, target : Path
        Folder of the files, and the folder that they are linked or copied to.

    Returns
    -------
    list of dict
        The records; `stored` is False in all of them if `target` would have more than `MAX_STORED` bytes.
    """
    present = {path.name: path.stat().st_size for path in target.glob("*.safetensors")} if target.is_dir() else {}
    new = {network_path(target, one["sha256"]).name: int(one["bytes"]) for one in records if one["stored"]}
    fits = sum((present | new).values()) <= MAX_STORED
    for name in new.keys() - present.keys() if fits else ():
        with atomic_file(target / name) as temporary:
            temporary.unlink()
            try:
                os.link(work / name, temporary)
            except OSError:  # a file system without links
                shutil.copyfile(work / name, temporary)
    return [{**record, "stored": bool(record["stored"]) and fits} for record in records]
