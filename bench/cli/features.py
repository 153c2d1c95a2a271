"""Commands that describe and extract features and manage the feature store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bench.cli.display.terminal import live_progress, show_line, show_message, write_text
from bench.cli.options import OUTPUT, Data, Force, command, optional, set_options, stage_options, stoppable
from bench.errors import BenchError

features = typer.Typer(no_args_is_help=True, help="Inspect, extract and manage features.")

Extractor = Annotated[str, typer.Option("--extractor", "-x", help="Extractor or model.")]
Store = Annotated[
    Path | None,
    optional("Folder of the feature store.", "--store", default="the user's cache folder"),
]


@command(features, "bench features catalogue --family glcm --format markdown -o glcm.md")
def catalogue(
    extractor: Extractor = "handcrafted",
    family: Annotated[list[str] | None, optional("Family to list; can be repeated.", default="all")] = None,
    format: Annotated[
        Literal["table", "csv", "json", "markdown"],
        typer.Option(help="Output format: a table with one row per feature, or one row per column in the others."),
    ] = "table",
    output: Annotated[Path | None, optional("File, for a format other than table.", *OUTPUT)] = None,
    force: Force = False,
) -> None:
    """List the features of an extractor: name, formula, unit, range, invariance to quarter turns, source."""
    from bench.cli.display import features as display_features  # noqa: PLC0415
    from bench.plugins import feature_catalogue  # noqa: PLC0415 (so that --help stays fast)
    from bench.storage.exports import CATALOGUE, check_output  # noqa: PLC0415

    if output is not None:
        check_output(output, CATALOGUE, force=force)
    entries = feature_catalogue.catalogue(extractor, family or ())
    if output is not None:
        feature_catalogue.write(entries, format, output)
        show_line("catalogue", output)
    elif format == "table":
        display_features.show_catalogue(entries)
    else:
        write_text(feature_catalogue.WRITERS[format](entries))


@command(
    features,
    "bench features extract cells/ --extractor handcrafted -o cells.parquet",
    options=stage_options("cells", "features", "work"),
)
def extract(
    path: Data,
    *,
    output: Annotated[Path, typer.Option(*OUTPUT, help="File to write, .parquet or .csv.")],
    extractor: Extractor = "handcrafted",
    status: Annotated[
        bool,
        typer.Option("--status", help="Also write why values are missing: CELLS.status.parquet beside CELLS.parquet."),
    ] = False,
    force: Force = False,
    **options: Any,
) -> None:
    """Write a table of features: one row per cell with id, patient, label and named columns.

    Stored features are reused, and extracted ones are stored. Held-out cells are included and marked in the column
    set.
    """
    from bench.cli.display import features as display_features  # noqa: PLC0415
    from bench.datasets.sources import input_files  # noqa: PLC0415
    from bench.features import extract as feature_extraction  # noqa: PLC0415
    from bench.features import table as feature_table  # noqa: PLC0415
    from bench.options import make_options  # noqa: PLC0415
    from bench.storage.exports import FEATURES, check_output  # noqa: PLC0415

    inputs = input_files(make_options({"data": path, **set_options(options)}))
    reasons = feature_table.status_path(output) if status else None
    for file in (output, reasons):
        if file is not None:
            check_output(file, FEATURES, inputs=inputs, force=force)
    with stoppable(), live_progress() as observer:
        table = feature_extraction.extract_features(path, extractor, observer=observer, **set_options(options))
        table.write(output, status=reasons)
    display_features.show_extraction(table)
    show_line("features", output)
    if reasons is not None:
        show_line("status", reasons)


@command(features, "bench features list --store features/", name="list")
def list_(store: Store = None) -> None:
    """List the entries of the feature store: extractor, cells, size, speed and state.

    Stale entries were made by other code or library versions and are not used; bench features gc removes them.
    """
    from bench.cli.display.store import show_inventory  # noqa: PLC0415 (so that --help stays fast)
    from bench.features.store.inventory import read_inventory  # noqa: PLC0415
    from bench.storage.folders import store_folder  # noqa: PLC0415

    show_inventory(read_inventory(store_folder(store)))


@command(features, "bench features show 3f9a01c2")
def show(
    entry: Annotated[
        str, typer.Argument(help="First characters of its name, as printed by bench features list, or its folder.")
    ],
    *,
    store: Store = None,
) -> None:
    """Print the metadata of an entry: components of the key, date, speed, training patients, columns."""
    from bench.cli.display.store import show_entry  # noqa: PLC0415
    from bench.features.store.inventory import read_inventory  # noqa: PLC0415
    from bench.storage.folders import store_folder  # noqa: PLC0415

    inventory = read_inventory(store_folder(store))
    item = inventory.find(entry)
    show_entry(item, inventory.name(item))


@command(
    features, "bench features why cells/ efficientnet_b0 --prepare crop", options=stage_options("cells", "features")
)
def why(
    data: Data,
    extractor: Annotated[str, typer.Argument(metavar="EXTRACTOR", help="Extractor or model.")],
    **options: Any,
) -> None:
    """Print whether features are stored, and if not, how the nearest entry differs: stored value -> requested value."""
    from bench.cli.display.store import show_explanation  # noqa: PLC0415
    from bench.features.extract import resolve_features  # noqa: PLC0415
    from bench.features.store.explain import explain  # noqa: PLC0415
    from bench.storage.folders import store_folder  # noqa: PLC0415

    with stoppable(resumes=False), live_progress() as observer:
        _, request = resolve_features(data, extractor, observer=observer, **set_options(options))
        explanation = explain(store_folder(request.options.store), request.entry, request.digests)
    show_explanation(explanation, request.plugin.selector)


@command(features, "bench features gc --older-than 90 --dry-run", "bench features gc --check")
def gc(
    *,
    older_than: Annotated[
        float | None,
        typer.Option(min=0, help="Also remove entries that no run has used for this many days.", show_default=False),
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
    from bench.features.store.garbage import check_entries, collect_garbage, remove_networks  # noqa: PLC0415
    from bench.features.store.inventory import read_inventory  # noqa: PLC0415
    from bench.storage.folders import store_folder  # noqa: PLC0415

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


@command(features, "bench features path cells/ handcrafted", options=stage_options("cells", "features"))
def path(
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="Cells, as for --data of bench run.", show_default=False)
    ] = None,
    extractor: Annotated[
        str | None, typer.Argument(metavar="EXTRACTOR", help="Extractor or model.", show_default=False)
    ] = None,
    **options: Any,
) -> None:
    """Print the folder of stored features, for scripts; without arguments the folder of the store.

    The exit code is 1 if the features are not stored.
    """
    from bench.storage.folders import store_folder  # noqa: PLC0415 (so that --help stays fast)

    if data is None:
        write_text(str(store_folder(options["store"]).absolute()))
        return
    if extractor is None:
        raise BenchError(f"bench features path {data}: no extractor given; for example bench features path {data} size")
    from bench.features.extract import resolve_features  # noqa: PLC0415

    with stoppable(resumes=False), live_progress() as observer:
        _, request = resolve_features(data, extractor, observer=observer, **set_options(options))
    if not request.entry.stored:
        selector = request.plugin.selector
        show_message(f"{selector} of {data} is not stored; bench features why shows the differences")
        raise typer.Exit(1)
    write_text(str(request.entry.folder.absolute()))
