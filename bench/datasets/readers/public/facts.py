"""Facts about a public dataset, printed by `bench list datasets`."""

from __future__ import annotations

from dataclasses import dataclass

NOT_SEEN = "not seen"
"""Licence of a dataset whose terms were not read."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a user asks of a public dataset before he downloads it.

    Parameters
    ----------
    title : str
        Name of the dataset in its publication.
    licence : str
        Licence that the source states; after `unverified: ` one that was not read there.
    patients : bool
        Whether cells have patient ids.
    address : str
        Place of the download, or DOI.
    """

    title: str
    licence: str
    patients: bool
    address: str
