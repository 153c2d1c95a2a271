"""Pruning by epoch with a real network: fewer epochs, the same best trial, runs that are killed, and patients."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from network_spies import Log, NetworkFit, SpiedCells, check, install

from bench.evaluation import epoch_pruning, tuning
from bench.evaluation.fold import Fold, FoldResult, evaluate_fold
from bench.evaluation.inputs import InMemoryInputs
from bench.evaluation.protocol import Protocol
from bench.evaluation.tuning import OpenStudy, study_in_memory
from bench.experiments.tuning_storage import study_at
from bench.plugins.registry import classifier
from classifiers.cnn import Cnn
from extractors.cells import Cell
from extractors.epoch_scores import OnEpoch
from extractors.networks.training.training_module import TrainingModule

PATIENTS, CELLS = 24, 2
UNITS = np.repeat([f"p{number:02d}" for number in range(PATIENTS)], CELLS)
LABELS = np.repeat(np.where(np.arange(PATIENTS) % 2, "sick", "well"), CELLS)
ROWS = np.arange(PATIENTS * CELLS)
TRAIN, TEST = ROWS[UNITS < "p16"], ROWS[UNITS >= "p16"]

TRIALS, EPOCHS, INNER, WARM_UP = 8, 4, 2, 1
CNN = f"cnn[size=16,epochs={EPOCHS},batch_size=8,augment=none,schedule=constant]"
RATES = [1e-3 * (1 + number) if number % 2 == 0 else 1e-9 * number for number in range(TRIALS)]
"""Learning rates of the trials: odd ones learn nothing."""

IDLE = range(5, TRIALS, 2)
"""Trials that learn nothing and are not among the first five."""


def _search_space(cnn: Cnn, trial: Any) -> dict[str, Any]:
    return {"learning_rate": RATES[trial.number]}


@pytest.fixture(autouse=True)
def search_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cnn, "search_space", _search_space)


def _cells() -> list[Cell]:
    """Cells whose classes differ in brightness."""
    rng = np.random.default_rng(0)
    mask = np.ones((16, 16), dtype=np.bool_)
    images = rng.integers(40, 160, (len(ROWS), 16, 16, 3)) + 60 * (LABELS == "sick")[:, None, None, None]
    return [Cell(f"{row}", image.astype(np.uint8), mask) for row, image in enumerate(images)]


def _fold(checkpoints: Path, text: str = CNN, trials: int = TRIALS) -> Fold:
    return Fold(
        extractor=None,
        classifier=classifier(text),
        protocol=Protocol(folds=3, inner_folds=INNER, tune=trials, sampler="random"),
        positive="sick",
        labels=LABELS,
        units=UNITS,
        repeat=0,
        fold=0,
        train=TRAIN,
        test=TEST,
        engine={"device": "cpu"},
        checkpoints=checkpoints,
    )


@dataclass
class Run:
    """Result of a fold, trained epochs by the name of the fit, scores by (trial, inner fold), and checkpoints."""

    result: FoldResult
    epochs: Counter[str]
    scores: dict[tuple[int, int], list[tuple[int, float]]]
    checkpoints: set[str]

    def epochs_of(self, trial: int) -> int:
        return sum(self.epochs[f"trial-{trial}-inner-{number}"] for number in range(INNER))


def _run(
    monkeypatch: pytest.MonkeyPatch,
    fold: Fold,
    *,
    cells: Any = None,
    open_study: OpenStudy = study_in_memory,
    warm_up: int = WARM_UP,
    stop: tuple[str, int] | None = None,
) -> Run:
    """Evaluate a fold; interrupt the training of an epoch, `stop` = (name of the fit, epoch)."""
    epochs: Counter[str] = Counter()
    scores: dict[tuple[int, int], list[tuple[int, float]]] = {}
    began, rule = TrainingModule.on_train_epoch_start, epoch_pruning.epoch_rule

    def spied_start(self: Any) -> None:
        name = "" if self.fit.folder is None else self.fit.folder.name
        if (name, self.fit.progress.epochs) == stop:
            raise KeyboardInterrupt
        epochs[name] += 1
        began(self)

    def spied_rule(trial: Any, number: int) -> OnEpoch:
        on_epoch = rule(trial, number)
        seen = scores[trial.number, number] = []

        def spied(epoch: int, score: float) -> None:
            seen.append((epoch, score))
            on_epoch(epoch, score)

        return spied

    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "on_train_epoch_start", spied_start)
        patch.setattr(tuning, "epoch_rule", spied_rule)
        patch.setattr(epoch_pruning, "WARM_UP", warm_up)
        source = InMemoryInputs(fold, cells or SpiedCells(_cells(), Log()), {"device": "cpu"})  # type: ignore[arg-type]
        result = evaluate_fold(fold, source.open, open_study=open_study)
    return Run(
        result, epochs, scores, {path.parent.name for path in (fold.checkpoints or Path()).glob("*/progress.pt")}
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cnn, "search_space", _search_space)
        return _run(patch, _fold(tmp_path_factory.mktemp("undisturbed")))


def _same(one: FoldResult, other: FoldResult) -> None:
    for table in ("trials", "predictions", "inner_predictions"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table), check_exact=True)


def test_idle_trials_end_after_the_warm_up_and_the_best_trial_is_the_same(
    undisturbed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_fold = _run(monkeypatch, _fold(tmp_path), warm_up=1000)
    trials = undisturbed.result.trials.set_index("trial")
    for number in IDLE:
        assert undisturbed.epochs_of(number) == WARM_UP + 1
        assert by_fold.epochs_of(number) >= EPOCHS
        assert trials.loc[number, "state"] == "pruned"
        assert np.isnan(trials.loc[number, "value"]), "no inner fold is complete"
    assert sum(by_fold.epochs.values()) - sum(undisturbed.epochs.values()) >= len(IDLE) * (EPOCHS - WARM_UP - 1)
    best = [run.result.trials.set_index("trial")["value"].idxmax() for run in (undisturbed, by_fold)]
    assert best[0] == best[1]
    complete = trials.index[trials["state"] == "complete"]
    expected = by_fold.result.trials.set_index("trial").loc[complete, "value"]
    pd.testing.assert_series_equal(trials.loc[complete, "value"], expected, check_exact=True)
    pd.testing.assert_frame_equal(undisturbed.result.predictions, by_fold.result.predictions, check_exact=True)


def test_the_trials_that_end_are_those_of_the_rule_on_the_scores(undisturbed: Run) -> None:
    """Computed again from the scores that were received, in the order of the trials."""
    states = undisturbed.result.trials.set_index("trial")["state"]
    complete: list[int] = []
    for number in range(TRIALS):
        for fold in range(INNER):
            curve = undisturbed.scores.get((number, fold), [])
            for epoch, _ in curve:
                bests = [max(s for _, s in undisturbed.scores[other, fold][: epoch + 1]) for other in complete]
                best = max(s for _, s in curve[: epoch + 1])
                ends = epoch >= WARM_UP and len(complete) >= 5 and best < np.median(bests)
                assert ends == (epoch < EPOCHS - 1 and epoch == curve[-1][0]), (number, fold, epoch)
        if states[number] == "complete":
            complete.append(number)
    assert len(complete) >= 5


def test_equal_runs_are_equal_and_a_storage_changes_nothing(
    undisturbed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = f"sqlite:///{tmp_path}/tuning.db"
    again = _run(
        monkeypatch, _fold(tmp_path / "checkpoints"), open_study=partial(study_at, storage, "study", "pixels x cnn")
    )
    _same(again.result, undisturbed.result)
    assert (again.epochs, again.scores) == (undisturbed.epochs, undisturbed.scores)


@pytest.mark.parametrize(
    "stop", [("trial-5-inner-0", 1), ("trial-6-inner-0", 3)], ids=["in a pruned trial", "after it"]
)
def test_a_run_that_is_killed_continues_with_the_same_trials(
    stop: tuple[str, int], undisturbed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold = _fold(tmp_path / "checkpoints")
    open_study = partial(study_at, str(tmp_path / "tuning.log"), "study", "pixels x cnn")
    with pytest.raises(KeyboardInterrupt):
        _run(monkeypatch, fold, open_study=open_study, stop=stop)
    resumed = _run(monkeypatch, fold, open_study=open_study)
    _same(resumed.result, undisturbed.result)
    assert resumed.scores == undisturbed.scores
    assert not any(resumed.epochs_of(trial) for trial in range(5)), "complete fits are not trained again"
    assert resumed.epochs[stop[0]] == undisturbed.epochs[stop[0]] - stop[1]


def test_the_checkpoint_of_a_fit_that_ends_is_removed(undisturbed: Run) -> None:
    run = undisturbed
    ended = {f"trial-{n}-inner-{k}" for (n, k), curve in run.scores.items() if len(curve) < EPOCHS}
    assert {f"trial-{n}-inner-0" for n in IDLE} <= ended
    trained = {f"trial-{n}-inner-{k}" for n, k in run.scores}
    assert run.checkpoints == (trained - ended) | {"inner-0", "inner-1", "outer"}


def test_the_scores_are_of_inner_patients_of_tuning_fits_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = install(monkeypatch)
    seen: list[NetworkFit] = []
    rule = epoch_pruning.epoch_rule

    def spied_rule(trial: Any, number: int) -> OnEpoch:
        on_epoch = rule(trial, number)

        def spied(epoch: int, score: float) -> None:
            seen.append(log.current[-1][0])
            on_epoch(epoch, score)

        return spied

    monkeypatch.setattr(epoch_pruning, "epoch_rule", spied_rule)
    _run(monkeypatch, _fold(tmp_path, trials=2), cells=SpiedCells(_cells(), log))
    check(log, UNITS, TEST)
    assert len(log.fits) == 2 * INNER + INNER + 1
    reported = [fit for fit in log.fits if any(fit is one for one in seen)]
    assert [fit is one for fit, one in zip(reported, log.fits, strict=False)] == [True] * 2 * INNER
    predicted = {id(fit): rows for fit, rows in log.predictions}
    for fit in reported:
        patients, training = (set(UNITS[sorted(rows)]) for rows in (fit.validation, fit.training))
        assert patients, "patients are held out"
        assert not patients & training
        assert not patients & set(UNITS[TEST])
        assert not patients & set(UNITS[sorted(predicted[id(fit)])]), "the inner fold is not seen"


def test_a_bag_ends_with_the_first_of_its_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cnn, "search_space", lambda self, trial: {"learning_rate": 3e-3 if trial.number < 5 else 1e-9})
    run = _run(monkeypatch, _fold(tmp_path, f"bagging[of={CNN.replace(f'epochs={EPOCHS}', 'epochs=3')},n=2]", trials=6))
    assert run.result.trials["state"].tolist() == ["complete"] * 5 + ["pruned"]
    curves = [len(run.scores[number, inner]) for number in range(5) for inner in range(INNER)]
    assert (curves, len(run.scores[5, 0])) == ([3] * 5 * INNER, WARM_UP + 1)
    # Five trials, the inner fits and the outer one have two bags; the last trial ends in the first.
    whole = 3 * (5 * INNER + INNER + 1)
    assert run.epochs == {"bag-0": whole + WARM_UP + 1, "bag-1": whole}
