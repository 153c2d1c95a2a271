"""What a comparison says, in sentences: no p-value without its unit, no silence taken for equality."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from bench.evidence.comparison.compare import LEVEL, SURE, Comparison
from bench.statistics.ranks import nemenyi_difference

NAMED = 8
"""So many pipelines are named in a sentence at most."""


def verdict(comparison: Comparison) -> list[str]:
    """Which pipelines cannot be told from the reference, which can, and which are practically equal to it.

    Returns
    -------
    list of str
        Sentences for a person who reads nothing else.
    """
    held = comparison.against_reference
    reference = comparison.reference
    score = float(comparison.standings.set_index("pipeline").loc[reference].to_dict()["value"])
    leads = " scores highest" if reference == comparison.best else " is what the others are held against"
    found = [f"{reference}{leads} ({comparison.title} {score:.2f})."]
    same, equal = comparison.indistinguishable, comparison.practically_equal
    told = held[~held["other"].isin(same)]
    below = [name for name, lower in zip(told["other"], _below(told, reference), strict=True) if lower]
    above = [name for name in told["other"] if name not in below]
    for what, names in (("Not told from it", same), ("Lower than it", below), ("Higher than it", above)):
        if names:
            found.append(f"{what}: {some(names)}.")
    if equal:
        found.append(
            f"Practically equal to it (a difference within {comparison.rope:g} has a probability of {SURE:g} or more): "
            f"{some(equal)}."
        )
    if set(same) - set(equal):
        found.append("That a pipeline is not told from another does not show that the two are equal.")
    found.append(f"Told apart: Holm p at most {LEVEL:g}; unit of the test: {held['unit'].iloc[0]}.")
    return found


def what_was_tested(comparison: Comparison) -> list[str]:
    """Each test with its unit, what it takes for granted, and the family that Holm's correction is over."""
    first = comparison.table.iloc[0].to_dict()
    found = [
        f"{capital(str(first['test']))}. Unit: {first['unit']}. Assumed: {first['assumptions']}. "
        f"Holm's correction is over {comparison.family}."
    ]
    if first["second_test"]:
        found.append(
            f"Second test: {first['second_test']}. Unit: {first['second_unit']}. Assumed: "
            f"{first['second_assumptions']}. Corrected over the same family."
        )
    if (alike := comparison.friedman) is not None:
        low, high = alike.ranks.min(), alike.ranks.max()
        critical = nemenyi_difference(len(alike.ranks), alike.blocks, level=LEVEL)
        found.append(
            "All at once: Friedman's test of the share of cells that each decides rightly. Unit: patient "
            f"({alike.blocks} split units), never fold. Assumed: conditional on the fitted models. p "
            f"{p_text(alike.p_ties)}; mean ranks lie between {low:.2f} and {high:.2f}, and two that are at least "
            f"{critical:.2f} apart differ (Nemenyi)."
        )
    return found


def ranks_in_words(comparison: Comparison) -> str:
    """What the ranks are."""
    return (
        f"Rank by {comparison.title}: median and 95 % interval over bootstrap draws of the patients, the same draws "
        "for all; P(best) is the share of the draws in which a pipeline leads. Conditional on the fitted models."
    )


def p_text(p: float) -> str:
    """A p-value with the digits that it carries, one more where these hide its side of .05; `-` where there is none."""
    if not math.isfinite(p):
        return "-"
    if p < 0.001:
        return "<0.001"
    digits = 2 if p >= 0.1 else 4 if p != LEVEL and round(p, 3) == LEVEL else 3
    return f"{p:.{digits}f}"


def share_text(share: float) -> str:
    """A probability with two decimals, never rounded to certainty; `-` where there is none."""
    if not math.isfinite(share):
        return "-"
    return "<0.01" if 0 < share < 0.01 else ">0.99" if 0.99 < share < 1 else f"{share:.2f}"


def difference_text(difference: float, low: float, high: float) -> str:
    """A difference with its sign, and its 95 % interval where there is one."""
    interval = f" [{signed(low)}, {signed(high)}]" if math.isfinite(low) and math.isfinite(high) else ""
    return signed(difference) + interval


def signed(value: float) -> str:
    """Two decimals with a sign; 0.00 has none."""
    text = f"{value:+.2f}"
    return text[1:] if float(text) == 0 else text


def rank_text(rank: float, low: float, high: float) -> str:
    """A median rank with its interval."""
    return f"{rank:g} [{low:g}, {high:g}]" if math.isfinite(rank) else "-"


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def capital(text: str) -> str:
    """The first letter in upper case."""
    return text[:1].upper() + text[1:]


def _below(held: pd.DataFrame, reference: str) -> list[bool]:
    """Whether the other pipeline of each row scores lower than the reference."""
    turned = held["difference"].where(held["against"] == reference, -held["difference"])
    return [bool(d < 0) for d in turned]
