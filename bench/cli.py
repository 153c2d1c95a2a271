"""The command line: parse, call, print."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.errors import BenchError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Which pipeline recognises diseased cells [bold]on patients it has never seen[/bold].",
    epilog="Start with: [cyan]bench run --extractor handcrafted --clf svm[/cyan]",
)
data_app = typer.Typer(no_args_is_help=True, help="Look at a data set, or draw one.")
app.add_typer(data_app, name="data")


class Split(StrEnum):
    """What the outer folds hold apart."""

    patient = "patient"
    image = "image"
    official = "official"


class Kind(StrEnum):
    """What can be listed."""

    extractors = "extractors"
    classifiers = "classifiers"
    datasets = "datasets"


def _option(kind: Any, text: str, default: str | None = None, panel: str = "Protocol") -> Any:
    return Annotated[kind | None, typer.Option(help=text, show_default=default or False, rich_help_panel=panel)]


def _switch(name: str, text: str, panel: str) -> Any:
    return Annotated[bool | None, typer.Option(name, help=text, show_default=False, rich_help_panel=panel)]


_DATA_OPTIONS: dict[str, Any] = {
    "mask": _option(str, "Folder of mask images, or [cyan]whole[/cyan] for the whole frame.", panel="Data"),
    "patient_pattern": _option(
        str, "Class folders: regular expression that finds the patient in a path.", panel="Data"
    ),
    "positive": _option(str, "Positive class of two.", panel="Data"),
    "white_level": _option(int, "16-bit value that becomes 255.", "65535", panel="Data"),
    "um_per_px": _option(float, "Micrometres per pixel.", panel="Data"),
    "skip_unreadable": _switch("--skip-unreadable", "Leave unreadable and empty cells out.", "Data"),
}
_RUN_OPTIONS: dict[str, Any] = {
    "data": _option(
        str,
        "Cells: a C-NMC archive, a manifest, class folders, or a selector such as [cyan]phantom\\[effect=0][/cyan].",
        "phantom",
        panel="Data",
    ),
    **_DATA_OPTIONS,
    "split": _option(
        Split, "What the outer folds hold apart; [cyan]image[/cyan] leaks, and shows how much.", "patient"
    ),
    "folds": _option(int, "Outer folds.", "5"),
    "repeats": _option(int, "Repeats of the outer folds.", "1"),
    "inner_folds": _option(int, "Inner folds, at most.", "3"),
    "tune": _option(int, "Optuna trials for each outer fold.", "0"),
    "seed": _option(int, "Root of every seed.", "0"),
    "jobs": _option(int, "Worker processes.", "cores // threads", panel="Machine"),
    "threads": _option(int, "Threads of a fit.", "1", panel="Machine"),
    "timeout": _option(float, "Seconds after which a task is killed.", panel="Machine"),
    "weights_dir": _option(Path, "Folder of MODEL.safetensors files.", panel="Machine"),
    "out": _option(Path, "Results folder.", "results", panel="Machine"),
    "store": _option(Path, "Feature store.", "the user's cache folder", panel="Machine"),
}
_MATRIX_OPTIONS: dict[str, Any] = {
    "config": _option(Path, "YAML file whose keys are these options; options given here go before it.", panel="Matrix"),
    "extractors": _option(str, "Extractors, separated by commas.", "handcrafted,efficientnet_b0", panel="Matrix"),
    "clfs": _option(str, "Classifiers, separated by commas.", "all that are installed", panel="Matrix"),
    "retry_failed": _switch("--retry-failed", "Run failed experiments again.", "Matrix"),
    **_RUN_OPTIONS,
}


def _with_options(options: dict[str, Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a table in place of its `**options`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, kind in options.items()
        ]
        hints = inspect.get_annotations(command, eval_str=True)
        own = [p.replace(annotation=hints[p.name]) for p in own]
        command.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in [*own, *added]}
        return command

    return decorate


@app.command(
    epilog='Example: [cyan]bench run --extractor "resnet50\\[weights=random]" --clf "svm\\[C=10]" --data cells/[/cyan]'
)
@_with_options(_RUN_OPTIONS)
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
    from bench import display, interface  # noqa: PLC0415 (so that --help stays quick)

    with _stoppable(), display.live_progress(outcomes=False) as observer:
        result = interface.run(extractor, clf, observer=observer, **_given(options))
    display.show_experiment(result)


@app.command(
    epilog="Example: [cyan]bench matrix --data cells/ --extractors handcrafted,resnet50 --clfs svm,xgboost[/cyan]"
)
@_with_options(_MATRIX_OPTIONS)
def matrix(**options: Any) -> None:
    """Cross extractors with classifiers; resumes what was interrupted.

    A failing experiment becomes a row with its reason, the rest goes on, and the exit code is 1.
    """
    from bench import display, interface  # noqa: PLC0415

    with _stoppable(), display.live_progress() as observer:
        result = interface.matrix(observer=observer, **_given(options))
    display.show_matrix(result)
    if result.failures:
        raise typer.Exit(1)


@app.command(epilog="Example: [cyan]bench plan --data cells/ --extractors handcrafted --clfs svm,knn[/cyan]")
@_with_options(_MATRIX_OPTIONS)
def plan(**options: Any) -> None:
    """Print what a matrix would run, what is done, and why; runs nothing."""
    from bench import display, interface  # noqa: PLC0415

    with display.live_progress() as observer:
        table = interface.plan(observer=observer, **_given(options))
    display.show_plan(table)


@app.command(epilog="Example: [cyan]bench report results/ -o report.html[/cyan]")
def report(
    results: Annotated[Path, typer.Argument(help="Results folder.")] = Path("results"),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML file.", show_default="RESULTS/report.html")
    ] = None,
) -> None:
    """Write the leaderboard as one HTML file that opens offline."""
    from bench import display  # noqa: PLC0415
    from bench.results import Results  # noqa: PLC0415
    from reports.pages import write_report  # noqa: PLC0415

    path = write_report(Results.open(results), output or results / "report.html")
    display.show_line("report", path)


@app.command("list", epilog="Example: [cyan]bench list extractors --timm[/cyan]")
def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    timm: Annotated[bool, typer.Option("--timm", help="Add the names of timm and torchvision models.")] = False,
) -> None:
    """List the installed plugins."""
    from bench import listing  # noqa: PLC0415

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
@_with_options(_DATA_OPTIONS)
def describe(
    path: Annotated[str, typer.Argument(help="Cells: as for --data.")],
    **options: Any,
) -> None:
    """Print what a data set holds: cells, patients, split units, sizes, folds, notices."""
    from bench import display  # noqa: PLC0415
    from bench.datasets.opening import open_data  # noqa: PLC0415
    from bench.options import make_options  # noqa: PLC0415

    with display.live_progress() as observer:
        opened = open_data(make_options({"data": path, **_given(options)}), observer)
    display.show_dataset(opened)


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
    from bench import display  # noqa: PLC0415
    from bench.datasets.phantom import PhantomSpec, write_phantom  # noqa: PLC0415

    spec = PhantomSpec(
        patients=patients, cells=cells, spread=spread, effect=effect, signature=signature, size=size, seed=seed
    )
    with display.live_progress() as observer:
        write_phantom(spec, out, progress=lambda done, total: observer.progress("draw cells", done, total))
    display.show_line("phantom cells", out / "manifest.csv")
    display.show_line("run them with", f"bench run --data {out} --positive diseased")


def main() -> None:
    """Run the command line; an error of the user's ends with a sentence and exit code 2."""
    try:
        app()
    except BenchError as error:
        typer.secho(f"Error: {error}", fg="red", err=True)
        sys.exit(2)


@contextmanager
def _stoppable() -> Iterator[None]:
    """End by Ctrl-C with a word on what is kept; Typer alone would end without one."""
    try:
        yield
    except KeyboardInterrupt:
        typer.secho("Stopped. What was finished is kept; the same command goes on from there.", fg="yellow", err=True)
        raise typer.Exit(130) from None


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {k: v.value if isinstance(v, Enum) else v for k, v in options.items() if v is not None}
