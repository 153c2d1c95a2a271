"""Peripheral blood cells of Acevedo et al., 2020."""

from __future__ import annotations

from bench.datasets.readers.public.facts import Facts
from bench.datasets.readers.public.folder_set import FolderSetReader
from bench.datasets.readers.public.layout import Layout

FAMILY = "Acevedo PBC"
"""Datasets that are cut from these images."""


class AcevedoReader(FolderSetReader):
    """Eight classes of normal peripheral blood cells (Acevedo et al., 2020)."""

    name = "acevedo"
    facts = Facts(
        title="Acevedo PBC 2020",
        licence="CC BY 4.0",
        patients=False,
        address="doi.org/10.17632/snkd93bnjr",
    )
    layout = Layout(
        path=(
            r"(?P<label>basophil(?=/BA_)|eosinophil(?=/EO_)|erythroblast(?=/ERB_)|ig(?=/(?:IG|MMY|MY|PMY)_)"
            r"|lymphocyte(?=/LY_)|monocyte(?=/MO_)|neutrophil(?=/(?:BNE|SNE|NEUTROPHIL)_)|platelet(?=/PLATELET_))"
            r"/[A-Z]+_\d+\.jpe?g"
        ),
        expected="CLASS/PREFIX_number.jpg such as basophil/BA_47.jpg",
        notices=("BloodMNIST is cut from these images: never test a model of one on the other",),
        family=FAMILY,
    )
