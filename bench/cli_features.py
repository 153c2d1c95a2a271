"""The commands that tell what is measured of a cell, and measure it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli_options import CELL_OPTIONS, RUN_OPTIONS, given, option, stoppable, with_options

features = typer.Typer(no_args_is_help=True, help="What is measured of a cell, and a table of it.")

EXTRACT_OPTIONS: dict[str, Any] = {
    **CELL_OPTIONS,
    **{name: RUN_OPTIONS[name] for name in ("jobs", "timeout", "weights_dir", "store")},
    "threads": option(int, "Threads of an extractor that takes them.", "1", panel="Machine"),
}
Extractor = Annotated[str, typer.Option("--extractor", "-x", help="Extractor or model.")]


class Format(StrEnum):
    """How a catalogue is written."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"


@features.command(epilog="Example: [cyan]bench features catalogue --family glcm --format markdown -o glcm.md[/cyan]")
def catalogue(
    extractor: Extractor = "handcrafted",
    family: Annotated[
        list[str] | None, typer.Option(help="This family alone; may be given again.", show_default="all")
    ] = None,
    format: Annotated[
        Format, typer.Option(help="A table by feature, or a row a column in one of the others.")
    ] = Format.table,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File, for a format other than table.", show_default=False)
    ] = None,
) -> None:
    """List what an extractor measures: name, formula, unit, range, change under turns, source."""
    from bench import feature_catalogue  # noqa: PLC0415 (so that --help stays quick)
    from bench.display import features as display_features  # noqa: PLC0415
    from bench.display.terminal import show_line  # noqa: PLC0415

    found = feature_catalogue.catalogue(extractor, family or ())
    if output is not None:
        feature_catalogue.write(found, format.value, output)
        show_line("catalogue", output)
    elif format is Format.table:
        display_features.show_catalogue(found)
    else:
        typer.echo(feature_catalogue.WRITERS[format.value](found), nl=False)


@features.command(epilog="Example: [cyan]bench features extract cells/ --extractor handcrafted -o cells.parquet[/cyan]")
@with_options(EXTRACT_OPTIONS)
def extract(
    path: Annotated[str, typer.Argument(metavar="DATA", help="Cells: as for --data of bench run.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, .parquet or .csv.")],
    extractor: Extractor = "handcrafted",
    status: Annotated[
        bool,
        typer.Option("--status", help="Write why values are missing, too: CELLS.status.parquet beside CELLS.parquet."),
    ] = False,
    **options: Any,
) -> None:
    """Write the features of every cell: a row a cell with id, patient, label and named columns.

    Takes from the feature store what it holds, and leaves there what it extracts. A file that is there is replaced.
    Held-out cells are there too; a column set tells them.
    """
    from bench import feature_extraction, feature_table  # noqa: PLC0415
    from bench.display import features as display_features  # noqa: PLC0415
    from bench.display.terminal import live_progress, show_line  # noqa: PLC0415
    from bench.outputs import check_place  # noqa: PLC0415

    check_place(output, data=path)
    reasons = feature_table.status_path(output) if status else None
    with stoppable(), live_progress() as observer:
        found = feature_extraction.extract_features(path, extractor, observer=observer, **given(options))
        found.write(output, status=reasons)
    display_features.show_extraction(found)
    show_line("features", output)
    if reasons is not None:
        show_line("reasons", reasons)
