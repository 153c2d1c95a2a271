"""ALL-IDB2: single cells cut from the images of ALL-IDB1."""

from __future__ import annotations

from bench.datasets.readers.public.facts import Facts
from bench.datasets.readers.public.folder_set import FolderSetReader
from bench.datasets.readers.public.layout import Layout

LICENCE = "unverified: on request, non-commercial research"
ADDRESS = "scotti.di.unimi.it/all"
FAMILY = "ALL-IDB"
LABELS = {"1": "ALL", "0": "healthy"}


class AllIdb2Reader(FolderSetReader):
    """Blasts and healthy cells, 130 each, cut from ALL-IDB1 (Labati et al., 2011)."""

    name = "all_idb2"
    facts = Facts(title="ALL-IDB2", licence=LICENCE, patients=False, address=ADDRESS)
    layout = Layout(
        path=r"Im\d{3}_(?P<label>[01])\.tiff?",
        expected="ImNNN_1.tif (ALL) and ImNNN_0.tif (healthy)",
        labels=LABELS,
        positive="ALL",
        notices=("ALL-IDB2 is cut from the images of ALL-IDB1: never test a model of one on the other",),
        family=FAMILY,
    )
