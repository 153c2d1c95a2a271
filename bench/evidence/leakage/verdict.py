"""Verdict of the leakage report by documented rules."""

from __future__ import annotations

from dataclasses import dataclass

from bench.scores.primary import Estimate

RELEVANT = 0.02
"""Differences of AUROC below this are not practically relevant: the upper end of the region of practical equivalence
of the protocol."""

IDENTITY = 0.05
"""Minimum excess of the score on permuted labels over that of a model that knows the true class."""

STANDARD_ERRORS = 2.0

ALPHA = 0.05
"""Above this p-value the score by image is not significantly above the scores on permuted labels."""


@dataclass(frozen=True)
class IdentityNull:
    """Scores of a split by image with labels permuted between patients.

    Parameters
    ----------
    mean, sd : float
        Mean and standard deviation of the scores.
    class_only : float
        Mean score, on the same permutations, of a model that knows the true class of each cell but not the patient.
        Above 0.5, because permuted labels are rarely balanced within a class.
    excess_error : float
        Standard error of the mean difference between score and class-only score.
    observed : float
        Score of the split by image with the true labels.
    p : float
        Share of permutations with a score of at least `observed`, which counts as one of them.
    permutations : int
        Number of permutations.
    """

    mean: float
    sd: float
    class_only: float
    excess_error: float
    observed: float
    p: float
    permutations: int

    @property
    def excess(self) -> float:
        """Mean score minus the class-only score: the effect of recognising patients."""
        return self.mean - self.class_only

    @property
    def learned(self) -> bool:
        """Whether patients are memorised: the excess is relevant and above two standard errors."""
        return self.excess > max(IDENTITY, STANDARD_ERRORS * self.excess_error)


@dataclass(frozen=True)
class Verdict:
    """One of five verdicts.

    Parameters
    ----------
    code : str
        `identity-only`, `inflated`, `recognisable`, `no-leak` or `nothing`.
    text : str
        Explanation without technical terms.
    """

    code: str
    text: str


def verdict(by_patient: Estimate, by_image: float, gap: Estimate, identity: IdentityNull | None) -> Verdict:
    """Decide whether a pipeline recognises the disease or the patients.

    Three criteria:

    1. *Signal on unseen patients*: the 95 % interval of the patient-grouped AUROC is above 0.5.
    2. *Inflation by a split by image*: the gap is at least `RELEVANT` and its interval is above 0.
    3. *Memorised patients*: with permuted labels, which carry no disease, the score of a split by image comes from
       recognising patients, apart from what a model of the true class gets by chance (`IdentityNull.class_only`, an
       upper bound, so that a strong effect alone never counts as identity). Met if the mean score exceeds that by more
       than `IDENTITY` and two standard errors.

    Criterion 1 is met by chance in about one of twenty cohorts without an effect (`bench significance` tests that). If
    the score by image is not above those on permuted labels, the text states that no disease is needed for it.

    ================  ==========  =========  ===========
    verdict           1. signal   2. gap     3. identity
    ================  ==========  =========  ===========
    `identity-only`   no          yes        yes
    `inflated`        yes         yes        any
    `inflated`        no          yes        no
    `recognisable`    any         no         yes
    `no-leak`         yes         no         no
    `nothing`         no          no         no
    ================  ==========  =========  ===========

    The patient probe and the intraclass correlations describe the strength of the patient signature; they are not
    criteria, because a classifier may not use it.

    Parameters
    ----------
    by_patient : Estimate
        Patient-grouped AUROC with its interval.
    by_image : float
        AUROC of the split by image.
    gap : Estimate
        `by_image` minus `by_patient`, paired by patient.
    identity : IdentityNull or None
        None where labels cannot be permuted between patients; criterion 3 is then untested, as the text states.
    """
    signal = by_patient.low > 0.5
    inflated = gap.value >= RELEVANT and gap.low > 0
    learned = identity is not None and identity.learned
    unseen = f"{by_patient} on unseen patients"
    if inflated and not signal and learned:
        return Verdict(
            "identity-only",
            f"The image-level score of {by_image:.2f} comes from recognising patients; on unseen patients the score is "
            f"not distinguishable from chance ({unseen}). Patients are recognised whatever their label: "
            f"{_null_score(identity)}. This pipeline has not been shown to recognise the disease.",
        )
    if inflated:
        return Verdict(
            "inflated",
            f"A split by image gives {by_image:.2f}, which is {gap} too high: "
            f"the pipeline reaches {unseen}{'' if signal else ', which may be chance'}. {_explanation(identity)}",
        )
    more = "no more" if gap.value < RELEVANT else f"not demonstrably more ({gap})"
    no_inflation = f"A split by image gives {by_image:.2f}, {more} than by patient: {unseen}."
    if learned:
        return Verdict(
            "recognisable",
            f"{no_inflation} But patients can be recognised ({_null_score(identity)}), so scores of this pipeline with "
            "a split by image are not reliable.",
        )
    untested = "" if identity is not None else " Recognition of patients could not be tested."
    if signal:
        return Verdict(
            "no-leak", f"{no_inflation} No sign that patients are recognised instead of the disease.{untested}"
        )
    return Verdict(
        "nothing",
        f"No signal with either split: {by_image:.2f} by image, {unseen}, which may be chance. No sign that "
        f"patients are recognised.{untested}",
    )


def _explanation(identity: IdentityNull | None) -> str:
    """Explain the higher score of a split by image."""
    if identity is None:
        return (
            "The cause of the difference is unknown, because the patients' labels cannot be permuted. Check for copies "
            "of images with bench audit."
        )
    if not identity.learned:
        return "The cause of the difference is unknown. Check for copies of images with bench audit."
    alone = f" No disease is needed for a score of {identity.observed:.2f} there." if identity.p > ALPHA else ""
    return f"Patients are recognised whatever their label: {_null_score(identity)}.{alone}"


def _null_score(identity: IdentityNull | None) -> str:
    assert identity is not None  # noqa: S101 (called only with an identity test)
    return (
        f"with labels permuted between patients a split by image still scores {identity.mean:.2f}, "
        f"where {identity.class_only:.2f} can be chance"
    )
