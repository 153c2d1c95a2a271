"""Networks of the outer fits: one safetensors file per network, named by its digest, and a record of each."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bench.errors import BenchError
from bench.evaluation.fitted_network import FittedNetwork
from bench.experiments.schema import DamagedError, check_file
from bench.storage.json_files import MAX_JSON, read_json
from extractors.files.atomic import atomic_file

MODELS = "models"
"""Folder of the networks in a results folder, and of those of finished folds in the work folder of an experiment."""

RECORD = "network.json"
"""Record of the network of a finished fold."""

RECORDS = "networks.json"
"""Records of the networks of an experiment."""

MAX_STORED = 5 * 1024**3
"""Largest sum of the networks of a results folder, in bytes."""

SHA256 = r"^[0-9a-f]{64}$"

Numbers = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(max_length=16)] | None


class _Network(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    sha256: Annotated[str, Field(pattern=SHA256)]
    bytes: Annotated[int, Field(ge=0, lt=2**53)]
    selector: str
    classes: Annotated[list[str], Field(max_length=1000)]
    mean: Numbers
    std: Numbers
    repeat: Annotated[int, Field(ge=0, lt=2**53)]
    fold: Annotated[int, Field(ge=0, lt=2**53)]
    stored: bool = True


_RECORD = TypeAdapter(_Network)
_RECORDS = TypeAdapter(list[_Network])


def write_network(folder: Path, network: FittedNetwork, **fields: Any) -> dict[str, Any]:
    """Write a network as `SHA256.safetensors` and return its record.

    Parameters
    ----------
    folder : Path
        Folder; created if it is missing.
    network : FittedNetwork
        Its weights may be arrays of any type that safetensors knows.
    **fields
        `selector` of the classifier, `repeat` and `fold`.

    Returns
    -------
    dict
        `sha256` and `bytes` of the file, `classes`, `mean`, `std`, and the fields.
    """
    from safetensors.numpy import save  # noqa: PLC0415 (only networks need it)

    content = save({name: array.copy(order="C") for name, array in network.weights.items()})
    sha256 = hashlib.sha256(content).hexdigest()
    with atomic_file(network_path(folder, sha256)) as temporary:
        temporary.write_bytes(content)
    described = {name: value if value is None else list(value) for name, value in _described(network).items()}
    return {"sha256": sha256, "bytes": len(content), **described, **fields}


def network_path(folder: Path, sha256: str) -> Path:
    """Return the file of a network."""
    return folder / f"{sha256}.safetensors"


def read_network_record(path: Path, models: Path) -> dict[str, Any]:
    """Read the record of the network of a finished fold, and check that its file is there.

    Raises
    ------
    DamagedError
        It is not such a record, or the file is missing or has another size.
    """
    record = _read(path, _RECORD)
    file = network_path(models, record["sha256"])
    check_file(file, MAX_STORED)
    if file.stat().st_size != record["bytes"]:
        raise DamagedError(f"{file}: has another size than its record")
    return record


def read_networks(path: Path) -> list[dict[str, Any]]:
    """Read the records of the networks of an experiment.

    Raises
    ------
    DamagedError
        They are not such records.
    """
    return list(_read(path, _RECORDS)["networks"])


def link_networks(records: Sequence[Mapping[str, Any]], work: Path, target: Path) -> list[dict[str, Any]]:
    """Put the networks of finished folds into the results folder, all or none of an experiment.

    They stay in the work folder as well, so that a killed process leaves nothing incomplete.

    Parameters
    ----------
    records : sequence of mapping
        Records of `read_network_record`.
    work, target : Path
        Folder of the files, and the folder that they are linked or copied to.

    Returns
    -------
    list of dict
        The records; `stored` is False in all of them if `target` would have more than `MAX_STORED` bytes.
    """
    present = {path.name: path.stat().st_size for path in target.glob("*.safetensors")} if target.is_dir() else {}
    new = {network_path(target, one["sha256"]).name: int(one["bytes"]) for one in records}
    stored = sum((present | new).values()) <= MAX_STORED
    for name in new.keys() - present.keys() if stored else ():
        with atomic_file(target / name) as temporary:
            temporary.unlink()
            try:
                os.link(work / name, temporary)
            except OSError:  # a file system without links
                shutil.copyfile(work / name, temporary)
    return [{**record, "stored": stored} for record in records]


def _described(network: FittedNetwork) -> dict[str, Any]:
    return {"classes": network.classes, "mean": network.mean, "std": network.std}


def _read(path: Path, kind: TypeAdapter[Any]) -> dict[str, Any]:
    check_file(path, MAX_JSON)
    try:
        value = read_json(path)
        kind.validate_python(value.get("networks") if kind is _RECORDS else value)
    except (BenchError, ValidationError) as error:
        reason = " ".join(str(error).removeprefix(f"{path}: ").split())[:300]
        raise DamagedError(f"{path}: is not a record of networks ({reason})") from error
    return dict(value)
