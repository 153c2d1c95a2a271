"""Write fitted networks of an experiment to a folder: one safetensors file each, and their records."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.experiments.experiment_network import ExperimentNetwork
from bench.experiments.stored_networks import RECORDS
from bench.storage.folders import writable_folder
from bench.storage.json_files import write_json
from extractors.files.atomic import atomic_folder


def check_empty(folder: Path) -> None:
    """Raise BenchError if networks cannot be written to a folder; call it before a long computation."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BenchError(f"{folder}: is not a folder; choose another one with --output")
    if folder.is_dir() and any(folder.iterdir()):
        raise BenchError(f"{folder}: is not empty; choose a new folder with --output")
    writable_folder(folder.absolute().parent, "--output")


def write_networks(networks: Iterable[ExperimentNetwork], folder: Path) -> list[dict[str, Any]]:
    """Write networks as `repeat0-fold1.safetensors`, ..., and their records as `networks.json`, all or none.

    Parameters
    ----------
    networks : iterable of ExperimentNetwork
        From `bench.fitted_networks`.
    folder : Path
        Folder that is created; an empty one is replaced.

    Returns
    -------
    list of dict
        For each network `file`, `source` (`read` or `refitted`), and `repeat`, `fold`, `fit`, `role`, `member`,
        `selector`, `classes`, `mean`, `std`, `size`, `sha256` and `bytes`, as in `ExperimentResult.networks`.

    Raises
    ------
    BenchError
        The folder is not empty or cannot be written, or as `bench.fitted_networks`.
    """
    check_empty(folder)
    records = []
    try:
        with atomic_folder(folder, existing="error") as temporary:
            for network in networks:
                file = f"{network.name}.safetensors"
                (temporary / file).write_bytes(network.content)
                described = {key: value for key, value in network.record.items() if key != "stored"}
                source = "refitted" if network.refitted else "read"
                records.append({"file": file, "source": source, **described})
            write_json(temporary / RECORDS, {"networks": records})
    except OSError as error:
        raise BenchError(f"{folder}: cannot be written ({error.strerror or error})") from error
    return records
