"""What only some pipelines of a track have to tell, track by track."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from reports.sections.leaderboard import ComparableGroup, Row

Told = TypeVar("Told")


@dataclass(frozen=True)
class TrackPart(Generic[Told]):
    """What the pipelines of one track tell.

    Parameters
    ----------
    number : int
        Of the track in the page, from 1 on.
    track : ComparableGroup
        Where they stand.
    pipelines : tuple
        In the order of the leaderboard; at least one.
    silent : tuple of str
        Names of those that have nothing to tell.
    """

    number: int
    track: ComparableGroup
    pipelines: tuple[Told, ...]
    silent: tuple[str, ...]


def track_parts(tracks: Sequence[ComparableGroup], tell: Callable[[Row], Told | None]) -> list[TrackPart[Told]]:
    """The tracks in which some pipeline has something to tell, numbered by their place among all.

    Parameters
    ----------
    tracks : sequence of ComparableGroup
    tell : callable
        Gives None for a row that has nothing to tell.
    """
    found = []
    for number, track in enumerate(tracks, start=1):
        told = {row.name: tell(row) for row in track.rows}
        pipelines = tuple(one for one in told.values() if one is not None)
        found.append(TrackPart(number, track, pipelines, tuple(name for name, one in told.items() if one is None)))
    return [part for part in found if part.pipelines]
