from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import optuna
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from classifiers.cnn import Cnn
from extractors.cells import Cell
from extractors.networks.training import fitting

QUICK: dict[str, Any] = {"size": 32, "epochs": 12, "random_state": 0}


def disc(rng: np.random.Generator, grain: float, name: str) -> Cell:
    """A disc of random colour on black; `grain` is the correlation length of its random texture."""
    rows, columns = np.mgrid[:48, :48]
    mask = (rows - 24) ** 2 + (columns - 24) ** 2 < rng.integers(15, 22) ** 2
    field = cv2.GaussianBlur(rng.normal(size=(48, 48)), (0, 0), grain)
    shade = rng.integers(90, 160, size=3) + 35 * (field / field.std())[..., None]
    return Cell(name, np.where(mask[..., None], np.clip(shade, 1, 255), 0).astype(np.uint8), mask)


def discs(n: int, *, patients: int = 20, seed: int = 0) -> tuple[list[Cell], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    groups = np.arange(n) % patients
    y = np.where(groups % 2, "coarse", "fine")
    return [disc(rng, 3.0 if label == "coarse" else 0.8, f"c{i}") for i, label in enumerate(y)], y, groups


class Spy:
    def __init__(self) -> None:
        self.groups: Any = None
        self.validation: set[int] = set()

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        assert len(X) == len(y) == len(groups)
        self.groups = groups
        held_out = np.isin(groups, [0, 1, 2, 3])
        self.validation = set(groups[held_out])
        yield np.flatnonzero(~held_out), np.flatnonzero(held_out)
        raise AssertionError("only the first split is used")


def test_a_planted_difference_is_learned_on_unseen_patients() -> None:
    cells, y, groups = discs(160)
    unseen, truth, _ = discs(60, seed=9)
    model = Cnn(**QUICK).fit(cells, y, groups)
    probabilities = model.predict_proba(unseen)
    assert model.classes_.tolist() == ["coarse", "fine"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert roc_auc_score(truth == "fine", probabilities[:, 1]) > 0.9
    assert (model.predict(unseen) == truth).mean() == model.score(unseen, truth) > 0.8


def test_random_labels_are_not_learned() -> None:
    rng = np.random.default_rng(1)
    cells = [disc(rng, 1.5, f"c{i}") for i in range(200)]
    y, groups = np.arange(200) % 40 % 2, np.arange(200) % 40
    scores = []
    for half in range(2):
        test = groups % 4 // 2 == half
        seen = [cell for cell, held_out in zip(cells, test, strict=True) if not held_out]
        held = [cell for cell, held_out in zip(cells, test, strict=True) if held_out]
        model = Cnn(**QUICK).set_params(epochs=4).fit(seen, y[~test], groups[~test])
        scores.append(roc_auc_score(y[test], model.predict_proba(held)[:, 1]))
    assert abs(np.mean(scores) - 0.5) < 0.15


def test_results_are_reproducible_and_independent_of_the_global_generator() -> None:
    cells, y, groups = discs(40)
    quick = Cnn(**QUICK).set_params(epochs=2)
    torch.manual_seed(1)
    first = clone(quick).fit(cells, y, groups).predict_proba(cells)
    torch.rand(5)
    state = torch.get_rng_state()
    assert np.array_equal(first, clone(quick).fit(cells, y, groups).predict_proba(cells))
    assert torch.equal(torch.get_rng_state(), state)
    other = clone(quick).set_params(random_state=1).fit(cells, y, groups)
    assert not np.array_equal(first, other.predict_proba(cells))


def test_early_stopping_uses_the_first_split_of_cv_with_groups() -> None:
    cells, y, groups = discs(60)
    spy = Spy()
    model = Cnn(**QUICK, cv=spy).set_params(epochs=2).fit(cells, y, groups)
    assert np.array_equal(spy.groups, groups)
    assert spy.validation == {0, 1, 2, 3}
    inner, outer = next(spy.split(cells, y, groups))
    pairs = Cnn(**QUICK, cv=[(inner, outer), (outer, inner)]).set_params(epochs=2).fit(cells, y, groups)
    assert np.array_equal(model.predict_proba(cells), pairs.predict_proba(cells))


def test_a_split_that_divides_a_patient_raises() -> None:
    cells, y, groups = discs(60)
    mixed = np.arange(60) % 3 == 0
    pairs = [(np.flatnonzero(~mixed), np.flatnonzero(mixed))]
    with pytest.raises(ValueError, match="split 0 of cv has patient 0 on both sides"):
        Cnn(**QUICK, cv=pairs).fit(cells, y, groups)
    Cnn(**QUICK, cv=pairs).set_params(epochs=1).fit(cells, y)


def test_normalisation_and_weights_use_the_training_part_alone() -> None:
    cells, y, groups = discs(60)
    inner, outer = next(Spy().split(cells, y, groups))
    changed = [Cell(cell.id, cell.image // 2 * np.uint8(1), cell.mask) for cell in cells]
    mixed = [changed[i] if i in set(outer) else cell for i, cell in enumerate(cells)]
    one_epoch = Cnn(**QUICK, cv=[(inner, outer)]).set_params(epochs=1)
    first, second = clone(one_epoch).fit(cells, y, groups), clone(one_epoch).fit(mixed, y, groups)
    assert np.array_equal(first.network_.mean, second.network_.mean)
    assert _loss(first, "training") == _loss(second, "training")
    assert _loss(first, "validation") != _loss(second, "validation")
    assert np.array_equal(first.predict_proba(cells), second.predict_proba(cells))


def test_patients_of_the_validation_part_have_equal_weights() -> None:
    cells, y, groups = discs(60)
    inner, outer = next(Spy().split(cells, y, groups))
    rows = np.concatenate([outer, np.repeat(outer[groups[outer] == 0], 5)])
    model = Cnn(**QUICK, cv=[(inner, outer)]).set_params(epochs=1)
    plain = clone(model).fit(cells, y, groups)
    copied = clone(model).set_params(cv=[(inner, rows)]).fit(cells, y, groups)
    assert _loss(plain, "validation") == pytest.approx(_loss(copied, "validation"), rel=1e-6)


def _loss(model: Cnn, part: str) -> list[float]:
    losses: list[float] = model.curves_[f"{part}_loss"].tolist()
    return losses


def test_early_stopping_reports_the_best_epoch() -> None:
    rng = np.random.default_rng(1)
    cells = [disc(rng, 1.5, f"c{i}") for i in range(40)]
    model = Cnn(**QUICK).set_params(epochs=60, patience=2, learning_rate=0.02)
    model.fit(cells, np.arange(40) % 2)
    losses = _loss(model, "validation")
    assert len(losses) == model.training_["chosen_epoch"] + 3 < 60
    assert model.training_["chosen_epoch"] == int(np.argmin(losses))


def test_multiclass_and_pickling() -> None:
    cells, _, groups = discs(45)
    y = groups % 3
    model = Cnn(**QUICK).set_params(epochs=1).fit(cells, y, groups)
    assert model.predict_proba(cells).shape == (45, 3)
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301 - ours
    assert np.array_equal(copy.predict_proba(cells), model.predict_proba(cells))
    assert model.predict_proba([]).shape == (0, 3)


def test_classes_have_equal_total_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def spy(spec: Any, settings: Any, training: Any, validation: Any, **more: Any) -> None:
        seen.extend([training, validation])
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "fit_network", spy)
    cells, _, groups = discs(60)
    y = (groups < 4).astype(int)
    with pytest.raises(KeyboardInterrupt):
        Cnn(**QUICK).fit(cells, y, groups)
    training, validation = seen
    sums = [training.weights[training.targets == code].sum() for code in (0, 1)]
    assert sums[0] == pytest.approx(sums[1])
    assert validation.weights.sum() == pytest.approx(4)


def test_search_space() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    model = Cnn()
    drawn = model.search_space(study.ask())
    assert set(drawn) == {"learning_rate", "weight_decay", "dropout"}
    assert 1e-6 <= drawn["learning_rate"] <= 1e-2
    assert clone(model).set_params(**drawn).get_params()["learning_rate"] == drawn["learning_rate"]


def test_a_tied_search_keeps_the_ratio_of_rate_and_decay() -> None:
    """Learning rate x weight decay stays that of the parameters: 1e-3 x 0.1."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = Cnn(tie="lr_wd", weight_decay=0.1).search_space(study.ask())
    assert drawn["learning_rate"] * drawn["weight_decay"] == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"learning_rate": 1e30}, "learning_rate=1e\\+30: a rate is above 0 and at most 1000"),
        ({"size": 8}, "small rejects images of 8 x 8 pixels"),
        ({"size": 0}, "size=0 is not valid; it is the side of the input, 8 to 4096 pixels, or default"),
        ({"batch_size": 1}, "batch_size=1 is not valid; it is a whole number from 2"),
        ({"epochs": 1.5}, "epochs=1.5 is not valid; it is a whole number from 1"),
        ({"dropout": 1.0}, "dropout=1.0 is not valid; it is a number from 0 to 0.99"),
        ({"optimiser": "adamx"}, "optimiser=adamx is not known"),
        ({"augment": ("flips", "none")}, "augment=none cannot be joined"),
        ({"augment": "flip"}, "augment=flip is not known. Did you mean flips"),
        ({"average": "swa"}, "average=swa is of the last epochs; it needs patience=0 and select=last"),
        ({"average": "swa", "patience": 0, "select": "last", "minutes": 5}, "average=swa .* use one of them"),
        ({"tie": "lr_wd", "learning_rate": "find"}, "tie=lr_wd needs a number as learning_rate; it is find"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"cv": 3}, "cv=3 would split cells, not patients"),
        ({"cv": [([0, 2, 4], [1])]}, "the training part of split 0 of cv has no cell of class coarse"),
        ({"cv": [(range(40), [])]}, "split 0 of cv has an empty part"),
    ],
)
def test_invalid_parameters_raise(parameters: dict[str, Any], message: str) -> None:
    cells, y, groups = discs(40)
    with pytest.raises(ValueError, match=message):
        Cnn(**QUICK).set_params(**parameters).fit(cells, y, groups)


def test_invalid_data_raises() -> None:
    cells, y, groups = discs(8)
    with pytest.raises(ValueError, match=r"only one class, 0\.0, is among the 8 training cells"):
        Cnn().fit(cells, np.zeros(8))
    with pytest.raises(ValueError, match="class coarse has cells of 1 patient"):
        Cnn().fit(cells, y, np.where(y == "coarse", 0, groups))
    with pytest.raises(ValueError, match=r"8 cells and labels of shape \(7,\)"):
        Cnn().fit(cells, y[:7])


def test_it_consumes_cells_and_writes_no_files(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Cnn.consumes == "cells"
    folder = tmp_path_factory.mktemp("empty")
    monkeypatch.chdir(folder)
    cells, y, groups = discs(20)
    Cnn(**QUICK).set_params(epochs=1).fit(cells, y, groups)
    assert os.listdir(folder) == []  # noqa: PTH208 - the whole listing is compared


@pytest.mark.slow
def test_a_body_that_is_cut_before_its_last_layers_is_rebuilt_for_a_prediction() -> None:
    cells, y, groups = discs(16)
    model = Cnn(arch="resnet18", weights="random", head="fastai", size=32, preset="keras", epochs=1, random_state=0)
    probabilities = model.fit(cells, y, groups).predict_proba(cells)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert not np.allclose(probabilities[0], probabilities[1])
