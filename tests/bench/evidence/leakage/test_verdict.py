"""Verdicts for each combination of signal, gap and recognition, and a text that agrees with its numbers."""

from __future__ import annotations

import itertools
import re

import pytest

from bench.evidence.leakage.patient_recognition import Recognition
from bench.evidence.leakage.verdict import IdentityNull, verdict
from bench.scores.primary import Estimate

SIGNAL, NONE = Estimate(0.8, 0.7, 0.9), Estimate(0.52, 0.4, 0.64)
UNDEFINED = Estimate(1.0, float("nan"), float("nan"))
GAP, NO_GAP = Estimate(0.3, 0.2, 0.4), Estimate(0.01, -0.02, 0.04)


def _null(mean: float, *, class_only: float = 0.55, error: float = 0.01) -> IdentityNull:
    return IdentityNull(mean, 0.03, class_only, error, observed=0.95, p=0.5, permutations=20)


def _image(value: float) -> Estimate:
    return Estimate(value, value - 0.1, value + 0.05)


LEARNED, NOT_LEARNED = _null(0.95), _null(0.54)
KNOWN = Recognition("sick", 30, 1500, 0.38, 0.03, 0.0001)
"""The case of the issue: 38 % of the cells with the right patient, where 3 % is chance."""
WEAK = Recognition("well", 25, 2000, 0.055, 0.04, 0.002)
CHANCE = Recognition("well", 25, 1500, 0.045, 0.04, 0.3)


@pytest.mark.parametrize(
    ("by_patient", "gap", "identity", "recognition", "code"),
    [
        (NONE, GAP, LEARNED, (KNOWN,), "identity-only"),
        (NONE, GAP, LEARNED, (), "identity-only"),
        (SIGNAL, GAP, LEARNED, (KNOWN,), "inflated"),
        (SIGNAL, GAP, NOT_LEARNED, (CHANCE,), "inflated"),
        (NONE, GAP, NOT_LEARNED, (KNOWN,), "inflated"),
        (NONE, GAP, None, (KNOWN,), "inflated"),
        (NONE, GAP, None, (), "inflated"),
        (UNDEFINED, GAP, LEARNED, (KNOWN,), "inflated"),
        (SIGNAL, NO_GAP, LEARNED, (CHANCE,), "recognisable"),
        (NONE, NO_GAP, LEARNED, (), "recognisable"),
        (SIGNAL, NO_GAP, None, (KNOWN,), "recognisable"),
        (NONE, NO_GAP, None, (CHANCE, KNOWN), "recognisable"),
        (SIGNAL, NO_GAP, NOT_LEARNED, (KNOWN,), "no-leak"),
        (SIGNAL, NO_GAP, NOT_LEARNED, (), "no-leak"),
        (SIGNAL, NO_GAP, None, (CHANCE,), "no-leak"),
        (SIGNAL, NO_GAP, None, (WEAK,), "no-leak"),
        (NONE, NO_GAP, NOT_LEARNED, (CHANCE,), "nothing"),
        (NONE, NO_GAP, None, (), "nothing"),
        (SIGNAL, NO_GAP, None, (), "untested"),
        (UNDEFINED, NO_GAP, NOT_LEARNED, (CHANCE,), "untested"),
    ],
)
def test_the_table_of_rules(
    by_patient: Estimate, gap: Estimate, identity: IdentityNull | None, recognition: tuple[Recognition, ...], code: str
) -> None:
    assert verdict(by_patient, _image(by_patient.value + gap.value), gap, identity, recognition).code == code


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"


ESTIMATES = [
    (Estimate(value, value - width, min(1.0, value + width)), Estimate(image, image - 0.08, min(1.0, image + 0.05)))
    for value, width in itertools.product((0.45, 0.55, 0.62, 0.85, 0.98), (0.02, 0.1))
    for image in (0.48, 0.56, 0.64, 0.86, 0.99)
]
IDENTITIES = [None, *(_null(mean, error=error) for mean in (0.5, 0.57, 0.62, 0.9) for error in (0.005, 0.04))]
PROBES = [
    (Recognition("sick", 30, 1500, accuracy, chance, p), *more)
    for accuracy, chance, p in [(0.38, 0.03, 0.0001), (0.038, 0.03, 0.03), (0.03, 0.03, 0.5), (0.6, 0.5, 0.2)]
    for more in ((), (KNOWN,), (CHANCE,))
]


@pytest.mark.parametrize("recognition", [(), *PROBES], ids=str)
@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda one: "none" if one is None else f"{one.excess:.2f}")
def test_the_text_agrees_with_the_numbers_of_the_tables(
    identity: IdentityNull | None, recognition: tuple[Recognition, ...]
) -> None:
    """25 pairs of scores, 2 widths of the gap, 9 identity tests, 13 probes: the text denies nothing of the tables."""
    for by_patient, by_image in ESTIMATES:
        value = by_image.value - by_patient.value
        for gap in (Estimate(value, value - 0.03, value + 0.03), Estimate(value, value - 0.5, value + 0.5)):
            code, text = vars(verdict(by_patient, by_image, gap, identity, recognition)).values()
            above = [one for one in recognition if one.p <= 0.05]
            for one in above:
                share, chance = _percent(one.accuracy), _percent(one.chance)
                assert f"{share} of the cells of {one.label}, where {chance} is chance" in text
                assert "No sign that patients" not in text
                assert "could not be tested" not in text
            if any((one.accuracy - one.chance) / (1 - one.chance) >= 0.05 for one in above):
                assert "atients can be recognised from the features" in text
                assert identity is not None or code in ("inflated", "recognisable")
            assert ("could not be tested" in text) == (identity is None and not recognition)
            if identity is not None:
                assert f"{identity.mean:.2f}" in text
                assert f"{identity.class_only:.2f}" in text
                uncertain = identity.excess > 0.05 or identity.excess > 2 * identity.excess_error
                assert not (uncertain and "no sign that" in text.lower())
            assert f"{by_image.value:.2f}" in text
            assert f"{by_patient.value:.2f}" in text
            assert f"{by_image.value:.2f} by image" not in text or by_image.low <= 0.5, "a signal is not denied"
            chance_only = by_patient.low <= 0.5
            assert bool(re.search("may be chance|is below chance|not distinguishable from chance", text)) == chance_only
            assert ("too high" in text or code == "identity-only") == (gap.value >= 0.02 and gap.low > 0)
            assert "practically no more" not in text or gap.high < 0.02
            assert "not demonstrably more than by patient" not in text or (gap.low <= 0 and gap.high >= 0.02)
            assert code != "no-leak" or (gap.value < 0.02 or gap.low <= 0)
            assert "  " not in text
            assert re.fullmatch(r"[A-Z].*\.", text)


def test_recognised_patients_are_never_no_sign() -> None:
    """38 % of the cells with the right patient at 3 % chance, for labels of cells and for labels of patients."""
    numbers = "right patient for 38% of the cells of sick, where 3.0% is chance"
    cells = verdict(SIGNAL, _image(0.81), NO_GAP, None, (KNOWN,))
    assert (cells.code, "no sign" in cells.text.lower()) == ("recognisable", False)
    assert f"Patients can be recognised from the features ({numbers})." in cells.text
    assert "Scores of this pipeline with a split by image are therefore not reliable." in cells.text
    patients = verdict(SIGNAL, _image(0.81), NO_GAP, NOT_LEARNED, (KNOWN,))
    assert (
        f"Patients can be recognised from the features ({numbers}), but there is no sign that the pipeline uses this: "
        "with labels permuted between patients a split by image scores 0.54, not more than the 0.55 that can be chance."
    ) in patients.text


def test_a_small_share_above_chance_is_stated() -> None:
    text = verdict(SIGNAL, _image(0.81), NO_GAP, None, (WEAK,)).text
    assert (
        "Patients are recognised slightly more often than by chance (right patient for 5.5% of the cells of well, "
        "where 4.0% is chance)."
    ) in text


def test_identity_only_verdict() -> None:
    result = verdict(NONE, _image(0.97), GAP, LEARNED, ())
    assert result.text.startswith(
        "The image-level score of 0.97 comes from recognising patients; on unseen patients the score is not"
    )


def test_a_gap_that_is_not_sure_is_not_called_none() -> None:
    unsure = verdict(SIGNAL, _image(0.86), Estimate(0.06, -0.04, 0.17), NOT_LEARNED, ())
    assert unsure.code == "no-leak"
    assert unsure.text.startswith(
        "A split by image gives 0.86, not demonstrably more than by patient (0.06 [-0.04, 0.17]):"
    )
    none = verdict(SIGNAL, _image(0.8), Estimate(0.0, -0.02, 0.01), NOT_LEARNED, ())
    assert "0.80, practically no more than by patient (0.00 [-0.02, 0.01]):" in none.text
    small = verdict(SIGNAL, _image(0.81), Estimate(0.015, 0.001, 0.03), NOT_LEARNED, ())
    assert "0.81, slightly more than by patient" in small.text


def test_untested_recognition_is_stated() -> None:
    assert "Whether patients are recognised could not be tested." in verdict(SIGNAL, _image(0.8), NO_GAP, None, ()).text
    assert "could not be tested" in verdict(SIGNAL, _image(0.95), GAP, None, ()).text
    assert "could not be tested" not in verdict(SIGNAL, _image(0.8), NO_GAP, NOT_LEARNED, ()).text


def test_undefined_interval_is_no_verdict_on_chance() -> None:
    text = verdict(UNDEFINED, _image(0.99), Estimate(-0.01, -0.03, 0.01), None, (CHANCE,)).text
    assert "1.00 on unseen patients, without an interval." in text
    assert "nan" not in text


def test_a_score_that_permuted_labels_reach_needs_no_disease() -> None:
    """Also with a weak signal on unseen patients: the score by image does not show it."""
    assert LEARNED.p > 0.05
    assert "No disease is needed for a score of 0.95 there." in verdict(SIGNAL, _image(0.95), GAP, LEARNED, ()).text
    above = IdentityNull(0.7, 0.03, 0.55, 0.01, observed=0.95, p=1 / 21, permutations=20)
    assert "No disease is needed" not in verdict(SIGNAL, _image(0.95), GAP, above, ()).text
    few = IdentityNull(0.9, 0.03, 0.55, 0.01, observed=0.95, p=1 / 11, permutations=10)
    assert "No disease is needed" not in verdict(SIGNAL, _image(0.95), GAP, few, ()).text  # p cannot be below 0.09


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
    assert (verdict(SIGNAL, _image(0.9), gap, NOT_LEARNED, ()).code == "inflated") == is_one


def test_the_luck_of_the_draw_is_no_identity() -> None:
    """A model of the true class scores above 0.5 on permuted labels, the more the fewer patients there are."""
    assert not _null(0.59, class_only=0.56).learned
    assert not _null(0.75, class_only=0.75).learned
    assert _null(0.62, class_only=0.56).learned
    assert not _null(0.62, class_only=0.56, error=0.04).learned, "within two standard errors"
