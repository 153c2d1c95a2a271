"""Recipes as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bench.recipes.plan_command import plan_command
from bench.recipes.recipe import LEAKS, AuthorsProtocol, Recipe, Variant

WIDTH = 120
"""Longest line of a command."""

HELD_OUT = {
    "test": "the held-out patients are scored once",
    "validation": "choices are made on the held-out patients, which are scored",
    "halves": "the cells of the held-out patients are halved by image: choices on one half, scores on the other",
}
"""What authors do with held-out patients, by `AuthorsProtocol.held_out`."""


def section(recipe: Recipe) -> str:
    """Return the section of a recipe."""
    parts = [
        f"### `{recipe.name}`",
        f"{_escaped(recipe.title)}. *{_escaped(recipe.source)}.*",
        f"**Stated.** {_escaped(recipe.stated)}",
        *_labelled("Data.", recipe.data),
        *(part for variant in recipe.variants for part in _variant(variant, recipe.protocol)),
        f"**Protocol of the authors.** {_protocol(recipe)}",
        *_listed("Open", [f"{_escaped(one.what)}: {_escaped(one.chosen)}" for one in recipe.open]),
        _scores(recipe),
        *_listed("Not to be taken as printed", map(_escaped, recipe.inconsistent)),
        *_listed("Differences", map(_escaped, recipe.differs)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def wrapped(command: str) -> str:
    """Wrap a command with backslashes, after a comma, `+` or blank outside of the name of an option.

    A shell joins the lines again, since they are broken within quotes, or at a blank and continued without indent.
    """
    lines, rest = [], command
    while len(rest) > WIDTH:
        cut = max(rest.rfind(mark, 0, WIDTH - 1) for mark in (",", "+", " ")) + 1
        if cut == 0:
            break
        lines.append(rest[:cut] + "\\")
        rest = rest[cut:]
    return "\n".join([*lines, rest])


def _variant(variant: Variant, protocol: AuthorsProtocol) -> Iterator[str]:
    if variant.label:
        yield f"{_escaped(variant.label[0].upper() + variant.label[1:])}:"
    yield f"```bash\n{wrapped(plan_command(variant, protocol))}\n```"


def _protocol(recipe: Recipe) -> str:
    protocol = recipe.protocol
    text = f"{_escaped(protocol.text)} *As run here:* {_escaped(_run(protocol))}."
    if protocol.chosen:
        text += f" *Chosen here:* {_escaped(protocol.chosen)}."
    return text + "".join(f" {sentence}" for sentence in _leaks(recipe))


def _run(protocol: AuthorsProtocol) -> str:
    """Return how `bench reproduce` divides the cells."""
    parts = []
    if protocol.folds:
        parts.append(f"{protocol.folds} folds")
    parts += [
        f"{rule.count} {rule.label} cells{'' if rule.fold is None else f' of fold {rule.fold}'} for the {rule.part}"
        for rule in protocol.cells
    ]
    parts += [
        f"{share:g} of the cells for the {name}"
        for name, share in (("validation", protocol.validation), ("test", protocol.test))
        if share
    ]
    if parts:
        by = "by image" if protocol.split == "image" else "by patient"
        drawn = "" if protocol.cells else f"{', stratified' if protocol.stratified else ''}, seed {protocol.seed}"
        parts = [f"{', '.join(parts)}, {by}{drawn}"]
    if protocol.held_out:
        parts.append(HELD_OUT[protocol.held_out])
    if protocol.copies:
        label = f"{protocol.copies.label} cell" if protocol.copies.label else "cell"
        parts.append(f"{protocol.copies.per_cell} flipped or turned copy of each {label} before the split")
    parts += [f"the {what} is chosen on the scored cells" for what in protocol.chosen_on_scored]
    return "; ".join(parts)


def _leaks(recipe: Recipe) -> Iterator[str]:
    """Yield the leaks in the score of each part; one sentence where they are the same."""
    protocol = recipe.protocol
    if protocol.held_out is None:
        parts = {"": protocol.leaks()}
    else:
        parts = {"test ": protocol.leaks("test")}
        if protocol.folds or protocol.cells or protocol.validation:
            parts = {"validation ": protocol.leaks("validation"), **parts}
    for part, leaks in parts.items():
        if leaks:
            yield f"Leaks in the {part}score: {'; '.join(LEAKS[leak] for leak in leaks)}."


def _scores(recipe: Recipe) -> str:
    rows = [(variant.label, score) for variant in recipe.variants for score in variant.published]
    if not rows:
        return "**Published.** No score."
    several = len({label for label, _ in rows}) > 1
    head = ["pipeline", "metric", "cells", "score", "notes"][0 if several else 1 :]
    lines = [head, ["---"] * len(head)]
    for label, score in rows:
        cells = [_escaped(label), f"`{score.metric}`", score.part, f"{score.value:g}", _escaped(score.text)]
        lines.append(cells[0 if several else 1 :])
    return "**Published.**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _labelled(label: str, text: str) -> list[str]:
    return [f"**{label}** {_escaped(text)}"] if text else []


def _listed(title: str, items: Iterable[str]) -> list[str]:
    lines = [f"- {item}" for item in items]
    return [f"**{title}.**", "\n".join(lines)] if lines else []


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", text)
