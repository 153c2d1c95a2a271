from __future__ import annotations

import numpy as np
import pytest

from bench.datasets.table import cell_table
from bench.errors import BenchError
from bench.evidence.audit.findings import Finding
from bench.evidence.audit.patients import confused_ids, patients
from bench.splits.folds import PatientKFold, inner_folds


def result(rows: list[tuple[str, str]], *, folds: int = 2, **more: list[str | None]) -> dict[str, Finding]:
    """Findings by code on cells given as (label, patient)."""
    labels, who = zip(*rows, strict=True)
    cells = [f"c{i}" for i in range(len(rows))]
    table = cell_table(cell=cells, path=cells, label=labels, patient=who, **more)  # type: ignore[arg-type]
    return {finding.code: finding for finding in patients(table, folds=folds)}


SOUND = [(label, f"{label}{i}") for label in "ab" for i in (1, 2, 3, 4)]


def test_valid_table_has_no_finding() -> None:
    assert result(SOUND) == {}


@pytest.mark.parametrize(
    ("ids", "reported"),
    [
        (("h3", "H3"), "H3 and h3"),
        (("P-07", "p7"), "P-07 and p7"),
        (("007", "7"), "007 and 7"),
        (("a b", "a_b"), "a b and a_b"),
        (("11", "H11"), "11 and H11"),
        (("A11", "H11"), None),
        (("11", "111"), None),
        (("1a", "1"), None),
        (("10", "1"), None),
        (("p1", "p10"), None),
        (("-", "+"), "+ and -"),
    ],
)
def test_ids_that_are_easily_confused(ids: tuple[str, str], reported: str | None) -> None:
    cells = list(ids)
    findings = list(confused_ids(cell_table(cell=cells, path=cells, label=cells, patient=cells)))
    if reported is None:
        assert findings == []
    else:
        (finding,) = findings
        assert (finding.code, finding.level) == ("A010", "warning")
        assert finding.detail.startswith(f"{reported}. ")
        assert set(finding.patients) == set(ids)


def test_fewer_patients_than_folds_is_an_error_with_the_largest_that_works() -> None:
    rows = [("a", f"a{i}") for i in range(6)] + [("b", f"b{i}") for i in range(4)]
    finding = result(rows, folds=5)["A011"]
    assert finding.level == "error"
    assert "b has 4" in finding.detail
    assert "at most --folds 4" in finding.detail
    assert "A011" not in result(rows, folds=4)


def test_linked_patients_count_once() -> None:
    rows = [("a", f"a{i}") for i in range(4)] + [("b", f"b{i}") for i in range(4)]
    assert "A011" not in result(rows, folds=4)
    finding = result(rows, folds=4, linked=[frozenset({"b0", "b1"})])["A011"]  # type: ignore[arg-type]
    assert "at most --folds 3" in finding.detail


@pytest.mark.parametrize("number", [1, 2])
def test_a_class_of_one_or_two_patients_cannot_be_evaluated(number: int) -> None:
    finding = result([*SOUND, *(("c", f"c{i}") for i in range(number))])["A011"]
    assert f"c has {number} (linked patients count once); at least 3 of each class" in finding.detail
    assert "--folds" not in finding.detail


@pytest.mark.parametrize("folds", [2, 3, 4, 5])
@pytest.mark.parametrize("number", range(1, 8))
def test_too_few_patients_are_reported_where_a_run_has_no_inner_folds(number: int, folds: int) -> None:
    rows = [(label, f"{label}{i}") for label in "ab" for i in range(number)]
    y, who = (np.array(values) for values in zip(*rows, strict=True))
    try:
        for train, _ in PatientKFold(folds, random_state=0).split(y, y, who):
            inner_folds(y[train], who[train], 5)
        runs = True
    except BenchError:
        runs = False
    assert ("A011" not in result(rows, folds=folds)) is runs
    if not runs and number >= 3:
        advised = result(rows, folds=folds)["A011"].detail
        assert f"--folds {number} work" in advised


@pytest.mark.parametrize(("cells", "reported"), [(50, False), (51, True)])
def test_a_patient_with_more_than_half_of_a_class_dominates(cells: int, reported: bool) -> None:
    rows = [("a", "big")] * cells + [("a", f"a{i % 5}") for i in range(100 - cells)] + SOUND[4:]
    by_code = result(rows)
    assert ("A012" in by_code) == reported
    if reported:
        assert by_code["A012"].level == "warning"
        assert by_code["A012"].title == "patient big holds 51% of the cells of a"


def test_a_patient_with_cells_of_two_classes_is_noted() -> None:
    finding = result([*SOUND, ("b", "a1")])["A013"]
    assert (finding.level, finding.patients) == ("note", ("a1",))


def test_a_patient_in_two_official_folds_or_sets_is_an_error() -> None:
    folds = [*"01010101", "1"]
    finding = result([*SOUND, ("a", "a1")], fold=folds)["A009"]
    assert (finding.level, finding.patients) == ("error", ("a1",))
    sets = [*["train"] * 7, "held-out", "held-out"]
    assert result([*SOUND, ("a", "a1")], set=sets)["A009"].patients == ("a1",)
    assert "A009" not in result([*SOUND, ("a", "a1")], fold=[*"01010101", None])
