"""What an audit finds, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.storage.json_files import write_json

Level = Literal["error", "warning", "note"]
Outcome = Literal["found", "nothing found", "not checked"]

TITLES: Mapping[str, str] = {
    "A001": "unreadable or empty cells",
    "A002": "identical images of one patient",
    "A003": "identical images under several patients",
    "A004": "identical images in several official folds",
    "A005": "identical images in training and held-out cells",
    "A006": "one image under two labels",
    "A007": "near-duplicates of one patient",
    "A008": "near-duplicates under several patients",
    "A009": "patients in several official folds or sets",
    "A010": "patient ids that are easily confused",
    "A011": "fewer patients of a class than folds",
    "A012": "one patient dominates a class",
    "A013": "patients with cells of several classes",
    "A014": "a class that the image size gives away",
    "A015": "a class that the file format gives away",
    "A016": "a class that the file size gives away",
    "A017": "a class that the stain gives away",
}
"""Every check by its code, in the order in which they are told; each has a page in docs/audit."""


@dataclass(frozen=True)
class Finding:
    """Something that a person should look at before trusting a score.

    Parameters
    ----------
    code : str
        One of `TITLES`.
    level : {"error", "warning", "note"}
        An error makes scores wrong, a warning may, a note is only said.
    title : str
        What was found, with its count.
    detail : str
        Where, and what to do.
    cells, patients : tuple of str
        Those involved, in the order of the table.
    """

    code: str
    level: Level
    title: str
    detail: str
    cells: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """What one check came to.

    Parameters
    ----------
    code : str
        One of `TITLES`.
    outcome : {"found", "nothing found", "not checked"}
        Whether it has a finding.
    detail : str
        What was measured, or why it was not checked; may be empty.
    """

    code: str
    outcome: Outcome
    detail: str = ""

    @property
    def title(self) -> str:
        """What it looks for."""
        return TITLES[self.code]


@dataclass(frozen=True)
class Audit:
    """What an audit of a data set came to.

    Parameters
    ----------
    name : str
        What the leaderboard calls the data set.
    digest : str
        Of its readable cells, as an experiment records it; of the rows, where no pixels were read.
    counts : mapping of str to int
        `cells`, `unreadable`, `patients`, `split_units`, `identical_pairs` (pairs of cells with one image), and
        `patients <label>` for each class.
    findings : tuple of Finding
        Errors first, then warnings and notes; by code within.
    checks : tuple of Check
        Every check, by code.
    links : tuple of pairs of str
        Patients that are not linked yet and share a near-duplicate.
    """

    name: str
    digest: str
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    links: tuple[tuple[str, str], ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether there is no finding of the level error."""
        return not any(finding.level == "error" for finding in self.findings)

    def record(self) -> dict[str, Any]:
        """What JSON holds: every field, `passed`, and the title of each check."""
        return {
            "name": self.name,
            "digest": self.digest,
            "passed": self.passed,
            "counts": dict(self.counts),
            "findings": [asdict(finding) for finding in self.findings],
            "checks": [{**asdict(check), "title": check.title} for check in self.checks],
            "links": [list(pair) for pair in self.links],
        }

    def write(self, results: Path) -> Path:
        """Write the record to `audit/<first 12 of the digest>.json` in a results folder and return its path.

        Raises
        ------
        OSError
            It cannot be written.
        """
        path = results / "audit" / f"{self.digest[:12]}.json"
        write_json(path, self.record())
        return path


_ORDER = ("error", "warning", "note")


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings, errors first, by code within a level."""
    return tuple(sorted(findings, key=lambda finding: (_ORDER.index(finding.level), finding.code)))


def some(names: Sequence[object], at_most: int = 5) -> str:
    """The first names, separated by commas, and how many more there are."""
    shown = ", ".join(map(str, names[:at_most]))
    return shown if len(names) <= at_most else f"{shown} and {len(names) - at_most} more"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun, such as `1 cell` and `1,234 cells`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
