"""Hostile values, and seeded changes of texts, numbers, documents, tables and bytes."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

TEXTS = (
    "",
    " ",
    "\x00",
    "a\x1b[2J\x1b]0;title\x07b",
    "pay\u202egpj.exe",
    "\u2066right\u2069",
    "zero\u200bwidth\ufeff",
    "\u2028line\u2029",
    "two\nlines\r\nthree",
    "tab\tbed",
    "=1+2",
    '=HYPERLINK("http://x")',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "<script>document.title='mark'</script>",
    "<img src=x onerror=mark()>",
    "\"'><b>",
    "]]>&amp;",
    "{{7*7}}{%raw%}",
    "${HOME}$(touch mark)`touch mark`",
    "; touch mark",
    "%s%n%x",
    "{0.__class__}",
    "[red]markup[/red]",
    "[/]",
    "[link=file:///nowhere]x[/link]",
    "../../outside/precious.txt",
    "../outside/mark",
    "/nowhere/passwd",
    "/dev/zero",
    "file:///nowhere",
    "~/.bashrc",
    "C:\\x",
    "CON",
    ".",
    "..",
    "-",
    "--force",
    "nan",
    "inf",
    "1e309",
    "-0",
    "007",
    "1_0",
    "0x10",
    "\u0661\u0662",
    "1e-400",
    "true",
    "null",
    "None",
    "[]",
    "[[[[[[[[[[",
    "a[b=c[d=e[f=g[h=i[j=k]]]]]]",
    "a,b;c\td|e",
    "\ufb01\u00c5 \u0041\u030a",
    "\U0001f468\u200d\U0001f469",
    "\u0130I\u0131i",
    "x" * 300,
    "y" * 70_000,
    "\u0301" * 3000,
    "*" * 500,
    "(" * 2000,
)
"""Texts that end a program, a terminal, a table, a page or a path."""

NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 255, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64, 10**30, 10**400, -(2**63),
    0.0, -0.0, 0.5, 1e-320, 1e308, float("inf"), float("-inf"), float("nan"),
)  # fmt: skip

CONSTANTS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": ""}, {"a": 1})


def text(rng: Random) -> str:
    """A hostile text, sometimes glued to another."""
    one = rng.choice(TEXTS)
    return one + rng.choice(TEXTS) if rng.random() < 0.15 else one


def value(rng: Random) -> Any:
    """A JSON value of any type."""
    chosen = rng.random()
    if chosen < 0.45:
        return text(rng)
    if chosen < 0.75:
        return rng.choice(NUMBERS)
    if chosen < 0.93:
        return copy.deepcopy(rng.choice(CONSTANTS))
    return nested(rng.choice((5, 60, 150)), rng.choice(("list", "mapping")))


def nested(depth: int, kind: str = "list") -> Any:
    """A list in a list in a list."""
    result: Any = "core"
    for _ in range(depth):
        result = [result] if kind == "list" else {"a": result}
    return result


def document(rng: Random, original: Any, changes: int | None = None) -> Any:
    """A copy of a JSON document in which some values are removed, replaced, moved, doubled or renamed."""
    result = copy.deepcopy(original)
    for _ in range(changes if changes is not None else rng.choice((1, 1, 1, 2, 4))):
        places = list(_places(result))
        if not places:
            return value(rng)
        holder, key = rng.choice(places)
        _change(rng, holder, key)
    return result


def _places(node: Any) -> list[tuple[Any, Any]]:
    places: list[tuple[Any, Any]] = []
    waiting = [node]
    while waiting:
        node = waiting.pop()
        items = (
            list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
        )
        places += [(node, key) for key, _ in items]
        waiting += [child for _, child in items]
    return places


def _change(rng: Random, holder: Any, key: Any) -> None:
    how = rng.choice(("remove", "replace", "replace", "replace", "type", "swap", "rename", "double"))
    if how == "remove":
        del holder[key]
    elif how == "type":
        holder[key] = _other_type(holder[key])
    elif how == "swap" and isinstance(holder, dict):
        other = rng.choice(list(holder))
        holder[key], holder[other] = holder[other], holder[key]
    elif how == "rename" and isinstance(holder, dict):
        holder[text(rng)] = holder.pop(key)
    elif how == "double" and isinstance(holder, list):
        holder.extend([copy.deepcopy(holder[key])] * rng.choice((1, 10, 20_000)))
    else:
        holder[key] = value(rng)


def _other_type(one: Any) -> Any:
    if isinstance(one, bool) or one is None:
        return str(one)
    if isinstance(one, str):
        return [one]
    if isinstance(one, int | float):
        return str(one)
    if isinstance(one, list):
        return {str(index): item for index, item in enumerate(one)}
    return list(one.values())


def json_text(rng: Random, node: Any) -> bytes:  # noqa: PLR0911 (one line for each defect)
    """JSON as bytes, sometimes with a defect of the text itself."""
    plain = dumped(node)
    how = rng.random()
    if how < 0.7:
        return plain
    if how < 0.8:
        return damaged(rng, plain)
    if how < 0.84:
        return plain.decode("ascii").encode("utf-16")
    if how < 0.88:
        return b"\xef\xbb\xbf" + plain
    if how < 0.92:
        return b'{"key": 1, "key": 2, ' + plain[1:]
    if how < 0.96:
        return b"[" * 100_000
    return plain + b"\n" * rng.choice((1, 20_000_000)) + rng.choice((b"", b"{}"))


def dumped(node: Any) -> bytes:
    try:
        return json.dumps(node).encode("ascii")
    except RecursionError:
        return b'{"a":' * 5000 + b"1" + b"}" * 5000


def damaged(rng: Random, data: bytes) -> bytes:
    """Bytes with flips, cuts, insertions, repetitions or another header."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 40))):
        if not result:
            return bytes(result)
        at = rng.randrange(len(result))
        if rng.random() < 0.4:
            at = rng.randrange(min(len(result), 64))  # headers decide how much is read
        length = rng.choice((1, 2, 4, 16, 200))
        how = rng.choice(("flip", "flip", "flip", "byte", "byte", "cut", "insert", "repeat", "zero", "end"))
        if how == "flip":
            result[at] ^= 1 << rng.randrange(8)
        elif how == "byte":
            result[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
        elif how == "cut":
            del result[at : at + length]
        elif how == "insert":
            result[at:at] = rng.randbytes(length)
        elif how == "repeat":
            result[at:at] = result[at : at + length] * rng.choice((1, 3, 500))
        elif how == "zero":
            result[at : at + length] = bytes(min(length, len(result) - at))
        elif rng.random() < 0.5:
            del result[at:]
        else:
            result += rng.randbytes(rng.choice((1, 100, 100_000)))
    return bytes(result)


def table(rng: Random, rows: list[list[str]]) -> list[list[str]]:
    """Rows of text of which some fields, rows or columns are changed; the first row is the header."""
    result = [list(row) for row in rows]
    for _ in range(rng.choice((1, 1, 2, 5))):
        row = rng.randrange(len(result))
        if not result[row]:
            continue
        column = rng.randrange(len(result[row]))
        how = rng.choice(("field", "field", "field", "header", "short", "long", "double", "column", "none", "shuffle"))
        if how == "field":
            result[row][column] = text(rng)
        elif how == "header" and result[0]:
            result[0][rng.randrange(len(result[0]))] = text(rng)
        elif how == "short":
            del result[row][column:]
        elif how == "long":
            result[row] += [text(rng)] * rng.choice((1, 3, 3000))
        elif how == "double":
            result[row:row] = [list(result[row]) for _ in range(rng.choice((1, 2, 3000)))]
        elif how == "column":
            new = text(rng)
            for line in result:
                line[min(column, len(line)) : column + rng.randrange(2)] = [new]
        elif how == "none":
            del result[row]
            if not result:
                return [[]]
        else:
            rng.shuffle(result)
    return result
