"""Sentences about a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.evidence.comparison.compare import Comparison
from bench.evidence.comparison.text import describe_tests, verdict

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
    assert both[1] == "Second test: another. Unit: patient. Assumed: little. Corrected over the same family."
