"""The plugins of the README satisfy the contract."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app

README = Path(__file__).resolve().parents[3] / "README.md"


def _blocks() -> tuple[str, str]:
    """Return the Python code and the entry points of the section "Plugins"."""
    section = re.split(r"^## ", README.read_text(encoding="utf-8").partition("\n## Plugins\n")[2], flags=re.M)[0]
    code, tables = (
        re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.M | re.S) for language in ("python", "toml")
    )
    if not code:
        pytest.skip("the section has no Python example")
    return "\n".join(code), "\n".join(tables)


@pytest.fixture
def selectors(install: Callable[[str, str, str], None]) -> list[tuple[str, str]]:
    """Install the example as a distribution of one module; name and kind of each plugin."""
    code, tables = _blocks()
    groups = tomllib.loads(tables)["project"]["entry-points"]
    (module,) = {value.partition(":")[0] for points in groups.values() for value in points.values()}
    lines = [
        line for group, points in groups.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in points.items()))
    ]
    install(module, code, "\n".join(lines))
    yield [(name, group.removeprefix("bench.").rstrip("s")) for group, points in groups.items() for name in points]


def test_the_plugins_of_the_readme_pass_bench_check(selectors: list[tuple[str, str]]) -> None:
    assert {kind for _, kind in selectors} == {"extractor", "classifier"}
    for name, kind in selectors:
        result = CliRunner().invoke(app, ["check", name, "--kind", kind])
        assert (result.exit_code, "failed" in result.output) == (0, False), result.output
