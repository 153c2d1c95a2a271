"""Describe a comparison in sentences."""

from __future__ import annotations

from bench.evidence.comparison.compare import SURE, Comparison
from bench.evidence.text import LEVEL, capital, list_names, p_text
from bench.statistics.ranks import nemenyi_difference

MAX_NAMES = 8
"""Maximum number of pipelines named in a sentence."""


def verdict(comparison: Comparison) -> list[str]:
    """Describe which pipelines are distinguishable from the reference, and which are practically equal to it.

    Returns
    -------
    list of str
        Sentences that are understandable without the tables.
    """
    rows = comparison.against_reference
    reference = comparison.reference
    score = float(comparison.standings.set_index("pipeline").loc[reference].to_dict()["value"])
    role = " scores highest" if reference == comparison.best else " is the reference"
    sentences = [f"{reference}{role} ({comparison.title} {score:.2f})."]
    same, equal = comparison.indistinguishable, comparison.practically_equal
    differing = rows[~rows["other"].isin(same)]
    differences = differing["difference"].where(differing["against"] == reference, -differing["difference"])
    below, above = (list(differing["other"][part]) for part in (differences < 0, ~(differences < 0)))
    for what, names in (("Not distinguishable from it", same), ("Lower", below), ("Higher", above)):
        if names:
            sentences.append(f"{what}: {list_names(names, MAX_NAMES)}.")
    if equal:
        sentences.append(
            f"Practically equal to it (a difference within {comparison.rope:g} has a probability of {SURE:g} or more): "
            f"{list_names(equal, MAX_NAMES)}."
        )
    if set(same) - set(equal):
        sentences.append("Pipelines that are not distinguishable are not shown to be equal.")
    sentences.append(f"Distinguishable: Holm p at most {LEVEL:g}; unit of the test: {rows['unit'].iloc[0]}.")
    return sentences


def describe_tests(comparison: Comparison) -> list[str]:
    """Describe each test with its unit, its assumptions, and the family of Holm's correction."""
    first = comparison.table.iloc[0].to_dict()
    sentences = [
        f"{capital(str(first['test']))}. Unit: {first['unit']}. Assumed: {first['assumptions']}. "
        f"Holm's correction is over {comparison.family}."
    ]
    if first["second_test"]:
        sentences.append(
            f"Second test: {first['second_test']}. Unit: {first['second_unit']}. Assumed: "
            f"{first['second_assumptions']}. Corrected over the same family."
        )
    if (omnibus := comparison.friedman) is not None:
        low, high = omnibus.ranks.min(), omnibus.ranks.max()
        critical = nemenyi_difference(len(omnibus.ranks), omnibus.blocks, level=LEVEL)
        sentences.append(
            "All pipelines: Friedman's test of the share of cells that each classifies correctly. Unit: patient "
            f"({omnibus.blocks} split units), never fold. Assumed: conditional on the fitted models. p "
            f"{p_text(omnibus.p)}; mean ranks are between {low:.2f} and {high:.2f}, and two that are at least "
            f"{critical:.2f} apart differ (Nemenyi)."
        )
    return sentences


def describe_ranks(comparison: Comparison) -> str:
    """Describe how ranks are computed."""
    return (
        f"Rank by {comparison.title}: median and 95 % interval over bootstrap draws of the patients, the same draws "
        "for all; P(best) is the share of the draws in which a pipeline is the best. Conditional on the fitted models."
    )
