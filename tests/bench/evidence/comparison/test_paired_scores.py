"""What is read of each experiment, against scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from bench.errors import BenchError
from bench.evidence.comparison.paired_scores import read_paired_scores
from bench.experiments.records import ExperimentResult
from bench.storage.fingerprints import digest

Keep = Callable[..., ExperimentResult]


def _predictions(seed: int, *, mixed: bool = False, repeats: int = 2) -> pd.DataFrame:
    """Twelve units in three folds; where mixed, each unit has cells of both classes."""
    rng = np.random.default_rng(seed)
    rows = []
    for repeat in range(repeats):
        for u in range(12):
            for c in range(3 + u % 4):
                diseased = (u + c) % 2 if mixed else u % 2
                label = "diseased" if diseased else "normal"
                p = 1 / (1 + np.exp(-rng.normal() - diseased))
                rows.append((f"{u:02d}-{c}", f"u{u:02d}", label, repeat, (u // 2 + repeat) % 3, round(p, 2)))
    table = pd.DataFrame(rows, columns=["cell", "unit", "label", "repeat", "fold", "p_diseased"])
    return table.assign(p_normal=1 - table["p_diseased"], threshold=0.4)


def _weights(part: pd.DataFrame) -> npt.NDArray[Any]:
    return np.asarray(1 / part.groupby("unit")["cell"].transform("size"))


@pytest.mark.parametrize("mixed", [False, True])
def test_scores_of_folds_and_patients_are_scikit_learns(keep: Keep, mixed: bool) -> None:
    table = _predictions(0, mixed=mixed)
    ground, (standing,) = read_paired_scores([keep("svm", table)], ["svm"], draws=20, seed=0)
    parts = [part for _, part in table.groupby(["repeat", "fold"])]
    assert standing.fold_scores.ravel() == pytest.approx(
        [roc_auc_score(p["label"] == "diseased", p["p_diseased"], sample_weight=_weights(p)) for p in parts]
    )
    decided = table.assign(
        positive=table["label"] == "diseased", right=(table["p_diseased"] >= 0.4) == (table["label"] == "diseased")
    )
    assert standing.right == pytest.approx(decided.groupby("unit")["right"].mean().to_numpy())
    each = [
        balanced_accuracy_score(p["positive"], p["p_diseased"] >= 0.4, sample_weight=_weights(p))
        for _, p in decided.groupby("repeat")
    ]
    assert standing.gains.sum() == pytest.approx(np.mean(each))
    assert ground.ratio == pytest.approx(4 / 8)
    assert ground.tested.tolist() == [[4] * 3] * 2
    assert (ground.class_of_unit is None) == mixed


def test_patients_that_only_train_make_the_ratio_smaller(keep: Keep) -> None:
    ground, _ = read_paired_scores([keep("svm", _predictions(0), split_units=20)], ["svm"], draws=20, seed=0)
    assert ground.ratio == pytest.approx(4 / 16)


def test_the_draws_are_the_same_for_all_and_the_scores_follow_them(keep: Keep) -> None:
    first, second = keep("first", _predictions(0)), keep("second", _predictions(0), key="copy")
    ground, (ours, theirs) = read_paired_scores([first, second], ["first", "second"], draws=50, seed=4)
    assert ground.draws.shape == (50, 12)
    assert np.array_equal(ours.drawn, theirs.drawn)
    assert ours.drawn.std() > 0


def test_folds_without_both_classes_are_not_used(keep: Keep) -> None:
    table = _predictions(0, repeats=1)
    lonely = table.assign(fold=table["fold"].where(table["unit"] != "u11", 3))
    ground, (standing,) = read_paired_scores([keep("svm", lonely)], ["svm"], draws=20, seed=0)
    assert ground.used.tolist() == [[True, True, True, False]]
    assert np.isnan(standing.fold_scores[0, 3])
    assert ground.metric == "auroc_patient"


def test_held_out_cells_are_aligned_whatever_their_order(keep: Keep) -> None:
    table = _predictions(0, repeats=1).assign(fold=0)
    mixed_up = table.sample(frac=1, random_state=0)
    ours = keep("ours", table, split="held-out")
    theirs = keep("theirs", mixed_up, split="held-out")
    _, (first, second) = read_paired_scores([ours, theirs], ["ours", "theirs"], draws=20, seed=0)
    assert first.cells is not None
    assert second.cells is not None
    assert np.array_equal(first.cells.probabilities, second.cells.probabilities)


def test_different_numbers_of_repeats_share_the_first_ones(keep: Keep) -> None:
    """The folds of a repeat do not depend on the number of repeats; a pair is compared on the common ones."""
    five, two = _predictions(0, repeats=5), _predictions(1, repeats=2)
    names = [digest(part[["cell", "fold"]].to_dict(orient="list")) for _, part in five.groupby("repeat")]
    long = keep("long", five, repeat_hashes=names)
    short = keep("short", two, repeat_hashes=names[:2], data=long.record["data"])
    design, (ours, theirs) = read_paired_scores([short, long], ["short", "long"], draws=20, seed=0)
    assert (design.repeats, ours.repeats, theirs.repeats) == (5, 2, 5)
    alone, (once,) = read_paired_scores([keep("again", _predictions(0))], ["again"], draws=20, seed=0)
    shared, cut = design.first(2), theirs.first(2)
    assert (shared.ratio, shared.used.tolist()) == (alone.ratio, alone.used.tolist())
    for name in ("fold_scores", "right", "gains", "drawn"):
        assert np.array_equal(getattr(cut, name), getattr(once, name)), name
    assert theirs.value != pytest.approx(once.value, abs=1e-6)


def test_other_folds_of_a_common_repeat_are_an_error(keep: Keep) -> None:
    five, two = _predictions(0, repeats=5), _predictions(1, repeats=2)
    names = [str(repeat) for repeat in range(5)]
    long = keep("long", five, repeat_hashes=names)
    moved = two.assign(fold=(two["fold"] + (two["unit"] == "u00")) % 3)
    short = keep("short", moved, repeat_hashes=names[:2], data=long.record["data"])
    with pytest.raises(BenchError, match="not of the same cells as those of made_up x long"):
        read_paired_scores([short, long], ["short", "long"], draws=20, seed=0)
