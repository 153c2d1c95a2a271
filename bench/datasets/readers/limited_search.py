"""Search texts for a regular expression of the user in a process of its own, which is stopped after a time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

LIMIT_S = 10
"""Processor time of a search in all texts, in seconds; a million paths take about two."""

_WALL_S = 120

_SEARCH = """
import json, re, sys
limit, pattern, group, texts = json.load(sys.stdin)
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
except (ImportError, ValueError):
    pass
found = [re.search(pattern, text) for text in texts]
json.dump([None if match is None else match.span(group) for match in found], sys.stdout)
"""

Span = tuple[int, int]


def search_each(pattern: str, group: str | int, texts: Sequence[str]) -> list[Span | None]:
    """Return the span of a group of the first match in each text; None without a match.

    Python's `re` cannot be interrupted, and the time of a pattern such as `(a+)+$` grows exponentially with the text.

    Parameters
    ----------
    pattern : str
        A valid regular expression.
    group : str or int
        Name or number of the group.
    texts : sequence of str
        Texts that can be encoded as UTF-8.

    Raises
    ------
    TimeoutError
        The search takes more than `LIMIT_S`.
    """
    request = json.dumps([LIMIT_S, pattern, group, list(texts)])
    command = [sys.executable, "-I", "-S", "-c", _SEARCH]
    try:
        done = subprocess.run(  # noqa: S603 (the pattern is data of a constant program)
            command, input=request, capture_output=True, text=True, timeout=_WALL_S, check=True
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        raise TimeoutError(f"more than {LIMIT_S} s") from error
    return [None if span is None else (span[0], span[1]) for span in json.loads(done.stdout)]
