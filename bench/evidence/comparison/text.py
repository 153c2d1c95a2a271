"""Describe a comparison in sentences."""

from __future__ import annotations

from bench.evidence.comparison.compare import SURE, Comparison
from bench.evidence.text import LEVEL, capital, count, drawn_share_text, list_names, p_text
from bench.statistics.power import POWER
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
    sentences += [*_best_but_not_distinguishable(comparison), *_disagreement(comparison)]
    if detectable := describe_detectable(comparison):
        sentences.append(detectable)
    sentences.append(f"Distinguishable: Holm p at most {LEVEL:g}; unit of the test: {units(comparison)}.")
    return sentences


def describe_detectable(comparison: Comparison) -> str:
    """State the smallest difference that the design can detect; empty where all pipelines predict the same."""
    if not comparison.detectable:
        return ""
    several = len(comparison.detectable) > 1 or comparison.protocol["split"] == "patient"
    values = [
        _detectable_text(value, comparison.title) + (f" with {count(n, 'common repeat')}" if several else "")
        for n, value in sorted(comparison.detectable.items(), reverse=True)
    ]
    return (
        f"Smallest difference that this design detects with a power of {POWER:.0%}: {'; '.join(values)} (median over "
        f"{count(len(comparison.table), 'comparison')}, first step of Holm's method)."
    )


def units(comparison: Comparison) -> str:
    """Return the units of the tests of a comparison."""
    return ", or ".join(comparison.table["unit"].drop_duplicates())


def _detectable_text(value: float, title: str) -> str:
    return f"{value:.2f}" if value < 1 else f"none, since two values of the {title} differ by less than 1"


def _best_but_not_distinguishable(comparison: Comparison) -> list[str]:
    best = comparison.standings.iloc[0].to_dict()
    if not (comparison.reference == comparison.best and comparison.indistinguishable and best["p_best"] >= SURE):
        return []
    return [
        f"P(best) of {best['pipeline']} is {drawn_share_text(float(best['p_best']))}, which does not contradict this: "
        "it describes these fitted models on redrawn test patients and is no test of the pipelines."
    ]


def _disagreement(comparison: Comparison) -> list[str]:
    names = comparison.disagreeing
    if not names:
        return []
    rows = comparison.against_reference.set_index("other").loc[list(names)]
    parts = []
    for test, p, second, second_p in rows[["test", "p_holm", "second_test", "second_p_holm"]].itertuples(index=False):
        yes, no = ((test, p), (second, second_p)) if p <= LEVEL else ((second, second_p), (test, p))
        parts.append(f"{yes[0]} (Holm p {p_text(yes[1])}) against {no[0]} (Holm p {p_text(no[1])})")
    named = [f"{name}: {part}" for name, part in zip(names, parts, strict=True)]
    return [
        f"The two tests disagree on {list_names(names, MAX_NAMES)}, so that this remains undecided. Significant "
        f"against not significant: {list_names(named, MAX_NAMES)}."
    ]


def describe_tests(comparison: Comparison) -> list[str]:
    """Describe each test with its unit, its assumptions, and the family of Holm's correction."""
    table = comparison.table
    sentences = [
        f"{capital(str(test))}. Unit: {unit}. Assumed: {assumed}. Holm's correction is over {comparison.family}."
        for test, unit, assumed in table[["test", "unit", "assumptions"]].drop_duplicates().itertuples(index=False)
    ]
    tested = table[table["second_test"].notna()]
    second = tested[["second_test", "second_unit", "second_assumptions"]]
    sentences += [
        f"Second test: {test}. Unit: {unit}. Assumed: {assumed}. Holm's correction is over "
        f"{count(len(tested), 'comparison')}."
        for test, unit, assumed in second.drop_duplicates().itertuples(index=False)
    ]
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
        "for all; P(best) is the share of the draws in which a pipeline is the best. Both are conditional on the "
        "fitted models: they lack the variation of the training patients and are no test of the pipelines."
    )
