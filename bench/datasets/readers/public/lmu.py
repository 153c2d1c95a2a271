"""Single cells of acute myeloid leukaemia and controls, Matek et al., 2019 (LMU Munich)."""

from __future__ import annotations

from bench.datasets.readers.public.facts import Facts
from bench.datasets.readers.public.folder_set import FolderSetReader
from bench.datasets.readers.public.layout import Layout


class LmuReader(FolderSetReader):
    """Fifteen classes of leucocytes of AML patients and controls (Matek et al., 2019)."""

    name = "aml_lmu"
    facts = Facts(
        title="AML-Cytomorphology LMU",
        licence="CC BY 3.0",
        patients=False,
        address="doi.org/10.7937/tcia.2019.36f5o9ld",
    )
    layout = Layout(
        path=(r"(?P<label>BAS|EBO|EOS|KSC|LYA|LYT|MMZ|MOB|MON|MYB|MYO|NGB|NGS|PMB|PMO)/(?P=label)_\d{4}\.tiff?"),
        expected="CODE/CODE_0001.tiff such as BAS/BAS_0001.tiff",
        notices=("labels are those of the folders; the two re-annotations of annotations.dat are not used",),
    )
