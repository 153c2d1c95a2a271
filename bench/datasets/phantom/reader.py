"""Phantom cells as a data set: written to a folder with their truth, kept in the cache, read back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.datasets.phantom.patients import DISEASED, PhantomSpec, cell_look, patients_of, random_stream
from bench.datasets.phantom.rendering import draw_cell
from bench.datasets.readers.manifest import ManifestReader
from bench.datasets.table import Dataset, ReadOptions
from bench.errors import BenchError
from bench.storage.cache import cache_dir
from extractors.files.atomic import atomic_folder

__all__ = ["PhantomReader", "PhantomSpec", "cached_phantom", "phantom_cells", "write_phantom"]

Progress = Callable[[int, int], None]
TruthRow = Mapping[str, float | int | str]

MANIFEST = "manifest.csv"


class PhantomReader:
    """The plugin `phantom`: cells that are drawn, not photographed, and whose truth is therefore known."""

    name = "phantom"

    def recognises(self, path: Path) -> bool:
        """Never: a written phantom is a manifest like any other and is read as one."""
        return False

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """The cells that `write_phantom` wrote to the folder `path`; `diseased` is positive unless options say else.

        Raises
        ------
        BenchError
            There is no manifest, or it cannot be read.
        """
        options = replace(options, positive=options.positive or DISEASED)
        dataset = ManifestReader().read(path / MANIFEST, options)
        return replace(dataset, name=self.name, reader=self.name)

    def default(
        self,
        spec: PhantomSpec | None = None,
        options: ReadOptions | None = None,
        *,
        progress: Progress | None = None,
    ) -> Dataset:
        """The data set that is used where no path is given; drawn when it is first asked for.

        Parameters
        ----------
        spec : PhantomSpec, optional
            What to draw. Default: `PhantomSpec()`.
        options : ReadOptions, optional
            How to read it.
        progress : callable, optional
            Called with (cells drawn, cells in all).

        Raises
        ------
        BenchError
            The cache folder cannot be written.
        """
        return self.read(cached_phantom(spec or PhantomSpec(), progress=progress), options or ReadOptions())


def phantom_cells(spec: PhantomSpec) -> Iterator[tuple[npt.NDArray[np.uint8], TruthRow]]:
    """Draw the cells, patient by patient.

    Each cell's random numbers come from (seed, patient, number of the cell), so that it depends on no other cell.

    Yields
    ------
    image : ndarray of uint8, shape (size, size, 3)
        RGB on exactly black.
    row : mapping
        `path`, `label`, `patient`, and the truth of `DrawnCell`.
    """
    for patient in patients_of(spec):
        for number in range(patient.n_cells):
            rng = random_stream(spec, patient.index, number)
            drawn = draw_cell(cell_look(spec, patient, rng), size=spec.size, rng=rng)
            row = {"path": f"cells/{patient.id}_{number + 1:04d}.png", "label": patient.label, "patient": patient.id}
            yield drawn.image, {**row, **drawn.truth}


def write_phantom(spec: PhantomSpec, folder: Path, *, progress: Progress | None = None) -> None:
    """Write the cells as `cells/*.png` and their truth as `manifest.csv`, all or nothing.

    They are written to a hidden folder beside `folder`, which is then renamed.

    Parameters
    ----------
    spec : PhantomSpec
        What to draw.
    folder : Path
        Where to; it must not exist, or be empty.
    progress : callable, optional
        Called with (cells written, cells in all) after each cell.

    Raises
    ------
    BenchError
        The folder holds something already, or cannot be written.
    """
    try:
        if folder.exists() and not (folder.is_dir() and next(folder.iterdir(), None) is None):
            raise BenchError(f"{folder} exists and is not empty; name another folder, or remove it first")
        with atomic_folder(folder, existing="error", flush=False) as temporary:
            _write_cells(spec, temporary, progress)
    except OSError as error:
        raise BenchError(f"phantom cells cannot be written to {folder} ({error.strerror or error})") from error


def cached_phantom(spec: PhantomSpec, *, progress: Progress | None = None) -> Path:
    """Folder of the cells in the cache, drawn where it is not there yet.

    Its name is made of the specification, the code that draws and the libraries whose random numbers and filters it
    uses. Of two processes that draw the same, the second takes what the first has finished.

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
    own = Path(__file__)
    sources = [path.read_text(encoding="utf-8") for path in sorted(own.parent.glob(f"{own.stem}*.py"))]
    made_of = [[float(value) for value in astuple(spec)], np.__version__, cv2.__version__, sources]
    digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]
    return f"{2 * spec.patients}-patients-seed-{spec.seed}-{digest}"
