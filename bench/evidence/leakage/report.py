"""Does a pipeline recognise the disease or the patients? The leakage report of one experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from bench.errors import BenchError
from bench.evidence.leakage.error_clustering import ErrorClustering, error_clustering
from bench.evidence.leakage.feature_clustering import (
    FeatureClustering,
    ScoreClustering,
    feature_clustering,
    score_clustering,
)
from bench.evidence.leakage.patient_recognition import Recognition, recognise_patients
from bench.evidence.leakage.verdict import IdentityNull, Verdict, verdict
from bench.evidence.permutation.label_permutation import Relabellings, UnitLabels, relabelled_scores, unit_labels
from bench.executors.cores import default_jobs
from bench.experiments.records import ExperimentResult
from bench.experiments.refit import disk_errors_as_bench_error, fit_with_split, stored_features
from bench.experiments.reopen import Reopened, find_experiment, reopen
from bench.features.store.entry import feature_names, open_features
from bench.observer import Observer
from bench.scores.metrics import PRIMARY
from bench.scores.primary import Estimate, primary_gap
from bench.splits.fold_manifest import NEVER_TESTED
from bench.statistics.permutation import permutation_p
from bench.storage.json_files import write_json

FOLDER = "leakage"


@dataclass(frozen=True)
class Leakage:
    """The leakage report.

    Parameters
    ----------
    experiment : str
        Folder name of the experiment.
    name : str
        Its pipeline.
    metric : str
        The score that is compared.
    by_patient, by_image : Estimate
        The score with folds that hold patients apart, and with folds of cells; same pipeline, same tuning.
    gap : Estimate
        The leak gap: by image minus by patient, with a patient bootstrap paired by patient.
    identity : IdentityNull or None
        What a split by image scores with labels permuted between patients.
    null : tuple of float
        Those scores.
    recognition : tuple of Recognition
        How well patients are recognised within each class from stored features.
    features : FeatureClustering or None
        How alike the features of a patient's cells are.
    scores : ScoreClustering or None
        The same of the experiment's own patient-grouped scores, and how many cells they are worth.
    errors : ErrorClustering or None
        Whether errors come by the patient.
    missing : tuple of str
        What could not be had, and why.
    verdict : Verdict
        What it means.
    differs : tuple of str
        What has changed since the experiment ran; if anything has, both scores were fitted anew.
    file : Path
        Where this is kept.
    """

    experiment: str
    name: str
    metric: str
    by_patient: Estimate
    by_image: Estimate
    gap: Estimate
    identity: IdentityNull | None
    null: tuple[float, ...]
    recognition: tuple[Recognition, ...]
    features: FeatureClustering | None
    scores: ScoreClustering | None
    errors: ErrorClustering | None
    missing: tuple[str, ...]
    verdict: Verdict
    differs: tuple[str, ...]
    file: Path

    def record(self) -> dict[str, Any]:
        """All but the place, as JSON values; a number that is undefined is null."""
        kept = {k: _json(v) for k, v in asdict(self).items() if k != "file"}
        if self.identity is not None:
            kept["identity"] |= {"excess": self.identity.excess, "learned": self.identity.learned}
        return kept


def leakage(
    experiment: str | Path,
    *,
    name: str | None = None,
    permutations: int = 20,
    jobs: int | None = None,
    data: str | None = None,
    store: str | Path | None = None,
    weights_dir: str | Path | None = None,
    device: str | None = None,
    observer: Observer | None = None,
) -> Leakage:
    """Measure how much of a pipeline's score is owed to recognising patients.

    The pipeline is fitted with folds of cells as well (unless the results folder holds that experiment), with the same
    folds, tuning and seed; and again with folds of cells and labels permuted between patients. What was finished is
    kept and not fitted again.

    Parameters
    ----------
    experiment : path
        An experiment's folder, or a results folder. Its split is by patient, or by image.
    name : str, optional
        Which one, in a results folder with several.
    permutations : int
        Label permutations of the identity-confounding test, at least 2, since their spread says how sure it is.
    jobs : int, optional
        Worker processes. Default: as many as cores allow.
    data, store, weights_dir : path, optional
        Where they lie now, if no longer where they lay.
    device : {"auto", "cpu", "cuda"}, optional
        Where networks are computed. Default: as was asked for then.

    Returns
    -------
    Leakage
        Also written to `RESULTS/leakage/<experiment>.json`.

    Raises
    ------
    BenchError
        The split is another one, a folds file leaves patients untested, the data are not the same any more, or a fit
        fails.

    References
    ----------
    Identity confounding: Chaibub Neto et al., npj Digital Medicine 2:99 (2019).

    Examples
    --------
    >>> import bench
    >>> bench.leakage("results", name="handcrafted x svm").verdict.text  # doctest: +SKIP
    """
    if permutations < 2:
        raise BenchError(f"--permutations {permutations}: at least 2 are needed, to tell the score from its spread")
    observer = observer or Observer()
    results, result = find_experiment(experiment, name=name)
    split = result.record["protocol"]["split"]
    if split not in ("patient", "image"):
        raise BenchError(
            f"{result.name}: was split by {split}; the leakage report compares folds by patient with folds by image, "
            "so it takes an experiment with --split patient (or image)"
        )
    reopened = reopen(result, data=data, store=store, weights_dir=weights_dir, device=device, observer=observer)
    if (reopened.plan.folds.table["fold"] == NEVER_TESTED).any():
        raise BenchError(
            f"{result.name}: its folds file never tests some patients, so that folds by image, which test everybody, "
            "cannot be compared with it; it takes folds that test each patient"
        )
    with disk_errors_as_bench_error(results.path, reopened.plan.store):
        found = _measured(reopened, permutations, jobs or default_jobs(reopened.plan.protocol.threads), observer)
        write_json(found.file, found.record())
    return found


def class_only_score(true: npt.NDArray[Any], dealt: npt.NDArray[Any]) -> float:
    """AUROC, on labels dealt out anew, of a model that knows each patient's true class and nothing else.

    It gives every patient the share of its class's patients that were dealt the label; with two classes this comes to
    (1 + |a - b|) / 2, where a and b are the shares of the dealt positives and of the dealt negatives that truly are
    positive. With more classes: macro one-vs-rest.

    Parameters
    ----------
    true, dealt : ndarray of str, shape (n_units,)
    """
    classes = np.unique(true)
    scored = classes[:1] if len(classes) == 2 else classes
    each = []
    for label in scored:
        is_dealt = dealt == label
        share = {c: is_dealt[true == c].mean() for c in classes}
        each.append(roc_auc_score(is_dealt, [share[c] for c in true]))
    return float(np.mean(each))


def _measured(reopened: Reopened, permutations: int, jobs: int, observer: Observer) -> Leakage:
    if reopened.differs:
        observer.notice(f"changed since the experiment ran: {', '.join(reopened.differs)}; it is fitted anew")
    data, seed = reopened.opened.dataset, reopened.plan.protocol.seed
    grouped = fit_with_split(reopened, "patient", jobs=jobs, observer=observer)
    by_cell = fit_with_split(reopened, "image", jobs=jobs, observer=observer)
    classes, positive = data.classes, data.positive
    by_patient, by_image = _estimate(grouped), _estimate(by_cell)
    gap = primary_gap(by_cell.predictions, grouped.predictions, classes=classes, positive=positive, seed=seed)
    identity, null, untested = _identity(
        reopened, by_image.value, permutations=permutations, jobs=jobs, observer=observer
    )
    recognition, features, unseen = _of_features(reopened, jobs, observer)
    return Leakage(
        experiment=reopened.result.folder.name,
        name=reopened.result.name,
        metric=PRIMARY,
        by_patient=by_patient,
        by_image=by_image,
        gap=gap,
        identity=identity,
        null=null,
        recognition=recognition,
        features=features,
        scores=score_clustering(grouped.predictions, classes=classes),
        errors=error_clustering(grouped.predictions, classes=classes, positive=positive),
        missing=(*untested, *unseen),
        verdict=verdict(by_patient, by_image.value, gap, identity),
        differs=reopened.differs,
        file=reopened.results.path / FOLDER / f"{reopened.result.folder.name}.json",
    )


def _identity(
    reopened: Reopened, observed: float, *, permutations: int, jobs: int, observer: Observer
) -> tuple[IdentityNull | None, tuple[float, ...], list[str]]:
    try:
        units = unit_labels(reopened.table)
    except BenchError as error:
        return None, (), [f"identity test: {error}"]
    plan = reopened.under("image")
    relabellings = Relabellings(units, permutations, plan.protocol.seed)
    kept = reopened.results.path / FOLDER / "work" / f"{plan.experiments[0].slug}.jsonl"
    scores = relabelled_scores(plan, relabellings, kept=kept, jobs=jobs, observer=observer)
    return identity_null(units, relabellings, scores, observed=observed), tuple(scores.values()), []


def identity_null(
    units: UnitLabels, relabellings: Relabellings, scores: dict[str, float], *, observed: float
) -> IdentityNull:
    """The identity-confounding null from the scores of the relabellings."""
    null = np.array(list(scores.values()))
    luck = np.array([class_only_score(units.labels, dealt) for _, dealt in relabellings])
    n = len(null)
    return IdentityNull(
        mean=float(null.mean()),
        sd=float(null.std(ddof=1)),
        class_only=float(luck.mean()),
        excess_error=float((null - luck).std(ddof=1) / np.sqrt(n)),
        observed=observed,
        p=permutation_p(observed, null),
        permutations=n,
    )


def _of_features(
    reopened: Reopened, jobs: int, observer: Observer
) -> tuple[tuple[Recognition, ...], FeatureClustering | None, list[str]]:
    entry = stored_features(reopened.plan, jobs=jobs, observer=observer)
    if entry is None:
        reason = (
            f"{reopened.classifier.selector} is fitted on the cells themselves"
            if reopened.extractor is None
            else f"{reopened.experiment.pipeline.extractor_name} learns anew in each fold"
        )
        return (), None, [f"recognition of patients and correlation of features: no features are stored, as {reason}"]
    values = np.asarray(open_features(entry.folder))
    labels, units, missing = reopened.labels, reopened.units, []
    observer.progress("recognise patients", 0, 1)
    found = recognise_patients(values, labels, units, seed=reopened.plan.protocol.seed)
    observer.progress("recognise patients", 1, 1)
    if not found:
        missing.append("recognition of patients: no class has two patients of at least 3 cells")
    clustering = feature_clustering(values, feature_names(entry.folder), labels, units)
    if clustering is None:
        missing.append("correlation of features: no patient has two cells of a class")
    return tuple(found), clustering, missing


def _estimate(result: ExperimentResult) -> Estimate:
    table = result.scores
    value, low, high = table.loc[table["metric"] == PRIMARY, ["value", "low", "high"]].to_numpy(dtype=np.float64)[0]
    return Estimate(float(value), float(low), float(high))


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _json(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_json(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
