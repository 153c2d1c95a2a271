"""Folders that are not classes: parts of a split, patients above classes, copies, folders of masks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.datasets.canonical_names import name_key
from bench.datasets.names import listed
from bench.errors import BenchError

FIRST_FOLDER = r"^([^/]+)/"
SECOND_FOLDER = r"^[^/]+/([^/]+)/"

_PARTS = frozenset(
    {"train", "training", "valid", "validation", "val", "test", "testing", "dev", "eval", "evaluation", "holdout"}
    | {"heldout", "trainset", "testset"}
)
_MASKS = frozenset({"mask", "masks", "segmentation", "segmentations", "groundtruth", "annotation", "annotations"})
_MASK_NAMES = frozenset({"gt", "labels", "seg"})


def check_mask_folders(root: Path, files: Sequence[str]) -> None:
    """Refuse images in a folder whose name is that of a folder of masks.

    Parameters
    ----------
    root : Path
        Folder of the dataset.
    files : sequence of str
        Paths relative to it, without those in the folders of `--mask` and `--nucleus-mask`.

    Raises
    ------
    BenchError
        Names the folder and the number of images.
    """
    inside = {file: folder for file in files if (folder := _mask_folder(file)) is not None}
    if inside:
        raise BenchError(
            f"{root / next(iter(inside.values()))}: {len(inside)} of {len(files)} images are in folders with the name "
            "of masks, and would count as cells. Pass such a folder with --mask (or --nucleus-mask), list the masks in "
            "the column `mask` of a manifest, or rename the folder if it contains cells"
        )


def check_class_folders(root: Path, files: Sequence[str], patients: Sequence[str]) -> None:
    """Refuse layouts in which the first folder is probably not the class.

    Parameters
    ----------
    root : Path
        Folder of the dataset.
    files : sequence of str
        Paths of the images relative to it.
    patients : sequence of str
        Patient of each image.

    Raises
    ------
    BenchError
        The first folders are parts of a split or contain a copy of the classes, or their inner folders repeat under
        every one of them and are not the patients. The message names the options for each reading.
    """
    inner = _inner_folders(files)
    parts = [name for name in inner if is_part_of_split(name)]
    below = sorted(set().union(*inner.values()))
    if parts:
        raise BenchError(_parts_message(root, parts, below))
    for name, folders in inner.items():
        copied = sorted((folders & inner.keys()) - {name})
        if copied:
            raise BenchError(
                f"{root / name}: this folder contains folders with the names of classes beside it ({listed(copied)}), "
                "probably a second copy of the images; remove the copy, or pass the folder of one of them"
            )
    if len(inner) == 1 and below:
        only = next(iter(inner))
        raise BenchError(
            f"{root}: the only class folder is {only}; if the classes are the folders in it ({listed(below)}), pass "
            f"{root / only}"
        )
    patients_are_inner = all(patient in file.split("/")[1:2] for file, patient in zip(files, patients, strict=True))
    if _repeats(inner) and not patients_are_inner:
        raise BenchError(
            f"{root}: the same folders ({listed(below)}) repeat under {len(inner)} folders ({listed(sorted(inner))}), "
            f"so either may be the classes. Pass --label-pattern '{SECOND_FOLDER}' if the inner folders are the "
            f"classes, or --label-pattern '{FIRST_FOLDER}' if the outer ones are"
        )


def pooled_notice(files: Sequence[str]) -> tuple[str, ...]:
    """Return a notice that parts of a split inside the class folders are pooled; empty without such parts."""
    parts = sorted({name for folders in _inner_folders(files).values() for name in folders if is_part_of_split(name)})
    return (f"the parts of a split in the class folders are pooled: {listed(parts, 20)}",) if parts else ()


def is_part_of_split(folder: str) -> bool:
    """Whether the first word of a folder's name is that of a part of a split, such as `train` or `TestA`."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", folder)
    joined = "".join(words[:2]).lower()
    return bool(words) and (words[0].lower() in _PARTS or joined in _PARTS)


def _parts_message(root: Path, parts: Sequence[str], below: Sequence[str]) -> str:
    named = (
        f"the folders {listed(parts, 20)} look like parts of a split, not like classes"
        if len(parts) > 1
        else f"the folder {parts[0]} looks like a part of a split, not like a class"
    )
    keep = f"--label-pattern '{FIRST_FOLDER}' reads these folders as classes"
    if not below:
        return f"{root}: {named}; pass --label-pattern for the labels ({keep})"
    pool = f"--label-pattern '{SECOND_FOLDER}' pools the parts"
    train = next((name for name in parts if name.lower().startswith("tr")), parts[0])
    test = next((name for name in reversed(parts) if name != train), None)
    other = f" --held-out {root / test} tests on one of them" if test else " reads one part"
    apart = f", --data {root / train}{other}"
    return f"{root}: {named}; the classes seem to be one level down: {listed(below)}. {pool}{apart}; {keep}"


def _inner_folders(files: Sequence[str]) -> dict[str, set[str]]:
    """Return the second folders below each first folder."""
    inner: dict[str, set[str]] = {}
    for file in files:
        first, *rest = file.split("/")[:-1]
        inner.setdefault(first, set()).update(rest[:1])
    return inner


def _repeats(inner: Mapping[str, set[str]]) -> bool:
    """Whether several inner folders repeat under every outer folder, or there are fewer of them than outer folders.

    Parts of a split below the classes do not count: they are pooled.
    """
    shared = set.intersection(*inner.values())
    every = set().union(*inner.values())
    if min(len(inner), len(every)) < 2 or not all(inner.values()) or all(map(is_part_of_split, every)):
        return False
    return shared == every or len(every) < len(inner)


def _mask_folder(file: str) -> str | None:
    folders = file.split("/")[:-1]
    for depth, folder in enumerate(folders, start=1):
        words = re.findall(r"[^\W\d_]+", name_key(folder))
        if _MASKS & {*words, "".join(words)} or name_key(folder) in _MASK_NAMES:
            return "/".join(folders[:depth])
    return None
