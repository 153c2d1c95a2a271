"""Cells of acute myeloid leukaemia by patient, Hehr et al., 2023."""

from __future__ import annotations

from bench.datasets.readers.public.facts import Facts
from bench.datasets.readers.public.folder_set import FolderSetReader
from bench.datasets.readers.public.layout import Layout


class HehrReader(FolderSetReader):
    """Leucocytes of patients with four genetic types of AML, and of controls (Hehr et al., 2023)."""

    name = "aml_hehr"
    facts = Facts(
        title="AML-Cytomorphology MLL Helmholtz",
        licence="unverified: CC BY 4.0",
        patients=True,
        address="doi.org/10.7937/6ppe-4020",
    )
    layout = Layout(
        path=r"(?P<label>control|CBFB_MYH11|NPM1|PML_RARA|RUNX1_RUNX1T1)/(?P<patient>[A-Z]{3})/[^/]+\.tiff?",
        expected="DISEASE/PATIENT/image.tif such as PML_RARA/AQK/image_0.tif",
        evidence=r"(?:CBFB_MYH11|NPM1|PML_RARA|RUNX1_RUNX1T1)/",
        notices=(
            "only patients are labelled: each cell takes the label of its patient, also a normal cell of a patient "
            "with leukaemia",
        ),
    )
