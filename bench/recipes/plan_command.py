"""The `bench plan` line of a variant of a recipe."""

from __future__ import annotations

import re
import shlex

from bench.recipes.recipe import AuthorsProtocol, Variant

_PLAIN = re.compile(r"[\w.,+-]+")
_SAFE = re.compile(r"[^\"$`\\!]+")


def plan_command(variant: Variant, protocol: AuthorsProtocol) -> str:
    """Return the line that plans the pipelines of a variant, with folds of patients.

    Parameters
    ----------
    variant : Variant
        Preparation, mask, extractors, classifiers and tuning; defaults are omitted.
    protocol : AuthorsProtocol
        Only its number of folds is part of the line.

    Returns
    -------
    str
        One line for a shell.
    """
    return " ".join(["bench plan", *(f"{name} {_quoted(value)}" for name, value in _options(variant, protocol))])


def _options(variant: Variant, protocol: AuthorsProtocol) -> list[tuple[str, str]]:
    values = {
        "--folds": str(protocol.folds or ""),
        "--tune": str(variant.tune or ""),
        "--sampler": variant.sampler if variant.tune else "",
        "--mask": variant.mask or "",
        "--prepare": "" if variant.prepare == "none" else variant.prepare,
        "--extractors": ",".join(variant.extractors),
        "--clfs": ",".join(variant.classifiers),
    }
    return [(name, value) for name, value in values.items() if value]


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return f'"{value}"' if _SAFE.fullmatch(value) else shlex.quote(value)
