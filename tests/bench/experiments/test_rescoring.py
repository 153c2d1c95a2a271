"""Re-scoring with the decision of the run reproduces it; another decision gives the scores of a run with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bench
from bench.errors import BenchError
from bench.experiments.rescoring import recompute_decisions, rescore, score, write_scores
from bench.experiments.results import Results
from bench.scores.decisions import Decision, Inner, fit_decision
from bench.scores.metrics import METRICS
from bench.scores.metrics import score as score_predictions
from bench.storage.fingerprints import digest

CLASSES = ["healthy", "sick"]


def _cells(n_patients: int, seed: int, classes: list[str], shift: float = 1.0) -> pd.DataFrame:
    """Three cells of each patient with too sharp probabilities."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(n_patients), 3)
    code = unit % len(classes)
    logits = 2 * (rng.normal(size=(len(unit), len(classes))) + shift * np.eye(len(classes))[code])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = [f"u{u:02d}" for u in unit]
    table = pd.DataFrame({"cell": [f"{n}-{i}" for i, n in enumerate(names)], "patient": names, "unit": names})
    table["label"] = np.array(classes)[code]
    table[[f"p_{c}" for c in classes]] = p
    return table.assign(unit_number=unit)


def _tables(classes: list[str], seed: int, decision: Decision, by_image: bool) -> dict[str, pd.DataFrame]:
    """Two folds of 24 patients, each with the inner predictions of the other fold's patients."""
    cells = _cells(24, seed, classes)
    resampled = _cells(24, seed + 100, classes)
    columns = [f"p_{c}" for c in classes]
    predictions, inner = [], []
    for fold in (0, 1):
        tested = cells["unit_number"] // len(classes) % 2 == fold
        training = resampled[~tested].assign(inner_fold=lambda t: t["unit_number"] // 2 // len(classes) % 2)
        inner.append(training.assign(repeat=0, fold=fold))
        outer = cells[tested]
        learned_on = Inner(
            training[columns].to_numpy(),
            pd.Index(classes).get_indexer(training["label"]),
            training["cell" if by_image else "unit"].to_numpy().astype(str),
            training["inner_fold"].to_numpy(),
        )
        outcome = fit_decision(learned_on, decision, positive=len(classes) - 1)
        decided = outer.assign(
            repeat=0, fold=fold, threshold=outcome.threshold, patient_threshold=outcome.patient_threshold
        )
        if decision.calibrate != "none":
            decided[[f"raw_{c}" for c in classes]] = outer[columns].to_numpy()
            decided[columns] = outcome.calibrator(outer[columns].to_numpy())
        predictions.append(decided)
    both = {"predictions": pd.concat(predictions), "inner": pd.concat(inner)}
    return {name: t.drop(columns="unit_number").reset_index(drop=True) for name, t in both.items()}


Add = Callable[..., Path]


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """An empty results folder."""
    return Results.create(tmp_path / "results")


@pytest.fixture
def add(results: Results) -> Add:
    """Write an experiment as a run with this decision would have."""

    def write(
        slug: str = "a",
        *,
        classes: list[str] = CLASSES,
        decision: Decision | None = None,
        split: str = "patient",
        seed: int = 0,
        **protocol: Any,
    ) -> Path:
        decision = decision or Decision()
        tables = _tables(classes, seed, decision, by_image=split == "image")
        positive = classes[-1] if len(classes) == 2 else None
        record = {
            "key": digest({"engine": slug}),
            "components": {"engine": slug},
            "prepare": "none",
            "extractor": "size",
            "classifier": slug,
            "flags": [],
            "violations": [],
            "folds_hash": "f",
            "options": {},
            "environment": {"python": "3.11", "machine": "x86_64"},
            "data": {
                "name": "cells", "digest": "d", "positive": positive, "classes": classes, "patients": 24,
                "split_units": 24, "cells": 72, "reader": "manifest", "notices": [], "per_class": {},
            },
            "protocol": {
                "split": split, "folds": 2, "repeats": 1, "inner_folds": 3, "seed": 3, "threads": 1,
                "tune": 0, "tune_hours": 0.0, "sampler": "tpe",
                **vars(decision), **protocol
            },
        }  # fmt: skip
        tables["scores"] = score_predictions(
            tables["predictions"], classes=classes, positive=positive, aggregate=decision.aggregate, seed=3
        )
        results.write_experiment(slug, record, tables, {})
        return results.experiment_folder(slug)

    return write


DECISIONS = [
    Decision(),
    Decision("sigmoid", "sens@0.95", "logit"),
    Decision("temperature", "spec@0.9", "share"),
    Decision("none", "0.5", "mean"),
]


@pytest.mark.parametrize("split", ["patient", "image"])
@pytest.mark.parametrize("was", DECISIONS, ids=str)
def test_the_same_decision_gives_the_same_predictions_and_scores(
    results: Results, add: Add, was: Decision, split: str
) -> None:
    add(decision=was, split=split)
    (experiment,) = results.experiments()
    pd.testing.assert_frame_equal(
        recompute_decisions(experiment, was), experiment.predictions, check_like=True, rtol=0, atol=0
    )
    pd.testing.assert_frame_equal(rescore(experiment, was), experiment.scores, rtol=0, atol=0)
    assert score(results.path).equals(results.leaderboard())


@pytest.mark.parametrize("changed", DECISIONS, ids=str)
@pytest.mark.parametrize("was", DECISIONS[:3], ids=str)
def test_another_decision_gives_what_a_run_with_it_would_have(
    results: Results, add: Add, was: Decision, changed: Decision
) -> None:
    add("a", decision=was)
    add("b", decision=changed)
    first, second = results.experiments()
    pd.testing.assert_frame_equal(
        recompute_decisions(first, changed), second.predictions, check_like=True, rtol=0, atol=0
    )
    board = score(results.path, **vars(changed))
    assert list(board["threshold"]) == [changed.threshold] * 2
    values = board[list(METRICS)].to_numpy()
    assert np.array_equal(values[0], values[1], equal_nan=True)


def test_options_that_are_not_set_keep_the_values_of_the_run(results: Results, add: Add) -> None:
    add("a", decision=Decision("sigmoid", "sens@0.9", "share"))
    board = score(results.path, threshold="0.5")
    assert list(board.loc[0, ["calibrate", "threshold", "aggregate"]]) == ["sigmoid", "0.5", "share"]
    assert score(results.path, threshold=0.5).equals(board)


def test_higher_sensitivity_lowers_specificity(results: Results, add: Add) -> None:
    add()
    sharp, wide = (score(results.path, threshold=f"sens@{x}").iloc[0] for x in (0.5, 0.99))
    assert wide["sensitivity_patient"] > sharp["sensitivity_patient"]
    assert wide["specificity_patient"] < sharp["specificity_patient"]
    assert wide["auroc_patient"] == sharp["auroc_patient"]


def test_calibration_improves_overconfident_probabilities(results: Results, add: Add) -> None:
    add()
    plain, calibrated = score(results.path).iloc[0], score(results.path, calibrate="temperature").iloc[0]
    assert calibrated["log_loss_patient"] < plain["log_loss_patient"]
    assert calibrated["auroc_patient"] == plain["auroc_patient"]


def test_scoring_does_not_change_the_folder(results: Results, add: Add) -> None:
    add()
    results.write_leaderboard()

    def state() -> dict[str, tuple[bytes, int]]:
        files = [p for p in results.path.rglob("*") if p.is_file()]
        return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}

    before = state()
    score(results.path, threshold="sens@0.9", calibrate="sigmoid", aggregate="logit")
    assert state() == before


def test_three_classes_are_calibrated_and_have_no_threshold(results: Results, add: Add) -> None:
    add(classes=["a", "b", "c"])
    board = score(results.path, calibrate="temperature")
    assert board.loc[0, "log_loss_cell"] < score(results.path).loc[0, "log_loss_cell"]
    with pytest.raises(BenchError, match="--threshold needs two classes"):
        score(results.path, threshold="0.5")


def test_failed_experiments_keep_their_row(results: Results, add: Add) -> None:
    add()
    record = json.loads((results.experiment_folder("a") / "experiment.json").read_text())
    results.write_failure("z", {**record, "classifier": "z"}, "no weights")
    board = score(results.path, threshold="spec@0.90")
    assert list(board["status"]) == ["done", "failed"]
    assert list(board["threshold"]) == ["spec@0.9"] * 2


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"threshold": "youden"}, "'youden'"),
        ({"calibrate": "isotonic"}, "one of none, sigmoid, temperature"),
        ({"aggregate": "max"}, "one of mean, logit, share"),
    ],
    ids=str,
)
def test_an_invalid_decision_is_refused_before_reading(
    results: Results, options: dict[str, str], complaint: str
) -> None:
    with pytest.raises(BenchError, match=complaint):
        score(results.path, **options)


def test_folders_that_cannot_be_scored(results: Results, add: Add, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="contains no experiment yet"):
        score(results.path)
    with pytest.raises(BenchError, match="not a results folder"):
        score(tmp_path)
    folder = add()
    inner = pd.read_parquet(folder / "inner.parquet")
    inner[inner["fold"] != 1].to_parquet(folder / "inner.parquet")
    with pytest.raises(BenchError, match=r"experiments/a: inner\.parquet contains no rows of repeat 0, fold 1"):
        score(results.path)
    inner.drop(columns="p_sick").to_parquet(folder / "inner.parquet")
    with pytest.raises(BenchError, match=r"a/inner\.parquet: no column 'p_sick'"):
        score(results.path)
    (folder / "inner.parquet").write_bytes(b"PAR1")
    with pytest.raises(BenchError, match=r"a/inner\.parquet: .*Parquet"):
        score(results.path)


def test_invalid_probabilities_are_reported_with_experiment_and_cell(results: Results, add: Add) -> None:
    folder = add()
    predictions = pd.read_parquet(folder / "predictions.parquet")
    predictions.loc[5, "p_sick"] = np.nan
    predictions.to_parquet(folder / "predictions.parquet")
    with pytest.raises(BenchError, match=rf"experiments/a/.*not finite: p_sick is nan of cell {predictions.cell[5]}"):
        score(results.path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"p_sick": np.nan}, "not finite: p_sick is nan of cell"),
        ({"p_sick": 0.9, "p_healthy": 0.9}, "do not sum to 1"),
        ({"p_sick": 1.2, "p_healthy": -0.2}, "outside 0 to 1"),
    ],
)
@pytest.mark.parametrize("name", ["inner", "predictions"])
def test_invalid_probabilities_stop_threshold_and_calibration(
    results: Results, add: Add, name: str, change: dict[str, float], complaint: str
) -> None:
    path = add() / f"{name}.parquet"
    table = pd.read_parquet(path)
    table.loc[5, list(change)] = list(change.values())
    table.to_parquet(path)
    with pytest.raises(BenchError, match=rf"{name}\.parquet: predictions contain probabilities.*{complaint}"):
        score(results.path, calibrate="sigmoid")


def test_predictions_without_cells_or_units_are_refused(results: Results, add: Add) -> None:
    path = add() / "predictions.parquet"
    table = pd.read_parquet(path)
    table.iloc[:0].to_parquet(path)
    with pytest.raises(BenchError, match=r"a/predictions\.parquet: no cell"):
        score(results.path)
    table.loc[3, "unit"] = None
    table.to_parquet(path)
    with pytest.raises(BenchError, match=r"a/predictions\.parquet: column 'unit' has missing"):
        score(results.path)


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        ("zebra", r"experiments/a/inner\.parquet: label 'zebra' is not a class"),
        ("sick", r"experiments/a: inner\.parquet: labels of repeat 0, fold . are not exactly healthy, sick"),
    ],
)
def test_inner_predictions_of_other_classes_are_refused(results: Results, add: Add, label: str, complaint: str) -> None:
    path = add() / "inner.parquet"
    pd.read_parquet(path).assign(label=label).to_parquet(path)
    with pytest.raises(BenchError, match=complaint):
        score(results.path)


@pytest.mark.parametrize("content", ["{", '{"accesses": 5}', '{"accesses": [{"digest": 1}]}'])
def test_a_damaged_log_of_held_out_cells_stops_only_their_experiments(content: str, results: Results, add: Add) -> None:
    """Scores of held-out cells are not shown unless they are logged."""
    add("a")
    record = add("b") / "experiment.json"
    held_out = {"digest": "h", "cells": 72, "patients": 24, "split_units": 24}
    values = json.loads(record.read_text())
    values["data"]["held_out"] = {**held_out, "per_class": {}, "classes": CLASSES}
    record.write_text(json.dumps(values))
    (results.path / "held_out.json").write_text(content)
    board = score(results.path, threshold="0.4")
    assert list(board["status"]) == ["done", "damaged"]
    assert f"{results.path / 'held_out.json'}: " in board["reason"][1]
    assert (results.path / "held_out.json").read_text() == content
    assert list(score(results.path)["status"]) == ["done", "done"]


def test_scores_are_written_as_csv(results: Results, add: Add, tmp_path: Path) -> None:
    add()
    board = bench.score(results.path, threshold="sens@0.9")
    write_scores(board, tmp_path / "scores.csv")
    written = pd.read_csv(tmp_path / "scores.csv")
    assert list(written) == list(board)
    assert written["auroc_patient"][0] == board["auroc_patient"][0]
    with pytest.raises(BenchError, match="choose another file with --output"):
        write_scores(board, tmp_path / "scores.csv" / "below.csv")


@pytest.mark.slow
@pytest.mark.parametrize("split", ["patient", "image"])
def test_rescoring_gives_the_scores_of_a_run_with_that_decision(tmp_path: Path, split: str) -> None:
    """Through the whole engine: fits, tables on disk, and two folders that differ in nothing but the decision."""
    options = {
        "data": "phantom[patients=6,cells=5,size=64]", "folds": 3, "inner_folds": 2, "split": split, "jobs": 1,
        "store": tmp_path / "store",
    }  # fmt: skip
    usual = bench.run("size", "knn", out=tmp_path / "usual", **options)
    other = bench.run("size", "knn", out=tmp_path / "other", **options, **vars(DECISIONS[1]))
    pd.testing.assert_frame_equal(rescore(usual, Decision()), usual.scores, rtol=0, atol=0)
    pd.testing.assert_frame_equal(rescore(usual, DECISIONS[1]), other.scores, rtol=0, atol=0)
    pd.testing.assert_frame_equal(rescore(other, Decision()), usual.scores, rtol=0, atol=0)
    assert usual.key != other.key
