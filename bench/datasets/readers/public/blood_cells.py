"""Augmented white blood cells derived from BCCD, distributed by Kaggle as "blood-cells"."""

from __future__ import annotations

from bench.datasets.readers.public.facts import NOT_SEEN, Facts
from bench.datasets.readers.public.folder_set import FolderSetReader
from bench.datasets.readers.public.layout import Layout


class BloodCellsReader(FolderSetReader):
    """Augmented copies of four classes of white blood cells (Kaggle "blood-cells")."""

    name = "blood_cells"
    facts = Facts(title="Kaggle blood-cells", licence=NOT_SEEN, patients=False, address="Kaggle: blood-cells")
    layout = Layout(
        path=(r"(?P<part>TRAIN|TEST)/(?P<label>EOSINOPHIL|LYMPHOCYTE|MONOCYTE|NEUTROPHIL)/_(?P<unit>\d+)_\d+\.jpe?g"),
        expected="TRAIN/CLASS/_n_k.jpeg and TEST/CLASS/_n_k.jpeg, where n is the number of the source image",
        left_out={
            r"TEST_SIMPLE/(?:EOSINOPHIL|LYMPHOCYTE|MONOCYTE|NEUTROPHIL)/[^/]+": (
                "TEST_SIMPLE, whose relation to the augmented copies is not stated"
            )
        },
        unit="number of the source image (n of _n_k.jpeg)",
        notices=(
            "images are augmented copies of a few hundred: all copies of one source image, of both parts, are in one "
            "split unit",
        ),
    )
