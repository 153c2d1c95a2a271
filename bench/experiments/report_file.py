"""Write the HTML report of a results folder from Python."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path


def write_report(results: Path, path: str | Path | None = None) -> Path:
    """Write the report and return its path.

    Parameters
    ----------
    results : Path
        Results folder.
    path : path, optional
        HTML file. Default: `report.html` in the results folder.
    """
    # Imported by name: reports is a layer above bench, and is needed only here.
    page = import_module("reports.page")
    folder = import_module("bench.experiments.results").Results.open(results)
    written: Path = page.write_report(folder, Path(path) if path is not None else results / "report.html")
    return written
