"""The HTML report: one self-contained file that opens offline."""

from __future__ import annotations

import base64
import gzip
import hashlib
import math
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from itertools import chain
from pathlib import Path
from pkgutil import resolve_name

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.errors import BenchError, printable
from bench.evaluation.protocol import tuning_budget
from bench.evidence.text import p_text, share_of
from bench.experiments.results import Results
from bench.scores.metrics import LEVELS, METRICS, PRIMARY
from extractors.files.atomic import atomic_file
from reports import text
from reports.rows import Row
from reports.section import ReportData, SectionBuilder
from reports.sections import protocol
from reports.sections.headline import headlines
from reports.sections.missing import missing_warnings

SECTIONS = (
    *("leaderboard", "comparison", "recipes", "evidence", "importances", "training", "missing", "tuning"),
    *("failures", "datasets", "protocol", "reading", "weights", "versions"),
)
"""Modules of `reports.sections` in the order of the page. A new section is a module, a template and a name here."""


def write_report(results: Results, path: Path) -> Path:
    """Write the report of a results folder as one HTML file.

    The same results give the same bytes. The file opens without network access and without JavaScript, which only
    makes tables sortable.

    Parameters
    ----------
    results : Results
        The folder; it is only read.
    path : Path
        Output file, written atomically.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BenchError
        The folder has no experiment, one of them cannot be read, or the file cannot be written.
    """
    return write_page(ReportData.read(results), path)


def write_page(data: ReportData, path: Path) -> Path:
    """Write the report of the contents of a results folder; as `write_report`."""
    html = render(data)
    try:
        with atomic_file(path) as temporary:
            temporary.write_text(html, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{path}: cannot be written ({error.strerror}); choose another file with --output") from error
    return path


def render(data: ReportData) -> str:
    """Render the report as HTML; errors as in `write_report`."""
    if not data.groups and not data.failures:
        if data.damaged:
            raise BenchError(data.damaged[0].reason)
        path = data.results.path
        raise BenchError(f"{path}: contains no experiments; run bench run --out {path} or bench matrix --out {path}")
    script = files("reports").joinpath("templates/tables.js").read_text(encoding="utf-8")
    template = _environment().get_template("report.html.j2")
    return template.render(
        headlines=headlines(data),
        failures=len(data.failures),
        has_results=bool(data.groups),
        sections=list(chain.from_iterable(_builder(name)(data) for name in SECTIONS)),
        program=_version("cytobench"),
        script=Markup(script),  # noqa: S704 (a file of this package)
        script_hash=_script_hash(script),
        table_library=_table_library(),
    )


def _builder(section: str) -> SectionBuilder:
    """Return the function `sections` of a module of `reports.sections`."""
    builder: SectionBuilder = resolve_name(f"reports.sections.{section}:sections")
    return builder


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "text": text,
        "decision_summary": protocol.decision_summary,
        "missing_warnings": missing_warnings,
        "METRICS": METRICS,
        "LEVELS": LEVELS,
        "primary": PRIMARY,
        "primary_title": METRICS[PRIMARY].title,
    }
    environment.filters |= {
        "percent": text.percent,
        "plural": text.plural,
        "tuning_budget": tuning_budget,
        "p": p_text,
        "share": share_of,
        "seconds": _seconds,
        "sort_value": _sort_value,
        "break_before": _break_before,
    }
    return environment


def _finalize(value: object) -> object:
    """Escape control and invisible characters of every text in the page; markup of this package is unchanged."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _seconds(seconds: float) -> str:
    """Format seconds: one decimal below 10, none above."""
    if math.isnan(seconds):
        return "–"
    return f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}"


def _break_before(text: str, sign: str) -> Markup:
    """Allow line breaks before a sign, such as `[` of the parameters of a selector."""
    return (Markup("<wbr>") + sign).join(printable(text).split(sign))


def _sort_value(row: Row, metric: str) -> str:
    """Sort value of a metric; an undefined score is below all others."""
    score = row.scores.get(metric)
    return f"{score.value:.6f}" if score is not None and score.defined else "-1"


@cache
def _table_library() -> str:
    """DataTables bundle of itables, compressed and base64-encoded; deterministic."""
    bundle = files("itables").joinpath("html/dt_bundle.js").read_bytes()
    return base64.b64encode(gzip.compress(bundle, compresslevel=9, mtime=0)).decode("ascii")


def _script_hash(script: str) -> str:
    """Hash that lets the content security policy allow this script only."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
