"""The commands that ask how far a number can be trusted."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.options import (
    DATA_OPTIONS,
    FOLD_OPTIONS,
    RUN_OPTIONS,
    Aggregate,
    Calibrate,
    Device,
    given,
    option,
    stoppable,
    with_options,
)

evidence = typer.Typer()

REOPENING: dict[str, Any] = {
    "name": option(str, "Which one, in a results folder with several: [cyan]handcrafted x svm[/cyan].", panel="Data"),
    "data": option(str, "Where the cells lie now, if elsewhere than then.", panel="Data"),
    "jobs": option(int, "Worker processes.", "cores // threads", panel="Machine"),
    "store": option(Path, "Where the feature store lies now, if elsewhere than then.", panel="Machine"),
    "weights_dir": option(Path, "Where the weights lie now, if elsewhere than then.", panel="Machine"),
    "device": option(
        Device, "Where networks are computed, if elsewhere than then.", panel="Machine", metavar="<device>"
    ),
}
SCORING: dict[str, Any] = {
    name: option(kind, text, "as each was run")
    for name, kind, text in (
        ("calibrate", Calibrate, "How the probabilities are mended."),
        ("threshold", str, "[cyan]balanced[/cyan], [cyan]sens@0.95[/cyan], [cyan]spec@0.90[/cyan] or a number."),
        ("aggregate", Aggregate, "How a patient's cells become one score."),
    )
}
Experiment = Annotated[Path, typer.Argument(help="An experiment's folder, or a results folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@evidence.command(epilog="Example: [cyan]bench folds cells/ --folds 5 --repeats 5 -o folds.csv[/cyan]")
@with_options({**DATA_OPTIONS, **{name: RUN_OPTIONS[name] for name in ("links", *FOLD_OPTIONS, "seed")}})
def folds(
    path: Annotated[str, typer.Argument(metavar="DATA", help="Cells: as for --data of bench run.")],
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV file, for --folds-file.")] = None,
    **options: Any,
) -> None:
    """Print patients and cells of each class in every fold, and write the folds to a file.

    The same options give bench run and bench matrix the same folds.
    """
    from bench.cli.display import folds as display_folds  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress, show_line  # noqa: PLC0415
    from bench.datasets.loading import open_data  # noqa: PLC0415 (so that --help stays quick)
    from bench.options import make_options  # noqa: PLC0415
    from bench.splits.fold_manifest import write_folds  # noqa: PLC0415
    from bench.splits.outer_folds import outer_folds  # noqa: PLC0415

    asked = make_options({"data": path, **given(options)})
    with live_progress() as observer:
        dataset = open_data(asked, observer).dataset
        drawn = outer_folds(dataset.table, asked)
        for notice in drawn.notices:
            observer.notice(notice)
    display_folds.show_folds(drawn, dataset)
    if output is not None:
        write_folds(drawn, output)
        show_line("folds", output)


@evidence.command(epilog="Example: [cyan]bench score results/ --threshold sens@0.95 --calibrate sigmoid[/cyan]")
@with_options(SCORING)
def score(
    results: Annotated[Path, typer.Argument(help="Results folder.")] = Path("results"),
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV file with every metric.")] = None,
    **options: Any,
) -> None:
    """Score what is kept anew, under another calibration, threshold or patient score.

    Nothing is fitted and no experiment is changed; what is not given stays as each experiment was run.
    """
    from bench.cli.display import scores as display_scores  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress, show_line  # noqa: PLC0415
    from bench.experiments import rescoring  # noqa: PLC0415

    with stoppable(resumes=False), live_progress() as observer:
        board = rescoring.score(results, observer=observer, **given(options))
    display_scores.show_scores(board)
    if output is not None:
        rescoring.write_scores(board, output)
        show_line("scores", output)


@evidence.command(epilog="Example: [cyan]bench compare results/[/cyan]")
def compare(
    experiments: Annotated[
        list[Path], typer.Argument(help="Experiments' folders, or a results folder: all of its largest track.")
    ],
    *,
    against: Annotated[
        str | None, typer.Option(help="Hold all against this one: name or folder.", show_default="the best")
    ] = None,
    all_pairs: Annotated[bool, typer.Option("--all-pairs", help="Hold each against each.")] = False,
    rope: Annotated[float, typer.Option(help="Differences up to this size count as practically equal.")] = 0.01,
    as_json: Json = False,
) -> None:
    """Which pipelines differ, and which cannot be told apart? Tests on patients, from kept predictions.

    Nothing is run. Every p-value is corrected for the number of comparisons, and told with its unit.
    """
    from bench import api  # noqa: PLC0415

    with stoppable(resumes=False):
        found = api.compare(*experiments, against=against, all_pairs=all_pairs, rope=rope)
    if as_json:
        typer.echo(json.dumps(found.record(), indent=1))
    else:
        from bench.cli.display import comparison as display_comparison  # noqa: PLC0415

        display_comparison.show_comparison(found)


AUDIT_OPTIONS: dict[str, Any] = {
    **{name: kind for name, kind in DATA_OPTIONS.items() if name != "links"},
    "held_out": option(str, "Held-out cells, which are to share no image with DATA.", panel="Data"),
    "jobs": option(int, "Cells that are read at a time.", "the cores", panel="Machine"),
}


@evidence.command(epilog="Example: [cyan]bench audit cells/ --links links.csv[/cyan]")
@with_options(AUDIT_OPTIONS)
def audit(
    path: Annotated[str, typer.Argument(metavar="DATA", help="Cells: as for --data of bench run.")],
    *,
    folds: Annotated[int, typer.Option(min=2, help="Outer folds that are wanted.")] = 5,
    links: Annotated[
        Path | None,
        typer.Option(help="CSV file to write: patients who share a near-duplicate, for --links of a run."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Results folder whose report is to show the audit.")
    ] = None,
    as_json: Json = False,
    **options: Any,
) -> None:
    """What is wrong with a data set? Looks for copies, confused ids, and what gives a class away.

    Duplicates in any orientation, near-duplicates, patients, and whether image size, file or stain tells the class.
    The exit code is 1 where something is an error. For the exact checks alone, a manifest with a column sha256 needs no
    images.
    """
    from bench.cli.display import audit as display_audit  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415
    from bench.datasets.link_files import write_links  # noqa: PLC0415
    from bench.evidence.audit import auditing  # noqa: PLC0415

    with stoppable(resumes=False), live_progress(outcomes=False) as observer:
        found = auditing.audit(path, folds=folds, observer=observer, **given(options))
    kept = None if output is None else auditing.write_audit(found, output)
    if links is not None:
        write_links(links, found.links)
    if as_json:
        typer.echo(json.dumps(found.record(), indent=1))
    else:
        display_audit.show_audit(found, kept=kept, links=links)
    if not found.passed:
        raise typer.Exit(1)


@evidence.command(epilog='Example: [cyan]bench leakage results/ --name "handcrafted x svm"[/cyan]')
@with_options(REOPENING)
def leakage(
    experiment: Experiment,
    *,
    permutations: Annotated[int, typer.Option(help="Permutations of the patients' labels, folds by image.")] = 20,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Does a pipeline recognise the disease or the patients? Fits it with folds by image, too.

    Goes on where it was interrupted; what the results folder holds is not fitted again.
    """
    from bench.cli.display import leakage as display_leakage  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415
    from bench.evidence.leakage import report  # noqa: PLC0415

    with stoppable(), live_progress(outcomes=False) as observer:
        found = report.leakage(experiment, permutations=permutations, observer=observer, **given(options))
    if as_json:
        typer.echo(json.dumps(found.record(), indent=1))
    else:
        display_leakage.show_leakage(found)


@evidence.command(
    epilog='Example: [cyan]bench significance results/ --name "handcrafted x svm" --permutations 199[/cyan]'
)
@with_options(REOPENING)
def significance(
    experiment: Experiment,
    *,
    permutations: Annotated[int, typer.Option(help="Permutations of the patients' labels.")] = 199,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Could chance give this score? Permutes the patients' labels and fits everything anew.

    Goes on where it was interrupted; more permutations add to those that are there.
    """
    from bench.cli.display import significance as display_significance  # noqa: PLC0415
    from bench.cli.display.terminal import live_progress  # noqa: PLC0415
    from bench.evidence.permutation import significance as chance  # noqa: PLC0415

    with stoppable(), live_progress(outcomes=False) as observer:
        found = chance.significance(experiment, permutations=permutations, observer=observer, **given(options))
    if as_json:
        typer.echo(json.dumps(found.record(), indent=1))
    else:
        display_significance.show_significance(found)


class PluginKind(StrEnum):
    """What can be checked."""

    extractor = "extractor"
    classifier = "classifier"


@evidence.command(epilog='Example: [cyan]bench check "svm\\[C=10]"[/cyan]')
def check(
    name: Annotated[str, typer.Argument(help="Extractor, model or classifier, with or without parameters.")],
    *,
    kind: Annotated[
        PluginKind | None, typer.Option(help="Needed where one name stands for both.", show_default=False)
    ] = None,
    weights_dir: Annotated[
        Path | None, typer.Option(help="Folder of MODEL.safetensors files.", show_default=False)
    ] = None,
) -> None:
    """Does a plugin keep to its contract? Fits it on made-up cells and watches what it sees.

    Ours or a third party's: that no fit sees a tested patient, that every split it makes keeps patients whole, that
    what is tested changes nothing that is learned. The exit code is 1 where a check fails.
    """
    from bench.cli.display import contract as display_contract  # noqa: PLC0415
    from bench.contract.checking import find_subject, network_cost, steps_of  # noqa: PLC0415

    subject = find_subject(name, kind.value if kind else None, weights_dir=weights_dir)
    display_contract.show_subject(subject)
    with stoppable(resumes=False), steps_of(subject) as steps:
        checks = display_contract.run_shown(steps)
    display_contract.show_outcome(checks, network_cost(subject))
    if any(one.outcome == "failed" for one in checks):
        raise typer.Exit(1)
