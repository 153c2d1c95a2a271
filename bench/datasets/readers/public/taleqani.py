"""Acute lymphoblastic leukaemia of the Taleqani Hospital, and another cut of the same images."""

from __future__ import annotations

from bench.datasets.readers.public.facts import NOT_SEEN, Facts
from bench.datasets.readers.public.folder_set import FolderSetReader
from bench.datasets.readers.public.layout import Layout

_FAMILY = "Taleqani ALL"
_RELATION = "two Kaggle sets show the same patients of the Taleqani Hospital: never test a model of one on the other"


class TaleqaniReader(FolderSetReader):
    """Benign cells and three stages of ALL, original and segmented (Aria et al., 2021)."""

    name = "taleqani"
    facts = Facts(
        title="Taleqani ALL",
        licence=NOT_SEEN,
        patients=False,
        address="doi.org/10.34740/KAGGLE/DSV/2175623",
    )
    layout = Layout(
        path=(
            r"(?P<view>Original|Segmented)/(?P<label>Benign(?=/WBC-Benign-)|Early(?=/WBC-Malignant-Early-)"
            r"|Pre(?=/WBC-Malignant-Pre-)|Pro(?=/WBC-Malignant-Pro-))/WBC-(?:Benign|Malignant-[A-Z][a-z]+)-\d{3}\.jpe?g"
        ),
        expected="Original/CLASS/WBC-CLASS-001.jpg and Segmented/CLASS/WBC-CLASS-001.jpg",
        views=("Original", "Segmented"),
        notices=(_RELATION,),
        family=_FAMILY,
    )


class TaleqaniPhotographsReader(FolderSetReader):
    """Photographs of benign cells and three stages of ALL: another cut of the Taleqani images."""

    name = "taleqani_photographs"
    facts = Facts(
        title="Blood cells cancer (ALL)",
        licence=NOT_SEEN,
        patients=False,
        address="Kaggle: Blood cells cancer (ALL)",
    )
    layout = Layout(
        path=(
            r"(?P<label>Benign|\[Malignant\] [Ee]arly Pre-B|\[Malignant\] Pre-B|\[Malignant\] Pro-B)"
            r"/[^/]+\.(?:jpe?g|png)"
        ),
        expected="Benign/image.jpg and [Malignant] Pre-B/image.jpg",
        labels={
            "[Malignant] early Pre-B": "Early",
            "[Malignant] Early Pre-B": "Early",
            "[Malignant] Pre-B": "Pre",
            "[Malignant] Pro-B": "Pro",
        },
        evidence=r"\[Malignant\]",
        notices=(_RELATION,),
        family=_FAMILY,
    )
