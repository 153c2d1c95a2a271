"""The command `bench`: run experiments, list plugins, inspect datasets."""

from __future__ import annotations

import errno
import io
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bench.cli.display.terminal import live_progress, show_columns, show_line, show_message, show_text
from bench.cli.evidence import evidence
from bench.cli.features import features
from bench.cli.networks import networks_app
from bench.cli.options import (
    OUTPUT,
    RUN_STAGES,
    Data,
    Force,
    ResultsFolder,
    command,
    examples,
    optional,
    own_option,
    set_options,
    single,
    stage_options,
    stoppable,
    typer_option,
)
from bench.cli.recipes import recipes_app
from bench.cli.signals import interrupting_signals
from bench.cli.streams import checked_output
from bench.errors import BenchError, Interrupted, shortened
from bench.executors.module_path import drop_current_folder

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Compare pipelines for single-cell images [bold]on patients that the model has never seen[/bold].",
    epilog=examples("bench run --extractor handcrafted --classifier svm"),
)
data_app = typer.Typer(no_args_is_help=True, help="Inspect a dataset or generate a synthetic one.")
app.add_typer(data_app, name="data")
app.add_typer(features, name="features")
app.add_typer(evidence)
app.add_typer(networks_app)
app.add_typer(recipes_app)

MATRIX_OPTIONS = {
    "config": own_option(
        Path, "YAML file of options, by these names; the command line takes precedence.", panel="Matrix"
    ),
    **stage_options("matrix", *RUN_STAGES),
}


@command(
    app,
    "bench run --extractor handcrafted --classifier svm",
    "bench run --data cells/ -x efficientnet_b0 -c rf_svm --tune 50",
    'bench run --data cells/ -x "resnet50[pool=max]" -c "svm[C=10,kernel=linear]" --repeats 5',
    options=stage_options(*RUN_STAGES),
)
def run(
    *,
    extractor: Annotated[
        list[str] | None, optional("Extractor or model.", "--extractor", "-x", default="handcrafted")
    ] = None,
    classifier: Annotated[
        list[str] | None, optional("Classifier.", "--classifier", "--clf", "-c", default="svm")
    ] = None,
    **options: Any,
) -> None:
    """Run one experiment and print its scores.

    Without --data, synthetic cells are used. A finished experiment is read from the results folder.
    """
    from bench import api  # noqa: PLC0415 (so that --help stays fast)
    from bench.cli.display import tables as display  # noqa: PLC0415

    names = {"extractor": single("extractor", extractor), "classifier": single("classifier", classifier)}
    with stoppable(), live_progress(outcomes=False) as observer:
        result = api.run(**{k: v for k, v in names.items() if v is not None}, observer=observer, **set_options(options))
    display.show_experiment(result)


@command(
    app,
    "bench matrix --data cells/ --out results/",
    "bench matrix --data cells/ --extractors handcrafted,resnet50 --classifiers knn,svm,xgboost",
    "bench matrix --config matrix.yaml --prepare crop+clahe",
    options=MATRIX_OPTIONS,
)
def matrix(**options: Any) -> None:
    """Run every combination of extractors and classifiers.

    An interrupted matrix continues where it stopped. A failed experiment becomes a row with its reason, the others
    continue, and the exit code is 1.
    """
    from bench import api  # noqa: PLC0415
    from bench.cli.display import tables as display  # noqa: PLC0415

    with stoppable(), live_progress() as observer:
        result = api.matrix(observer=observer, **set_options(options))
    display.show_matrix(result)
    if result.failures or result.damaged:
        raise typer.Exit(1)


@command(app, "bench plan --data cells/ --extractors handcrafted --classifiers svm,knn", options=MATRIX_OPTIONS)
def plan(**options: Any) -> None:
    """Print which experiments of a matrix are done and which would run, and why; run nothing."""
    from bench import api  # noqa: PLC0415
    from bench.cli.display import tables as display  # noqa: PLC0415
    from bench.options import make_options  # noqa: PLC0415

    values = set_options(options)
    config = values.pop("config", None)
    with live_progress() as observer:
        planned, states = api.plan_with_states(make_options(values, config=config), observer)
    display.show_plan(planned, states)


@command(app, "bench report results/", "bench report results/ -o leaderboard.html")
def report(
    results: ResultsFolder = Path("results"),
    output: Annotated[Path | None, optional("HTML file.", *OUTPUT, default="RESULTS/report.html")] = None,
    *,
    force: Force = False,
) -> None:
    """Write an HTML report of a results folder: one file that opens offline.

    Experiments and records of evidence whose files are damaged are named and left out, and the exit code is 1.
    """
    from bench.cli.display.tables import show_damaged  # noqa: PLC0415
    from bench.experiments.results import Results  # noqa: PLC0415
    from bench.storage.exports import REPORT, check_output  # noqa: PLC0415
    from reports.page import write_page  # noqa: PLC0415
    from reports.section import ReportData  # noqa: PLC0415

    folder, path = Results.open(results), output or results / "report.html"
    check_output(path, REPORT, force=force)
    data = ReportData.read(folder)
    show_line("report", write_page(data, path))
    show_damaged(damage.reason for damage in data.damaged)
    if data.damaged:
        raise typer.Exit(1)


@command(app, "bench list extractors --timm", name="list")
def list_(
    kind: Annotated[
        Literal["extractors", "classifiers", "datasets", "recipes"], typer.Argument(help="Kind of plugin.")
    ],
    timm: Annotated[
        bool,
        typer.Option(
            "--timm",
            help="Also list networks by name, of extractors and of classifiers that train a network, with the licence "
            "of their default weights.",
        ),
    ] = False,
) -> None:
    """List installed plugins, or published systems."""
    if kind == "recipes":
        from bench.cli.display.recipes import show_recipes  # noqa: PLC0415
        from bench.recipes.catalogue import installed_recipes  # noqa: PLC0415

        show_recipes(installed_recipes().values())
        return
    from bench.plugins import listing  # noqa: PLC0415

    rows = listing.plugins_of(kind)
    if kind == "datasets":
        facts = listing.dataset_facts()
        show_columns([("dataset", "licence", "patients", "address"), *((name, *facts[name]) for name in facts)])
        show_text("\nOther readers")
        rows = [row for row in rows if row[0] not in facts]
    width = max(len(name) for name, _, _ in rows)
    for name, text, owner in rows:
        show_text(f"{name:<{width}}  {text}{'' if owner == 'cytobench' else f'  ({owner})'}")
    if kind == "extractors" and not timm:
        show_text("The name of any timm or torchvision model is an extractor too: bench list extractors --timm")
        show_text(f"So are the architectures of this project: {', '.join(listing.own_architectures())}")
        show_text("So are foundation models (name, licence of the weights):")
        models = listing.foundation_models()
        width = max(len(name) for name, _ in models)
        show_text("\n".join(f"  {name:<{width}}  {licence}" for name, licence in models))
        show_text("And hf-hub:OWNER/NAME or local-dir:FOLDER, with the config.json and the weights of a timm model.")
    if kind == "classifiers":
        show_text(
            "The import path of any scikit-learn classifier is one too: sklearn.linear_model.LogisticRegression[C=0.1]"
        )
    if timm:
        models = listing.models_with_licences()
        width = max(len(name) for name, _ in models)
        show_text("\n".join(f"{name:<{width}}  {licence}" for name, licence in models))


@command(data_app, "bench data describe C-NMC_Leukemia/", options=stage_options("cells", "links"))
def describe(path: Data, **options: Any) -> None:
    """Print the contents of a dataset: cells, patients, split units, image sizes, folds and notices."""
    from bench.cli.display import tables as display  # noqa: PLC0415
    from bench.datasets.loading import open_data  # noqa: PLC0415
    from bench.options import make_options  # noqa: PLC0415

    with live_progress() as observer:
        opened = open_data(make_options({"data": path, **set_options(options)}), observer)
    display.show_dataset(opened)


@command(data_app, "bench data quality C-NMC_Leukemia/ -o quality.csv", options=stage_options("cells"))
def quality(
    path: Data,
    *,
    output: Annotated[Path | None, optional("Table with one row per cell, .csv or .parquet.", *OUTPUT)] = None,
    force: Force = False,
    **options: Any,
) -> None:
    """Check the masks: dropped debris, holes, cells at the image border, accepted and rejected nuclei."""
    from bench.cli.display.quality import show_quality  # noqa: PLC0415
    from bench.datasets import quality as masks  # noqa: PLC0415
    from bench.datasets.loading import open_every_cell  # noqa: PLC0415
    from bench.datasets.sources import input_files  # noqa: PLC0415
    from bench.options import make_options  # noqa: PLC0415
    from bench.storage.exports import QUALITY, check_output  # noqa: PLC0415

    values = make_options({"data": path, **set_options(options)})
    if output is not None:
        check_output(output, QUALITY, inputs=input_files(values), force=force)
    with stoppable(resumes=False), live_progress() as observer:
        dataset = open_every_cell(values, observer).dataset
        table = masks.quality_table(dataset, progress=lambda done, total: observer.progress("check masks", done, total))
    show_quality(dataset.name, len(table), masks.quality_summary(table))
    if output is not None:
        masks.write_quality(table, output)
        show_line("quality", output)


@command(
    data_app,
    'bench data show cells/ --prepare "crop+clahe[clip=3]" -o sheet.png',
    options={"prepare": typer_option("prepare"), **stage_options("cells")},
)
def show(
    path: Data,
    *,
    output: Annotated[Path, typer.Option(*OUTPUT, help="PNG file.")] = Path("contact-sheet.png"),
    cells: Annotated[
        int, typer.Option(help="Number of cells, taken from classes and patients in turn.", min=1, max=48)
    ] = 8,
    seed: Annotated[int, typer.Option(help="Random seed of the selection.")] = 0,
    force: Force = False,
    **options: Any,
) -> None:
    """Draw a contact sheet: cells as read and after each preparation step, with the outlines of their masks."""
    from bench.datasets.contact_sheet.sheet import check_sheet_place, write_contact_sheet  # noqa: PLC0415
    from bench.datasets.loading import open_every_cell  # noqa: PLC0415
    from bench.options import make_options  # noqa: PLC0415
    from bench.plugins.preparation import parse_prepare  # noqa: PLC0415

    values = set_options(options)
    steps = parse_prepare(values.pop("prepare", "none"))
    check_sheet_place(output, data=path, force=force)
    with stoppable(resumes=False), live_progress() as observer:
        dataset = open_every_cell(make_options({"data": path, **values}), observer).dataset
        write_contact_sheet(dataset, output, steps=steps, cells=cells, seed=seed)
    show_line("contact sheet", output)


@command(data_app, "bench data phantom cells/ --patients 20 --effect 0 --signature 3")
def phantom(
    out: Annotated[Path, typer.Argument(help="New folder.")],
    *,
    patients: Annotated[int, typer.Option(help="Number of patients per class.")] = 12,
    cells: Annotated[float, typer.Option(help="Mean number of cells per patient.")] = 25,
    spread: Annotated[float, typer.Option(help="Log-normal spread of the number of cells per patient.")] = 0.4,
    effect: Annotated[
        float, typer.Option(help="Factor on every difference between the classes; 0: no difference.")
    ] = 1.0,
    mixture: Annotated[
        str, typer.Option(help="What differs between the classes: `shape` (clefts, roundness and chromatin) or `size`.")
    ] = "shape",
    clefts: Annotated[float, typer.Option(help="Factor on the difference in clefts; 0: none.")] = 1.0,
    roundness: Annotated[float, typer.Option(help="Factor on the difference in roundness; 0: none.")] = 1.0,
    chromatin: Annotated[float, typer.Option(help="Factor on the difference in chromatin; 0: none.")] = 1.0,
    size_effect: Annotated[float, typer.Option(help="Factor on the difference in size; 0: none.")] = 1.0,
    stain_effect: Annotated[float, typer.Option(help="Factor on the difference in stain; 0: none.")] = 1.0,
    signature: Annotated[float, typer.Option(help="Size of the differences between patients of a class.")] = 1.0,
    size: Annotated[int, typer.Option(help="Width and height of an image in pixels.")] = 300,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
) -> None:
    """Write synthetic cells with known truth into a folder with a manifest."""
    from bench.datasets.phantom.reader import PhantomSpec, write_phantom  # noqa: PLC0415

    spec = PhantomSpec(
        patients=patients,
        cells=cells,
        spread=spread,
        effect=effect,
        signature=signature,
        size=size,
        seed=seed,
        mixture=mixture,
        clefts=clefts,
        roundness=roundness,
        chromatin=chromatin,
        size_effect=size_effect,
        stain_effect=stain_effect,
    )
    with live_progress() as observer:
        write_phantom(spec, out, progress=lambda done, total: observer.progress("draw cells", done, total))
    show_line("synthetic cells", out / "manifest.csv")
    show_line("evaluate them with", f"bench run --data {out} --positive diseased")


def main() -> None:
    """Run the command line.

    A `BenchError` is printed without a traceback; the exit code is then 2, and 128 plus the number of the signal that
    stopped the command. Characters that standard output cannot encode, in a locale that is not UTF-8, are printed as
    escape sequences. Modules are not imported from the current folder, whose files may come from somebody else.
    """
    drop_current_folder()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    with checked_output(), interrupting_signals():
        try:
            app()
        except BenchError as error:
            show_message(f"Error: {error}", style="red")
            sys.exit(2)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            show_message(f"Error: {shortened(str(error.filename))}: {error.strerror}; use a shorter one", style="red")
            sys.exit(2)
        except Interrupted as stop:
            show_message("Stopped.", style="yellow")
            sys.exit(128 + stop.number)
