"""What goes wrong in a training is a sentence that names it, before an epoch is trained where that is possible."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from classifiers.cnn import Cnn
from classifiers.ensemble import Ensemble
from extractors.cells import Cell
from extractors.finetune import Finetune
from extractors.networks import devices
from extractors.networks.training.progress import FILE

LAST: dict[str, Any] = {"patience": 0, "select": "last"}
N = 24
Y, PATIENTS = np.arange(N) % 2, np.arange(N)


def _cells(n: int = N) -> list[Cell]:
    rng = np.random.default_rng(0)
    mask = np.ones((20, 20), dtype=np.bool_)
    return [Cell(f"c{i}", rng.integers(1, 255, (20, 20, 3), dtype=np.uint8), mask) for i in range(n)]


def _cnn(**changes: Any) -> Cnn:
    return Cnn(**{"size": 16, "epochs": 1, "batch_size": 8, "random_state": 0, "device": "cpu", **changes})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"lora": 4}, "lora=4: small has no attention layers of timm's transformers to adapt; use lora=0"),
        (
            {"arch": "resnet18", "weights": "random", "size": 32, "lora": 2},
            "lora=2: resnet18 has no attention layers of timm's transformers to adapt; use lora=0",
        ),
        ({"stages": "head:1+groups-50:1"}, "stages=groups-50:1: the network has 3 layer groups"),
        (
            {"arch": "unnithan", "sizes": "16:1+32:1"},
            "sizes=32: the weights of unnithan depend on the size of its images; leave out sizes",
        ),
        (
            {"arch": "squeezenet1_1", "weights": "random", "size": 32, "sizes": "32:1+8:1"},
            r"squeezenet1_1 rejects images of 8 x 8 pixels \(.*\); try more than 8, or size=default",
        ),
        ({"layer": 1}, "layer=1: small has no feature stages; use layer=last"),
        ({"pool": "cls"}, "small cannot be pooled by cls: it has no class token"),
        ({"device": "cuda"}, "device=cuda, but this machine has no NVIDIA GPU, or no driver for one; use device=cpu"),
        ({"device": "gpu"}, "device=gpu is not known; it is one of auto, cpu, cuda"),
    ],
)
def test_what_the_network_lacks_is_named_before_an_epoch_is_trained(
    parameters: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: 0)
    with pytest.raises(ValueError, match=message):
        _cnn(**parameters, checkpoint_dir=tmp_path).fit(_cells(), Y, PATIENTS)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_auroc_needs_every_class_in_the_validation_part(n_classes: int) -> None:
    y = np.arange(N) % n_classes
    held_out = np.flatnonzero((np.arange(N) >= 12) & (y != 1))
    cv = [(np.setdiff1d(np.arange(N), held_out), held_out)]
    message = "monitor=auroc: the validation part has no cell of class 1, so there is no AUROC; use monitor=loss"
    for choice in ({"select": "best", "patience": 0}, {"select": "last", "patience": 1}):
        with pytest.raises(ValueError, match=message):
            _cnn(monitor="auroc", cv=cv, **choice).fit(_cells(), y, PATIENTS)
    assert _cnn(monitor="loss", cv=cv).fit(_cells(), y, PATIENTS).predict_proba(_cells()).shape == (N, n_classes)
    assert _cnn(monitor="auroc", cv=cv, **LAST).fit(_cells(), y, PATIENTS).classes_.tolist() == list(range(n_classes))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_batch_never_has_one_cell(accumulate: int) -> None:
    """The batch norms of this head have one value for each cell."""
    model = _cnn(batch_size=2, accumulate=accumulate, head="fastai", **LAST).fit(_cells(5), Y[:5])
    assert np.isfinite(model.predict_proba(_cells(1))).all()


def test_a_class_with_one_patient() -> None:
    units = np.where(Y == 1, 99, PATIENTS)
    with pytest.raises(ValueError, match="class 1 has cells of 1 patient; early stopping holds patients out and needs"):
        _cnn().fit(_cells(), Y, units)
    assert _cnn(**LAST).fit(_cells(), Y, units).predict_proba(_cells(2)).shape == (2, 2)


def test_a_loss_that_is_not_finite_names_step_and_epoch() -> None:
    message = r"the loss became (nan|inf) in step \d+ of epoch \d+: the training diverged; lower learning_rate"
    with pytest.raises(ValueError, match=message):
        _cnn(learning_rate=1000.0, optimiser="sgd", epochs=30, **LAST).fit(_cells(), Y)


@pytest.mark.parametrize("step", ["training", "prediction"])
def test_an_empty_mask_names_the_cell(step: str) -> None:
    bad = _cells()
    bad[7] = Cell("empty", bad[7].image, np.zeros((20, 20), dtype=np.bool_))
    model = _cnn(view="mask", **LAST)
    if step == "prediction":
        model.fit(_cells(), Y)
    with pytest.raises(ValueError, match="cell empty: its mask is empty, so a network has no input"):
        model.fit(bad, Y) if step == "training" else model.predict_proba(bad)
    assert _cnn(view="frame", **LAST).fit(bad, Y).predict_proba(bad).shape == (N, 2)


def test_the_finder_needs_no_number_of_cells() -> None:
    """It repeats the epoch: three cells give as many rates as many do, unless the loss diverges."""
    model = _cnn(learning_rate="find", **LAST).fit(_cells(3), Y[:3])
    assert 17 <= len(model.finder_) <= 100


def test_a_time_budget_is_recorded() -> None:
    model = _cnn(minutes=0.001, epochs=100_000, **LAST).fit(_cells(), Y)
    assert model.training_["stopped"] == "minutes=0.001"
    assert 1 <= model.training_["epochs"] < 100_000


def test_a_failed_member_is_named() -> None:
    ensemble = Ensemble(members=(("good", _cnn()), ("bad", _cnn(lora=3))))
    with pytest.raises(
        ValueError, match=r"member bad of ensemble\[members=good\+bad\]: lora=3: small has no attention"
    ):
        ensemble.fit(_cells(), Y, PATIENTS)


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        ([], [], "there is no training cell"),
        ([None, *"abababababababababababa"], None, "labels has no value for 1 of 24 cells, the first of them cell 0"),
        (np.where(np.arange(N) == 3, np.nan, Y), None, "labels has no value for 1 of 24 cells, .* cell 3"),
        (np.array([1, "a"] * 12, dtype=object), None, "labels has values of the types int, str; use one type"),
        (Y, [None] * 12 + ["a"] * 12, "groups has no value for 12 of 24 cells, the first of them cell 0"),
        (Y, [0.0] * 23 + [float("nan")], "groups has no value for 1 of 24 cells, the first of them cell 23"),
        (Y[:, None], None, r"24 cells and labels of shape \(24, 1\)"),
        (Y, PATIENTS[:4], r"groups has the shape \(4,\); one patient for each of the 24 cells is expected"),
        (Y * 0, None, "only one class, 0, is among the 24 training cells"),
    ],
)
@pytest.mark.parametrize("kind", [Cnn, Finetune])
def test_labels_and_groups_are_checked(kind: Any, labels: Any, groups: Any, message: str) -> None:
    model = kind(**{kind.model_parameter: "small"}, size=16, epochs=1, device="cpu")
    with pytest.raises(ValueError, match=message):
        model.fit(_cells(len(labels)), labels, groups)


@pytest.mark.parametrize("labels", [["c", "a", "b"], ["3", "20", "100"], [3, 20, 100], [True, False]])
def test_columns_of_probabilities_are_the_labels_in_sort_order(labels: list[Any]) -> None:
    """Flat images of one colour for each label are learned by heart: the column of a cell's label has the maximum."""
    y = np.array(labels * (24 // len(labels)))
    levels = {label: 20 + 200 * number // (len(labels) - 1) for number, label in enumerate(labels)}
    mask = np.ones((20, 20), dtype=np.bool_)
    cells = [Cell(f"{i}", np.full((20, 20, 3), levels[label], np.uint8), mask) for i, label in enumerate(y.tolist())]
    model = _cnn(epochs=40, learning_rate=0.01, augment="none", dropout=0.0, **LAST).fit(cells, y)
    assert model.classes_.tolist() == sorted(labels)
    assert model.predict(cells).tolist() == y.tolist()
    assert np.argmax(model.predict_proba(cells), axis=1).tolist() == [sorted(labels).index(label) for label in y]
    assert model.predict([]).shape == (0,)
    assert model.predict([]).dtype == y.dtype


@pytest.mark.parametrize("kind", [Cnn, Finetune])
def test_clone_parameters_and_pickle_of_a_fitted_network(kind: Any) -> None:
    options: dict[str, Any] = {"augment": ("flips",), "head": "mlp", "average": "ema", "schedule": "one_cycle"}
    model = kind(**{kind.model_parameter: "small"}, size=16, epochs=1, device="cpu", random_state=3, **options)
    parameters = model.get_params()
    output: Callable[[Any], Any] = lambda fitted: (  # noqa: E731
        fitted.predict_proba(_cells()) if kind is Cnn else fitted.transform(_cells())
    )
    first = output(model.fit(_cells(), Y, PATIENTS))
    assert model.get_params() == parameters
    copy = clone(model)
    assert not hasattr(copy, "network_")
    assert copy.get_params() == parameters
    np.testing.assert_array_equal(output(copy.fit(_cells(), Y, PATIENTS)), first)
    np.testing.assert_array_equal(output(pickle.loads(pickle.dumps(model))), first)  # noqa: S301 - ours
    changed = clone(model).set_params(epochs=2, dropout=0.5)
    assert (changed.epochs, changed.dropout, model.epochs) == (2, 0.5, 1)
    with pytest.raises(ValueError, match="Invalid parameter 'epoch'"):
        model.set_params(epoch=2)
    if kind is Finetune:
        assert model.transform([]).shape == (0, first.shape[1])
        assert len(model.get_feature_names_out()) == first.shape[1]
