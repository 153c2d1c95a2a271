"""Every command with an output file: it recognises its own files, and never replaces a user's."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.errors import BenchError

PHANTOM = "phantom[patients=3,cells=2,spread=0,size=64]"

COMMANDS = {
    "folds.csv": ["folds", PHANTOM, "--folds", "2", "-o"],
    "links.csv": ["audit", PHANTOM, "--write-links"],
    "quality.csv": ["data", "quality", PHANTOM, "-o"],
    "quality.parquet": ["data", "quality", PHANTOM, "-o"],
    "sheet.png": ["data", "show", PHANTOM, "--cells", "2", "-o"],
    "features.csv": ["features", "extract", PHANTOM, "-x", "size", "--status", "-o"],
    "features.parquet": ["features", "extract", PHANTOM, "-x", "size", "--status", "-o"],
    "catalogue.csv": ["features", "catalogue", "-x", "size", "--format", "csv", "-o"],
    "catalogue.json": ["features", "catalogue", "-x", "size", "--format", "json", "-o"],
    "catalogue.md": ["features", "catalogue", "-x", "size", "--format", "markdown", "-o"],
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def call(*words: str) -> BaseException | None:
    result = CliRunner().invoke(app, list(words))
    return None if result.exit_code in (0, 1) and not isinstance(result.exception, BenchError) else result.exception


@pytest.mark.parametrize("name", COMMANDS)
def test_an_earlier_output_is_replaced_and_a_users_file_is_not(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert call(*COMMANDS[name], name) is None
    written = path.read_bytes()
    assert written
    assert call(*COMMANDS[name], name) is None
    path.write_bytes(b"path,label,patient\n")
    assert "was not written by" in str(call(*COMMANDS[name], name))
    assert path.read_bytes() == b"path,label,patient\n"
    assert call(*COMMANDS[name], name, "--force") is None
    assert len(path.read_bytes()) == len(written)


def test_no_command_replaces_the_manifest(tmp_path: Path) -> None:
    assert call("data", "phantom", "cells", "--patients", "3", "--cells", "2", "--spread", "0", "--size", "64") is None
    manifest = tmp_path / "cells" / "manifest.csv"
    before = manifest.read_bytes()
    image = next((tmp_path / "cells").rglob("*.png"))
    pixels = image.read_bytes()
    for words in (
        ["folds", "cells", "-o"],
        ["audit", "cells", "--write-links"],
        ["data", "quality", "cells", "-o"],
        ["features", "extract", "cells", "-x", "size", "-o"],
    ):
        for data in ("cells", "cells/manifest.csv"):
            words[words.index("cells") if "cells" in words else words.index("cells/manifest.csv")] = data
            error = call(*words, str(manifest), "--force")
            assert "is an input of this command" in str(error), words
    for words in (["folds", "cells", "--folds", "2", "-o"], ["data", "show", "cells", "-o"]):
        assert isinstance(call(*words, str(image), "--force"), BenchError)
    assert (manifest.read_bytes(), image.read_bytes()) == (before, pixels)
