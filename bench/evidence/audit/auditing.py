"""`bench audit`: every check on one data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.datasets.classes import check_classes, positive_class
from bench.datasets.duplicates import identical
from bench.datasets.links import with_links
from bench.datasets.loading import scan_data
from bench.datasets.readers.manifest import ManifestReader
from bench.datasets.scanning.scan import Problem, Scan, content_digest
from bench.datasets.table import Dataset, ReadOptions
from bench.errors import BenchError
from bench.evidence.audit.copies import CODES as COPIES
from bench.evidence.audit.copies import copies
from bench.evidence.audit.findings import Audit, Check, Finding, count, in_order, some
from bench.evidence.audit.near_findings import CODES as NEAR
from bench.evidence.audit.near_findings import near_findings
from bench.evidence.audit.patients import CODES as PATIENTS
from bench.evidence.audit.patients import patients
from bench.executors.cores import cores
from bench.observer import Observer
from bench.options import Options, make_options

PIXELS = ("A001", *NEAR, "A014", "A015", "A016", "A017")
"""Checks that need the images."""


@dataclass(frozen=True)
class _Read:
    """A data set as the checks see it: readable cells only, patients with identical images linked."""

    dataset: Dataset
    scan: Scan
    problems: tuple[Problem, ...]
    pixels: bool


def audit(data: str | Path, *, folds: int = 5, observer: Observer | None = None, **options: Any) -> Audit:
    """Look for what makes scores on a data set wrong before anything is trained on it.

    Parameters
    ----------
    data : str or path
        As for `run`. A manifest with a `sha256` in every row, none of whose images is there, is checked for what its
        rows tell; every check that needs pixels is then marked as not checked.
    folds : int
        Outer folds that are wanted.
    observer : Observer, optional
        Hears of progress.
    **options
        Those of a data set (`mask`, `patient_pattern`, `positive`, `white_level`, `um_per_px`, `skip_unreadable`), and
        `held_out`, a second data set that is to share no image with the first.

    Returns
    -------
    Audit
        What was found; `passed` where nothing is an error.

    Raises
    ------
    BenchError
        There is no table of cells of two classes to audit.
    """
    asked = make_options({"data": data, "folds": folds, **options})
    observer = observer or Observer()
    read = _read(asked, observer)
    table = read.dataset.table
    findings = [
        *_unreadable(read.problems, skipped=asked.skip_unreadable),
        *copies(table, read.scan.table["picture"]),
        *patients(table, folds=folds),
    ]
    done = [*COPIES, *PATIENTS]
    checks = _without(table)
    links: tuple[tuple[str, str], ...] = ()
    if read.pixels:
        more, seen, links = _looked_at(read, asked, observer)
        findings += more
        checks += seen
        done.append("A001")
    else:
        checks += [Check(code, "not checked", "no pixels were read: the images are not there") for code in PIXELS]
    found = {finding.code for finding in findings}
    missed = {check.code for check in checks}
    checks += [Check(code, "found" if code in found else "nothing found") for code in done if code not in missed]
    return Audit(
        name=read.dataset.name,
        digest=content_digest(read.dataset, read.scan),
        counts=_counts(read),
        findings=in_order(findings),
        checks=tuple(sorted(checks, key=lambda check: check.code)),
        links=links,
    )


def keep(audit: Audit, out: Path) -> Path:
    """Write an audit into a results folder, which is made where there is none, and return the file's path.

    Raises
    ------
    BenchError
        The folder is none of results, or cannot be written.
    """
    from bench.experiments.results import Results  # noqa: PLC0415 (metrics and what they import, for an audit that is kept only)

    results = Results.create(out)
    try:
        return audit.write(results.path)
    except OSError as error:
        raise BenchError(f"{out}: the audit cannot be written ({error.strerror or error})") from error


def _read(options: Options, observer: Observer) -> _Read:
    index = None if options.held_out is not None else _index(options)
    if index is not None:
        return _linked(index, _scan_of_index(index), (), pixels=False)
    dataset, scan = scan_data(options, observer)
    rows = [problem.row for problem in scan.problems]
    if rows:
        dataset = replace(dataset, table=dataset.table.drop(index=rows).reset_index(drop=True))
        readable = Scan(scan.table.drop(index=rows).reset_index(drop=True))
        why = some([f"{problem.cell}: {problem.reason}" for problem in scan.problems], 1)
        check_classes(dataset.table["label"], f"{dataset.name}, without {count(len(rows), 'unreadable cell')} ({why}),")
        return _linked(dataset, readable, scan.problems, pixels=True)
    return _linked(dataset, scan, (), pixels=True)


def _linked(dataset: Dataset, scan: Scan, problems: tuple[Problem, ...], *, pixels: bool) -> _Read:
    table = dataset.table
    shared = [table.loc[rows, "patient"] for rows in identical(scan.table["picture"])]
    linked = with_links(table, [frozenset(patients) for patients in shared])
    return _Read(replace(dataset, table=linked), scan, problems, pixels)


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
    classes = check_classes(dataset.table["label"], dataset.name)
    positive, _ = positive_class(classes, options.positive, None)
    return replace(dataset, positive=positive)


def _scan_of_index(dataset: Dataset) -> Scan:
    """A scan in which the bytes of a file stand for its pixels: equal files are equal images."""
    digests = dataset.table["sha256"]
    none = pd.Series([pd.NA] * len(digests), dtype="Int64")
    columns = {"cell": dataset.table["cell"], **dict.fromkeys(("digest", "sha256", "pixels", "picture"), digests)}
    return Scan(pd.DataFrame({**columns, **dict.fromkeys(("height", "width", "mask_px"), none)}))


def _looked_at(
    read: _Read, options: Options, observer: Observer
) -> tuple[list[Finding], list[Check], tuple[tuple[str, str], ...]]:
    """The checks that read the images once more."""
    from bench.evidence.audit.near_duplicates import near_duplicates  # noqa: PLC0415 (not for a list of digests)
    from bench.evidence.audit.probes import probes  # noqa: PLC0415
    from bench.evidence.audit.traits import read_traits  # noqa: PLC0415

    table, files = read.dataset.table, read.dataset.cells().files
    threads = options.jobs or cores()
    traits = read_traits(files, threads=threads, progress=_task(observer, "look at cells"))
    first = np.flatnonzero(~read.scan.table["picture"].duplicated().to_numpy())
    near = near_duplicates(
        traits.take(first),
        [files[row] for row in first],
        table["unit"].to_numpy()[first].astype(str),
        threads=threads,
        progress=observer.progress,
    )
    findings, links = near_findings(near, table.iloc[first].reset_index(drop=True))
    told = f"{count(near.candidates, 'pair')} within {near.threshold} of 256 bits looked at again"
    checks = [Check(code, "found" if any(f.code == code for f in findings) else "nothing found", told) for code in NEAR]
    for done, (check, finding) in enumerate(probes(table, read.scan.table, traits, read.dataset.positive), start=1):
        observer.progress("probe for artefacts", done, 4)
        checks.append(check)
        if finding is not None:
            findings.append(finding)
    return findings, checks, links


def _without(table: pd.DataFrame) -> list[Check]:
    """What cannot be checked because the data set has no official folds or no held-out cells."""
    missing = [name for name in ("fold", "set") if name not in table]
    checks = [
        Check(code, "not checked", why)
        for name, code, why in (
            ("fold", "A004", "there are no official folds"),
            ("set", "A005", "no cells are held out"),
        )
        if name in missing
    ]
    if len(missing) == 2:
        checks.append(Check("A009", "not checked", "there are neither official folds nor held-out cells"))
    return checks


def _task(observer: Observer, name: str) -> Callable[[int, int], None]:
    return lambda done, total: observer.progress(name, done, total)


def _unreadable(problems: tuple[Problem, ...], *, skipped: bool) -> list[Finding]:
    if not problems:
        return []
    named = some([f"{problem.cell} ({problem.reason})" for problem in problems])
    what = "They are left out" if skipped else "Repair or remove them, or leave them out with --skip-unreadable"
    return [
        Finding(
            "A001",
            "warning" if skipped else "error",
            f"{count(len(problems), 'cell')} that cannot be read",
            f"{named}. {what}.",
            tuple(problem.cell for problem in problems),
        )
    ]


def _counts(read: _Read) -> dict[str, int]:
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
