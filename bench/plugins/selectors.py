"""Parse and format selectors: a name with parameters, such as `svm[C=10,kernel=rbf]`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeAlias

from bench.errors import BenchError, did_you_mean

Value: TypeAlias = "bool | int | float | str | Selector | tuple[Value, ...] | None"

_NAME = re.compile(r"(hf-hub:[\w.\-/@]+|local-dir:[^\s,=+\[\]\"]+|[A-Za-z0-9_][\w.\-/]*)\Z")
_KEY = re.compile(r"[A-Za-z_]\w*\Z")
_WORDS: dict[str, Value] = {"True": True, "False": False, "None": None}
_PLAIN = re.compile(r"[^\s,=+\[\]\"]+\Z")

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')

MAX_DEPTH = 5
"""Largest depth of nested brackets."""

MAX_LENGTH = 16_000
"""Largest number of characters of a selector."""

MAX_INTEGER = 2**63
"""Bound on the magnitude of whole numbers."""


@dataclass(frozen=True)
class Selector:
    """A name with parameters.

    Parameters
    ----------
    name : str
        Plugin, model or import path.
    params : mapping of str to value
        Parameters in the order of the text. A value is a JSON scalar, a string, a selector, or a tuple of these.
    """

    name: str
    params: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.params:
            return self.name
        return f"{self.name}[{','.join(f'{k}={format_value(v)}' for k, v in self.params.items())}]"

    def __hash__(self) -> int:
        return hash((self.name, frozenset(self.params.items())))


def parse(text: str) -> Selector:
    """Parse `name` or `name[key=value,...]`.

    Commas split at bracket depth 0 and outside quotes, `+` makes lists, values are JSON scalars (`1e-6`, `true`,
    `null`, `"quoted"`), nested selectors or strings.

    Raises
    ------
    BenchError
        The text is not a selector.
    """
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise BenchError(f"{text[:40]!r} ...: a selector has at most {MAX_LENGTH} characters; this one has {len(text)}")
    if depth(text) > MAX_DEPTH:
        raise BenchError(f"{text[:40]!r} ...: selectors are nested at most {MAX_DEPTH} deep")
    name, bracket, rest = text.partition("[")
    if not _NAME.match(name):
        raise BenchError(f"{text!r} is not a selector: expected a name such as svm or svm[C=10,kernel=linear]")
    if not bracket:
        return Selector(name)
    if not rest.endswith("]"):
        raise BenchError(f"{text!r}: the bracket after {name} is not closed")
    params: dict[str, Value] = {}
    for item in split_list(rest[:-1]):
        key, equals, value = item.partition("=")
        key = key.strip()
        if not equals or not _KEY.match(key):
            raise BenchError(f"{text!r}: expected key=value in the brackets, not {item!r}")
        if key in params:
            raise BenchError(f"{text!r}: {key} is given twice")
        params[key] = _parse_value(value.strip(), text)
    return Selector(name, params)


def parse_value(text: str) -> Value:
    """Parse a value as it stands after `=` in a selector.

    Raises
    ------
    BenchError
        The text is not a value.
    """
    return _parse_value(text.strip(), text)


def check_parameters(selector: Selector, known: Collection[str]) -> None:
    """Raise BenchError for a parameter that is not among the known ones; the message suggests similar ones."""
    for key in selector.params:
        if key not in known:
            takes = f"It takes {', '.join(known)}." if known else "It takes no parameters."
            raise BenchError(f"{selector.name} has no parameter {key!r}.{did_you_mean(key, known)} {takes}")


def split_list(text: str, separator: str = ",") -> list[str]:
    """Split at separators outside brackets and quotes; empty pieces are dropped.

    Raises
    ------
    BenchError
        Brackets or quotes are not closed.
    """
    pieces: list[str] = []
    depth, quoted, escaped, start = 0, False, False, 0
    for i, char in enumerate(text):
        if quoted:
            escaped, quoted = (char == "\\" and not escaped), not (char == '"' and not escaped)
        elif char == '"':
            quoted = True
        elif char in "[]":
            depth += 1 if char == "[" else -1
            if depth < 0:
                break
        elif char == separator and depth == 0:
            pieces.append(text[start:i].strip())
            start = i + 1
    if depth or quoted:
        raise BenchError(f"{text!r}: {'a quote is' if quoted else 'the brackets are'} not closed")
    return [piece for piece in (*pieces, text[start:].strip()) if piece]


def selectors_in(value: Value) -> Iterator[Selector]:
    """Yield the selectors in a value, each before those nested in it."""
    if isinstance(value, tuple):
        for item in value:
            yield from selectors_in(item)
    elif isinstance(value, Selector):
        yield value
        yield from selectors_in(tuple(value.params.values()))


def depth(text: str) -> int:
    """Return the largest depth of brackets outside quotes."""
    steps = (1 if char == "[" else -1 for char in _QUOTED.sub("", text) if char in "[]")
    return max(accumulate(steps), default=0)


def format_value(value: Value) -> str:
    """Format a value in its canonical form, which `parse` converts back to the same value."""
    if isinstance(value, Selector):
        return str(value) if value.params else f"{value.name}[]"
    if isinstance(value, tuple):
        joined = "+".join(format_value(v) for v in value)
        return joined if len(value) > 1 else joined + "+"
    if isinstance(value, str):
        plain = _PLAIN.match(value) and isinstance(_parse_scalar(value), str)
        return value if plain else json.dumps(value)
    # `1e+16` in a list would be split at the sign.
    return json.dumps(value).replace("e+", "e")


def _parse_value(text: str, selector: str) -> Value:
    scalar = _parse_scalar(text)
    if isinstance(scalar, int) and abs(scalar) >= MAX_INTEGER:
        raise BenchError(f"{text[:40]} ...: a whole number of this size is not a parameter; use one below 2^63")
    if scalar != text:
        return scalar
    if not text:
        raise BenchError(f"{selector!r}: a key has no value")
    pieces = split_list(text, "+")
    if len(pieces) > 1 or text.endswith("+"):
        return tuple(_parse_value(piece, selector) for piece in pieces)
    if text.startswith("["):
        raise BenchError(f"{selector!r}: {text} is not a value; a list is joined by +, as in a+b")
    if "[" in text:
        return parse(text)
    if '"' in text:
        raise BenchError(f"{selector!r}: {text} is quoted in part; quote all of it")
    return text


def _parse_scalar(text: str) -> Value:
    if text in _WORDS:
        return _WORDS[text]
    try:
        value = json.loads(text, parse_constant=str)
    except ValueError:
        return text
    if isinstance(value, float) and not math.isfinite(value):
        return text
    return value if isinstance(value, bool | int | float | str) or value is None else text


def outermost(value: Value) -> Iterator[Selector]:
    """Yield the selectors in a value without those nested in them."""
    if isinstance(value, tuple):
        for item in value:
            yield from outermost(item)
    elif isinstance(value, Selector):
        yield value
