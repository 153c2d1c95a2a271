"""Typed keyword arguments compared with the declared options."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pandas as pd

from bench.options import OPTIONS
from bench.options.keywords import MatrixKeywords, RunKeywords

POSITIONAL = {"extractors", "classifiers"}
PYTHON_ONLY = {"root"}


def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, localns={"pd": pd})


def test_every_option_has_a_typed_keyword() -> None:
    assert set(_hints(MatrixKeywords)) == set(OPTIONS) - POSITIONAL | PYTHON_ONLY
    stages = {name: one.option.stage for name, one in OPTIONS.items()}
    assert set(_hints(RunKeywords)) == {name for name, stage in stages.items() if stage != "matrix"} | PYTHON_ONLY


def test_keywords_have_the_declared_types() -> None:
    for name, hint in _hints(MatrixKeywords).items():
        if name in PYTHON_ONLY:
            continue
        declared = OPTIONS[name]
        if get_origin(declared.type) is Literal or declared.type in (bool, int):
            assert hint == declared.type, name
            continue
        kinds = set(get_args(declared.type) or [declared.type]) - {type(None)}
        accepted = set(get_args(hint) or [hint])
        assert {str if kind is Path else kind for kind in kinds if kind in (str, int, float, Path)} <= accepted, name
