"""No training, statistic, search, choice of an epoch, average or ensemble sees a patient that it is scored on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from network_spies import Log, SpiedCells, check, install

from bench.evaluation.fold import Fold, FoldResult, evaluate_fold
from bench.evaluation.inputs import InMemoryInputs, InMemoryMembers
from bench.evaluation.protocol import Protocol
from bench.plugins.plugin import Plugin
from bench.plugins.registry import classifier, extractor
from classifiers.cnn import Cnn
from extractors.cells import Cell
from extractors.networks.architectures.catalogue import ARCHITECTURES
from extractors.networks.training import fitting, network_estimator

PATIENTS, CELLS = 24, 2
N = PATIENTS * CELLS
UNITS = np.repeat([f"p{number:02d}" for number in range(PATIENTS)], CELLS)
LABELS = np.repeat(np.where(np.arange(PATIENTS) % 2, "sick", "well"), CELLS)
LABELS[::7] = "sick"  # patients with both classes
ROWS = np.arange(N)
TRAIN, TEST = ROWS[UNITS < "p16"], ROWS[UNITS >= "p16"]

QUICK = "size=16,epochs=2,batch_size=16"
LAST = "patience=0,select=last"
OPTIONS = {
    "early stopping": "patience=1,augment=flips+turns+stain",
    "nothing held out": LAST,
    "auroc": "monitor=auroc",
    "finder": "learning_rate=slice:find,stages=head:1",
    "stages": "stages=head:1+all:1,bn=frozen",
    "statistics": "scale=training,view=frame",
    "oversample": "balance=oversample,scale=training",
    "undersample": "balance=undersample,scale=training",
    "root_weighted": "balance=root_weighted,mixup=0.4,label_smoothing=0.1",
    "swa": f"average=swa[epochs=1],{LAST},augment=flips",
    "ema": "average=ema[decay=0.9]",
    "sizes": "sizes=16:1+24:1,tta=dihedral",
    "fastai1": "preset=fastai1,head=fastai",
}


def _cells(seed: int = 0) -> list[Cell]:
    rng = np.random.default_rng(seed)
    mask = np.ones((24, 24), dtype=np.bool_)
    return [Cell(f"{row}", rng.integers(1, 255, (24, 24, 3), dtype=np.uint8), mask) for row in ROWS]


def _fold(model: Plugin, transformer: Plugin | None = None, **protocol: Any) -> Fold:
    return Fold(
        extractor=transformer,
        classifier=model,
        protocol=Protocol(**{"folds": 3, "inner_folds": 2, **protocol}),
        positive="sick",
        labels=LABELS,
        units=UNITS,
        repeat=0,
        fold=0,
        train=TRAIN,
        test=TEST,
        engine={"device": "cpu"},
    )


def _evaluate(fold: Fold, cells: Any) -> FoldResult:
    own = any(member.extractor for member in fold.classifier.members)
    source: Any = (InMemoryMembers if own else InMemoryInputs)(fold, cells, {"device": "cpu"})
    return evaluate_fold(fold, source.open)


def _spied(fold: Fold, monkeypatch: pytest.MonkeyPatch) -> tuple[FoldResult, Log]:
    log = install(monkeypatch)
    return _evaluate(fold, SpiedCells(_cells(), log)), log


def _steps(log: Log) -> set[str]:
    return {step for fit in log.fits for step in fit.decoded}


@pytest.mark.parametrize("arch", [*ARCHITECTURES, "small+allnet"])
def test_a_network_uses_its_validation_patients_for_validation_alone(
    arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = install(monkeypatch)
    size = max(ARCHITECTURES[name].smallest for name in arch.split("+"))
    model = Cnn(arch=arch, weights="random", size=size, epochs=1, batch_size=8, scale="training", random_state=0)
    cells = SpiedCells(_cells(), log)
    model.fit(cells.take(TRAIN), LABELS[TRAIN], UNITS[TRAIN])
    check(log, UNITS, TEST)
    (fit,) = log.fits
    assert fit.training | fit.validation == set(TRAIN)
    assert fit.validation
    assert fit.decoded == {"statistics": fit.training, "training": set(TRAIN)}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_no_option_shows_a_network_the_patients_that_it_predicts(options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = QUICK if "stages" not in options and "sizes" not in options else "size=16,batch_size=16"
    result, log = _spied(_fold(classifier(f"cnn[{quick},{options}]")), monkeypatch)
    check(log, UNITS, TEST)
    assert len(log.fits) == len(log.predictions) == 3
    assert [rows for _, rows in log.predictions][-1] == set(TEST)
    assert sorted(result.inner_predictions["row"]) == TRAIN.tolist()
    holds_out = LAST not in options and "fastai1" not in options
    assert [bool(fit.validation) for fit in log.fits] == [holds_out] * 3
    assert _steps(log) == {"training", "statistics"} | ({"finder"} if "find" in options else set()) | (
        {"batch norms"} if "swa" in options else set()
    )


def test_tuning_scores_trials_on_patients_that_the_network_has_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    fold = _fold(classifier(f"cnn[{QUICK}]"), tune=2, calibrate="sigmoid", threshold="sens@0.9")
    result, log = _spied(fold, monkeypatch)
    check(log, UNITS, TEST)
    assert len(result.trials) == 2
    assert len(log.fits) == 2 * 2 + 3


CNN = f"cnn[{QUICK}]"
ENSEMBLES = [
    *(
        f"ensemble[members={CNN}+cnn[{QUICK},dropout=0.2],rule={rule}]"
        for rule in ("mean", "rank", "majority", "stack")
    ),
    f"bagging[of={CNN},n=2]",
    f"bagging[of={CNN},n=2,balance=true]",
    f"bagging[of={CNN},n=2,balance=true,disjoint=true]",
]


@pytest.mark.parametrize("text", ENSEMBLES)
def test_no_ensemble_shows_a_member_the_patients_that_it_predicts(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, log = _spied(_fold(classifier(text)), monkeypatch)
    check(log, UNITS, TEST)
    learned = "rank" in text or "stack" in text
    per_split = 2 * 3 if learned else 2
    assert len(log.fits) == 3 * per_split


@pytest.mark.parametrize("rule", ["mean", "stack"])
def test_an_extractor_of_a_member_sees_no_predicted_patient(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = f"finetune[backbone=small,{QUICK}]"
    result, log = _spied(_fold(classifier(f'ensemble[members="{network}:knn"+{CNN},rule={rule}]')), monkeypatch)
    check(log, UNITS, TEST, transforms=True)
    _check_inner(log, result)


@pytest.mark.parametrize("inner", ["out-of-fold", "holdout"])
def test_inner_predictions_come_from_networks_that_have_not_seen_them(
    inner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformer = extractor(f"finetune[backbone=small,{QUICK},inner={inner}]")
    result, log = _spied(_fold(classifier("knn"), transformer, tune=1), monkeypatch)
    check(log, UNITS, TEST, transforms=True)
    _check_inner(log, result)
    assert len(log.fits) == (3 if inner == "out-of-fold" else 1)


def test_a_naive_network_has_seen_its_inner_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spy finds what `inner=naive` does on purpose."""
    transformer = extractor(f"finetune[backbone=small,{QUICK},inner=naive]")
    result, log = _spied(_fold(classifier("knn"), transformer), monkeypatch)
    check(log, UNITS, TEST, transforms=True)
    with pytest.raises(AssertionError):
        _check_inner(log, result)


def _check_inner(log: Log, result: FoldResult) -> None:
    """Assert that each inner fold is predicted by a network that was fitted on none of its patients."""
    for _, part in result.inner_predictions.groupby("inner_fold"):
        predicted = set(part["row"])
        unseen = [fit for fit in log.fits if not set(UNITS[sorted(fit.rows)]) & set(UNITS[sorted(predicted)])]
        assert [fit for fit, rows in log.predictions if predicted <= rows and any(fit is one for one in unseen)]


@pytest.mark.parametrize(
    ("text", "transformer"),
    [
        (f"cnn[{QUICK},scale=training]", None),
        (f"cnn[{QUICK},average=swa,{LAST},balance=oversample]", None),
        (f"ensemble[members={CNN}+cnn[{QUICK},dropout=0.2],rule=stack]", None),
        (f"bagging[of={CNN},n=2,balance=true]", None),
        ("knn", f"finetune[backbone=small,{QUICK}]"),
        ("knn", f"finetune[backbone=small,{QUICK},inner=holdout]"),
    ],
)
def test_pixels_and_labels_of_test_patients_change_nothing_that_is_learned(text: str, transformer: str | None) -> None:
    """Other pixels and labels of the test patients: equal thresholds, inner predictions and training records."""
    fold = _fold(classifier(text), None if transformer is None else extractor(transformer))
    expected = _evaluate(fold, SpiedCells(_cells(), Log()))
    others = _cells(seed=1)
    cells = [others[row] if row in set(TEST) else cell for row, cell in enumerate(_cells())]
    labels = LABELS.copy()
    labels[TEST] = LABELS[TEST][::-1]
    assert (labels != LABELS).any()
    result = _evaluate(replace(fold, labels=labels), SpiedCells(cells, Log()))
    pd.testing.assert_frame_equal(result.inner_predictions, expected.inner_predictions, check_exact=True)
    assert result.predictions["threshold"].tolist() == expected.predictions["threshold"].tolist()
    assert not np.array_equal(result.predictions["p_sick"], expected.predictions["p_sick"])
    for name in set(expected.training) - {"fit_times"}:
        pd.testing.assert_frame_equal(result.training[name], expected.training[name], check_exact=True)


def _statistics_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    original = fitting._Fit._statistics

    def leaking(self: Any) -> Any:
        return original(self) if self.validation is None else fitting.channel_statistics(
            self.validation.cells, self.network.transform
        )  # fmt: skip

    monkeypatch.setattr(fitting._Fit, "_statistics", leaking)


def _patients_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaking(labels: Any, units: Any, *, seed: int) -> Any:
        return np.arange(0, len(labels), 2), np.arange(1, len(labels), 2)

    monkeypatch.setattr(network_estimator, "patient_holdout", leaking)


@pytest.mark.parametrize("leak", [_statistics_of_all, _patients_divided])
def test_the_spies_find_a_leak(leak: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log = install(monkeypatch)
    leak(monkeypatch)
    model = Cnn(size=16, epochs=1, batch_size=8, random_state=0)
    model.fit(SpiedCells(_cells(), log).take(TRAIN), LABELS[TRAIN], UNITS[TRAIN])
    with pytest.raises(AssertionError):
        check(log, UNITS, TEST)
