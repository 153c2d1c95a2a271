"""Phantom datasets named by a selector: `phantom[patients=30,seed=1]`."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from bench.datasets.phantom.reader import PhantomReader, PhantomSpec, cached_phantom
from bench.datasets.table import Dataset, ReadOptions
from bench.errors import BenchError
from bench.observer import Observer
from bench.plugins.selectors import check_parameters, parse

PHANTOM = "phantom"


def read_phantom(data: str, options: ReadOptions, observer: Observer) -> tuple[Dataset, Path] | None:
    """Draw or load the phantom that a selector names; None if `data` is a path.

    Returns
    -------
    dataset : Dataset
        Table of cells, named by the selector.
    root : Path
        Folder of the dataset.

    Raises
    ------
    BenchError
        A parameter is unknown, not a number or out of range, or the cache folder cannot be written.
    """
    spec = phantom_spec(data)
    if spec is None:
        return None
    folder = cached_phantom(spec, progress=lambda *counts: observer.progress("draw phantom cells", *counts))
    return replace(PhantomReader().read(folder, options), name=data), folder.resolve()


def with_seed_in_ids(held_out: Dataset, data: str, *, train: str) -> Dataset:
    """Append the seed to the patient ids of a held-out phantom if the training phantom has another seed.

    Phantoms of two seeds have different patients, but both number them from 1.

    Parameters
    ----------
    held_out : Dataset
        Held-out cells.
    data, train : str
        `--held-out` and `--data`, selectors or paths.
    """
    train_spec, spec = phantom_spec(train), phantom_spec(data)
    if train_spec is None or spec is None or train_spec.seed == spec.seed:
        return held_out
    renamed = {name: held_out.table[name] + f"-seed{spec.seed}" for name in ("patient", "unit")}
    return replace(held_out, table=held_out.table.assign(**renamed))


def phantom_spec(data: str) -> PhantomSpec | None:
    """Parse the selector of a phantom; None if `data` is a path.

    Raises
    ------
    BenchError
        A parameter is unknown, not a number or out of range.
    """
    if data.partition("[")[0] != PHANTOM or Path(data).exists():
        return None
    selector = parse(data)
    check_parameters(selector, [field.name for field in fields(PhantomSpec)])
    for key, value in selector.params.items():
        expected, types = ("a name", (str,)) if key == "mixture" else ("a number", (int, float))
        if type(value) not in types:
            raise BenchError(f"phantom: {key} must be {expected} (value: {value!r})")
    return PhantomSpec(**selector.params)  # type: ignore[arg-type]  # checked above, and by the class
