"""`--prepare`: "crop+clahe[clip=3]" as text and as steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from bench.errors import BenchError, did_you_mean
from bench.plugins.pipeline import NO_PREPARATION
from bench.plugins.selectors import Selector, parse, split_list
from bench.storage.fingerprints import code_digest
from extractors.preparation.step import Step, StepBase
from extractors.preparation.steps import STEPS

MAX_STEPS = 16


def parse_prepare(text: str) -> tuple[Step, ...]:
    """The steps that a text names, in its order.

    Parameters
    ----------
    text : str
        Steps joined by `+`, each a selector: `crop+clahe[clip=3]`; or `none`.

    Returns
    -------
    tuple of Step
        Without those whose parameters say that they do nothing (`mask[to=leave]`); empty for `none`.

    Raises
    ------
    BenchError
        Unknown step or parameter, with the nearest known ones; a value of a wrong type or range; more than `MAX_STEPS`
        steps; no step at all.
    """
    if text.strip() == NO_PREPARATION:
        return ()
    if not text.strip() or "++" in f"+{text}+".replace(" ", ""):
        raise BenchError(f'--prepare {text!r}: expected steps such as "crop+clahe[clip=3]", or none')
    pieces = split_list(text, "+")
    if len(pieces) > MAX_STEPS:
        raise BenchError(f"--prepare: {len(pieces)} steps; at most {MAX_STEPS} are done")
    steps = (_step(piece) for piece in pieces)
    return tuple(step for step in steps if not step.is_identity)


def canonical(steps: Sequence[Step]) -> str:
    """The one text of the steps, with every parameter: part of every key; `none` where there is no step."""
    return "+".join(map(str, steps)) or NO_PREPARATION


def shortened(steps: Sequence[Step]) -> str:
    """The one text of the steps with the parameters that differ from their defaults: how a person writes them."""
    return "+".join(map(_short, steps)) or NO_PREPARATION


def preparation_code(steps: Sequence[Step]) -> str | None:
    """SHA-256 of the code of the steps, docstrings left out, so that features know how their cells were prepared.

    None where there is no step.
    """
    modules = sorted({type(step).__module__ for step in steps})
    return code_digest(*modules) if modules else None


def _short(step: Step) -> str:
    usual, given = parse(str(type(step)())).params, parse(str(step)).params
    return str(Selector(step.name, {key: value for key, value in given.items() if usual.get(key) != value}))


def _step(text: str) -> StepBase:
    selector = parse(text)
    if selector.name == NO_PREPARATION:
        raise BenchError("--prepare: none stands alone; leave it out beside other steps")
    if selector.name not in STEPS:
        raise BenchError(
            f"--prepare: no step is called {selector.name!r}.{did_you_mean(selector.name, STEPS)} "
            f"There are {', '.join(STEPS)}, joined by +."
        )
    kind = STEPS[selector.name]
    known = [parameter.name for parameter in fields(kind)]
    for key in selector.params:
        if key not in known:
            takes = f"It takes {', '.join(known)}." if known else "It takes no parameters."
            raise BenchError(f"--prepare: {selector.name} has no parameter {key!r}.{did_you_mean(key, known)} {takes}")
    try:
        return kind(**selector.params)
    except ValueError as error:
        raise BenchError(f"--prepare: {selector.name}: {error}") from error
