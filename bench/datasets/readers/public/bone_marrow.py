"""Bone marrow cells of the Munich Leukemia Laboratory, Matek et al., 2021."""

from __future__ import annotations

from bench.datasets.readers.public.facts import Facts
from bench.datasets.readers.public.folder_set import FolderSetReader
from bench.datasets.readers.public.layout import Layout

_CODES = "ABE|ART|BAS|BLA|EBO|EOS|FGC|HAC|KSC|LYI|LYT|MMZ|MON|MYB|NGB|NGS|NIF|OTH|PEB|PLM|PMO"


class BoneMarrowReader(FolderSetReader):
    """Twenty-one classes of bone marrow cells (Matek et al., 2021)."""

    name = "bone_marrow_mll"
    facts = Facts(
        title="Bone-Marrow-Cytomorphology MLL",
        licence="unverified: CC BY 4.0",
        patients=False,
        address="TCIA: Bone-Marrow-Cytomorphology_MLL_Helmholtz_Fraunhofer",
    )
    layout = Layout(
        path=rf"(?P<label>{_CODES})/(?:\d+-\d+/)?(?P=label)_\d{{5}}\.jpe?g",
        expected="CODE/CODE_00001.jpg or CODE/0001-1000/CODE_00001.jpg",
        notices=("ART, NIF and OTH are artefacts, unidentifiable and other cells; they are classes here",),
    )
