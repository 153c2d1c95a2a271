"""What the leakage figures say together, in plain words, by rules that are written down."""

from __future__ import annotations

from dataclasses import dataclass

from bench.scores.primary import Estimate

RELEVANT = 0.02
"""Differences of AUROC below this are of no practical matter: the upper end of the region of practical equivalence that
the protocol uses in comparisons."""

IDENTITY = 0.05
"""How far the score on permuted labels must lie above what knowing the true class could give."""

STANDARD_ERRORS = 2.0

ALPHA = 0.05
"""Above this p the score by image is no higher than what permuted labels give."""


@dataclass(frozen=True)
class IdentityNull:
    """What a split by image scores with labels permuted between patients.

    Parameters
    ----------
    mean, sd : float
        Of the scores.
    class_only : float
        Mean score, on the same permutations, of a model that knew the true class of each cell and nothing of patients.
        Above 0.5, since a permutation hardly ever deals a class's patients out evenly.
    excess_error : float
        Standard error of the mean difference between score and class-only score.
    observed : float
        Score of the split by image with the true labels.
    p : float
        Share of permutations that score as high as `observed`, which counts as one of them.
    permutations : int
        How many.
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
        """How far recognising patients carries: mean score above the class-only score."""
        return self.mean - self.class_only

    @property
    def learned(self) -> bool:
        """Whether patients are learned by heart: the excess is relevant, and beyond two standard errors."""
        return self.excess > max(IDENTITY, STANDARD_ERRORS * self.excess_error)


@dataclass(frozen=True)
class Verdict:
    """One of five findings.

    Parameters
    ----------
    code : str
        `identity-only`, `inflated`, `recognisable`, `no-leak` or `nothing`.
    text : str
        What it means, for a person who does not know the method.
    """

    code: str
    text: str


def verdict(by_patient: Estimate, by_image: float, gap: Estimate, identity: IdentityNull | None) -> Verdict:
    """Judge whether a pipeline recognises the disease or the patients.

    Three questions are asked, each with its own figure:

    1. *Is there anything on unseen patients?* Yes where the 95 % interval of the patient-grouped AUROC lies above 0.5.
    2. *Does a split by image promise more?* Yes where the gap is at least `RELEVANT` and its interval lies above 0.
    3. *Are patients learned by heart?* Asked of permuted labels, which carry no disease: what a split by image still
       scores on them comes from recognising patients, but for a little that a model of the true class gets by luck of
       the draw. Yes where the mean score lies above that luck (`IdentityNull.class_only`) by more than `IDENTITY` and
       two standard errors. The luck is an upper bound, so that a strong effect alone never counts as identity.

    A cohort whose patients happen to be more alike within a class passes question 1 by chance, in about one of twenty
    (`bench significance` tests that); where a split by image scores no higher than on permuted labels, the text says
    that it takes no disease to score as much.

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

    The probe of patients and the intra-class correlations describe how strong the signature is; they decide nothing,
    since features may hold a signature that a classifier does not use.

    Parameters
    ----------
    by_patient : Estimate
        Patient-grouped AUROC with its interval.
    by_image : float
        AUROC of the split by image.
    gap : Estimate
        `by_image` minus `by_patient`, paired by patient.
    identity : IdentityNull or None
        None where labels cannot be permuted between patients; question 3 is then not answered, and the text says so.
    """
    signal = by_patient.low > 0.5
    promises_more = gap.value >= RELEVANT and gap.low > 0
    learned = identity is not None and identity.learned
    unseen = f"{by_patient.value:.2f} [{by_patient.low:.2f}, {by_patient.high:.2f}] on unseen patients"
    if promises_more and not signal and learned:
        return Verdict(
            "identity-only",
            f"The image-level score of {by_image:.2f} comes from recognising patients; on unseen patients nothing is "
            f"left that could be told from chance ({unseen}). A patient is recognised whatever the label: "
            f"{_permuted(identity)}. This pipeline has not been shown to recognise the disease.",
        )
    if promises_more:
        return Verdict(
            "inflated",
            f"A split by image promises {by_image:.2f}, which is {gap.value:.2f} [{gap.low:.2f}, {gap.high:.2f}] too "
            f"much: the pipeline reaches {unseen}{'' if signal else ', which chance may give'}. {_source(identity)}",
        )
    more = "no more" if gap.value < RELEVANT else f"not surely more ({gap.value:.2f} [{gap.low:.2f}, {gap.high:.2f}])"
    nothing_more = f"A split by image gives {by_image:.2f}, {more} than by patient: {unseen}."
    if learned:
        return Verdict(
            "recognisable",
            f"{nothing_more} But patients can be recognised ({_permuted(identity)}), so no score of a split by image "
            "of this pipeline can be trusted.",
        )
    asked = "" if identity is not None else " Whether patients are recognised could not be tested."
    if signal:
        return Verdict("no-leak", f"{nothing_more} No sign that patients are recognised instead of the disease.{asked}")
    return Verdict(
        "nothing",
        f"Nothing is found, whichever way the cells are split: {by_image:.2f} by image, {unseen}, which chance may "
        f"give. No sign that patients are recognised.{asked}",
    )


def _source(identity: IdentityNull | None) -> str:
    """Where a split by image has its higher score from."""
    if identity is None:
        return (
            "Where the difference comes from is not shown, since the patients' labels cannot be permuted. Look for "
            "copies of images with bench audit."
        )
    if not identity.learned:
        return "Where the difference comes from is not shown. Look for copies of images with bench audit."
    alone = f" It takes no disease to score {identity.observed:.2f} there." if identity.p > ALPHA else ""
    return f"Patients are recognised whatever their label: {_permuted(identity)}.{alone}"


def _permuted(identity: IdentityNull | None) -> str:
    assert identity is not None  # noqa: S101 (asked only where it is there)
    return (
        f"with labels permuted between patients a split by image still scores {identity.mean:.2f}, "
        f"where {identity.class_only:.2f} can be luck"
    )
