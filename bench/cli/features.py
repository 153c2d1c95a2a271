"""Commands for features: catalogue, extraction and the feature store."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.options import CELL_OPTIONS, RUN_OPTIONS, given, option, stoppable, with_options
from bench.errors import BenchError

features = typer.Typer(no_args_is_help=True, help="Inspect, extract and manage features.")

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
    """Output formats of the catalogue."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"


@features.command(epilog="Example: [cyan]bench features catalogue --family glcm --format markdown -o glcm.md[/cyan]")
def catalogue(
    extractor: Extractor = "handcrafted",
    family: Annotated[
        list[str] | None, typer.Option(help="Family of features; repeatable.", show_default="all")
    ] = None,
    format: Annotated[Format, typer.Option(help="A table by feature, or one row per column.")] = Format.table,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File, for a format other than table.", show_default=False)
    ] = None,
) -> None:
    """List the features of an extractor: name, formula, unit, range, change under rotation, source."""
    from bench.cli.display import features as display_features  # noqa: PLC0415
    from bench.cli.display.terminal import show_line  # noqa: PLC0415
    from bench.plugins import feature_catalogue  # noqa: PLC0415 (keeps --help fast)

    rows = feature_catalogue.catalogue(extractor, family or ())
    if output is not None:
        feature_catalogue.write(rows, format.value, output)
        show_line("catalogue", output)
    elif format is Format.table:
        display_features.show_catalogue(rows)
    else:
        typer.echo(feature_catalogue.WRITERS[format.value](rows), nl=False)


@features.command(epilog="Example: [cyan]bench features extract cells/ --extractor handcrafted -o cells.parquet[/cyan]")
@with_options(EXTRACT_OPTIONS)
def extract(
    path: Annotated[str, typer.Argument(metavar="DATA", help="Cells: as for --data of bench run.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, .parquet or .csv.")],
    extractor: Extractor = "handcrafted",
    status: Annotated[
        bool,
        typer.Option(
            "--status", help="Also write the reasons of missing values, as CELLS.status.parquet for CELLS.parquet."
        ),
    ] = False,
    **options: Any,
) -> None:
    """Write the features of every cell: one row per cell with id, patient, label and named columns.

    Features are read from the feature store, and stored there if they have to be extracted. An existing file is
    replaced. Held-out cells are included and marked in the column set.
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
        table = feature_extraction.extract_features(path, extractor, observer=observer, **given(options))
        table.write(output, status=reasons)
    display_features.show_extraction(table)
    show_line("features", output)
    if reasons is not None:
        show_line("reasons", reasons)


@features.command("list", epilog="Example: [cyan]bench features list --store features/[/cyan]")
def list_(store: Store = None) -> None:
    """List the feature store: extractor, cells, size, speed, and whether an entry is stored, unfinished or stale.

    A stale entry was made by other code or libraries, and no run can use it; bench features gc removes it.
    """
    from bench.cli.display.store import show_inventory  # noqa: PLC0415 (keeps --help fast)
    from bench.features.store.inventory import read_inventory  # noqa: PLC0415
    from bench.features.store.location import store_folder  # noqa: PLC0415

    show_inventory(read_inventory(store_folder(store)))


@features.command(epilog="Example: [cyan]bench features show 3f9a01c2[/cyan]")
def show(
    entry: Annotated[str, typer.Argument(help="Start of its name in bench features list, or its folder.")],
    *,
    store: Store = None,
) -> None:
    """Print the record of an entry: components of its key, date, speed, training patients, columns."""
    from bench.cli.display.store import show_entry  # noqa: PLC0415
    from bench.features.store.inventory import read_inventory  # noqa: PLC0415
    from bench.features.store.location import store_folder  # noqa: PLC0415

    inventory = read_inventory(store_folder(store))
    item = inventory.find(entry)
    show_entry(item, inventory.name(item))


@features.command(epilog="Example: [cyan]bench features why cells/ efficientnet_b0 --prepare crop[/cyan]")
@with_options(EXPLAIN_OPTIONS)
def why(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Cells: as for --data of bench run.")],
    extractor: Annotated[str, typer.Argument(metavar="EXTRACTOR", help="Extractor or model.")],
    **options: Any,
) -> None:
    """Report whether features are stored, and if not, how the nearest entry differs: stored -> requested value."""
    from bench.cli.display.store import show_explanation  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415
    from bench.features.extract import resolve_features  # noqa: PLC0415
    from bench.features.store.explain import explain  # noqa: PLC0415

    with stoppable(resumes=False), live_progress() as observer:
        request = resolve_features(data, extractor, observer=observer, **given(options))
        explanation = explain(request.store, request.entry, request.opened.cell_digests)
    show_explanation(explanation, request.plugin.selector)


@features.command(epilog="Example: [cyan]bench features gc --older-than 90 --dry-run[/cyan]")
def gc(
    *,
    older_than: Annotated[
        float | None, typer.Option(min=0, help="Also remove entries that no run has used for this many days.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing, list what would be removed.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Remove nothing, compare all entries with their checksums.")
    ] = False,
    store: Store = None,
) -> None:
    """Garbage-collect the feature store; everything that is removed can be extracted again.

    Removes entries made by other code or libraries, unreadable ones, and remains of killed processes after a day.
    Without --store also networks converted by other versions. What another process works on is not removed.

    With --check, the exit code is 1 if an entry is damaged; the next run that needs it extracts the damaged rows again.
    """
    from bench.cli.display.store import show_damage, show_garbage, show_unknown  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415
    from bench.features.store.garbage import check_entries, collect_garbage, remove_networks  # noqa: PLC0415
    from bench.features.store.inventory import read_inventory  # noqa: PLC0415
    from bench.features.store.location import store_folder  # noqa: PLC0415

    folder = store_folder(store)
    if check:
        inventory = read_inventory(folder)
        with stoppable(resumes=False), live_progress() as observer:
            damage = check_entries(inventory.entries, observer)
        show_damage(inventory, damage)
    else:
        garbage = collect_garbage(folder, older_than=older_than, dry_run=dry_run)
        if store is None:
            garbage += remove_networks(older_than=older_than, dry_run=dry_run)
        show_garbage(garbage, dry_run=dry_run)
    show_unknown(read_inventory(folder).unknown)
    if check and any(damage.values()):
        raise typer.Exit(1)


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
    """Print the folder of stored features, for scripts; without arguments, the folder of the store.

    The exit code is 1 if they are not stored.
    """
    from bench.features.store.location import store_folder  # noqa: PLC0415

    if data is None:
        typer.echo(store_folder(options["store"]).absolute())
        return
    if extractor is None:
        raise BenchError(f"bench features path {data}: give an extractor too, such as bench features path {data} size")
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415
    from bench.features.extract import resolve_features  # noqa: PLC0415

    with stoppable(resumes=False), live_progress() as observer:
        request = resolve_features(data, extractor, observer=observer, **given(options))
    if not request.entry.stored:
        typer.echo(f"{request.plugin.selector} of {data} is not stored; see bench features why", err=True)
        raise typer.Exit(1)
    typer.echo(request.entry.folder.absolute())
