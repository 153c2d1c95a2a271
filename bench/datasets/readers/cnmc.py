"""Reader of the C-NMC 2019 leukaemia cells: training cells in four layouts, or the preliminary phase."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Literal

from bench.datasets.names import listed
from bench.datasets.readers.cnmc_names import CellName, check_unique, fold_notice, parse_name
from bench.datasets.readers.cnmc_preliminary import FOLDER as PRELIMINARY
from bench.datasets.readers.cnmc_preliminary import LABELS, PHASE_2, PHASE_2_LABELS, read_preliminary
from bench.datasets.readers.images import folders_in, image_files, is_image_name
from bench.datasets.readers.public.facts import Facts
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError

POSITIVE = "ALL"

FINAL = "C-NMC_test_final_phase_data"

PHASE_3 = "phase3"
"""Folder of the final phase in copies of the challenge."""

TRAINING = frozenset({"training_data", "C-NMC_training_data"})

MERGED = "train_merged"
SPLITS = "splits"
"""Folders of repacked copies: `train_merged/{all,hem}`, and `splits/{train,val,test}/{all,hem}`, also in upper case."""

LINKED = (
    frozenset({"20", "21"}),
    frozenset({"51", "75", "78"}),
    frozenset({"H2", "H4", "H5", "H6"}),
    frozenset({"H3", "H10"}),
)
"""Training patients that share byte-identical images: of the 104 pairs of files with equal SHA-256 in the training
folders, 99 have two patient ids (20 = 21: 71; 51 = 75: 10; 75 = 78: 11; H2, H4, H5, H6: 6; H10 = H3: 1)."""

_FOLD = re.compile(r"fold_(\d+)")
_CLASS_FOLDERS = frozenset({"all", "hem"})
_DEPTH = 4
"""Levels below the given folder in which folders of C-NMC are searched."""


Phase = Literal["training", "preliminary", "final"]


class CnmcReader:
    """C-NMC 2019 (doi 10.7937/tcia.2019.dc64i46r): `fold_<n>/{all,hem}/UID_<patient>_<image>_<cell>_{all,hem}`.

    The path may be the archive's root, a folder above it or any folder inside it. If the path
    has training folds, only these are read: each phase is a separate dataset. Labels are `ALL` (positive) and `HEM`.
    Ids include the H, since H30 and 30 are different patients. Layouts: the archives of Kaggle and TCIA, copies of the
    challenge (`phase2` and `phase3` beside the folds) and repacked copies (`MERGED`, `SPLITS`), whose parts are pooled.
    """

    name = "cnmc"
    facts = Facts(title="C-NMC 2019", licence="CC BY 3.0", patients=True, address="doi.org/10.7937/tcia.2019.dc64i46r")

    def recognises(self, path: Path) -> bool:
        """Whether there are class folders with C-NMC file names, or a folder of one of the test phases."""
        here = path.resolve()
        if path.is_file():
            return path.name == LABELS or (path.name == PHASE_2_LABELS and (here.parent / PHASE_2).is_dir())
        if _phase(here) != "training":
            return True
        folders = list(folders_in(here, _DEPTH))
        if any(_is_phase(folder) for folder in folders):
            return True
        return any(_holds_cells(folder) for folder in folders if _is_class_folder(folder, here))

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table of cells, sorted by path.

        Raises
        ------
        BenchError
            An image has another name, contradicts its folder or occurs twice; there is only the final phase, which has
            no labels; the preliminary phase lacks its label file.
        """
        root = (path.parent if path.is_file() else path).resolve()
        files = [root / file for file in image_files(root)]
        phases = {folder: _phase(folder) for folder in {file.parent for file in files}}
        training, preliminary, final = (
            [file for file in files if phases[file.parent] == phase] for phase in ("training", "preliminary", "final")
        )
        if training:
            notices = (*_left_out(preliminary, "preliminary"), *_left_out(final, "final"))
            return self._read_training(root, training, options, notices)
        if preliminary:
            table, notices = read_preliminary(preliminary)
            notices = (*notices, *_left_out(final, "final"))
            return Dataset("cnmc-preliminary", self.name, table, POSITIVE, options, notices)
        if final:
            raise BenchError(
                f"{root}: the final phase of C-NMC has no public labels; read training_data or validation_data"
            )
        raise BenchError(f"{root}: there are no images")

    def _read_training(self, root: Path, files: list[Path], options: ReadOptions, notices: tuple[str, ...]) -> Dataset:
        names = [_training_name(file) for file in files]
        check_unique(files)
        folds = [_fold(file) for file in files]
        table = cell_table(
            cell=[file.stem for file in files],
            path=[str(file) for file in files],
            label=[name.label for name in names],
            patient=[name.patient for name in names],
            linked=LINKED,
            fold=None if None in folds else folds,
        )
        notices = (*fold_notice(names), *_pooled(files), *notices)
        return Dataset(_name(root, files[0]), self.name, table, POSITIVE, options, notices)


def _is_class_folder(folder: Path, root: Path) -> bool:
    """Whether a folder is named like a class, and is `root`, in it, or in a folder of the training cells."""
    above = folder.parent
    near = root in (folder, above) or above.name.startswith("fold_") or _is_repacked(above)
    return folder.name.lower() in _CLASS_FOLDERS and near


def _is_repacked(folder: Path) -> bool:
    return folder.name == MERGED or folder.parent.name == SPLITS


def _phase(folder: Path) -> Phase:
    """Return the phase of the images in a folder."""
    for place in (folder, *folder.parents):
        if phase := _is_phase(place):
            return phase
    return "training"


def _is_phase(folder: Path) -> Phase | None:
    """Return the phase of which a folder has the name; None if it is not that of a test phase.

    `phase2` and `phase3` are usual names: they need the label file of the challenge beside them.
    """
    if folder.name == PRELIMINARY or (folder.name == PHASE_2 and (folder.parent / PHASE_2_LABELS).is_file()):
        return "preliminary"
    if folder.name == FINAL or (folder.name == PHASE_3 and (folder.parent / PHASE_2_LABELS).is_file()):
        return "final"
    return None


def _holds_cells(folder: Path) -> bool:
    with suppress(OSError), os.scandir(folder) as entries:
        return any(is_image_name(entry.name) and parse_name(entry.name) is not None for entry in entries)
    return False


def _training_name(file: Path) -> CellName:
    name = parse_name(file.name)
    if name is None:
        raise BenchError(f"{file}: not named UID_<patient>_<image>_<cell>_{{all,hem}} as the cells of C-NMC are")
    folder = file.parent.name
    if folder.lower() not in _CLASS_FOLDERS:
        raise BenchError(f"{file}: cells of C-NMC are in folders named all or hem, not {folder}")
    if folder.upper() != name.label:
        raise BenchError(f"{file}: the class is {name.label} in the file name but {folder.upper()} in the folder name")
    return name


def _fold(file: Path) -> str | None:
    match = _FOLD.fullmatch(file.parent.parent.name)
    return match[1] if match else None


def _pooled(files: list[Path]) -> tuple[str, ...]:
    """Return a notice that the parts of a repacked copy are pooled; empty without several parts."""
    parts = sorted({file.parent.parent.name for file in files if file.parent.parent.parent.name == SPLITS})
    if len(parts) < 2:
        return ()
    return (f"the parts of a split are pooled ({listed(parts)}); folds are drawn by the patients of the file names",)


def _name(root: Path, file: Path) -> str:
    if _is_repacked(file.parent.parent):
        return "cnmc-training" if file.parent.parent.name == MERGED else f"cnmc-{SPLITS}"
    inside = file.parent.parent if _fold(file) is None else file.parent.parent.parent
    base = "cnmc-training" if inside.name in TRAINING else inside.name
    part = root.relative_to(inside).parts if root.is_relative_to(inside) else ()
    return "-".join([base, *part])


def _left_out(files: list[Path], phase: str) -> tuple[str, ...]:
    if not files:
        return ()
    folder = files[0].parent
    if phase == "final":
        return (f"images of the final phase were left out, since it has no labels: {len(files)} in {folder}",)
    return (f"images of the preliminary phase were left out: {len(files)}; to read them, pass {folder}",)
