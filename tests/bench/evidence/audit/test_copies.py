from __future__ import annotations

import pandas as pd
import pytest

from bench.datasets.links import with_links
from bench.datasets.table import cell_table
from bench.evidence.audit.copies import copies, pairs_apart
from bench.evidence.audit.findings import Finding


def result(rows: list[tuple[str, str, str]], **more: list[str | None]) -> dict[str, Finding]:
    """Findings by code on cells given as (picture, label, patient)."""
    pictures, labels, patients = zip(*rows, strict=True)
    cells = [f"c{i}" for i in range(len(rows))]
    table = cell_table(cell=cells, path=cells, label=labels, patient=patients, **more)
    pictures = pd.Series(list(pictures), dtype="str")
    groups = [set(table["patient"][pictures == picture]) for picture in pictures.dropna().unique()]
    return {finding.code: finding for finding in copies(with_links(table, groups), pictures)}


def test_different_images_have_no_finding() -> None:
    assert result([("x", "a", "p"), ("y", "a", "p"), ("z", "b", "q")], fold=["0", "1", "1"]) == {}


def test_pairs_are_counted_within_and_across_patients() -> None:
    """Three of p and two of q: 10 pairs, 3 + 1 within, 6 across; another pair within r."""
    rows = [("x", "a", "p")] * 3 + [("x", "a", "q")] * 2 + [("y", "b", "r")] * 2 + [("z", "b", "s")]
    by_code = result(rows)
    assert set(by_code) == {"A002", "A003"}
    within, across = by_code["A002"], by_code["A003"]
    assert (within.level, across.level) == ("warning", "warning")
    assert within.title == "5 pairs of identical images of one patient"
    assert across.title == "6 pairs of identical images under different patients"
    assert within.cells == ("c0", "c1", "c2", "c3", "c4", "c5", "c6")
    assert across.patients == ("p", "q")
    assert "linked in every split: p+q; 4 patients are 3 split units" in across.detail


def test_pairs_across_official_folds_are_an_error_and_cells_without_a_fold_take_no_part() -> None:
    rows = [("x", "a", "p"), ("x", "a", "p"), ("x", "a", "q"), ("y", "b", "r"), ("y", "b", "r")]
    by_code = result(rows, fold=["0", "1", None, "0", "0"])
    assert by_code["A004"].title == "1 pair of identical images in different official folds"
    assert by_code["A004"].level == "error"


def test_pairs_across_training_and_held_out_cells_are_an_error() -> None:
    rows = [("x", "a", "p"), ("x", "a", "q"), ("x", "a", "q"), ("y", "b", "r")]
    finding = result(rows, set=["train", "held-out", "held-out", "train"])["A005"]
    assert finding.title == "2 pairs of identical images in both the training and the held-out cells"
    assert finding.level == "error"


@pytest.mark.parametrize("patient", ["p", "q"])
def test_one_image_under_two_labels_is_an_error(patient: str) -> None:
    finding = result([("x", "a", "p"), ("x", "b", patient), ("y", "b", "r")])["A006"]
    assert finding.level == "error"
    assert finding.title == "1 image under two labels"
    assert finding.detail.startswith("c0 is a and c1 is b.")


def test_cells_without_a_digest_are_passed_over() -> None:
    assert result([(None, "a", "p"), (None, "b", "q")]) == {}  # type: ignore[list-item]


def test_pairs_apart_equals_counting_them() -> None:
    group = pd.DataFrame({"side": ["a", "b", "a", None, "c", "b", "a"]})
    known = group["side"].dropna().tolist()
    assert pairs_apart(group, "side") == sum(x != y for i, x in enumerate(known) for y in known[:i])
