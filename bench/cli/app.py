"""The command line: parse, call, print."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.evidence import evidence
from bench.cli.features import features
from bench.cli.options import CELL_OPTIONS, DATA_OPTIONS, MATRIX_OPTIONS, RUN_OPTIONS, given, stoppable, with_options
from bench.errors import BenchError, printable

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Which pipeline recognises diseased cells [bold]on patients it has never seen[/bold].",
    epilog="Start with: [cyan]bench run --extractor handcrafted --clf svm[/cyan]",
)
data_app = typer.Typer(no_args_is_help=True, help="Look at a data set, or draw one.")
app.add_typer(data_app, name="data")
app.add_typer(features, name="features")
app.add_typer(evidence)


class Kind(StrEnum):
    """What can be listed."""

    extractors = "extractors"
    classifiers = "classifiers"
    datasets = "datasets"


@app.command(
    epilog='Example: [cyan]bench run --extractor "resnet50\\[weights=random]" --clf "svm\\[C=10]" --data cells/[/cyan]'
)
@with_options(RUN_OPTIONS)
def run(
    *,
    extractor: Annotated[
        str | None, typer.Option("--extractor", "-x", help="Extractor or model.", show_default="handcrafted")
    ] = None,
    clf: Annotated[str, typer.Option("--clf", "-c", help="Classifier.")] = "svm",
    **options: Any,
) -> None:
    """Run one experiment and print its scores.

    Without --data: the phantom cells.
    """
    from bench import api  # noqa: PLC0415 (so that --help stays quick)
    from bench.cli.display import tables as display  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415

    with stoppable(), live_progress(outcomes=False) as observer:
        result = api.run(extractor, clf, observer=observer, **given(options))
    display.show_experiment(result)


@app.command(
    epilog="Example: [cyan]bench matrix --data cells/ --prepare crop+clahe --extractors handcrafted,resnet50[/cyan]"
)
@with_options(MATRIX_OPTIONS)
def matrix(**options: Any) -> None:
    """Cross extractors with classifiers; resumes what was interrupted.

    A failing experiment becomes a row with its reason, the rest goes on, and the exit code is 1.
    """
    from bench import api  # noqa: PLC0415
    from bench.cli.display import tables as display  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415

    with stoppable(), live_progress() as observer:
        result = api.matrix(observer=observer, **given(options))
    display.show_matrix(result)
    if result.failures:
        raise typer.Exit(1)


@app.command(epilog="Example: [cyan]bench plan --data cells/ --extractors handcrafted --clfs svm,knn[/cyan]")
@with_options(MATRIX_OPTIONS)
def plan(**options: Any) -> None:
    """Print what a matrix would run, what is done, and why; runs nothing."""
    from bench import api  # noqa: PLC0415
    from bench.cli.display import tables as display  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415

    with live_progress() as observer:
        table = api.plan(observer=observer, **given(options))
    display.show_plan(table)


@app.command(epilog="Example: [cyan]bench report results/ -o report.html[/cyan]")
def report(
    results: Annotated[Path, typer.Argument(help="Results folder.")] = Path("results"),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML file.", show_default="RESULTS/report.html")
    ] = None,
) -> None:
    """Write the leaderboard as one HTML file that opens offline."""
    from bench.cli.display.terminal import show_line  # noqa: PLC0415
    from bench.experiments.results import Results  # noqa: PLC0415
    from reports.page import write_report  # noqa: PLC0415

    path = write_report(Results.open(results), output or results / "report.html")
    show_line("report", path)


@app.command("list", epilog="Example: [cyan]bench list extractors --timm[/cyan]")
def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    timm: Annotated[bool, typer.Option("--timm", help="Add the names of timm and torchvision models.")] = False,
) -> None:
    """List the installed plugins."""
    from bench.plugins import listing  # noqa: PLC0415

    rows = listing.plugins_of(kind.value)
    width = max(len(name) for name, _, _ in rows)
    for name, text, owner in rows:
        typer.echo(f"{name:<{width}}  {text}{'' if owner == 'cytobench' else f'  ({owner})'}")
    if kind is Kind.extractors:
        if timm:
            for name in listing.models():
                typer.echo(name)
        else:
            typer.echo("Any timm or torchvision model name is an extractor too: bench list extractors --timm")
    if kind is Kind.classifiers:
        typer.echo(
            "The import path of any scikit-learn classifier is one too: sklearn.linear_model.LogisticRegression[C=0.1]"
        )


@data_app.command(epilog="Example: [cyan]bench data describe C-NMC_Leukemia/[/cyan]")
@with_options(DATA_OPTIONS)
def describe(
    path: Annotated[str, typer.Argument(help="Cells: as for --data.")],
    **options: Any,
) -> None:
    """Print what a data set holds: cells, patients, split units, sizes, folds, notices."""
    from bench.cli.display import tables as display  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415
    from bench.datasets.loading import open_data  # noqa: PLC0415
    from bench.options import make_options  # noqa: PLC0415

    with live_progress() as observer:
        opened = open_data(make_options({"data": path, **given(options)}), observer)
    display.show_dataset(opened)


@data_app.command(epilog="Example: [cyan]bench data quality C-NMC_Leukemia/ -o quality.csv[/cyan]")
@with_options(CELL_OPTIONS)
def quality(
    path: Annotated[str, typer.Argument(help="Cells: as for --data.")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for a row a cell, .csv or .parquet.", show_default=False)
    ] = None,
    **options: Any,
) -> None:
    """Judge the masks: debris dropped, holes, cells at the frame, nuclei found and refused."""
    from bench.cli.display.quality import show_quality  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress, show_line  # noqa: PLC0415
    from bench.datasets import quality as masks  # noqa: PLC0415
    from bench.datasets.loading import open_every_cell  # noqa: PLC0415
    from bench.datasets.readers.manifest import manifest_files  # noqa: PLC0415
    from bench.options import make_options  # noqa: PLC0415
    from bench.storage.exports import check_output  # noqa: PLC0415

    if output is not None:
        check_output(output, protected=manifest_files(path))
    with stoppable(resumes=False), live_progress() as observer:
        dataset = open_every_cell(make_options({"data": path, **given(options)}), observer).dataset
        table = masks.quality_table(dataset, progress=lambda done, total: observer.progress("judge masks", done, total))
    show_quality(dataset.name, len(table), masks.quality_summary(table))
    if output is not None:
        masks.write_quality(table, output)
        show_line("quality", output)


@data_app.command(epilog='Example: [cyan]bench data show cells/ --prepare "crop+clahe\\[clip=3]" -o sheet.png[/cyan]')
@with_options(CELL_OPTIONS)
def show(
    path: Annotated[str, typer.Argument(help="Cells: as for --data.")],
    *,
    prepare: Annotated[
        str, typer.Option(help="Steps of preparation, joined by +, a column each: [cyan]crop+clahe[/cyan].")
    ] = "none",
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG file.")] = Path("contact-sheet.png"),
    cells: Annotated[int, typer.Option(help="Cells, from each class and patient in turn.", min=1, max=48)] = 8,
    seed: Annotated[int, typer.Option(help="Which cells.")] = 0,
    **options: Any,
) -> None:
    """Draw some cells as they are, and after each step of their preparation, with the outlines of their masks."""
    from bench.cli.display.terminal import live_progress, show_line  # noqa: PLC0415
    from bench.datasets.contact_sheet.sheet import check_sheet_place, write_contact_sheet  # noqa: PLC0415
    from bench.datasets.loading import open_every_cell  # noqa: PLC0415
    from bench.options import make_options  # noqa: PLC0415
    from bench.plugins.preparation import parse_prepare  # noqa: PLC0415

    steps = parse_prepare(prepare)
    check_sheet_place(output, data=path)
    with stoppable(resumes=False), live_progress() as observer:
        dataset = open_every_cell(make_options({"data": path, **given(options)}), observer).dataset
        write_contact_sheet(dataset, output, steps=steps, cells=cells, seed=seed)
    show_line("contact sheet", output)


@data_app.command(epilog="Example: [cyan]bench data phantom cells/ --patients 20 --effect 0 --signature 3[/cyan]")
def phantom(
    out: Annotated[Path, typer.Argument(help="New folder.")],
    *,
    patients: Annotated[int, typer.Option(help="Patients of each class.")] = 12,
    cells: Annotated[float, typer.Option(help="Median of the cells of a patient.")] = 25,
    spread: Annotated[float, typer.Option(help="Log-normal spread of the cells of a patient.")] = 0.4,
    effect: Annotated[float, typer.Option(help="How much the classes differ; 0: not at all.")] = 1.0,
    signature: Annotated[float, typer.Option(help="How strongly a patient can be recognised.")] = 1.0,
    size: Annotated[int, typer.Option(help="Width and height in pixels.")] = 300,
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
) -> None:
    """Draw phantom cells with known truth into a folder with a manifest."""
    from bench.cli.display.terminal import live_progress, show_line  # noqa: PLC0415
    from bench.datasets.phantom.reader import PhantomSpec, write_phantom  # noqa: PLC0415

    spec = PhantomSpec(
        patients=patients, cells=cells, spread=spread, effect=effect, signature=signature, size=size, seed=seed
    )
    with live_progress() as observer:
        write_phantom(spec, out, progress=lambda done, total: observer.progress("draw cells", done, total))
    show_line("phantom cells", out / "manifest.csv")
    show_line("run them with", f"bench run --data {out} --positive diseased")


def main() -> None:
    """Run the command line; an error of the user's ends with a sentence and exit code 2."""
    try:
        app()
    except BenchError as error:
        typer.secho(f"Error: {printable(str(error))}", fg="red", err=True)
        sys.exit(2)
