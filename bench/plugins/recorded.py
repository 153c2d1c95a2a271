"""Selectors of records, which may come from a stranger: checked before anything is imported."""

from __future__ import annotations

from collections.abc import Iterator

from bench.errors import BenchError
from bench.plugins.components import check_components, component_value, tables_of
from bench.plugins.importing import SCIKIT_LEARN, Kind, check_import_path, installed, load_class
from bench.plugins.members import NESTING, member_texts
from bench.plugins.selectors import Selector, Value, outermost, parse, selectors_in

_KINDS: tuple[Kind, ...] = ("extractors", "classifiers")


def check_recorded(text: str) -> None:
    """Check the selector of a record, which may come from a stranger, before anything is imported.

    Raises
    ------
    BenchError
        It names a class outside scikit-learn that is not an installed plugin, loads weights from a file, or names a
        network by its repository or folder.
    """
    _check_recorded(parse(text))


def _check_recorded(selector: Selector) -> None:
    targets = [points[selector.name].value for kind in _KINDS if selector.name in (points := installed(kind))]
    if not targets and selector.name.startswith(SCIKIT_LEARN):
        check_import_path(selector.name)
    elif not targets and not _is_model(selector.name):
        raise BenchError(f"{selector.name} is neither an installed plugin, nor a network, nor a class of scikit-learn")
    for text in (selector.name, *_texts(tuple(selector.params.values()))):
        if text.startswith(("hf-hub:", "local-dir:")):
            raise BenchError(f"{selector.name} loads a network from a repository or a folder, {text}")
    if str(selector.params.get("weights", "")).endswith((".safetensors", ".pth", ".bin", ".pt")):
        raise BenchError(f"{selector.name} loads its weights from a file, {selector.params['weights']}")
    members = [target for target in targets if target in NESTING]
    for member in member_texts(selector, members[0]) if members else ():
        for part in filter(None, member):
            check_recorded(part)
    own = NESTING[members[0]] if members else None
    nested = {key: value for key, value in selector.params.items() if key != own and any(selectors_in(value))}
    # Only an installed plugin is imported, and only for a value that may name its components.
    tables = [tables_of(load_class(target)) for target in targets if nested]
    for key, value in nested.items():
        table = {name: kind for tables_of_kind in tables for name, kind in tables_of_kind.get(key, {}).items()}
        if table:
            check_components(component_value(value, table), table, where=f"{selector.name}: {key}", joined=True)
        else:
            for one in outermost(value):
                _check_recorded(one)


def _texts(value: Value) -> Iterator[str]:
    """Yield the names in a value: each text of it, and each part of a text joined by `+`."""
    if isinstance(value, tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield from value.split("+")


def _is_model(name: str) -> bool:
    from extractors.networks.weights.registry import is_model  # noqa: PLC0415 (reads a list that may have to be built)

    return is_model(name)
