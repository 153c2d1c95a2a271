"""The report: one HTML file that holds all it needs and asks for nothing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.errors import BenchError
from bench.evidence.text import p_text
from bench.experiments.records import BASELINE, LEAKY, RANDOM_WEIGHTS, ExperimentResult
from bench.experiments.results import Results
from bench.scores.metrics import LEVELS, METRICS, PRIMARY
from extractors.files.atomic import atomic_file
from reports import text as wording
from reports.figures.plots import DASHES, forest, roc, strips
from reports.figures.roc import Curve, patient_curve
from reports.sections.comparison import ComparisonView, compared
from reports.sections.evidence import kept
from reports.sections.importances import important_groups
from reports.sections.leaderboard import ComparableGroup, Row, tracks
from reports.sections.patients import PatientShare, patient_shares
from reports.sections.provenance import environments, library_versions
from reports.sections.tuning import tuned_tracks

CURVES = 4
"""Pipelines of two classes whose ROC curves are drawn."""

FLAGS: Mapping[str, str] = {
    LEAKY: "Cells of one patient, or of linked patients, lie on both sides of a fold. The score says how well known "
    "patients are recognised again, not how well new ones are judged.",
    RANDOM_WEIGHTS: "The network was never trained: its features are those of random weights.",
    BASELINE: "A row that is always there: what the class share, the stain's colour or the cell's size alone reach, "
    "on the cells as they are.",
}


@dataclass(frozen=True)
class Legend:
    """A line of a figure's legend."""

    place: int
    text: str
    dashes: str


@dataclass(frozen=True)
class TrackView:
    """A track with its figures, as the template takes it.

    Parameters
    ----------
    number : int
        From 1 on; part of the ids in the page.
    track : ComparableGroup
        What is shown.
    forest, roc, strips : str
        SVG as Markup; empty where no score is defined.
    legend : sequence of Legend
        Of the ROC curves.
    shares : sequence of PatientShare
        Of the best pipeline.
    comparison : ComparisonView or None
        All pipelines against the best; None where patients leak, or there is one pipeline.
    """

    number: int
    track: ComparableGroup
    forest: str = ""
    roc: str = ""
    strips: str = ""
    legend: Sequence[Legend] = ()
    shares: Sequence[PatientShare] = ()
    comparison: ComparisonView | None = None


def write_report(results: Results, path: Path) -> Path:
    """Write the leaderboard of a results folder as one HTML file.

    The same results give the same bytes. The file opens without a network and without JavaScript; with it, its tables
    can be sorted.

    Parameters
    ----------
    results : Results
        What is read; nothing is run, and nothing in it is changed.
    path : Path
        The file, replaced whole.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BenchError
        The folder holds no experiment, one of them cannot be read, or the file cannot be written.
    """
    html = render(results)
    try:
        with atomic_file(path) as temporary:
            temporary.write_text(html, encoding="utf-8", errors="replace")
    except OSError as error:
        raise BenchError(f"{path}: cannot be written ({error.strerror}); choose another file with --output") from error
    return path


def render(results: Results) -> str:
    """The report as HTML text; errors as `write_report`."""
    found, failures = tracks(results), results.current()[1]
    if not found and not failures:
        raise BenchError(
            f"{results.path}: holds no experiment yet; "
            f"bench run --out {results.path} makes one, bench matrix --out {results.path} many"
        )
    experiments = [row.result for track in found for row in track.rows]
    script = files("reports").joinpath("templates/tables.js").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            views=[_view(i, track) for i, track in enumerate(found, start=1)],
            data_sets=_data_sets(experiments),
            failures=failures,
            kept=kept(results, found),
            important=important_groups(found),
            tuned=tuned_tracks(found),
            primary=PRIMARY,
            primary_title=METRICS[PRIMARY].title,
            definitions=_definitions(found),
            flags={flag: text for flag, text in FLAGS.items() if any(flag in e.flags for e in experiments)},
            libraries=library_versions(experiments),
            environments=environments(experiments),
            program=_version("cytobench"),
            script=Markup(script),  # noqa: S704 (a file of ours)
            script_hash=_script_hash(script),
            table_library=_table_library(),
        )
    )


def _view(number: int, track: ComparableGroup) -> TrackView:
    if track.best is None:
        return TrackView(number, track, comparison=compared(track))
    try:
        curves = _curves(track)
        shares = patient_shares(track.best.result)
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(
            f"{track.best.result.folder.parent}: predictions cannot be read ({error}); "
            "delete the experiment's folder and run the matrix again"
        ) from error
    return TrackView(
        number,
        track,
        forest=forest(track.rows, name=f"forest-{number}", metric=METRICS[PRIMARY].title),
        roc=roc([curve for _, curve in curves], name=f"roc-{number}"),
        strips=strips(shares, track.classes, name=f"strips-{number}"),
        legend=[Legend(i, text, " ".join(map(str, DASHES[i]))) for i, (text, _) in enumerate(curves)],
        shares=shares,
        comparison=compared(track),
    )


def _curves(track: ComparableGroup) -> list[tuple[str, Curve]]:
    """Two classes: the curves of the best pipelines. More: those of the best one, each class against the rest."""
    classes = track.classes
    if len(classes) == 2:
        label = str(track.data["positive"] or classes[0])
        best = [row for row in track.rows if row.primary.defined][:CURVES]
        wanted = [(f"{row.name}: {row.primary}", row, label) for row in best]
    else:
        wanted = [(f"{label} against the rest", track.rows[0], label) for label in classes[: len(DASHES)]]
    drawn = [(text, patient_curve(row.result.predictions, label)) for text, row, label in wanted]
    return [(text, curve) for text, curve in drawn if curve is not None]


def _data_sets(experiments: Sequence[ExperimentResult]) -> list[Mapping[str, Any]]:
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for experiment in experiments:
        data = experiment.record["data"]
        found.setdefault((data["digest"], str(data["positive"])), data)
    return sorted(found.values(), key=lambda data: (str(data["name"]), str(data["digest"])))


def _definitions(found: Sequence[ComparableGroup]) -> dict[str, str]:
    """Name and meaning of every quantity that is shown; the meaning is the first line of its own docstring."""
    shown = {metric.name: metric for track in found for metric in track.metrics}
    return {m.title.partition(", ")[0]: m.meaning for m in shown.values()}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"wording": wording, "METRICS": METRICS, "LEVELS": LEVELS}
    environment.filters |= {
        "plural": wording.plural,
        "p": p_text,
        "seconds": _seconds,
        "sort_value": _sort_value,
        "steps": _steps,
    }
    return environment


def _seconds(seconds: float) -> str:
    """Seconds as a person reads them: two digits below 10."""
    if math.isnan(seconds):
        return "–"
    return f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}"


def _steps(prepare: str) -> Markup:
    """The steps of a preparation, with places to break the line between them."""
    return Markup("<wbr>+").join(prepare.split("+"))


def _sort_value(row: Row, metric: str) -> str:
    """The value that a column is sorted by; an undefined one lies below all."""
    score = row.scores.get(metric)
    return f"{score.value:.6f}" if score is not None and score.defined else "-1"


@cache
def _table_library() -> str:
    """The bundle of DataTables that itables ships, compressed, in base64; the same bytes on every run."""
    bundle = files("itables").joinpath("html/dt_bundle.js").read_bytes()
    return base64.b64encode(gzip.compress(bundle, compresslevel=9, mtime=0)).decode("ascii")


def _script_hash(script: str) -> str:
    """The name by which the page's content security policy allows this script, and no other, to run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
