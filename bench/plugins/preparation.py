"""Parse and format `--prepare`, such as "crop+clahe[clip=3]"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from bench.errors import BenchError, did_you_mean
from bench.plugins.pipeline import NO_PREPARATION
from bench.plugins.selectors import Selector, check_parameters, parse, split_list
from bench.storage.fingerprints import code_digest
from extractors.preparation.step import Step
from extractors.preparation.steps import STEPS

MAX_STEPS = 16


def parse_prepare(text: str) -> tuple[Step, ...]:
    """Parse preparation steps.

    Parameters
    ----------
    text : str
        Steps joined by `+`, each a selector: `crop+clahe[clip=3]`; or `none`.

    Returns
    -------
    tuple of Step
        Steps in the order of the text, without those that do nothing (`mask[to=leave]`); empty for `none`.

    Raises
    ------
    BenchError
        A step or parameter is unknown, a value has a wrong type or range, or there is no step or more than `MAX_STEPS`.
    """
    if text.strip() == NO_PREPARATION:
        return ()
    if not text.strip() or "++" in f"+{text}+".replace(" ", ""):
        raise BenchError(f'--prepare {text!r}: expected steps such as "crop+clahe[clip=3]", or none')
    pieces = split_list(text, "+")
    if len(pieces) > MAX_STEPS:
        raise BenchError(f"--prepare: {len(pieces)} steps; at most {MAX_STEPS} are allowed")
    steps = (_step(piece) for piece in pieces)
    return tuple(step for step in steps if not step.is_identity)


def canonical(steps: Sequence[Step]) -> str:
    """Format the steps with all parameters; `none` without steps. Part of every key."""
    return "+".join(map(str, steps)) or NO_PREPARATION


def shortened(steps: Sequence[Step]) -> str:
    """Format the steps with the parameters that differ from their defaults."""
    return "+".join(map(_short, steps)) or NO_PREPARATION


def preparation_code(steps: Sequence[Step]) -> str | None:
    """Return the code digest of the steps; None without steps."""
    modules = sorted({type(step).__module__ for step in steps})
    return code_digest(*modules) if modules else None


def _short(step: Step) -> str:
    defaults, params = parse(str(type(step)())).params, parse(str(step)).params
    return str(Selector(step.name, {key: value for key, value in params.items() if defaults.get(key) != value}))


def _step(text: str) -> Step:
    selector = parse(text)
    if selector.name == NO_PREPARATION:
        raise BenchError("--prepare: none cannot be combined with other steps; leave it out")
    if selector.name not in STEPS:
        raise BenchError(
            f"--prepare: no step is called {selector.name!r}.{did_you_mean(selector.name, STEPS)} "
            f"The steps are {', '.join(STEPS)}, joined by +."
        )
    kind = STEPS[selector.name]
    try:
        check_parameters(selector, [parameter.name for parameter in fields(kind)])
    except BenchError as error:
        raise BenchError(f"--prepare: {error}") from error
    try:
        return kind(**selector.params)
    except ValueError as error:
        raise BenchError(f"--prepare: {selector.name}: {error}") from error
