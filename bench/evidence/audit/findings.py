"""Findings and checks of an audit, and its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from bench.evidence.text import json_value
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
"""Title of every check by code, in report order; each has a page in docs/audit."""


@dataclass(frozen=True)
class Finding:
    """A problem of the dataset that can affect scores.

    Parameters
    ----------
    code : str
        One of `TITLES`.
    level : {"error", "warning", "note"}
        An error invalidates scores, a warning may, a note is for information.
    title : str
        Summary, with the count.
    detail : str
        Location and advice.
    cells, patients : tuple of str
        Affected cells and patients, in the order of the table.
    """

    code: str
    level: Level
    title: str
    detail: str
    cells: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """Outcome of one check.

    Parameters
    ----------
    code : str
        One of `TITLES`.
    outcome : {"found", "nothing found", "not checked"}
        Outcome.
    detail : str
        Measurement, or the reason for not checking; may be empty.
    """

    code: str
    outcome: Outcome
    detail: str = ""

    @property
    def title(self) -> str:
        """Title of the check."""
        return TITLES[self.code]


@dataclass(frozen=True)
class Audit:
    """Result of the audit of a dataset.

    Parameters
    ----------
    name : str
        Name of the dataset in the leaderboard.
    positive : str or None
        Positive class of two.
    digest : str
        Digest of the readable cells, as in experiment records; of the rows if no pixels were read.
    counts : mapping of str to int
        `cells`, `unreadable`, `patients`, `split_units`, `identical_pairs` (pairs of cells with one image), and
        `patients <label>` for each class.
    findings : tuple of Finding
        Sorted by level (errors, warnings, notes) and code.
    checks : tuple of Check
        All checks, sorted by code.
    links : tuple of pairs of str
        Unlinked patients that share a near-duplicate.
    """

    name: str
    positive: str | None
    digest: str
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    links: tuple[tuple[str, str], ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no finding is an error."""
        return not any(finding.level == "error" for finding in self.findings)

    def record(self) -> dict[str, Any]:
        """Return all fields, `passed` and check titles as JSON values."""
        checks = [{**asdict(check), "title": check.title} for check in self.checks]
        record: dict[str, Any] = json_value({**asdict(self), "passed": self.passed, "checks": checks})
        return record

    def write(self, results: Path) -> Path:
        """Write the record to `audit/<first 12 digits of the digest>.json` in a results folder and return its path.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        path = results / "audit" / f"{self.digest[:12]}.json"
        write_json(path, self.record())
        return path


def finding_on(code: str, level: Level, title: str, detail: str, rows: pd.DataFrame) -> Finding:
    """Create a finding on cells, as rows of the table of cells, and their patients."""
    return Finding(code, level, title, detail, tuple(rows["cell"]), tuple(dict.fromkeys(rows["patient"])))


_ORDER = ("error", "warning", "note")


def sort_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Sort findings by level (errors first) and code."""
    return tuple(sorted(findings, key=lambda finding: (_ORDER.index(finding.level), finding.code)))
