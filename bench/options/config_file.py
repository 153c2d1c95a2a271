"""Read a YAML file of options: a flat mapping, without the parts of YAML that options do not need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError, shortened
from bench.options.declarations import ALIASES
from bench.storage.yaml_text import duplicate_key, refused_part
from extractors.files.regular import read_regular

if TYPE_CHECKING:
    from yaml import SafeLoader
    from yaml.nodes import MappingNode

MAX_CONFIG_BYTES = 100_000
"""Largest file of options; a file that sets all of them has less than 10 kB."""

MAX_DEPTH = 3
"""Deepest nesting: a list, or a mapping, as the value of an option."""

MAX_OPTIONS = 1000


def read_config(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Read a YAML file of options.

    Returns
    -------
    values : dict of str to object
        Values by name or alias, with `_` for `-`.
    lines : dict of str to int
        Line of each option, by its canonical name.

    Raises
    ------
    BenchError
        The file cannot be read or is too large; it is not YAML, or no mapping; it uses anchors, aliases, tags or merge
        keys, or more than `MAX_DEPTH` levels; a key occurs twice.
    """
    import yaml  # noqa: PLC0415 (only a configuration file needs it)

    try:
        text = read_regular(path, limit=MAX_CONFIG_BYTES).decode("utf-8")
        refused = refused_part(text, MAX_DEPTH)
        if refused is not None:
            raise BenchError(f"{path}, {refused}")
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return {}, {}
        if not isinstance(node, yaml.MappingNode):
            raise BenchError(f"{path}: expected a mapping of options to values, such as `folds: 5`")
        lines = _lines(path, node)
        for _, value in node.value:
            if (twice := duplicate_key(value)) is not None:
                raise BenchError(f"{path}, {twice}")
        values = _values(loader, node)
    except OSError as error:
        raise BenchError(f"{path}: cannot be read as YAML ({error.strerror or error})") from error
    except (ValueError, yaml.YAMLError) as error:
        raise BenchError(f"{path}: cannot be read as YAML ({shortened(str(error), 500)})") from error
    return values, lines


def _lines(path: Path, node: MappingNode) -> dict[str, int]:
    """Return the line of each option by its canonical name; refuse options that are set twice."""
    if len(node.value) > MAX_OPTIONS:
        raise BenchError(f"{path}: {len(node.value)} keys; at most {MAX_OPTIONS} options are read")
    keys: dict[str, str] = {}
    lines: dict[str, int] = {}
    for entry, _ in node.value:
        if not isinstance(entry.value, str):
            raise BenchError(f"{path}, line {entry.start_mark.line + 1}: a key is a list or a mapping, not a name")
        key, line = entry.value.replace("-", "_"), entry.start_mark.line + 1
        name = ALIASES.get(key, key)
        if name in lines:
            other = "" if keys[name] == key else f"as {keys[name]} "
            raise BenchError(f"{path}, line {line}: {shortened(key)} is set twice, first {other}in line {lines[name]}")
        keys[name], lines[name] = key, line
    return lines


def _values(loader: SafeLoader, node: MappingNode) -> dict[str, Any]:
    """Construct the value of each option; merge keys (`<<`) are names like any other."""
    keys = [entry.value.replace("-", "_") for entry, _ in node.value]
    return {key: loader.construct_object(value, deep=True) for key, (_, value) in zip(keys, node.value, strict=True)}
