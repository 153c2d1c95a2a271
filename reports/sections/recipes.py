"""Section on published systems: their scores by the protocols of their authors and on unseen patients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import Annotated, Literal

from pydantic import Field

from bench.recipes.recipe import LEAKS
from bench.recipes.reproduce import FOLDER, FORMAT
from reports.section import ReportData, Section
from reports.stored_record import Interval, StoredPart, read_stored

Leak = Literal["copies", "epoch", "threshold", "halves", "images"]
Column = Literal["authors", "grouped", "held-out"]

COLUMNS: Mapping[Column, str] = {
    "authors": "Authors' protocol",
    "grouped": "Folds of patients",
    "held-out": "Held-out patients",
}


class Value(StoredPart):
    """A score by one protocol, or why there is none."""

    column: Column
    estimate: Interval | None
    reason: str


class Row(StoredPart):
    """A pipeline and a published score."""

    variant: str
    pipeline: str
    metric: str
    part: str
    published: float | None
    text: str
    values: tuple[Value, ...]
    inflation: Interval | None
    leaks: tuple[Leak, ...]
    marks: tuple[str, ...]

    @property
    def by_column(self) -> Mapping[str, Value]:
        """The score by each protocol."""
        return {value.column: value for value in self.values}


class Step(StoredPart):
    """A step of a waterfall."""

    name: str
    estimate: Interval | None
    change: Interval | None
    reason: str

    @property
    def title(self) -> str:
        """What is scored."""
        return f"without {self.name}" if self.name in LEAKS else self.name


class Waterfall(StoredPart):
    """Leaks of a protocol, removed one at a time."""

    pipeline: str
    metric: str
    part: str
    published: float | None
    steps: tuple[Step, ...]


class Protocol(StoredPart):
    """Protocol of the authors, in words."""

    text: str
    chosen: str


class Choice(StoredPart):
    """What a source leaves open."""

    what: str
    chosen: str


class Recipe(StoredPart):
    """The published system."""

    name: str
    title: str
    source: str
    stated: str
    protocol: Protocol
    open: tuple[Choice, ...]
    inconsistent: tuple[str, ...]
    differs: tuple[str, ...]


class Reproduction(StoredPart):
    """Record of `bench reproduce`."""

    format: Annotated[int, Field(ge=FORMAT, le=FORMAT)]
    recipe: Recipe
    rows: tuple[Row, ...]
    waterfalls: tuple[Waterfall, ...]

    @property
    def pipelines(self) -> list[tuple[str, list[Row]]]:
        """Rows of each pipeline, with its name."""
        named = groupby(self.rows, key=lambda row: f"{row.variant}: {row.pipeline}" if row.variant else row.pipeline)
        return [(name, list(rows)) for name, rows in named]

    @property
    def leaks(self) -> Mapping[str, str]:
        """Leaks of its rows, with what they mean."""
        present = {leak for row in self.rows for leak in row.leaks}
        return {name: text for name, text in LEAKS.items() if name in present}

    @property
    def notes(self) -> tuple[str, ...]:
        """Marks of its rows and reasons why a score is missing, each once."""
        marks = [mark for row in self.rows for mark in row.marks]
        reasons = [
            f"{COLUMNS[value.column]}: {value.reason}" for row in self.rows for value in row.values if value.reason
        ]
        return tuple(dict.fromkeys([*marks, *reasons]))


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on published systems; damaged records are left out."""
    files = sorted((data.results.path / FOLDER).glob("[!.]*.json"))
    reproductions = data.read_files(files, partial(read_stored, kind=Reproduction))
    if reproductions:
        view = {"reproductions": reproductions, "columns": COLUMNS}
        yield Section("Published systems", view, "recipes.html.j2", "recipes")
