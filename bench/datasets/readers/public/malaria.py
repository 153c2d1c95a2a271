"""Thin blood smears of the NIH with and without malaria parasites."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.datasets.links import joined
from bench.datasets.names import listed
from bench.datasets.readers.groups import Groups, ignored_pattern
from bench.datasets.readers.public.facts import Facts
from bench.datasets.readers.public.folder_set import FolderSetReader, Matched
from bench.datasets.readers.public.layout import Layout
from bench.datasets.readers.public.malaria_patients import read_patients
from bench.datasets.table import ReadOptions
from bench.errors import BenchError

FILES = {
    "Parasitized": "patientid_cellmapping_parasitized.csv",
    "Uninfected": "patientid_cellmapping_uninfected.csv",
}


class MalariaReader(FolderSetReader):
    """Red blood cells with and without malaria parasites (NIH, Rajaraman et al., 2018)."""

    name = "malaria"
    facts = Facts(
        title="NIH malaria",
        licence="unverified: work of the US government",
        patients=True,
        address="data.lhncbc.nlm.nih.gov/public/Malaria",
    )
    layout = Layout(
        path=r"(?P<label>Parasitized|Uninfected)/(?P<patient>C\d+P\d+)[^/]*_cell_\d+\.png",
        expected="Parasitized/C33P1thinF_IMG_..._cell_179.png and Uninfected/...",
        positive="Parasitized",
    )

    def groups(
        self,
        root: Path,
        images: Sequence[Matched],
        labels: Sequence[str],
        options: ReadOptions,
        *,
        sets: Sequence[str | None] | None = None,
    ) -> Groups:
        """Return the patients of the official files, or those of the file names where the files are missing.

        Raises
        ------
        BenchError
            Only one of the files is present, a file is malformed, or an image is not in it.
        """
        written = [image.groups["patient"] for image in images]
        ignored = ignored_pattern(self.facts.title, options)
        places = _patient_files(root, root / Path(images[0].file).parent.parent)
        if not places:
            notice = (
                f"the patients are those of the file names, such as {written[0]}, because the official files "
                f"({' and '.join(FILES.values())}) are not beside the images"
            )
            return Groups(written, "patient", (*ignored, notice))
        patients = {label: read_patients(file) for label, file in places.items()}
        names = [
            _patient(root, image.file, label, patients, places) for image, label in zip(images, labels, strict=True)
        ]
        notices = [f"the patients are those of {places[label]}" for label in sorted(places)]
        linked = _same_prefix(written, names)
        if linked:
            each = listed([" and ".join(sorted(group)) for group in linked], 20)
            notices.append(f"patients of several ids with file names of one patient are linked: {each}")
        return Groups(names, "patient", (*ignored, *notices), linked)


def _patient_files(*folders: Path) -> dict[str, Path]:
    """Return the official files by class, from a folder or the one above it; empty without any."""
    searched = [place for folder in folders for place in (folder, folder.parent)]
    places = {
        label: next((place / name for place in searched if (place / name).is_file()), None)
        for label, name in FILES.items()
    }
    present = {label: file for label, file in places.items() if file is not None}
    if len(present) == 1:
        (label,) = places.keys() - present.keys()
        raise BenchError(f"{next(iter(present.values()))}: the official file {FILES[label]} is missing beside it")
    return present


def _patient(
    root: Path, file: str, label: str, patients: Mapping[str, Mapping[str, str]], places: Mapping[str, Path]
) -> str:
    patient = patients[label].get(Path(file).name)
    if patient is None:
        raise BenchError(f"{root / file}: the image is not in {places[label]}")
    return patient


def _same_prefix(written: Sequence[str], names: Sequence[str]) -> list[frozenset[str]]:
    ids = defaultdict(set)
    for prefix, name in zip(written, names, strict=True):
        ids[prefix].add(name)
    return [group for group in joined(ids.values()) if len(group) > 1]
