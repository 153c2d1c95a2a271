"""Texts that a stranger may put into labels, ids, names of files and plugins, messages and records."""

from __future__ import annotations

import unicodedata

TERMINAL = (
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://host/\x07link\x1b]8;;\x07",
    "\x1b]0;title\x07",
    "\x9b31mred",
    "nul\x00",
    "back\x08\x08\x08space",
    "over\rwritten",
    "tab\tstop",
    "\x7f\x85",
)
"""Control characters."""

INVISIBLE = (
    "\u202egnp.exe",
    *(f"a{chr(code)}b" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)),
    "zero\u200bwidth\ufeff",
    "line\u2028separator",
    "tag\U000e0041",
)
"""Bidirectional controls and other characters without a picture."""

MARKUP = (
    "[red]x[/red]",
    "[link=http://host/]x[/link]",
    "[@click=x]y[/]",
    "[/nope]",
    "[bold",
    ":smile:",
    "</td><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"' onmouseover='alert(1)",
    "]]>--><!--",
    "{{ 7*7 }}{% raw %}",
    "&lt;&#x202e;",
    "$x_{$ $\\frac{1}{0}$",
    "a|b`c](javascript:alert(1))",
)
"""Markup of Rich, HTML, Jinja, matplotlib and Markdown."""

FORMULAS = (
    "=1+1",
    '=HYPERLINK("http://host/","x")',
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "'=1",
    "''=1",
    "\uff1d1",
    "x;=1",
    'x; "=1',
    "C:\\temp\\x41",
    "\\u202e",
)
"""Formulas of spreadsheets, and texts that look like their escaped form."""

ALL = " ".join((*TERMINAL, *INVISIBLE, *MARKUP, *FORMULAS, "end\\"))
"""All of them in one line."""

NOT_UTF8 = "name\udcff"
"""A byte of a file name that is not UTF-8; tables of pandas cannot hold it."""


def unsafe(text: str) -> list[str]:
    """Control and invisible characters of an output, other than line breaks."""
    return [repr(c) for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and c != "\n"]
