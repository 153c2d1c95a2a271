"""Commands that check how far a score can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bench.cli.display.terminal import live_progress, show_line
from bench.cli.options import (
    OUTPUT,
    Data,
    Force,
    Json,
    ResultsFolder,
    command,
    numbers,
    optional,
    own_option,
    set_options,
    show_or_print_json,
    stage_options,
    stoppable,
    typer_option,
)

evidence = typer.Typer()

REFIT_OPTIONS: dict[str, Any] = {
    "name": own_option(str, "Experiment in a results folder that contains several: `handcrafted x svm`.", panel="Data"),
    "data": typer_option("data", text="Dataset, if it was moved."),
    "extractor": own_option(str, "Extractor of the experiment, if its weights are those of a file.", panel="Data"),
    "classifier": own_option(
        str, "Classifier of the experiment, if it is a class of another library than scikit-learn.", panel="Data"
    ),
    "jobs": typer_option("jobs"),
    "store": typer_option("store"),
    "weights_dir": typer_option("weights_dir"),
    "device": typer_option("device", text="Device of networks, if another than in the original run."),
}
Experiment = Annotated[Path, typer.Argument(help="Folder of an experiment, or a results folder.")]


@command(
    evidence, "bench folds cells/ --folds 5 --repeats 5 -o folds.csv", options=stage_options("cells", "links", "folds")
)
def folds(
    path: Data,
    *,
    output: Annotated[Path | None, optional("CSV file, for --folds-file of a run.", *OUTPUT)] = None,
    force: Force = False,
    **options: Any,
) -> None:
    """Print the patients and cells of each class in every fold, and write the folds to a file.

    `bench run` and `bench matrix` draw the same folds from the same options.
    """
    from bench.cli.display import folds as display_folds  # noqa: PLC0415 (so that --help stays fast)
    from bench.datasets.loading import open_data  # noqa: PLC0415
    from bench.datasets.sources import check_not_a_source, input_files  # noqa: PLC0415
    from bench.options import make_options  # noqa: PLC0415
    from bench.splits.fold_manifest import write_folds  # noqa: PLC0415
    from bench.splits.grouping import folds_of  # noqa: PLC0415
    from bench.storage.exports import FOLDS, check_output  # noqa: PLC0415

    values = make_options({"data": path, **set_options(options)})
    if output is not None:
        check_output(output, FOLDS, inputs=input_files(values), force=force)
    with live_progress() as observer:
        dataset = open_data(values, observer).dataset
        if output is not None:
            check_not_a_source(output, dataset)
        drawn = folds_of(dataset, values)
        for notice in drawn.notices:
            observer.notice(notice)
    display_folds.show_folds(drawn, dataset)
    if output is not None:
        write_folds(drawn, output)
        show_line("folds", output)


@command(
    evidence,
    "bench score results/ --threshold sens@0.95 --calibrate sigmoid",
    options=stage_options("decision", shown="as each experiment was run"),
)
def score(
    results: ResultsFolder = Path("results"),
    *,
    output: Annotated[Path | None, optional("CSV file with all metrics.", *OUTPUT)] = None,
    force: Force = False,
    **options: Any,
) -> None:
    """Re-score saved predictions with another calibration, threshold or aggregation.

    Nothing is fitted and the stored experiments do not change. Experiments whose files are damaged are named and left
    out, and the exit code is 1.
    """
    from bench.cli.display import scores as display_scores  # noqa: PLC0415
    from bench.cli.display.tables import show_damaged  # noqa: PLC0415
    from bench.experiments import rescoring  # noqa: PLC0415
    from bench.storage.exports import SCORES, check_output  # noqa: PLC0415

    if output is not None:
        check_output(output, SCORES, inputs=(results / "leaderboard.csv",), force=force)
    with stoppable(resumes=False), live_progress() as observer:
        board = rescoring.score(results, observer=observer, **set_options(options))
    display_scores.show_scores(board)
    if output is not None:
        rescoring.write_scores(board, output)
        show_line("scores", output)
    damaged = board.loc[board["status"] == "damaged", "reason"]
    show_damaged(damaged)
    if len(damaged):
        raise typer.Exit(1)


@command(evidence, 'bench ensemble results/ --names "handcrafted x svm,resnet50 x knn" --rule rank')
def ensemble(
    results: ResultsFolder = Path("results"),
    *,
    names: Annotated[
        str, typer.Option(help="Experiments, by pipeline or folder, separated by commas: `handcrafted x svm`.")
    ],
    rule: Annotated[
        Literal["mean", "rank", "majority", "stack"],
        typer.Option(help="Mean of probabilities, mean of ranks, majority of votes, or logistic regression."),
    ] = "mean",
    weights: Annotated[
        str | None, optional("Weights of the experiments, separated by commas.", default="equal ones")
    ] = None,
    out: Annotated[Path | None, optional("Results folder of the combination.", default="the same")] = None,
) -> None:
    """Combine the saved predictions of finished experiments without a refit.

    The experiments need the same data, folds and protocol. Ranks, stacking, calibration and thresholds are learned on
    inner out-of-fold predictions. The combination becomes an experiment of the results folder with the mark POST HOC:
    members that are chosen after their scores were seen make its score optimistic.
    """
    from bench.cli.display import tables as display  # noqa: PLC0415
    from bench.experiments import post_hoc  # noqa: PLC0415
    from bench.plugins.selectors import split_list  # noqa: PLC0415

    chosen = split_list(names)
    values = [] if weights is None else numbers("--weights", weights)
    with stoppable(resumes=False), live_progress(outcomes=False) as observer:
        result = post_hoc.ensemble(results, chosen, rule=rule, weights=values, out=out, observer=observer)
    display.show_experiment(result)


@command(evidence, "bench compare results/")
def compare(
    experiments: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of experiments, or a results folder, of which the largest comparable group is used."
        ),
    ],
    *,
    against: Annotated[str | None, optional("Reference experiment, by name or folder.", default="the best")] = None,
    all_pairs: Annotated[bool, typer.Option("--all-pairs", help="Compare every pair.")] = False,
    rope: Annotated[float, typer.Option(help="Largest difference that counts as practically equal.")] = 0.01,
    as_json: Json = False,
) -> None:
    """Test which pipelines differ, on patients, from saved predictions.

    Nothing is run. P-values are corrected for the number of comparisons and reported with the unit of the test.
    Experiments of a results folder whose files are damaged are named and left out, and the exit code is 1.
    """
    from bench import api  # noqa: PLC0415
    from bench.cli.display import comparison as display_comparison  # noqa: PLC0415
    from bench.evidence.comparison.selection import DAMAGED  # noqa: PLC0415

    with stoppable(resumes=False):
        comparison = api.compare(*experiments, against=against, all_pairs=all_pairs, rope=rope)
    show_or_print_json(comparison, display_comparison.show_comparison, as_json=as_json)
    if any(note.startswith(DAMAGED) for note in comparison.notes):
        raise typer.Exit(1)


@command(
    evidence,
    "bench audit cells/ --write-links links.csv",
    options={
        **stage_options("cells"),
        "held_out": typer_option("held_out", text="Held-out dataset that must not share images with DATA."),
        "jobs": typer_option("jobs", text="Number of cells that are read in parallel.", shown="number of cores"),
    },
)
def audit(
    path: Data,
    *,
    folds: Annotated[int, typer.Option(min=2, help="Planned number of outer folds.")] = 5,
    write_links: Annotated[
        Path | None, optional("CSV file to write: patients that share a near-duplicate, for --links of a run.")
    ] = None,
    force: Force = False,
    output: Annotated[Path | None, optional("Results folder whose report will show the audit.", *OUTPUT)] = None,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Check a dataset for duplicates, confusable ids and confounders.

    Looks for duplicates in any orientation, near-duplicates, dominating patients, and whether image size, file or stain
    alone predicts the class. The exit code is 1 if there is an error. A manifest with a column sha256 is checked for
    exact duplicates without its images.
    """
    from bench.cli.display import audit as display_audit  # noqa: PLC0415
    from bench.datasets import link_files  # noqa: PLC0415
    from bench.datasets.sources import input_files  # noqa: PLC0415
    from bench.evidence.audit import auditing  # noqa: PLC0415
    from bench.options import make_options  # noqa: PLC0415
    from bench.storage.exports import LINKS, check_output  # noqa: PLC0415

    if write_links is not None:
        values = make_options({"data": path, **set_options(options)})
        check_output(write_links, LINKS, inputs=input_files(values), force=force)
    with stoppable(resumes=False), live_progress(outcomes=False) as observer:
        result = auditing.audit(path, folds=folds, observer=observer, **set_options(options))
    stored = None if output is None else auditing.write_audit(result, output)
    if write_links is not None:
        link_files.write_links(write_links, result.links)
    show_or_print_json(result, display_audit.show_audit, as_json=as_json, stored=stored, links=write_links)
    if not result.passed:
        raise typer.Exit(1)


@command(evidence, 'bench leakage results/ --name "handcrafted x svm"', options=REFIT_OPTIONS)
def leakage(
    experiment: Experiment,
    *,
    permutations: Annotated[
        int, typer.Option(help="Number of permutations of the patients' labels, with folds of images.")
    ] = 20,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Test whether a pipeline recognises the disease or the patients, by refitting it with folds of images.

    Labels of cells cannot be permuted between patients; the verdict then rests on the recognition of patients.
    Finished fits are stored; an interrupted report continues where it stopped.
    """
    from bench.cli.display import leakage as display_leakage  # noqa: PLC0415
    from bench.evidence.leakage import report  # noqa: PLC0415

    with stoppable(), live_progress(outcomes=False) as observer:
        result = report.leakage(experiment, permutations=permutations, observer=observer, **set_options(options))
    show_or_print_json(result, display_leakage.show_leakage, as_json=as_json)


@command(evidence, 'bench significance results/ --name "handcrafted x svm" --permutations 199', options=REFIT_OPTIONS)
def significance(
    experiment: Experiment,
    *,
    permutations: Annotated[int, typer.Option(help="Number of permutations of the labels.")] = 199,
    as_json: Json = False,
    **options: Any,
) -> None:
    """Run a permutation test of a score: permute the patients' labels and refit.

    Labels of cells are permuted within the patients that have cells of several classes, of which at least 5 are needed.
    Finished permutations are stored; an interrupted test continues, and more permutations add to them.
    """
    from bench.cli.display import significance as display_significance  # noqa: PLC0415
    from bench.evidence.permutation import significance as permutation_test  # noqa: PLC0415

    with stoppable(), live_progress(outcomes=False) as observer:
        result = permutation_test.significance(
            experiment, permutations=permutations, observer=observer, **set_options(options)
        )
    show_or_print_json(result, display_significance.show_significance, as_json=as_json)


@command(evidence, 'bench check "svm[C=10]"')
def check(
    name: Annotated[str, typer.Argument(help="Extractor, model or classifier, with or without parameters.")],
    *,
    kind: Annotated[
        Literal["extractor", "classifier"] | None,
        optional("Kind of plugin, needed where an extractor and a classifier share the name."),
    ] = None,
    weights_dir: Annotated[
        Path | None, optional("Folder of MODEL.safetensors files (foundation models also .pth, .bin).")
    ] = None,
) -> None:
    """Run the contract tests on a plugin.

    Checks on synthetic cells that no fit sees a test patient, that every split keeps the cells of a patient together,
    and that test data do not change what is learned. The exit code is 1 if a check fails.
    """
    from bench.cli.display import contract as display_contract  # noqa: PLC0415
    from bench.contract.checking import find_subject, network_cost, steps_of  # noqa: PLC0415

    subject = find_subject(name, kind, weights_dir=weights_dir)
    display_contract.show_subject(subject)
    with stoppable(resumes=False), steps_of(subject) as steps:
        checks = display_contract.run_shown(steps)
    display_contract.show_outcome(checks, network_cost(subject))
    if any(one.outcome == "failed" for one in checks):
        raise typer.Exit(1)
