"""Digests of code depend on the code only."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.storage import fingerprints
from bench.storage.fingerprints import code_digest, digest, library_versions, module_identity
from extractors.files.digests import file_digest
from extractors.seeds import seed_of

Write = Callable[..., None]

MODULE = '''
"""What it is."""

import numpy as np
from theirs.depths import depth


WIDTH = 3
"""What a width is."""


class Extractor:
    """An extractor."""

    def transform(self, cells):
        """Depths."""
        return np.array([depth(c) for c in cells])
'''


DEPTHS = "def depth(c):\n    return 1\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write modules of a package `theirs` and clear all caches."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def _write(**modules: str) -> None:
        for name, text in {"__init__": "", "depths": DEPTHS, **modules}.items():
            path = tmp_path / "theirs" / f"{name.replace('__of__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        _clear_caches()

    yield _write
    _clear_caches()


def _clear_caches() -> None:
    import sys  # noqa: PLC0415

    for name in [name for name in sys.modules if name.partition(".")[0] == "theirs"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    for cached in vars(fingerprints).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""What it is."""', '"""Something else."""'),
        ('"""What it is."""', ""),
        ('"""An extractor."""', '"""An extractor.\n\n    Of depths.\n    """'),
        ('        """Depths."""\n', ""),
        ('"""What a width is."""', '"""In pixels."""'),
        ("WIDTH = 3", "WIDTH = 3  # pixels"),
        ("WIDTH = 3", "\n\nWIDTH = (\n    3\n)"),
    ],
)
def test_docstrings_comments_and_white_space_do_not_count(write: Write, old: str, new: str) -> None:
    write(depth=MODULE)
    before = code_digest("theirs.depth")
    assert old in MODULE
    write(depth=MODULE.replace(old, new, 1))
    assert code_digest("theirs.depth") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("WIDTH = 3", "WIDTH = 4"),
        ("WIDTH = 3", "WIDTH = '3'"),
        ("for c in cells", "for c in cells[:]"),
        ("def transform", "@staticmethod\n    def transform"),
        ("import numpy as np", "import numpy as np, os"),
        ("np.array([", "np.asarray(["),
    ],
)
def test_any_other_edit_changes_the_digest(write: Write, old: str, new: str) -> None:
    write(depth=MODULE)
    before = code_digest("theirs.depth")
    write(depth=MODULE.replace(old, new, 1))
    assert code_digest("theirs.depth") != before


def test_a_string_that_is_a_value_counts(write: Write) -> None:
    write(depth="NAME = 'a'\n")
    before = code_digest("theirs.depth")
    write(depth="NAME = 'b'\n")
    assert code_digest("theirs.depth") != before


@pytest.mark.parametrize(
    "statement",
    [
        "from theirs.depths import depth",
        "from theirs import depths",
        "import theirs.depths",
        "from .depths import depth",
        "from . import depths",
        "def late():\n    from theirs.depths import depth",
    ],
)
def test_an_imported_module_of_the_same_distribution_counts(write: Write, statement: str) -> None:
    write(user=statement)
    before = code_digest("theirs.user")
    write(user=statement, depths="def depth(c):\n    return 2\n")
    assert code_digest("theirs.user") != before


@pytest.mark.parametrize(
    ("statement", "use"),
    [
        ("from theirs.{} import depth", "depth(1)"),
        ("from theirs import {}", "{}.depth(1)"),
        ("from theirs import {} as d", "d.depth(1)"),
        ("import theirs.{} as d", "d.depth(1)"),
        ("from .{} import depth as d", "d(1)"),
        ("def late():\n    from theirs.{0} import depth", "late()"),
    ],
)
def test_renaming_a_module_and_its_imports_changes_nothing(write: Write, statement: str, use: str) -> None:
    text, code = f"{statement}\nx = {use}\n", "import numpy\ndef depth(c):\n    return numpy.abs(c)\n"
    write(user=text.format("old", "old"), old=code)
    before = code_digest("theirs.user")
    write(user=text.format("new", "new"), new=code)
    assert code_digest("theirs.user") == before
    write(user=text.format("new", "new"), new=code.replace("abs", "sqrt"))
    assert code_digest("theirs.user") != before


def test_moving_a_module_into_a_package_changes_nothing(write: Write) -> None:
    write(user="from theirs.depths import depth\n")
    before = code_digest("theirs.user")
    write(user="from theirs.sub.measure import depth\n", sub__of____init__="", sub__of__measure=DEPTHS)
    assert code_digest("theirs.user") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from theirs.one import f", "from theirs.two import f"),
        ("from theirs.one import f", "from theirs.one import g as f"),
        ("from theirs import one, two", "from theirs import one as two, two as one"),
        ("from numpy import f", "from scipy import f"),
        ("import numpy as f", "import scipy as f"),
    ],
)
def test_importing_one_name_from_elsewhere_counts(write: Write, old: str, new: str) -> None:
    """Both modules are imported before and after, so that only the meaning of a name differs."""
    both = "import theirs.one, theirs.two, numpy, scipy\n{}\nprint(f(one, two))\n"
    modules = {"one": "f = g = 1\n", "two": "f = 2\n"}
    write(user=both.format(old), **modules)
    before = code_digest("theirs.user")
    write(user=both.format(new), **modules)
    assert code_digest("theirs.user") != before


def test_imports_for_type_checkers_do_not_count(write: Write) -> None:
    write(user="x = 1\n")
    before = code_digest("theirs.user")
    write(user="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from theirs.depths import depth\nx = 1\n")
    assert fingerprints._closure("theirs.user") == {"theirs.user"}
    write(user="if TYPE_CHECKING:\n    from theirs.depths import depth\nx = 1\n")
    assert code_digest("theirs.user") == before


def test_the_order_of_modules_counts(write: Write) -> None:
    write(one="x = 1\n", two="x = 2\n")
    assert code_digest("theirs.one", "theirs.two") != code_digest("theirs.two", "theirs.one")


def test_what_a_package_imports_from_itself_counts(write: Write) -> None:
    write(__init__="from .depths import depth", sub__of____init__="from ..depths import depth\nfrom .deep import x")
    before, below = code_digest("theirs"), code_digest("theirs.sub")
    write(
        __init__="from .depths import depth",
        sub__of____init__="from ..depths import depth\nfrom .deep import x",
        sub__of__deep="x = 1",
    )
    assert code_digest("theirs") == before
    assert code_digest("theirs.sub") != below
    write(__init__="from .depths import depth", depths="def depth(c):\n    return 2\n")
    assert code_digest("theirs") != before


def test_circular_imports_terminate(write: Write) -> None:
    write(one="import theirs.two", two="import theirs.one")
    assert code_digest("theirs.one") == code_digest("theirs.two")


def test_an_imported_library_counts_by_its_version(write: Write) -> None:
    import numpy as np  # noqa: PLC0415

    write(depth=MODULE, depths="import cv2, json\ndef depth(c):\n    return 1\n")
    versions = library_versions("theirs.depth")
    assert versions["numpy"] == np.__version__
    assert set(versions) == {"numpy", "opencv-python-headless"}


def test_code_without_source_is_an_error() -> None:
    with pytest.raises(BenchError, match="source of zlib cannot be found"):
        code_digest("zlib")
    with pytest.raises(BenchError, match=r"source of no.where cannot be found"):
        code_digest("no.where")


def test_the_identity_of_a_module_is_a_version_or_a_digest(write: Write) -> None:
    import sklearn  # noqa: PLC0415

    assert module_identity("sklearn.linear_model") == f"scikit-learn {sklearn.__version__}"
    write(depth=MODULE)
    assert module_identity("theirs.depth") == code_digest("theirs.depth")


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()
    different = [{"a": 1}, {"a": 1.0}, {"a": "1"}, {"a": None}, {"a": [1]}, [1, 2], [2, 1]]
    assert len({digest(value) for value in different}) == len(different)
    with pytest.raises(ValueError, match="JSON compliant"):
        digest({"a": float("nan")})


def test_a_seed_is_a_hash_of_names() -> None:
    assert seed_of("folds", 0, 1) == seed_of("folds", 0, 1)
    seeds = {seed_of(*parts) for parts in [("folds", 0, 1), ("folds", 1, 0), ("folds", 0, 11), ("fold", "s", 0, 1)]}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)
    # Published results depend on this definition.
    assert seed_of("folds", 0, 0) == int(hashlib.sha256(b'["folds","0","0"]').hexdigest()[:16], 16) % 2**31


def test_modules_are_identified_without_running_them(write: Write) -> None:
    """`from theirs.loud import x` is resolved without importing theirs.loud."""
    write(loud="raise AssertionError('was run')\n", extractor="from theirs.loud import x\nimport numpy\n")
    before = code_digest("theirs.extractor")
    assert set(library_versions("theirs.extractor")) == {"numpy"}
    write(loud="raise AssertionError('was run again')\n", extractor="from theirs.loud import x\nimport numpy\n")
    assert code_digest("theirs.extractor") != before


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"cell")
    assert file_digest(tmp_path / "x") == hashlib.sha256(b"cell").hexdigest()


def test_the_decoder_of_tiff_files_is_a_library_of_the_cells() -> None:
    assert "imagecodecs" in library_versions("extractors.cells")
