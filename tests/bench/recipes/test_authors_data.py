"""Cells and folds of authors' protocols, on a table with the counts of C-NMC and without images."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.datasets.loading import LoadedDataset
from bench.datasets.scanning.scan import Scan
from bench.datasets.table import Dataset, cell_table
from bench.errors import BenchError
from bench.recipes.authors_data import AuthorsData, authors_data
from bench.recipes.recipe import AuthorsProtocol
from bench.splits.fold_manifest import NEVER_TESTED, VALIDATION

TRAINING = {("ALL", "0"): 2397, ("HEM", "0"): 1130, ("ALL", "1"): 2418, ("HEM", "1"): 1163, ("ALL", "2"): 2457}
TRAINING |= {("HEM", "2"): 1096}
"""Cells of the training folders by class and official fold: 7272 ALL and 3389 HEM."""

PRELIMINARY = {"ALL": 1219, "HEM": 648}


def dataset(counts: dict[tuple[str, str], int], held_out: dict[str, int], *, per_patient: int = 145) -> LoadedDataset:
    """A dataset without files, with about the patients of C-NMC; each has cells of one class and fold."""
    rows: list[tuple[str, str, str, str, str]] = []
    for (label, fold), count in counts.items():
        rows += [
            (label, f"{label}{fold}-{i // per_patient}", fold, f"{label}{fold}_{i}", "train") for i in range(count)
        ]
    for label, count in held_out.items():
        rows += [(label, f"{label}x-{i // 65}", "x", f"{label}x_{i}", "held-out") for i in range(count)]
    label, patient, fold, cell, part = (list(column) for column in zip(*rows, strict=True))
    more: dict[str, Any] = {"set": part} if held_out else {"fold": fold}
    table = cell_table(cell=cell, path=cell, label=label, patient=patient, **more)
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in cell]
    scan = Scan(pd.DataFrame({"cell": pd.Series(cell, dtype="str"), "digest": pd.Series(digests, dtype="str")}))
    return LoadedDataset(Dataset("cells", "manifest", table, "ALL"), scan)


@pytest.fixture(scope="module")
def training() -> LoadedDataset:
    return dataset(TRAINING, {})


@pytest.fixture(scope="module")
def both() -> LoadedDataset:
    return dataset(TRAINING, PRELIMINARY)


def protocol(**values: Any) -> AuthorsProtocol:
    return AuthorsProtocol.model_validate({"split": "image", "text": "stated", **values})


def described(data: AuthorsData) -> pd.DataFrame:
    """The cells with the fold of each."""
    table = data.opened.dataset.table.assign(part=data.folds.table["fold"].to_numpy())
    assert list(table["cell"]) == list(data.folds.table["cell"]) == list(data.opened.scan.table["cell"])
    return table


def counts(table: pd.DataFrame) -> dict[tuple[int, str], int]:
    return {(int(part), str(label)): len(rows) for (part, label), rows in table.groupby(["part", "label"])}


def test_a_stratified_quarter_of_the_images_is_2665(training: LoadedDataset) -> None:
    data = authors_data(training, protocol(validation=0.25))
    sizes = counts(described(data))
    assert sizes[0, "ALL"] + sizes[0, "HEM"] == 2665
    assert sizes[NEVER_TESTED, "ALL"] + sizes[NEVER_TESTED, "HEM"] == 7996
    assert sizes[0, "HEM"] / 2665 == pytest.approx(3389 / 10661, abs=0.001)
    assert data.split == "image"
    assert data.folds.published
    assert data.folds.violations == ("cells of one patient are in training and in the scored part",)
    assert not data.folds.chosen_on_test


def test_a_random_fifth_of_the_images_is_2132(training: LoadedDataset) -> None:
    table = described(authors_data(training, protocol(validation=0.2, stratified=False, seed=3)))
    assert (table["part"] == 0).sum() == int(0.2 * 10661) == 2132
    other = described(authors_data(training, protocol(validation=0.2, stratified=False, seed=4)))
    assert set(table.loc[table["part"] == 0, "cell"]) != set(other.loc[other["part"] == 0, "cell"])


def test_with_held_out_patients_the_images_are_the_validation_part(both: LoadedDataset) -> None:
    data = authors_data(both, protocol(validation=0.25, held_out="test", chosen_on_scored=["epoch"]))
    sizes = counts(described(data))
    assert (sizes[0, "ALL"], sizes[0, "HEM"]) == (1219, 648)
    assert sizes[VALIDATION, "ALL"] + sizes[VALIDATION, "HEM"] == 2665
    assert data.folds.violations == ()
    scored = authors_data(
        both, protocol(validation=0.25, held_out="test", chosen_on_scored=["epoch"]), part="validation"
    )
    assert LEAK_OF_EPOCH in scored.folds.violations
    assert scored.folds.chosen_on_test
    validation = data.folds.validation(0, 0)
    assert validation is not None
    assert len(validation) == 2665


LEAK_OF_EPOCH = "the epoch, or the best trial, was chosen on the cells that are scored"


def test_the_score_of_the_validation_part_has_its_own_leaks(both: LoadedDataset) -> None:
    data = authors_data(both, protocol(validation=0.25, held_out="test"), part="validation")
    assert counts(described(data)).keys() == {(NEVER_TESTED, "ALL"), (NEVER_TESTED, "HEM"), (0, "ALL"), (0, "HEM")}
    assert len(data.opened.dataset.table) == 10661
    assert "set" not in data.opened.dataset.table
    assert authors_data(both, protocol(validation=0.25, held_out="test")).folds.violations == ()


def test_parts_of_three(training: LoadedDataset) -> None:
    data = authors_data(training, protocol(validation=0.1, test=0.1))
    sizes = counts(described(data))
    assert sum(sizes[VALIDATION, label] for label in ("ALL", "HEM")) == int(0.1 * 10661)
    assert sum(sizes[0, label] for label in ("ALL", "HEM")) == int(0.1 * 10661)


def test_folds_of_images_are_those_of_scikit_learn(training: LoadedDataset) -> None:
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415

    data = authors_data(training, protocol(folds=5, seed=1))
    y = training.dataset.table["label"].to_numpy()
    for fold, (_, test) in enumerate(StratifiedKFold(5, shuffle=True, random_state=1).split(y, y)):
        assert np.array_equal(np.flatnonzero(data.folds.table["fold"] == fold), test)


def test_without_the_leak_of_images_no_patient_is_in_two_parts(training: LoadedDataset) -> None:
    for values in ({"validation": 0.2}, {"folds": 5}, {"validation": 0.1, "test": 0.1}):
        data = authors_data(training, protocol(**values), without=["images"])
        table = described(data)
        assert table.groupby("unit")["part"].nunique().max() == 1
        assert table.groupby("part")["label"].nunique().min() == 2
        assert data.folds.violations == ()
        assert data.split == "patient"


def test_the_exact_cells_of_a_protocol_are_taken_in_the_order_of_their_names(training: LoadedDataset) -> None:
    rules = [
        {"part": "training", "label": "positive", "count": 2397, "fold": "0"},
        {"part": "training", "label": "negative", "count": 2397},
        {"part": "validation", "label": "positive", "count": 150, "fold": "1"},
        {"part": "validation", "label": "negative", "count": 150},
    ]
    data = authors_data(training, protocol(cells=rules, chosen_on_scored=["epoch"]))
    table = described(data)
    assert counts(table) == {
        (NEVER_TESTED, "ALL"): 2397,
        (NEVER_TESTED, "HEM"): 2397,
        (0, "ALL"): 150,
        (0, "HEM"): 150,
    }
    trained = table[table["part"] == NEVER_TESTED]
    assert set(trained.loc[trained["label"] == "ALL", "fold"]) == {"0"}
    names = sorted(training.dataset.table.loc[training.dataset.table["label"] == "HEM", "cell"])
    assert sorted(trained.loc[trained["label"] == "HEM", "cell"]) == names[:2397]
    assert sorted(table.loc[(table["part"] == 0) & (table["label"] == "HEM"), "cell"]) == names[2397:2547]
    assert data.shortened == ()
    assert data.folds.chosen_on_test


def test_counts_that_the_dataset_does_not_have_are_scaled_with_a_notice() -> None:
    small = dataset({("ALL", "0"): 30, ("HEM", "0"): 20, ("ALL", "1"): 30}, {}, per_patient=5)
    rules = [
        {"part": "training", "label": "positive", "count": 300, "fold": "0"},
        {"part": "training", "label": "negative", "count": 150},
        {"part": "validation", "label": "negative", "count": 50},
        {"part": "validation", "label": "positive", "count": 50, "fold": "1"},
    ]
    data = authors_data(small, protocol(cells=rules))
    assert counts(described(data)) == {
        (NEVER_TESTED, "ALL"): 30,
        (NEVER_TESTED, "HEM"): 15,
        (0, "ALL"): 5,
        (0, "HEM"): 5,
    }
    assert "30 of 300 positive (training), 15 of 150 negative (training)" in data.shortened[0]


def test_held_out_cells_are_halved_by_image_or_by_patient(both: LoadedDataset) -> None:
    halved = authors_data(both, protocol(held_out="halves"))
    sizes = counts(described(halved))
    assert abs(sum(sizes[VALIDATION, c] for c in PRELIMINARY) - sum(sizes[0, c] for c in PRELIMINARY)) <= 1
    assert sum(sizes[NEVER_TESTED, c] for c in PRELIMINARY) == 10661
    assert halved.folds.violations[0].startswith("the cells of the test patients were halved by image")
    apart = described(authors_data(both, protocol(held_out="halves"), without=["halves"]))
    assert apart.groupby("unit")["part"].nunique().max() == 1
    assert set(apart["part"]) == {NEVER_TESTED, VALIDATION, 0}


def test_choices_on_the_held_out_cells_are_a_leak(both: LoadedDataset) -> None:
    theirs = authors_data(both, protocol(split="patient", held_out="validation"))
    assert theirs.folds.chosen_on_test
    assert theirs.split == "held-out"
    assert theirs.folds.violations == (LEAK_OF_EPOCH,)
    rows = theirs.folds.validation(0, 0)
    assert rows is not None
    assert len(rows) == sum(PRELIMINARY.values())
    ours = authors_data(both, protocol(split="patient", held_out="validation"), without=["epoch"])
    assert not ours.folds.chosen_on_test
    assert ours.folds.validation(0, 0) is None
    assert ours.folds.hash != theirs.folds.hash


def test_copies_before_the_split_are_on_both_sides_and_after_it_on_one(training: LoadedDataset) -> None:
    copied = protocol(validation=0.2, copies={"label": "negative", "per_cell": 1})
    before = described(authors_data(training, copied))
    assert len(before) == 10661 + 3389
    assert (before["label"] == "HEM").sum() == 2 * 3389
    origin = before["cell"].str.partition("#")[0]
    copies = before[before["position"].notna()]
    assert set(copies["position"]) == set("1234567")
    assert copies["cell"].eq(origin[copies.index] + "#" + copies["position"]).all()
    both_sides = before.groupby(origin)["part"].nunique()
    assert (both_sides == 2).sum() == pytest.approx(3389 * 2 * 0.2 * 0.8, rel=0.1)
    after = described(authors_data(training, copied, without=["copies"]))
    assert (after.groupby(after["cell"].str.partition("#")[0])["part"].nunique() == 1).all()
    assert (after.loc[after["position"].notna(), "part"] == NEVER_TESTED).all()


def test_a_copy_has_a_digest_of_its_own(training: LoadedDataset) -> None:
    data = authors_data(training, protocol(validation=0.2, copies={"per_cell": 2}))
    digests = data.opened.scan.table["digest"]
    assert len(digests) == 3 * 10661
    assert digests.is_unique
    assert data.opened.digest != training.digest


def test_held_out_scores_need_held_out_patients(training: LoadedDataset) -> None:
    with pytest.raises(BenchError, match="no held-out data"):
        authors_data(training, protocol(held_out="test"))


@pytest.mark.parametrize(
    ("values", "leaks"),
    [
        ({"validation": 0.2}, ("images",)),
        ({"validation": 0.2, "copies": {}}, ("copies", "images")),
        ({"folds": 5, "split": "patient"}, ()),
        ({"validation": 0.2, "chosen_on_scored": ["threshold", "epoch"]}, ("epoch", "threshold", "images")),
        ({"held_out": "test", "validation": 0.2}, ()),
        ({"held_out": "test", "validation": 0.2, "chosen_on_scored": ["epoch"]}, ()),
        ({"held_out": "halves"}, ("halves",)),
        ({"held_out": "validation", "split": "patient"}, ("epoch",)),
    ],
)
def test_leaks_of_a_protocol(values: dict[str, Any], leaks: tuple[str, ...]) -> None:
    assert protocol(**values).leaks() == leaks
