"""Verdict of the leakage report by documented rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.evidence.leakage.patient_recognition import Recognition, recognisable_text
from bench.evidence.text import LEVEL, capital
from bench.scores.primary import Estimate

RELEVANT = 0.02
"""Differences of AUROC below this are not practically relevant: the upper end of the region of practical equivalence
of the protocol."""

IDENTITY = 0.05
"""Minimum excess of the score on permuted labels over that of a model that knows the true class."""

STANDARD_ERRORS = 2.0


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
    def significant(self) -> bool:
        """Whether the excess is above two standard errors."""
        return self.excess > STANDARD_ERRORS * self.excess_error

    @property
    def learned(self) -> bool:
        """Whether patients are memorised: the excess is relevant and above two standard errors."""
        return self.significant and self.excess > IDENTITY

    def __str__(self) -> str:
        if self.learned:
            return (
                f"with labels permuted between patients a split by image still scores {self.mean:.2f}, "
                f"where {self.class_only:.2f} can be chance"
            )
        more = "slightly" if self.significant else "not demonstrably" if self.excess > IDENTITY else "not"
        return (
            f"with labels permuted between patients a split by image scores {self.mean:.2f}, {more} more than the "
            f"{self.class_only:.2f} that can be chance"
        )


@dataclass(frozen=True)
class Verdict:
    """One of six verdicts.

    Parameters
    ----------
    code : str
        `identity-only`, `inflated`, `recognisable`, `no-leak`, `nothing` or `untested`.
    text : str
        Explanation without technical terms.
    """

    code: str
    text: str


def verdict(
    by_patient: Estimate,
    by_image: Estimate,
    gap: Estimate,
    identity: IdentityNull | None,
    recognition: Sequence[Recognition],
) -> Verdict:
    """Decide whether a pipeline recognises the disease or the patients.

    Three criteria:

    1. *Signal on unseen patients*: the 95 % interval of the patient-grouped AUROC is above 0.5.
    2. *Inflation by a split by image*: the gap is at least `RELEVANT` and its interval is above 0.
    3. *Recognised patients*, by the identity test where it is defined: with permuted labels, which carry no disease,
       the score of a split by image comes from recognising patients, apart from what a model of the true class gets by
       chance (`IdentityNull.class_only`, an upper bound, so that a strong effect alone never counts as identity). Met
       if the mean score exceeds that by more than `IDENTITY` and two standard errors. Where patients have cells of
       several classes, labels cannot be permuted between patients, and the criterion is the patient probe: met if in a
       class the share of cells with the right patient is above chance (p at most `LEVEL`) and beyond it by `SIZE` or
       more (`Recognition.recognisable`).

    Criterion 1 is met by chance in about one of twenty cohorts without an effect (`bench significance` tests that). If
    the score by image is not above those on permuted labels, the text states that no disease is needed for it.

    ================  ==========  =========  =============
    verdict           1. signal   2. gap     3. recognised
    ================  ==========  =========  =============
    `identity-only`   no          yes        identity test
    `inflated`        yes         yes        any
    `inflated`        no          yes        otherwise
    `recognisable`    any         no         yes
    `no-leak`         yes         no         no
    `nothing`         no          no         no, or untested
    `untested`        yes         no         untested
    `untested`        undefined   no         no, or untested
    ================  ==========  =========  =============

    The text agrees with the tables: wherever the probe is above chance in a class, it states the share of these cells
    and the chance level, also if the identity test finds no sign that the pipeline uses it.

    Parameters
    ----------
    by_patient, by_image : Estimate
        AUROC with folds by patient and with folds by image; NaN where an interval is undefined.
    gap : Estimate
        `by_image` minus `by_patient`, paired by patient.
    identity : IdentityNull or None
        None where labels cannot be permuted between patients.
    recognition : sequence of Recognition
        The probe in each class; empty where it is not available.
    """
    undefined = math.isnan(by_patient.low)
    signal, inflated = by_patient.low > 0.5, gap.value >= RELEVANT and gap.low > 0
    tested = identity is not None or bool(recognition)
    recognised = identity.learned if identity is not None else any(one.recognisable for one in recognition)
    unseen = f"{_text(by_patient)} on unseen patients"
    below = by_patient.high < 0.5
    doubt = "" if signal else f", which {'is below chance' if below else 'may be chance'}"
    doubt = ", without an interval" if undefined else doubt
    patients = _patients_text(identity, recognition)
    if inflated and not signal and not undefined and identity is not None and identity.learned:
        position = "below" if below else "not distinguishable from"
        return Verdict(
            "identity-only",
            f"The image-level score of {by_image.value:.2f} comes from recognising patients; on unseen patients the "
            f"score is {position} chance ({unseen}). {patients} This pipeline has not been shown to recognise the "
            "disease.",
        )
    if inflated:
        return Verdict(
            "inflated",
            f"A split by image gives {by_image.value:.2f}, which is {_text(gap)} too high: the pipeline reaches "
            f"{unseen}{doubt}. {patients}{_cause(identity, recognised=recognised)}",
        )
    more = "practically no" if gap.high < RELEVANT else "slightly" if gap.low > 0 else "not demonstrably"
    scores = (
        f"A split by image gives {by_image.value:.2f}, {more} more than by patient ({_text(gap)}): {unseen}{doubt}."
    )
    if recognised:
        consequence = "Scores of this pipeline with a split by image are therefore not reliable."
        return Verdict("recognisable", f"{scores} {patients} {consequence}")
    if undefined or (signal and not tested):
        return Verdict("untested", f"{scores} {patients}")
    if signal:
        return Verdict("no-leak", f"{scores} {patients}")
    if by_image.low <= 0.5:
        scores = f"No signal with either split: {by_image.value:.2f} by image, {unseen}{doubt}."
    return Verdict("nothing", f"{scores} {patients}")


def _patients_text(identity: IdentityNull | None, recognition: Sequence[Recognition]) -> str:
    """Describe whether patients are recognised, with the numbers of both tests."""
    probe = recognisable_text(recognition)
    if identity is None:
        if probe:
            return (
                f"{capital(probe)}. How far the pipeline uses this is unknown, because labels cannot be permuted "
                "between patients."
            )
        if recognition:
            return f"No sign that patients are recognised (right patient for {'; '.join(map(str, recognition))})."
        return "Whether patients are recognised could not be tested."
    if identity.learned:
        return f"Patients are recognised whatever their label: {identity}{f'; {probe}' if probe else ''}."
    used = "it is not excluded" if identity.significant or identity.excess > IDENTITY else "there is no sign"
    if probe:
        return f"{capital(probe)}, but {used} that the pipeline uses this: {identity}."
    return f"{capital(used)} that the pipeline recognises patients: {identity}."


def _cause(identity: IdentityNull | None, *, recognised: bool) -> str:
    """Explain the higher score of a split by image, in a sentence that follows another one."""
    if identity is not None and identity.learned:
        reachable = 1 / (identity.permutations + 1) <= LEVEL
        alone = identity.p > LEVEL and reachable
        return f" No disease is needed for a score of {identity.observed:.2f} there." if alone else ""
    if recognised:
        return " Recognised patients can be the cause of the difference, as can copies of images (bench audit)."
    return " The cause of the difference is unknown. Check for copies of images with bench audit."


def _text(estimate: Estimate) -> str:
    """Format an estimate, without its interval where that is undefined."""
    return f"{estimate.value:.2f}" if math.isnan(estimate.low) else str(estimate)
