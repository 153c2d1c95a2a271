"""Members of a combined classifier, as text: `CLASSIFIER`, or `EXTRACTOR:CLASSIFIER`."""

from __future__ import annotations

from typing import NamedTuple

from bench.errors import BenchError
from bench.plugins.selectors import MAX_DEPTH, Selector, Value, depth, parse, split_list

NESTING = {
    "classifiers.ensemble:Ensemble": "members",
    "classifiers.bagging:Bagging": "of",
    "classifiers.selection:Select": "classifier",
}
"""Classifiers that are made of others, as `module:Class`, and the parameter that names these."""

ENSEMBLE = "members"
"""Parameter whose members may have extractors of their own."""


class MemberText(NamedTuple):
    """Selectors of a member.

    Parameters
    ----------
    extractor : str or None
        Its own extractor; None for that of the row, or for a classifier of cells.
    classifier : str
        Its classifier.
    """

    extractor: str | None
    classifier: str

    def __str__(self) -> str:
        return self.classifier if self.extractor is None else f"{self.extractor}:{self.classifier}"


def member_texts(selector: Selector, target: str) -> tuple[MemberText, ...]:
    """Return the members that a selector names.

    Parameters
    ----------
    selector : Selector
        Selector of the combined classifier.
    target : str
        Its class, one of `NESTING`.

    Raises
    ------
    BenchError
        It names none, a member is not a selector or a pair of them, or selectors are nested too deep.
    """
    parameter = NESTING[target]
    value = selector.params.get(parameter)
    example = "members=svm+knn" if parameter == ENSEMBLE else f"{parameter}=svm"
    if value is None:
        raise BenchError(f"{selector.name} needs {parameter}: write {selector.name}[{example}]")
    return tuple(_split(text, selector, example) for text in _texts(value, selector, example))


def member_value(member: MemberText) -> Value:
    """Return a member as the value of a parameter: a selector with parameters, or text."""
    return parse(member.classifier) if member.extractor is None and "[" in member.classifier else str(member)


def _texts(value: Value, selector: Selector, example: str) -> list[str]:
    """Return the members joined by `+`, quoted or not."""
    texts: list[str] = []
    for item in value if isinstance(value, tuple) else (value,):
        if not isinstance(item, str | Selector):
            raise BenchError(f"{selector.name}: {item!r} is not a classifier; write {selector.name}[{example}]")
        texts += split_list(item, "+") if isinstance(item, str) else [str(item)]
    return texts


def _split(text: str, selector: Selector, example: str) -> MemberText:
    pieces = split_list(text, ":")
    if pieces[:1] in (["hf-hub"], ["local-dir"]):
        pieces = [":".join(pieces[:2]), *pieces[2:]]
    if len(pieces) not in (1, 2) or text.startswith(":") or text.endswith(":"):
        raise BenchError(
            f"{selector.name}: {text!r} is not a member; write CLASSIFIER or EXTRACTOR:CLASSIFIER, as in {example}"
        )
    if 1 + depth(text) > MAX_DEPTH:
        raise BenchError(f"{selector.name}: selectors are nested at most {MAX_DEPTH} deep, with those of its members")
    return MemberText(pieces[0] if len(pieces) == 2 else None, pieces[-1])
