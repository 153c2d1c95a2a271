"""Could chance alone give this score? The labels are permuted on the table of patients, and all is fitted anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.evidence.permutation.label_permutation import Relabellings, relabelled_scores, unit_labels
from bench.executors.cores import default_jobs
from bench.experiments.refit import disk_errors_as_bench_error, fit_with_split
from bench.experiments.reopen import Reopened, find_experiment, reopen
from bench.observer import Observer
from bench.scores.metrics import PRIMARY
from bench.statistics.permutation import label_floor, permutation_p
from bench.storage.json_files import write_json

FOLDER = "significance"


@dataclass(frozen=True)
class Significance:
    """What the chance test came to.

    Parameters
    ----------
    experiment : str
        Folder name of the experiment.
    name : str
        Its pipeline.
    metric : str
        The score that is tested.
    observed : float
        Its value with the true labels.
    null : tuple of float
        Its value with each permutation of the labels.
    p : float
        Probability of a score as high as `observed` where labels and cells have nothing to do with each other.
    floor : float
        The smallest p that could have come out.
    exact : bool
        Whether every possible labelling was tried; the true one counts among them.
    possible : int
        Number of different labellings of the patients.
    units : mapping of str to int
        Split units of each class.
    folds, repeats : int
        Outer folds by patient, and how often they were drawn.
    tune : int
        Tuning trials of each outer fold, done again for every permutation.
    differs : tuple of str
        What has changed since the experiment ran; if anything has, `observed` was fitted anew.
    file : Path
        Where this is kept.
    """

    experiment: str
    name: str
    metric: str
    observed: float
    null: tuple[float, ...]
    p: float
    floor: float
    exact: bool
    possible: int
    units: Mapping[str, int]
    folds: int
    repeats: int
    tune: int
    differs: tuple[str, ...]
    file: Path

    def record(self) -> dict[str, Any]:
        """All but the place, as JSON values."""
        return {k: v for k, v in asdict(self).items() if k != "file"}


def significance(
    experiment: str | Path,
    *,
    name: str | None = None,
    permutations: int = 199,
    jobs: int | None = None,
    data: str | None = None,
    store: str | Path | None = None,
    weights_dir: str | Path | None = None,
    device: str | None = None,
    observer: Observer | None = None,
) -> Significance:
    """Test a patient-grouped score against chance; finished permutations are kept and not fitted again.

    The labels are dealt out anew to the split units (a patient's cells move together), the stratified folds are drawn
    from the new labels, and everything that uses labels is done again as the protocol says. With at most `permutations`
    different labellings, each is tried once (exact), else random ones are drawn.
    Where two classes have equally many patients, exchanging the classes is a labelling too, and a pipeline that treats
    them alike scores the same on it: the smallest exact p is then 2 / labellings in practice.

    Parameters
    ----------
    experiment : path
        An experiment's folder, or a results folder.
    name : str, optional
        Which one, in a results folder with several.
    permutations : int
        At least 1.
    jobs : int, optional
        Worker processes. Default: as many as cores allow.
    data, store, weights_dir : path, optional
        Where they lie now, if no longer where they lay.
    device : {"auto", "cpu", "cuda"}, optional
        Where networks are computed. Default: as was asked for then.

    Returns
    -------
    Significance
        Also written to `RESULTS/significance/<experiment>.json`.

    Raises
    ------
    BenchError
        The experiment was not split by patient, patients have cells of several classes, its data are not the same any
        more, or a fit fails.

    References
    ----------
    p = (1 + #{null >= observed}) / (B + 1): Phipson and Smyth, Stat Appl Genet Mol Biol 9:39 (2010). The floor is
    max(1 / (B + 1), 1 / C(P, P1)).

    Examples
    --------
    >>> import bench
    >>> bench.significance("results", name="handcrafted x svm").p  # doctest: +SKIP
    """
    if permutations < 1:
        raise BenchError(f"--permutations {permutations}: at least 1 is needed")
    observer = observer or Observer()
    results, result = find_experiment(experiment, name=name)
    _check_split(result.record["protocol"]["split"], result.record.get("options", {}))
    reopened = reopen(result, data=data, store=store, weights_dir=weights_dir, device=device, observer=observer)
    with disk_errors_as_bench_error(results.path, reopened.plan.store):
        found = _tested(reopened, permutations, jobs or default_jobs(reopened.plan.protocol.threads), observer)
        write_json(found.file, found.record())
    return found


def _tested(reopened: Reopened, permutations: int, jobs: int, observer: Observer) -> Significance:
    plan = reopened.plan
    relabellings = Relabellings(unit_labels(reopened.table), permutations, plan.protocol.seed)
    if relabellings.possible < 2:
        raise BenchError("the patients can be labelled in one way only, so nothing can be permuted")
    if reopened.differs:
        observer.notice(f"changed since the experiment ran: {', '.join(reopened.differs)}; it is fitted anew")
    ours = fit_with_split(reopened, plan.protocol.split, jobs=jobs, observer=observer)
    observed = ours.score(PRIMARY)
    folder = reopened.results.path / FOLDER
    kept = folder / "work" / f"{reopened.experiment.slug}.jsonl"
    null = tuple(relabelled_scores(plan, relabellings, kept=kept, jobs=jobs, observer=observer).values())
    return Significance(
        experiment=reopened.result.folder.name,
        name=reopened.result.name,
        metric=PRIMARY,
        observed=observed,
        null=null,
        p=permutation_p(observed, null),
        floor=label_floor(list(relabellings.units.counts.values()), permutations),
        exact=relabellings.exact,
        possible=relabellings.possible,
        units=relabellings.units.counts,
        folds=plan.protocol.folds,
        repeats=plan.protocol.repeats,
        tune=plan.protocol.tune,
        differs=reopened.differs,
        file=folder / f"{reopened.result.folder.name}.json",
    )


def _check_split(split: str, options: Mapping[str, Any]) -> None:
    if split != "patient":
        why = "shares patients between training and test" if split == "image" else "has folds that labels do not draw"
        raise BenchError(
            f"--split {split} {why}; the chance test permutes labels and draws the folds anew from them, so it takes "
            "an experiment with --split patient"
        )
    if options.get("folds_file"):
        raise BenchError(
            "this experiment's folds came from a file; the chance test draws folds anew from the permuted labels, so "
            "it takes an experiment without --folds-file"
        )
