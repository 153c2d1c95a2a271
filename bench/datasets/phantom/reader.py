"""Phantom datasets: written to a folder with ground truth, cached, and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.datasets.phantom import patients, rendering
from bench.datasets.phantom.patients import DISEASED, PhantomSpec, cell_appearance, patients_of, random_stream
from bench.datasets.phantom.rendering import draw_cell
from bench.datasets.readers.manifest import ManifestReader
from bench.datasets.table import Dataset, ReadOptions
from bench.errors import BenchError
from bench.storage.fingerprints import code_digest, digest
from bench.storage.folders import cache_dir
from extractors.files.atomic import atomic_folder

__all__ = ["PhantomReader", "PhantomSpec", "cached_phantom", "phantom_cells", "write_phantom"]

Progress = Callable[[int, int], None]
TruthRow = Mapping[str, float | int | str]

MANIFEST = "manifest.csv"


class PhantomReader:
    """The plugin `phantom`: synthetic cells with known ground truth."""

    name = "phantom"

    def recognises(self, path: Path) -> bool:
        """Return False: a written phantom is read as a manifest."""
        return False

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Read a folder written by `write_phantom`; the default positive class is `diseased`.

        Raises
        ------
        BenchError
            The manifest is missing or cannot be read.
        """
        options = replace(options, positive=options.positive or DISEASED)
        dataset = ManifestReader().read(path / MANIFEST, options)
        return replace(dataset, name=self.name, reader=self.name)


def phantom_cells(spec: PhantomSpec) -> Iterator[tuple[npt.NDArray[np.uint8], TruthRow]]:
    """Draw the cells, patient by patient.

    The random numbers of a cell follow from (seed, patient, number of the cell), independent of other cells.

    Yields
    ------
    image : ndarray of uint8, shape (size, size, 3)
        RGB on exactly black.
    row : mapping
        `path`, `label`, `patient`, and the ground truth of `DrawnCell`.
    """
    for patient in patients_of(spec):
        for number in range(patient.n_cells):
            rng = random_stream(spec, patient.index, number)
            drawn = draw_cell(cell_appearance(spec, patient, rng), size=spec.size, rng=rng)
            row = {"path": f"cells/{patient.id}_{number + 1:04d}.png", "label": patient.label, "patient": patient.id}
            yield drawn.image, {**row, **drawn.truth}


def write_phantom(spec: PhantomSpec, folder: Path, *, progress: Progress | None = None) -> None:
    """Write the cells as `cells/*.png` and the ground truth as `manifest.csv`, atomically.

    Parameters
    ----------
    spec : PhantomSpec
        Parameters of the dataset.
    folder : Path
        Output folder; must not exist, or must be empty.
    progress : callable, optional
        Called with the number of cells written and the total after each cell.

    Raises
    ------
    BenchError
        The folder is not empty or cannot be written.
    """
    try:
        if folder.exists() and not (folder.is_dir() and next(folder.iterdir(), None) is None):
            raise BenchError(f"{folder} exists and is not empty; choose another folder, or remove it first")
        with atomic_folder(folder, existing="error", flush=False) as temporary:
            _write_cells(spec, temporary, progress)
    except OSError as error:
        raise BenchError(f"phantom cells cannot be written to {folder} ({error.strerror or error})") from error


def cached_phantom(spec: PhantomSpec, *, progress: Progress | None = None) -> Path:
    """Return the cached folder of a specification; draw it if it is missing.

    The name of the folder contains a digest of the specification, the drawing code and the versions of its libraries.
    If two processes draw the same specification, the second uses the result of the first.

    Raises
    ------
    BenchError
        The cache folder cannot be written.
    """
    folder = cache_dir() / "phantom" / _content_name(spec)
    if not folder.is_dir():
        try:
            write_phantom(spec, folder, progress=progress)
        except BenchError:
            if not folder.is_dir():
                raise
    return folder


def _write_cells(spec: PhantomSpec, folder: Path, progress: Progress | None) -> None:
    (folder / "cells").mkdir()
    total = sum(patient.n_cells for patient in patients_of(spec))
    rows = []
    for image, row in phantom_cells(spec):
        (folder / str(row["path"])).write_bytes(_png(image))
        rows.append(row)
        if progress is not None:
            progress(len(rows), total)
    pd.DataFrame(rows).to_csv(folder / MANIFEST, index=False, float_format="%.6g")


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return bytes(data)


def _content_name(spec: PhantomSpec) -> str:
    values = [value if isinstance(value, str) else float(value) for value in astuple(spec)]
    parts = [values, np.__version__, cv2.__version__, code_digest(rendering.__name__, patients.__name__)]
    return f"{2 * spec.patients}-patients-seed-{spec.seed}-{digest(parts)[:16]}"
