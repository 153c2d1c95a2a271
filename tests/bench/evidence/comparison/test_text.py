"""Sentences about a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from bench.evidence.comparison.compare import Comparison
from bench.evidence.comparison.text import describe_detectable, describe_tests, verdict

NOTHING: dict[str, Any] = {"notes": (), "data": {}, "protocol": {}}
UNIT = "fold of patients (25 folds, 15 split units tested in each)"


def _comparison(
    rows: Sequence[tuple[str, float, float, float]], *, reference: str = "best", **changes: object
) -> Comparison:
    """Rows: pipeline, difference to the reference, Holm p, probability of practical equality."""
    table = pd.DataFrame(
        [
            {
                "pipeline": name, "against": reference, "difference": d, "low": d - 0.02, "high": d + 0.02, "p": p / 2,
                "p_holm": p, "p_equivalent": equal, "test": "the test", "unit": UNIT, "assumptions": "much",
                "second_test": None, "second_unit": None, "second_assumptions": None, "second_p_holm": float("nan"),
                "repeats": 5, "detectable": float("nan"),
            }
            for name, d, p, equal in rows
        ]
    )  # fmt: skip
    names = [reference, *(name for name, *_ in rows)]
    standings = pd.DataFrame({"pipeline": names, "value": 0.8, "p_best": 0.5})
    values = {"metric": "auroc_patient", "best": "best", "all_pairs": False, "rope": 0.01, **NOTHING, **changes}
    return Comparison(reference=reference, table=table, standings=standings, **values)  # type: ignore[arg-type]


def test_not_distinguishable_is_not_called_equal() -> None:
    sentences = verdict(_comparison([("a", -0.01, 0.4, 0.3), ("b", -0.1, 0.01, 0.0), ("c", 0.0, 0.9, 0.96)]))
    assert sentences == [
        "best scores highest (AUROC, patient-weighted 0.80).",
        "Not distinguishable from it: a, c.",
        "Lower: b.",
        "Practically equal to it (a difference within 0.01 has a probability of 0.95 or more): c.",
        "Pipelines that are not distinguishable are not shown to be equal.",
        f"Distinguishable: Holm p at most 0.05; unit of the test: {UNIT}.",
    ]


def test_a_named_reference_may_be_beaten() -> None:
    sentences = verdict(_comparison([("best", 0.1, 0.01, 0.0), ("low", -0.1, 0.02, 0.0)], reference="named"))
    assert sentences[0].startswith("named is the reference")
    assert "Lower: low." in sentences
    assert "Higher: best." in sentences
    assert not any("Not distinguishable" in sentence for sentence in sentences)


def test_in_pairs_the_sign_follows_the_reference() -> None:
    comparison = _comparison([("low", -0.1, 0.01, 0.0)], all_pairs=True)
    turned = comparison.table.assign(pipeline="best", against="low", difference=0.1)
    sentences = verdict(
        Comparison("auroc_patient", "best", "best", True, 0.01, turned, comparison.standings, **NOTHING)
    )
    assert "Lower: low." in sentences


def test_every_test_is_described_with_unit_assumptions_and_family() -> None:
    comparison = _comparison([("a", -0.01, 0.4, 0.3)])
    assert describe_tests(comparison) == [
        f"The test. Unit: {UNIT}. Assumed: much. Holm's correction is over 1 comparison, all against best."
    ]
    second = comparison.table.assign(second_test="another", second_unit="patient", second_assumptions="little")
    both = describe_tests(
        Comparison("auroc_patient", "best", "best", False, 0.01, second, comparison.standings, **NOTHING)
    )
    assert both[1] == "Second test: another. Unit: patient. Assumed: little. Holm's correction is over 1 comparison."


def test_the_smallest_detectable_difference_is_stated_by_common_repeats() -> None:
    comparison = _comparison([("a", -0.01, 0.4, 0.3), ("b", -0.1, 0.01, 0.0), ("c", 0.0, 0.9, 0.96)])
    table = comparison.table.assign(detectable=[0.064, 0.051, 1.2], repeats=[5, 5, 1])
    stated = describe_detectable(replace(comparison, table=table, protocol={"split": "patient"}))
    assert stated == (
        "Smallest difference that this design detects with a power of 80%: 0.06 with 5 common repeats; none, since two "
        "values of the AUROC, patient-weighted differ by less than 1 with 1 common repeat (median over 3 comparisons, "
        "first step of Holm's method)."
    )
    assert describe_detectable(comparison) == ""


@pytest.mark.parametrize(("p", "second_p", "disagree"), [(0.2, 0.01, True), (0.01, 0.2, True), (0.01, 0.01, False)])
def test_tests_that_disagree_are_named(p: float, second_p: float, disagree: bool) -> None:
    comparison = _comparison([("a", -0.1, p, 0.0), ("b", -0.1, 0.01, 0.0)])
    second = comparison.table.assign(second_test="another", second_p_holm=[second_p, 0.02])
    comparison = replace(comparison, table=second)
    assert comparison.disagreeing == (("a",) if disagree else ())
    sentence = "The two tests disagree on a, so that this remains undecided. Significant against not significant: a: "
    order = [("another", "0.010"), ("the test", "0.20")] if p > 0.05 else [("the test", "0.010"), ("another", "0.20")]
    sentence += " against ".join(f"{test} (Holm p {shown})" for test, shown in order) + "."
    assert (sentence in verdict(comparison)) == disagree


def test_a_certain_best_of_the_draws_is_put_beside_the_test() -> None:
    comparison = _comparison([("a", -0.01, 0.4, 0.3)])
    certain = replace(comparison, standings=comparison.standings.assign(p_best=[1.0, 0.0]))
    assert (
        "P(best) of best is >0.99, which does not contradict this: it describes these fitted models on redrawn test "
        "patients and is no test of the pipelines."
    ) in verdict(certain)
    assert not any("P(best)" in sentence for sentence in verdict(comparison))
    lower = replace(certain, table=comparison.table.assign(p_holm=0.01))
    assert not any("P(best)" in sentence for sentence in verdict(lower))
