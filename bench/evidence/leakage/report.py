"""Leakage report of one experiment: whether a pipeline recognises the disease or the patients."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from bench.errors import BenchError
from bench.evidence.leakage.clustering import (
    ErrorClustering,
    FeatureClustering,
    ScoreClustering,
    error_clustering,
    feature_clustering,
    score_clustering,
)
from bench.evidence.leakage.patient_recognition import Recognition, recognise_patients
from bench.evidence.leakage.verdict import IdentityNull, Verdict, verdict
from bench.evidence.permutation.label_permutation import LabelPermutations, permuted_label_scores
from bench.evidence.permutation.labels import UnitLabels, unit_labels
from bench.evidence.text import json_value
from bench.executors.cores import default_jobs
from bench.experiments.refit import disk_errors_as_bench_error, fit_with_split, stored_features
from bench.experiments.reload import Reloaded, find_experiment, reload
from bench.features.store.entry import feature_names, open_features
from bench.observer import Observer
from bench.scores.metrics import PRIMARY
from bench.scores.primary import Estimate, primary_estimate, primary_gap
from bench.splits.fold_manifest import NEVER_TESTED
from bench.statistics.arrays import Values
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
    positive : str or None
        Positive class of two.
    metric : str
        Compared score.
    by_patient, by_image : Estimate
        Score with folds by patient, and with folds by image; same pipeline, same tuning.
    gap : Estimate
        Leak gap: score by image minus score by patient, with a paired patient bootstrap.
    identity : IdentityNull or None
        Scores of a split by image with labels permuted between patients; None where patients have cells of several
        classes.
    null : tuple of float
        The individual scores.
    recognition : tuple of Recognition
        Recognition of patients within each class from stored features.
    features : FeatureClustering or None
        Clustering of features in patients.
    scores : ScoreClustering or None
        Clustering of the patient-grouped scores, and the effective number of cells.
    errors : ErrorClustering or None
        Clustering of errors in patients.
    missing : tuple of str
        Parts that are not available, with the reason.
    verdict : Verdict
        Conclusion.
    differs : tuple of str
        Components that changed since the experiment ran; if there are any, both scores were refitted.
    file : Path
        File of this report.
    """

    experiment: str
    name: str
    positive: str | None
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
        """Return all fields except the file as JSON values; undefined numbers are None."""
        record = asdict(self)
        del record["file"]
        if self.identity is not None:
            record["identity"] |= {"excess": self.identity.excess, "learned": self.identity.learned}
        for row, one in zip(record["recognition"], self.recognition, strict=True):
            row |= {"beyond_chance": one.beyond_chance, "recognisable": one.recognisable}
        values: dict[str, Any] = json_value(record)
        return values


def leakage(
    experiment: str | Path,
    *,
    name: str | None = None,
    permutations: int = 20,
    jobs: int | None = None,
    data: Any = None,
    root: str | Path | None = None,
    store: str | Path | None = None,
    weights_dir: str | Path | None = None,
    device: str | None = None,
    extractor: object = None,
    classifier: object = None,
    observer: Observer | None = None,
) -> Leakage:
    """Measure how much of a pipeline's score comes from recognising patients.

    The pipeline is also fitted with folds by image (unless the results folder contains that experiment), with the same
    folds, tuning and seed, and again with folds by image and labels permuted between patients; where patients have
    cells of several classes, labels cannot be permuted between patients, and the verdict rests on the recognition of
    patients from stored features. Finished fits are stored and not repeated.

    Parameters
    ----------
    experiment : path
        An experiment's folder, or a results folder; split by patient or by image.
    name : str, optional
        Name of the experiment, in a results folder with several.
    permutations : int
        Label permutations of the identity-confounding test, at least 2.
    jobs : int, optional
        Worker processes. Default: as many as the cores allow.
    data : path, optional
        Current location, if it moved.
    store, weights_dir : path, optional
        As options of a run; never taken from the experiment.
    device : {"auto", "cpu", "cuda"}, optional
        Device for networks. Default: as in the experiment.
    root : path, optional
        Folder of the paths in a DataFrame passed as `data`.
    extractor, classifier : str or estimator, optional
        Those of the experiment, if it was run with objects, with a class outside scikit-learn, or with weights of a
        file; none of these is taken from a record.

    Returns
    -------
    Leakage
        Also written to `RESULTS/leakage/<experiment>.json`.

    Raises
    ------
    BenchError
        Another split, a folds file with untested patients, changed data, or a failed fit.

    References
    ----------
    Identity confounding: Chaibub Neto et al., npj Digital Medicine 2:99 (2019).

    Examples
    --------
    >>> import bench
    >>> bench.leakage("results", name="handcrafted x svm").verdict.text  # doctest: +SKIP
    """
    if permutations < 2:
        raise BenchError(f"--permutations {permutations}: at least 2 are needed for a standard deviation")
    observer = observer or Observer()
    results, result = find_experiment(experiment, name=name)
    split = result.record["protocol"]["split"]
    if split not in ("patient", "image"):
        raise BenchError(
            f"{result.name}: was split by {split}; the leakage report compares folds by patient with folds by image "
            "and needs an experiment with --split patient or image"
        )
    inputs: dict[str, Any] = {"data": data, "root": root, "extractor": extractor, "classifier": classifier}
    inputs |= {"store": store, "weights_dir": weights_dir, "device": device}
    reloaded = reload(result, observer=observer, **inputs)
    if (reloaded.plan.folds.table["fold"] == NEVER_TESTED).any():
        raise BenchError(
            f"{result.name}: its folds file never tests some patients, so it cannot be compared with folds by image, "
            "which test all; use folds that test every patient"
        )
    with disk_errors_as_bench_error(results.path, reloaded.plan.store):
        report = _measure(reloaded, permutations, jobs or default_jobs(reloaded.plan.protocol.threads), observer)
        write_json(report.file, report.record())
    return report


def class_only_score(true: Values, permuted: Values) -> float:
    """Compute the AUROC on permuted labels of a model that knows the true class of each patient only.

    It scores every patient by the share of its class that received the label; with two classes this is
    (1 + |a - b|) / 2, where a and b are the shares of true positives among permuted positives and permuted negatives.
    With more classes: macro one-vs-rest.

    Parameters
    ----------
    true, permuted : ndarray of str, shape (n_units,)
        True and permuted labels.
    """
    classes = np.unique(true)
    scored = classes[:1] if len(classes) == 2 else classes
    each = []
    for label in scored:
        is_dealt = permuted == label
        share = {c: is_dealt[true == c].mean() for c in classes}
        each.append(roc_auc_score(is_dealt, [share[c] for c in true]))
    return float(np.mean(each))


def _measure(reloaded: Reloaded, permutations: int, jobs: int, observer: Observer) -> Leakage:
    if reloaded.differs:
        observer.notice(f"changed since the experiment ran: {', '.join(reloaded.differs)}; it is refitted")
    data, seed = reloaded.plan.opened.dataset, reloaded.plan.protocol.seed
    grouped = fit_with_split(reloaded, "patient", jobs=jobs, observer=observer)
    by_cell = fit_with_split(reloaded, "image", jobs=jobs, observer=observer)
    classes, positive = data.classes, data.positive
    by_patient, by_image = primary_estimate(grouped.scores), primary_estimate(by_cell.scores)
    gap = primary_gap(by_cell.predictions, grouped.predictions, classes=classes, positive=positive, seed=seed)
    identity, null, untested = _identity(
        reloaded, by_image.value, permutations=permutations, jobs=jobs, observer=observer
    )
    recognition, features, unavailable = _of_features(reloaded, jobs, observer)
    return Leakage(
        experiment=reloaded.result.folder.name,
        name=reloaded.result.name,
        positive=positive,
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
        missing=(*untested, *unavailable),
        verdict=verdict(by_patient, by_image, gap, identity, recognition),
        differs=reloaded.differs,
        file=reloaded.results.path / FOLDER / f"{reloaded.result.folder.name}.json",
    )


def _identity(
    reloaded: Reloaded, observed: float, *, permutations: int, jobs: int, observer: Observer
) -> tuple[IdentityNull | None, tuple[float, ...], list[str]]:
    try:
        units = unit_labels(reloaded.table)
    except BenchError as error:
        return None, (), [f"identity test: {error}; see the recognition of patients instead"]
    plan = reloaded.under("image")
    label_permutations = LabelPermutations(units, permutations, plan.protocol.seed)
    scores_file = reloaded.results.path / FOLDER / "work" / f"{plan.experiments[0].slug}.jsonl"
    scores = permuted_label_scores(plan, label_permutations, scores_file=scores_file, jobs=jobs, observer=observer)
    return identity_null(units, label_permutations, scores, observed=observed), tuple(scores.values()), []


def identity_null(
    units: UnitLabels, label_permutations: LabelPermutations, scores: dict[str, float], *, observed: float
) -> IdentityNull:
    """Compute the identity-confounding null distribution from scores on permuted labels of the units."""
    null = np.array(list(scores.values()))
    class_only = np.array([class_only_score(units.labels, permuted) for _, permuted in label_permutations])
    n = len(null)
    return IdentityNull(
        mean=float(null.mean()),
        sd=float(null.std(ddof=1)),
        class_only=float(class_only.mean()),
        excess_error=float((null - class_only).std(ddof=1) / np.sqrt(n)),
        observed=observed,
        p=permutation_p(observed, null),
        permutations=n,
    )


def _of_features(
    reloaded: Reloaded, jobs: int, observer: Observer
) -> tuple[tuple[Recognition, ...], FeatureClustering | None, list[str]]:
    entry = stored_features(reloaded.plan, jobs=jobs, observer=observer)
    if entry is None:
        pipeline = reloaded.experiment.pipeline
        reason = f"{pipeline.extractor_name} is fitted in every fold"
        if pipeline.member_extractors:
            reason = f"the members of {pipeline.classifier.selector} have features of their own"
        elif pipeline.extractor is None:
            reason = f"{pipeline.classifier.selector} is fitted on cells"
        missing = f"recognition of patients and correlation of features: no features are stored, because {reason}"
        return (), None, [missing]
    values = np.asarray(open_features(entry.folder))
    labels, units, unavailable = reloaded.labels, reloaded.units, []
    observer.progress("recognise patients", 0, 1)
    recognition = recognise_patients(values, labels, units, seed=reloaded.plan.protocol.seed)
    observer.progress("recognise patients", 1, 1)
    if not recognition:
        unavailable.append("recognition of patients: no class has two patients of at least 3 cells")
    clustering = feature_clustering(values, feature_names(entry.folder), labels, units)
    if clustering is None:
        unavailable.append("correlation of features: no patient has two cells of a class")
    return tuple(recognition), clustering, unavailable
