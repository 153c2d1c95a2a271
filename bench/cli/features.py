"""The commands that tell what is measured of a cell, measure it, and look after what was measured."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.options import CELL_OPTIONS, RUN_OPTIONS, given, option, stoppable, with_options
from bench.errors import BenchError

features = typer.Typer(no_args_is_help=True, help="What is measured of a cell, a table of it, and the store of it.")

EXTRACT_OPTIONS: dict[str, Any] = {
    **CELL_OPTIONS,
    **{name: RUN_OPTIONS[name] for name in ("prepare", "jobs", "device", "timeout", "weights_dir", "store")},
    "threads": option(int, "Threads of an extractor that takes them.", "1", panel="Machine"),
}
EXPLAIN_OPTIONS: dict[str, Any] = {
    name: kind for name, kind in EXTRACT_OPTIONS.items() if name not in ("jobs", "timeout")
}
Extractor = Annotated[str, typer.Option("--extractor", "-x", help="Extractor or model.")]
Store = Annotated[Path | None, typer.Option("--store", help="Feature store.", show_default="the user's cache folder")]


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
    from bench.cli.display import features as display_features  # noqa: PLC0415
    from bench.cli.display.terminal import show_line  # noqa: PLC0415
    from bench.plugins import feature_catalogue  # noqa: PLC0415 (so that --help stays quick)

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
    from bench.cli.display import features as display_features  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress, show_line  # noqa: PLC0415
    from bench.datasets.readers.manifest import manifest_files  # noqa: PLC0415
    from bench.features import extract as feature_extraction  # noqa: PLC0415
    from bench.features import table as feature_table  # noqa: PLC0415
    from bench.storage.exports import check_output  # noqa: PLC0415

    check_output(output, protected=manifest_files(path))
    reasons = feature_table.status_path(output) if status else None
    with stoppable(), live_progress() as observer:
        found = feature_extraction.extract_features(path, extractor, observer=observer, **given(options))
        found.write(output, status=reasons)
    display_features.show_extraction(found)
    show_line("features", output)
    if reasons is not None:
        show_line("reasons", reasons)


@features.command("list", epilog="Example: [cyan]bench features list --store features/[/cyan]")
def list_(store: Store = None) -> None:
    """List the feature store: extractor, cells, size, speed, and whether an entry is whole, unfinished or stale.

    A stale entry cannot be asked for any more, since code or libraries have changed; bench features gc removes it.
    """
    from bench.cli.display.store import show_listing  # noqa: PLC0415 (so that --help stays quick)
    from bench.features.store.listing import list_store  # noqa: PLC0415
    from bench.features.store.location import store_folder  # noqa: PLC0415

    show_listing(list_store(store_folder(store)))


@features.command(epilog="Example: [cyan]bench features show 3f9a01c2[/cyan]")
def show(
    entry: Annotated[str, typer.Argument(help="Beginning of its name, as bench features list has it, or its folder.")],
    *,
    store: Store = None,
) -> None:
    """Print all that an entry says of itself: what it is made of, when, how fast, fitted on whom, which columns."""
    from bench.cli.display.store import show_entry  # noqa: PLC0415
    from bench.features.store.listing import list_store  # noqa: PLC0415
    from bench.features.store.location import store_folder  # noqa: PLC0415

    show_entry(list_store(store_folder(store)).find(entry))


@features.command(epilog="Example: [cyan]bench features why cells/ efficientnet_b0 --prepare crop[/cyan]")
@with_options(EXPLAIN_OPTIONS)
def why(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Cells: as for --data of bench run.")],
    extractor: Annotated[str, typer.Argument(metavar="EXTRACTOR", help="Extractor or model.")],
    **options: Any,
) -> None:
    """Say whether features are stored, and if not, in what the nearest entry differs: stored value -> asked one."""
    from bench.cli.display.store import show_explanation  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415
    from bench.features.extract import resolve_features  # noqa: PLC0415
    from bench.features.store.explain import explain  # noqa: PLC0415

    with stoppable(resumes=False), live_progress() as observer:
        asked = resolve_features(data, extractor, observer=observer, **given(options))
        found = explain(asked.store, asked.entry, asked.opened.cell_digests)
    show_explanation(found, asked.plugin.selector)


@features.command(epilog="Example: [cyan]bench features verify[/cyan]")
def verify(
    entries: Annotated[
        list[str] | None, typer.Argument(metavar="ENTRY", help="Beginnings of their names.", show_default="all")
    ] = None,
    *,
    store: Store = None,
) -> None:
    """Check every checksum; the exit code is 1 where something is damaged.

    Nothing is mended here: the next run that needs damaged rows extracts them again.
    """
    from bench.cli.display.store import show_foreign, show_inspection  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415
    from bench.features.store.inspect import inspect  # noqa: PLC0415
    from bench.features.store.listing import list_store  # noqa: PLC0415
    from bench.features.store.location import store_folder  # noqa: PLC0415

    listing = list_store(store_folder(store), sizes=False)
    chosen = [listing.find(name) for name in entries] if entries else listing.entries
    with stoppable(resumes=False), live_progress() as observer:
        found = inspect(chosen, observer)
    show_inspection(found)
    show_foreign(() if entries else listing.foreign)
    if not all(one.whole for one in found):
        raise typer.Exit(1)


@features.command(epilog="Example: [cyan]bench features gc --older-than 90 --dry-run[/cyan]")
def gc(
    *,
    older_than: Annotated[
        float | None, typer.Option(min=0, help="Entries too that no run has used for this many days.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing, only say what would go.")] = False,
    store: Store = None,
) -> None:
    """Remove what nobody can use any more; all of it can be extracted again.

    Left-overs of killed processes after a day; entries of older layouts, of other code or libraries, or unreadable.

    Without --store also networks that other versions converted. What another process works on stays.
    """
    from bench.cli.display.store import show_collection, show_foreign  # noqa: PLC0415
    from bench.features.store.garbage import collect, remove_networks  # noqa: PLC0415
    from bench.features.store.listing import list_store  # noqa: PLC0415
    from bench.features.store.location import store_folder  # noqa: PLC0415

    place = store_folder(store)
    found = collect(place, older_than=older_than, dry_run=dry_run)
    if store is None:
        found += remove_networks(older_than=older_than, dry_run=dry_run)
    show_collection(found, dry_run=dry_run)
    show_foreign(list_store(place, sizes=False).foreign)


@features.command(epilog="Example: [cyan]bench features path cells/ handcrafted[/cyan]")
@with_options(EXPLAIN_OPTIONS)
def path(
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="Cells: as for --data of bench run.", show_default=False)
    ] = None,
    extractor: Annotated[
        str | None, typer.Argument(metavar="EXTRACTOR", help="Extractor or model.", show_default=False)
    ] = None,
    **options: Any,
) -> None:
    """Print the folder of stored features, and nothing else, for scripts; without arguments that of the store.

    The exit code is 1 where they are not stored.
    """
    from bench.features.store.location import store_folder  # noqa: PLC0415

    if data is None:
        typer.echo(store_folder(options["store"]).absolute())
        return
    if extractor is None:
        raise BenchError(f"bench features path {data}: say whose features, such as bench features path {data} size")
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415
    from bench.features.extract import resolve_features  # noqa: PLC0415

    with stoppable(resumes=False), live_progress() as observer:
        asked = resolve_features(data, extractor, observer=observer, **given(options))
    if not asked.entry.stored:
        typer.echo(f"{asked.plugin.selector} of {data} is not stored; bench features why says what differs", err=True)
        raise typer.Exit(1)
    typer.echo(asked.entry.folder.absolute())
