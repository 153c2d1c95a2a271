"""Peripheral blood cells of the Munich Leukemia Laboratory, 2023."""

from __future__ import annotations

from bench.datasets.readers.public.facts import NOT_SEEN, Facts
from bench.datasets.readers.public.folder_set import FolderSetReader
from bench.datasets.readers.public.layout import Layout

_CLASSES = (
    "lymphocyte|hairy_cell|lymphocyte_large_granular|plasma_cell|smudge_cell|lymphocyte_neoplastic|lymphocyte_reactive"
    "|myeloblast|promyelocyte|promyelocyte_atypical|myelocyte|metamyelocyte|neutrophil_band|neutrophil_segmented"
    "|eosinophil|basophil|monocyte|normoblast"
)


class Mll23Reader(FolderSetReader):
    """Eighteen classes of peripheral blood cells (MLL23)."""

    name = "mll23"
    facts = Facts(title="MLL23", licence=NOT_SEEN, patients=False, address="zenodo.org/records/14277609")
    layout = Layout(
        path=rf"(?P<label>{_CLASSES})(?:/(?P=label))?/[^/]+\.tiff?",
        expected="CLASS/image.tif or CLASS/CLASS/image.tif",
        evidence=(
            r"(?:^|/)(?:hairy_cell|lymphocyte_\w+|smudge_cell|promyelocyte_atypical|neutrophil_band"
            r"|neutrophil_segmented)/"
        ),
    )
