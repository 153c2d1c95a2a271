from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from extractors.networks.training.class_balance import BALANCES, cell_weights, epoch_rows

CODES = np.array([0, 0, 1, 0, 0, 1, 0, 0, 0, 0])  # 8 of class 0, 2 of class 1


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_weights_in_numbers() -> None:
    # 10 / (2 * 8) = 0.625 and 10 / (2 * 2) = 2.5; with class 1 the roots are in the ratio 1 : 2, (8 + 4) / 10 = 1.2.
    assert cell_weights(CODES, "weighted").tolist() == pytest.approx(np.where(CODES, 2.5, 0.625))
    assert cell_weights(CODES, "root_weighted").tolist() == pytest.approx(np.where(CODES, 2 / 1.2, 1 / 1.2))
    for balance in ("none", "oversample", "undersample"):
        assert cell_weights(CODES, balance).tolist() == [1.0] * 10


def test_weights_of_three_classes_equal_scikit_learns() -> None:
    codes = generator().integers(0, 3, 50) * 2  # codes with gaps
    weights = cell_weights(codes, "weighted")
    np.testing.assert_allclose(weights, compute_sample_weight("balanced", codes))
    roots = np.sqrt(weights)
    np.testing.assert_allclose(cell_weights(codes, "root_weighted"), roots / roots.mean())


def test_oversampling_repeats_every_cell_of_the_smaller_class_equally_often() -> None:
    counts = np.bincount(epoch_rows(CODES, "oversample", generator()), minlength=10)
    assert counts.tolist() == np.where(CODES, 4, 1).tolist()


def test_oversampling_with_a_remainder() -> None:
    codes = np.repeat([0, 1], [7, 3])
    extra = set()
    for seed in range(20):
        counts = np.bincount(epoch_rows(codes, "oversample", generator(seed)), minlength=10)
        assert counts[:7].tolist() == [1] * 7
        assert sorted(counts[7:]) == [2, 2, 3]
        extra.add(int(np.argmax(counts)))
    assert extra == {7, 8, 9}


def test_undersampling_draws_without_repetition_and_anew_in_each_epoch() -> None:
    rng = generator()
    draws = [epoch_rows(CODES, "undersample", rng) for _ in range(40)]
    for rows in draws:
        assert np.bincount(CODES[rows]).tolist() == [2, 2]
        assert len(set(rows)) == 4
    assert set(np.concatenate(draws)) == set(range(10))


@pytest.mark.parametrize("balance", ["none", "weighted", "root_weighted"])
def test_otherwise_an_epoch_has_every_cell_once(balance: str) -> None:
    rows = epoch_rows(CODES, balance, generator())
    assert sorted(rows) == list(range(10))
    assert rows.tolist() != list(range(10))


@pytest.mark.parametrize("balance", BALANCES)
def test_the_draw_depends_on_the_generator_alone(balance: str) -> None:
    first, again, other = (epoch_rows(CODES, balance, generator(seed)).tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_the_order_of_a_balanced_epoch_is_random() -> None:
    classes = CODES[epoch_rows(CODES, "oversample", generator())]
    assert 0 < np.flatnonzero(classes).mean() < 15
    assert (np.diff(classes) != 0).sum() > 2


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="balance=smote is not known"):
        cell_weights(CODES, "smote")
    with pytest.raises(ValueError, match="no training cell"):
        epoch_rows([], "none", generator())
