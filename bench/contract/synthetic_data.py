"""Made-up cells that plugins are checked on: features, or small phantom images, of patients with labels."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bench.datasets.phantom.patients import PhantomSpec
from bench.datasets.phantom.reader import MANIFEST, write_phantom
from extractors.cells import CellFile, Cells, read_image
from extractors.preparation.geometry import CentreCrop

Rows = npt.NDArray[np.intp]

FEATURES = 12
"""Fewer than the cells of a class in the smallest fit, which some classifiers need, and enough to choose among."""
PLANTED = 3
"""The last features that a planted signal shifts, by five standard deviations."""

SIDE = 64
"""Width and height of the phantom cells in pixels."""


@dataclass(frozen=True)
class Material:
    """Cells with their labels and patients.

    Parameters
    ----------
    X : ndarray of float32, shape (n_cells, n_features), or Cells
        What a plugin is given.
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
        """Fresh features or cells at the given positions."""
        return self.X.take(rows) if isinstance(self.X, Cells) else self.X[np.asarray(rows, dtype=np.intp)].copy()

    def take(self, rows: Rows | Sequence[int]) -> Material:
        """The cells at the given positions, in arrays of their own."""
        chosen = np.asarray(rows, dtype=np.intp)
        return Material(self.inputs(chosen), self.y[chosen], self.groups[chosen])

    def copy(self) -> Material:
        """The same in arrays of their own: a plugin that writes to what it is given spoils no other check."""
        return self.take(range(len(self)))


def synthetic_features(classes: int = 2, *, patients: int = 9, cells: int = 6, seed: int = 0) -> Material:
    """Features of patients who can be told apart, with a weak difference between the classes in the first of them.

    Neighbouring patients are of different classes, and rows lie in a random order: an unshuffled split of cells that
    lie patient by patient would keep most patients whole by accident.

    Parameters
    ----------
    classes, patients, cells : int
        Classes, patients of each class, and cells of each patient.
    """
    rng = np.random.default_rng(seed)
    patient = rng.permutation(np.repeat(np.arange(classes * patients), cells))
    label = patient % classes
    X = rng.normal(size=(len(patient), FEATURES)) + rng.normal(size=(classes * patients, FEATURES))[patient]
    X[:, 0] += label
    return Material(X.astype(np.float32), _names("class", label), _names("patient", patient))


def synthetic_cells(
    folder: Path, classes: int = 2, *, patients: int = 9, cells: int = 3, seed: int = 0, prefix: str = ""
) -> Material:
    """Phantom cells of 64 x 64 pixels, drawn into a new folder beside the table of their labels.

    Labels and patients are as in `synthetic_features`: what the phantom calls diseased plays no part. The cells' ids
    are their positions behind `prefix`.
    """
    # The phantom has two classes of equally many patients; one patient may be left over.
    spec = PhantomSpec(patients=-(-classes * patients // 2), cells=cells, spread=0, size=SIDE, debris=0, seed=seed)
    write_phantom(spec, folder)
    drawn = sorted(folder.glob("cells/*.png"))[: classes * patients * cells]
    order = np.random.default_rng(seed).permutation(len(drawn))
    patient = order // cells
    files = [CellFile(f"{prefix}{row}", str(drawn[place])) for row, place in enumerate(order)]
    found = Material(Cells(files), _names("class", patient % classes), _names("patient", patient))
    _write_table(folder, found)
    return found


def retold(material: Material, folder: Path, y: npt.NDArray[Any], *, prefix: str = "") -> Material:
    """The same images in another folder, under other names and with another table of labels beside them.

    Parameters
    ----------
    folder : Path
        New folder.
    y : ndarray of str, shape (n_cells,)
        The labels that the table beside the images tells, and the ones of the result.
    prefix : str
        Put before each cell's id.
    """
    (folder / "cells").mkdir(parents=True)
    files = []
    for row, file in enumerate(material.X.files):
        path = folder / "cells" / f"other_{row:04d}.png"
        shutil.copyfile(file.path, path)
        files.append(replace(file, id=f"{prefix}{file.id}", path=str(path)))
    told = Material(Cells(files), y, material.groups)
    _write_table(folder, told)
    return told


def prepared(material: Material, folder: Path) -> tuple[Material, Material]:
    """The middle of every image twice: cut out by a step of preparation, and by hand into files in a new folder.

    What is cut is the cell, whole, so that both have the same mask.
    """
    edge = SIDE // 8
    whole = replace(material, X=Cells(replace(file, mask_by="whole") for file in material.X.files))
    step = CentreCrop(size=SIDE - 2 * edge)
    cut = replace(whole, X=Cells(replace(file, prepare=(step,)) for file in whole.X.files))
    by_hand = retold(whole, folder, whole.y)
    for file in by_hand.X.files:
        image = read_image(Path(file.path))[edge:-edge, edge:-edge]
        cv2.imwrite(file.path, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return cut, by_hand


def with_other_inputs(material: Material, rows: Rows, *, seed: int) -> Material:
    """Other numbers, or the images of other cells, at the given positions; ids stay."""
    rng = np.random.default_rng(seed)
    if not isinstance(material.X, Cells):
        X = material.X.copy()
        X[rows] = rng.normal(size=(len(rows), X.shape[1])) * 3
        return replace(material, X=X)
    files = list(material.X.files)
    for row, other in zip(rows, np.roll(rows, 1), strict=True):
        files[row] = replace(files[row], path=material.X.files[other].path)
    return replace(material, X=Cells(files))


def with_planted_signal(material: Material, rows: Rows, folder: Path, *, labels: npt.NDArray[Any]) -> Material:
    """The cells at the given positions under other labels that a blatant signal tells apart, unlike any real one.

    Whatever learns from these cells will go by the signal: the last features are shifted, the colours of the images
    are turned round.

    Parameters
    ----------
    folder : Path
        New folder, for changed images.
    labels : ndarray of str, shape (n_cells,)
        Labels of all cells; those at other positions stay as they are.
    """
    y = material.y.copy()
    y[rows] = labels[rows]
    told = rows[y[rows] != np.unique(y)[0]]
    if not isinstance(material.X, Cells):
        X = material.X.copy()
        X[told, -PLANTED:] += 5
        return Material(X, y, material.groups)
    folder.mkdir()
    files = list(material.X.files)
    for row in told:
        path = folder / f"{row}.png"
        # OpenCV writes what it takes for blue, green, red.
        cv2.imwrite(str(path), read_image(Path(files[row].path)))
        files[row] = replace(files[row], path=str(path))
    return Material(Cells(files), y, material.groups)


def swapped(y: npt.NDArray[Any], rows: Rows) -> npt.NDArray[Any]:
    """Labels of which those at the given positions have become the next class."""
    classes, codes = np.unique(y, return_inverse=True)
    codes[rows] = (codes[rows] + 1) % len(classes)
    return np.asarray(classes[codes])


def _names(word: str, codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.str_]:
    return np.array([f"{word} {code:02d}" for code in codes])


def _write_table(folder: Path, material: Material) -> None:
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "patient"])
        for cell, label, patient in zip(material.X.files, material.y, material.groups, strict=True):
            table.writerow([Path(cell.path).relative_to(folder).as_posix(), label, patient])
