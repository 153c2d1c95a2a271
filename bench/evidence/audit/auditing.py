"""Audit a dataset: run all checks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.datasets.canonical_table import with_canonical_names
from bench.datasets.classes import check_classes, positive_class
from bench.datasets.duplicates import identical
from bench.datasets.links import with_links
from bench.datasets.loading import scan_data
from bench.datasets.readers.manifest import ManifestReader
from bench.datasets.scanning.scan import Problem, Scan, content_digest
from bench.datasets.table import Dataset, ReadOptions
from bench.errors import BenchError
from bench.evidence.audit.copies import Links, copies, near_findings
from bench.evidence.audit.findings import TITLES, Audit, Check, Finding, sort_findings
from bench.evidence.audit.patients import patients
from bench.evidence.text import count, list_names
from bench.executors.cores import cores
from bench.observer import Observer
from bench.options import Options, make_options

PIXELS = ("A001", "A007", "A008", "A014", "A015", "A016", "A017")
"""Checks that need the images."""


@dataclass(frozen=True)
class _AuditData:
    """A dataset with readable cells only, and with patients of identical images linked."""

    dataset: Dataset
    scan: Scan
    problems: tuple[Problem, ...]
    pixels: bool


def audit(data: str | Path, *, folds: int = 5, observer: Observer | None = None, **options: Any) -> Audit:
    """Check a dataset for problems that invalidate scores, before training.

    Parameters
    ----------
    data : str or path
        As for `run`. A manifest with `sha256` in every row and without existing images is checked by its rows; checks
        that need pixels are then marked as not checked.
    folds : int
        Planned number of outer folds.
    observer : Observer, optional
        Receives progress events and the notices of the dataset.
    **options
        Options of a dataset (`mask`, `patient_pattern`, `positive`, `white_level`, `um_per_px`, `skip_unreadable`), and
        `held_out`, a second dataset that must not share images with the first.

    Returns
    -------
    Audit
        Findings and checks; `passed` if no finding is an error.

    Raises
    ------
    BenchError
        The dataset cannot be read as a table of cells of two classes.
    """
    parsed = make_options({"data": data, "folds": folds, **options})
    observer = observer or Observer()
    read = _read(parsed, observer)
    table = read.dataset.table
    findings = [
        *_unreadable(read.problems, skipped=parsed.skip_unreadable),
        *copies(table, read.scan.table["picture"]),
        *patients(table, folds=folds),
    ]
    links: Links = ()
    if read.pixels:
        more, checks, links = _pixel_checks(read, parsed, observer)
        findings += more
    else:
        checks = [Check(code, "not checked", "no pixels were read: the images do not exist") for code in PIXELS]
    codes = {finding.code for finding in findings}
    known = {check.code: check for check in [*checks, *_not_checked(table)]}
    outcomes = [known.get(code) or Check(code, "found" if code in codes else "nothing found") for code in TITLES]
    return Audit(
        name=read.dataset.name,
        positive=read.dataset.positive,
        digest=content_digest(read.dataset, read.scan),
        counts=_counts(read),
        findings=sort_findings(findings),
        checks=tuple(outcomes),
        links=links,
    )


def write_audit(audit: Audit, out: Path) -> Path:
    """Write an audit to a results folder, created if missing, and return the path of the file.

    Raises
    ------
    BenchError
        The folder is not a results folder, or cannot be written.
    """
    from bench.experiments.results import Results  # noqa: PLC0415 (imports metrics; only needed to write an audit)

    results = Results.create(out)
    try:
        return audit.write(results.path)
    except OSError as error:
        raise BenchError(f"{out}: the audit cannot be written ({error.strerror or error})") from error


def _read(options: Options, observer: Observer) -> _AuditData:
    if options.held_out is None and (index := _index(options)) is not None:
        return _linked(index, _index_scan(index), (), pixels=False)
    dataset, scan = scan_data(options, observer)
    for notice in dataset.notices:
        observer.notice(notice)
    if rows := [problem.row for problem in scan.problems]:
        dataset = replace(dataset, table=dataset.table.drop(index=rows).reset_index(drop=True))
        readable = Scan(scan.table.drop(index=rows).reset_index(drop=True))
        why = list_names([f"{problem.cell}: {problem.reason}" for problem in scan.problems], 1)
        check_classes(dataset.table["label"], f"{dataset.name}, without {count(len(rows), 'unreadable cell')} ({why}),")
        return _linked(dataset, readable, scan.problems, pixels=True)
    return _linked(dataset, scan, (), pixels=True)


def _linked(dataset: Dataset, scan: Scan, problems: tuple[Problem, ...], *, pixels: bool) -> _AuditData:
    table = dataset.table
    shared = [table.loc[rows, "patient"] for rows in identical(scan.table["picture"])]
    linked = with_links(table, [frozenset(patients) for patients in shared])
    return _AuditData(replace(dataset, table=linked), scan, problems, pixels)


def _index(options: Options) -> Dataset | None:
    path = Path(str(options.data)).expanduser()
    if not path.exists():
        return None
    try:
        dataset = ManifestReader().read_index(path, ReadOptions(positive=options.positive))
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror or error})") from error
    if dataset is None:
        return None
    dataset = with_canonical_names(dataset)
    positive, _ = positive_class(check_classes(dataset.table["label"], dataset.name), options.positive, None)
    return replace(dataset, positive=positive)


def _index_scan(dataset: Dataset) -> Scan:
    """Create a scan with file digests in place of pixel digests: equal files are equal images."""
    digests = dataset.table["sha256"]
    none = pd.Series([pd.NA] * len(digests), dtype="Int64")
    columns = {"cell": dataset.table["cell"], **dict.fromkeys(("digest", "sha256", "pixels", "picture"), digests)}
    return Scan(pd.DataFrame({**columns, **dict.fromkeys(("height", "width", "mask_px"), none)}))


def _pixel_checks(read: _AuditData, options: Options, observer: Observer) -> tuple[list[Finding], list[Check], Links]:
    """Run the checks that read the images."""
    from bench.evidence.audit.near_duplicates import near_duplicates  # noqa: PLC0415 (not needed for a list of digests)
    from bench.evidence.audit.probes import probes  # noqa: PLC0415
    from bench.evidence.audit.traits import read_traits  # noqa: PLC0415

    table, files = read.dataset.table, read.dataset.cells().files
    threads = options.jobs or cores()
    traits = read_traits(
        files, threads=threads, progress=lambda done, total: observer.progress("read cells", done, total)
    )
    first = np.flatnonzero(~read.scan.table["picture"].duplicated().to_numpy())
    near = near_duplicates(
        traits.take(first),
        [files[row] for row in first],
        table["unit"].to_numpy()[first].astype(str),
        threads=threads,
        progress=observer.progress,
    )
    findings, links = near_findings(near, table.iloc[first].reset_index(drop=True))
    detail = f"{count(near.candidates, 'pair')} within {near.threshold} of 256 bits compared in full"
    codes = {finding.code for finding in findings}
    checks = [Check(code, "found" if code in codes else "nothing found", detail) for code in ("A007", "A008")]
    for done, (check, finding) in enumerate(probes(table, read.scan.table, traits, read.dataset.positive), start=1):
        observer.progress("probe for artefacts", done, 4)
        checks.append(check)
        if finding is not None:
            findings.append(finding)
    return findings, checks, links


def _not_checked(table: pd.DataFrame) -> list[Check]:
    """Checks that are not applicable without official folds or held-out cells."""
    reasons = {}
    if "fold" not in table:
        reasons["A004"] = "there are no official folds"
    if "set" not in table:
        reasons["A005"] = "no cells are held out"
    if len(reasons) == 2:
        reasons["A009"] = "there are neither official folds nor held-out cells"
    return [Check(code, "not checked", why) for code, why in reasons.items()]


def _unreadable(problems: tuple[Problem, ...], *, skipped: bool) -> list[Finding]:
    if not problems:
        return []
    named = list_names([f"{problem.cell} ({problem.reason})" for problem in problems])
    what = "They are skipped" if skipped else "Repair or remove them, or skip them with --skip-unreadable"
    title = f"{count(len(problems), 'cell')} that cannot be read"
    cells = tuple(problem.cell for problem in problems)
    return [Finding("A001", "warning" if skipped else "error", title, f"{named}. {what}.", cells)]


def _counts(read: _AuditData) -> dict[str, int]:
    table = read.dataset.table
    by_label = table.groupby("label")["patient"].nunique()
    copies_of = [len(rows) for rows in identical(read.scan.table["picture"])]
    return {
        "cells": len(table),
        "unreadable": len(read.problems),
        "patients": int(table["patient"].nunique()),
        "split_units": int(table["unit"].nunique()),
        "identical_pairs": sum(comb(number, 2) for number in copies_of),
        **{f"patients {label}": int(number) for label, number in by_label.items()},
    }
