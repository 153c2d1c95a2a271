"""Synthetic data for the contract checks: features or small phantom images of patients with labels."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.datasets.phantom.patients import PhantomSpec
from bench.datasets.phantom.reader import MANIFEST, write_phantom
from extractors.cells import CellFile, Cells, read_image
from extractors.preparation.geometry import CentreCrop

Rows = npt.NDArray[np.intp]

FEATURES = 12
"""Number of features, below the number of cells of a class in the smallest fit, as some classifiers require."""
PLANTED = 3
"""Number of last features that a planted signal shifts, by five standard deviations."""

SIDE = 64
"""Width and height of the phantom cells in pixels."""


@dataclass(frozen=True)
class SyntheticData:
    """Cells with labels and patients.

    Parameters
    ----------
    X : ndarray of float32, shape (n_cells, n_features), or Cells
        Input of a plugin.
    y : ndarray of str, shape (n_cells,)
        Labels.
    groups : ndarray of str, shape (n_cells,)
        Patients.
    """

    X: Any
    y: npt.NDArray[Any]
    groups: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.y)

    def inputs(self, rows: Rows | Sequence[int]) -> Any:
        """Copy the features or cells at some positions."""
        return self.X.take(rows) if isinstance(self.X, Cells) else self.X[np.asarray(rows, dtype=np.intp)].copy()

    def take(self, rows: Rows | Sequence[int]) -> SyntheticData:
        """Copy cells, labels and patients at some positions."""
        chosen = np.asarray(rows, dtype=np.intp)
        return SyntheticData(self.inputs(chosen), self.y[chosen], self.groups[chosen])

    def copy(self) -> SyntheticData:
        """Copy everything, so that a plugin that modifies its input does not affect other checks."""
        return self.take(range(len(self)))


def synthetic_features(classes: int = 2, *, patients: int = 9, cells: int = 6, seed: int = 0) -> SyntheticData:
    """Draw features with patient effects and a weak class effect in the first feature.

    Neighbouring patients have different classes. Rows are shuffled, since an unshuffled split of cells sorted by
    patient would separate few patients.

    Parameters
    ----------
    classes, patients, cells : int
        Number of classes, patients per class and cells per patient.
    """
    rng = np.random.default_rng(seed)
    patient = rng.permutation(np.repeat(np.arange(classes * patients), cells))
    label = patient % classes
    X = rng.normal(size=(len(patient), FEATURES)) + rng.normal(size=(classes * patients, FEATURES))[patient]
    X[:, 0] += label
    return SyntheticData(X.astype(np.float32), _names("class", label), _names("patient", patient))


def synthetic_cells(
    folder: Path, classes: int = 2, *, patients: int = 9, cells: int = 3, seed: int = 0, prefix: str = ""
) -> SyntheticData:
    """Draw phantom cells of 64 x 64 pixels into a new folder with a table of labels.

    Labels and patients are as in `synthetic_features`, independent of the labels of the phantom. Ids are positions with
    `prefix`.
    """
    # The phantom has equally many patients in two classes, so one patient may be unused.
    spec = PhantomSpec(patients=-(-classes * patients // 2), cells=cells, spread=0, size=SIDE, debris=0, seed=seed)
    write_phantom(spec, folder)
    drawn = sorted(folder.glob("cells/*.png"))[: classes * patients * cells]
    order = np.random.default_rng(seed).permutation(len(drawn))
    patient = order // cells
    files = [CellFile(f"{prefix}{row}", str(drawn[place])) for row, place in enumerate(order)]
    data = SyntheticData(Cells(files), _names("class", patient % classes), _names("patient", patient))
    _write_table(folder, data)
    return data


def renamed_copy(data: SyntheticData, folder: Path, y: npt.NDArray[Any], *, prefix: str = "") -> SyntheticData:
    """Copy the images to another folder with other names and another table of labels.

    Parameters
    ----------
    folder : Path
        New folder.
    y : ndarray of str, shape (n_cells,)
        Labels of the table and of the result.
    prefix : str
        Prefix of the ids.
    """
    (folder / "cells").mkdir(parents=True)
    files = []
    for row, file in enumerate(data.X.files):
        path = folder / "cells" / f"other_{row:04d}.png"
        shutil.copyfile(file.path, path)
        files.append(replace(file, id=f"{prefix}{file.id}", path=str(path)))
    copy = SyntheticData(Cells(files), y, data.groups)
    _write_table(folder, copy)
    return copy


def prepared(data: SyntheticData, folder: Path) -> tuple[SyntheticData, SyntheticData]:
    """Crop the centre of every image twice: by a preparation step, and into files in a new folder.

    The mask is the complete crop in both cases.
    """
    edge = SIDE // 8
    full = replace(data, X=Cells(replace(file, mask_by="whole") for file in data.X.files))
    step = CentreCrop(size=SIDE - 2 * edge)
    cropped = replace(full, X=Cells(replace(file, prepare=(step,)) for file in full.X.files))
    expected = renamed_copy(full, folder, full.y)
    for file in expected.X.files:
        image = read_image(Path(file.path))[edge:-edge, edge:-edge]
        cv2.imwrite(file.path, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return cropped, expected


def with_other_inputs(data: SyntheticData, rows: Rows, *, seed: int) -> SyntheticData:
    """Replace the features or images at some positions; ids are unchanged."""
    rng = np.random.default_rng(seed)
    if not isinstance(data.X, Cells):
        X = data.X.copy()
        X[rows] = rng.normal(size=(len(rows), X.shape[1])) * 3
        return replace(data, X=X)
    files = list(data.X.files)
    for row, other in zip(rows, np.roll(rows, 1), strict=True):
        files[row] = replace(files[row], path=data.X.files[other].path)
    return replace(data, X=Cells(files))


def with_planted_signal(data: SyntheticData, rows: Rows, folder: Path, *, labels: npt.NDArray[Any]) -> SyntheticData:
    """Plant a strong signal of new labels in the cells at some positions.

    The last features are shifted, or red and blue of the images are next_labels, for all but the first class.

    Parameters
    ----------
    folder : Path
        Empty folder for changed images.
    labels : ndarray of str, shape (n_cells,)
        Labels of all cells, used only at `rows`.
    """
    y = data.y.copy()
    y[rows] = labels[rows]
    shifted = rows[y[rows] != np.unique(y)[0]]
    if not isinstance(data.X, Cells):
        X = data.X.copy()
        X[shifted, -PLANTED:] += 5
        return SyntheticData(X, y, data.groups)
    files = list(data.X.files)
    for row in shifted:
        path = folder / f"{row}.png"
        # OpenCV expects blue, green, red.
        cv2.imwrite(str(path), read_image(Path(files[row].path)))
        files[row] = replace(files[row], path=str(path))
    return SyntheticData(Cells(files), y, data.groups)


def planted_signals(data: SyntheticData, rows: Rows, folder: Path) -> Iterator[SyntheticData]:
    """Yield the data with a signal planted at some positions for other labels, and for their own."""
    for labels in (next_labels(data.y, rows), data.y):
        yield with_planted_signal(data, rows, Path(tempfile.mkdtemp(prefix="planted-", dir=folder)), labels=labels)


def halves(data: SyntheticData) -> tuple[Rows, Rows]:
    """Return two halves of the patients, each with all classes, since the classes of numbered patients alternate."""
    _, number = np.unique(data.groups, return_inverse=True)
    return np.flatnonzero(number < (number.max() + 1) // 2), np.flatnonzero(number >= (number.max() + 1) // 2)


def next_labels(y: npt.NDArray[Any], rows: Rows) -> npt.NDArray[Any]:
    """Replace the labels at some positions by the next class."""
    classes, codes = np.unique(y, return_inverse=True)
    codes[rows] = (codes[rows] + 1) % len(classes)
    return np.asarray(classes[codes])


def _names(word: str, codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.str_]:
    return np.array([f"{word} {code:02d}" for code in codes])


def _write_table(folder: Path, data: SyntheticData) -> None:
    paths = [Path(cell.path).relative_to(folder).as_posix() for cell in data.X.files]
    table = pd.DataFrame({"path": paths, "label": data.y, "patient": data.groups})
    table.to_csv(folder / MANIFEST, index=False)
