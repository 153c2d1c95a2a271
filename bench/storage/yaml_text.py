"""YAML from outside: the parts of the language that are not read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bench.errors import shortened

if TYPE_CHECKING:
    from yaml.nodes import Node


def refused_part(text: str, max_depth: int) -> str | None:
    """Return line and reason of the first part of a YAML text that is refused; parses no further than it.

    Refused are anchors, aliases, tags, and collections that are nested more than `max_depth` deep.

    Raises
    ------
    yaml.YAMLError
        The text before it is not YAML.
    """
    import yaml  # noqa: PLC0415 (only commands that read such files need it)

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = f"line {event.start_mark.line + 1}: " if event.start_mark else ""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            return f"{line}anchors and aliases (& and *) are not read; write the value out"
        if (tag := getattr(event, "tag", None)) is not None:
            return f"{line}tags (!) are not read; remove {shortened(str(tag))!r}"
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > max_depth:
            return f"{line}nested more than {max_depth} deep"
    return None


def duplicate_key(node: Node | None) -> str | None:
    """Return line and name of a key that occurs twice in one mapping of a YAML document; None without one."""
    import yaml  # noqa: PLC0415 (as above)

    waiting = [node]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, yaml.SequenceNode):
            waiting += inner.value
        elif isinstance(inner, yaml.MappingNode):
            waiting += [value for _, value in inner.value]
            counts = Counter(str(key.value) for key, _ in inner.value)
            twice = next((key for key, count in counts.items() if count > 1), None)
            if twice is not None:
                return f"line {inner.start_mark.line + 1}: the key {shortened(twice)!r} occurs twice in one value"
    return None
