"""Verdicts for each combination of signal, gap and identity."""

from __future__ import annotations

import pytest

from bench.evidence.leakage.verdict import IdentityNull, verdict
from bench.scores.primary import Estimate

SIGNAL, NONE = Estimate(0.8, 0.7, 0.9), Estimate(0.52, 0.4, 0.64)
GAP, NO_GAP = Estimate(0.3, 0.2, 0.4), Estimate(0.01, -0.02, 0.04)


def _null(mean: float, *, class_only: float = 0.55, error: float = 0.01) -> IdentityNull:
    return IdentityNull(mean, 0.03, class_only, error, observed=0.95, p=0.5, permutations=20)


LEARNED, NOT_LEARNED = _null(0.95), _null(0.54)


@pytest.mark.parametrize(
    ("by_patient", "gap", "identity", "code"),
    [
        (NONE, GAP, LEARNED, "identity-only"),
        (SIGNAL, GAP, LEARNED, "inflated"),
        (SIGNAL, GAP, NOT_LEARNED, "inflated"),
        (NONE, GAP, NOT_LEARNED, "inflated"),
        (SIGNAL, NO_GAP, LEARNED, "recognisable"),
        (NONE, NO_GAP, LEARNED, "recognisable"),
        (SIGNAL, NO_GAP, NOT_LEARNED, "no-leak"),
        (NONE, NO_GAP, NOT_LEARNED, "nothing"),
        (SIGNAL, NO_GAP, None, "no-leak"),
        (NONE, GAP, None, "inflated"),
    ],
)
def test_the_table_of_rules(by_patient: Estimate, gap: Estimate, identity: IdentityNull | None, code: str) -> None:
    result = verdict(by_patient, by_patient.value + gap.value, gap, identity)
    assert result.code == code
    assert f"{by_patient.value:.2f} [{by_patient.low:.2f}, {by_patient.high:.2f}] on unseen patients" in result.text


def test_identity_only_verdict() -> None:
    result = verdict(NONE, 0.97, GAP, LEARNED)
    assert result.text.startswith(
        "The image-level score of 0.97 comes from recognising patients; on unseen patients the score is not"
    )


def test_a_gap_that_is_not_sure_is_not_called_none() -> None:
    unsure = verdict(SIGNAL, 0.86, Estimate(0.06, -0.04, 0.17), NOT_LEARNED)
    assert unsure.code == "no-leak"
    assert unsure.text.startswith(
        "A split by image gives 0.86, not demonstrably more (0.06 [-0.04, 0.17]) than by patient:"
    )
    assert "0.81, no more than by patient" in verdict(SIGNAL, 0.81, NO_GAP, NOT_LEARNED).text


def test_untested_identity_is_stated() -> None:
    assert "could not be tested" in verdict(SIGNAL, 0.8, NO_GAP, None).text
    assert "cannot be permuted" in verdict(SIGNAL, 0.95, GAP, None).text
    assert "could not be tested" not in verdict(SIGNAL, 0.8, NO_GAP, NOT_LEARNED).text


def test_a_score_that_permuted_labels_reach_needs_no_disease() -> None:
    """Also with a weak signal on unseen patients: the score by image does not show it."""
    assert LEARNED.p > 0.05
    assert "No disease is needed for a score of 0.95 there." in verdict(SIGNAL, 0.95, GAP, LEARNED).text
    above = IdentityNull(0.7, 0.03, 0.55, 0.01, observed=0.95, p=1 / 21, permutations=20)
    assert "No disease is needed" not in verdict(SIGNAL, 0.95, GAP, above).text


@pytest.mark.parametrize(
    ("gap", "is_one"),
    [
        (Estimate(0.02, 0.001, 0.04), True),
        (Estimate(0.019, 0.001, 0.04), False),
        (Estimate(0.3, -0.01, 0.6), False),
        (Estimate(-0.3, -0.4, -0.2), False),
    ],
    ids=["relevant and sure", "too small to matter", "unsure", "the other way round"],
)
def test_a_gap_counts_where_it_is_relevant_and_sure(gap: Estimate, is_one: bool) -> None:
    assert (verdict(SIGNAL, 0.9, gap, NOT_LEARNED).code == "inflated") == is_one


def test_the_luck_of_the_draw_is_no_identity() -> None:
    """A model of the true class scores above 0.5 on permuted labels, the more the fewer patients there are."""
    assert not _null(0.59, class_only=0.56).learned
    assert not _null(0.75, class_only=0.75).learned
    assert _null(0.62, class_only=0.56).learned
    assert not _null(0.62, class_only=0.56, error=0.04).learned, "within two standard errors"
