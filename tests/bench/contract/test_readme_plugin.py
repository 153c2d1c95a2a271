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


@pytest.fixture
def plugins(install: Callable[[str, str, str], None]) -> list[tuple[str, str]]:
    """Install the example of the section "Plugins" as a distribution; name and kind of each plugin."""
    section = README.read_text(encoding="utf-8").partition("\n## Plugins\n")[2].partition("\n## ")[0]
    code, tables = (re.findall(rf"```{name}\n(.*?)```", section, flags=re.DOTALL) for name in ("python", "toml"))
    groups = tomllib.loads("\n".join(tables))["project"]["entry-points"]
    (module,) = {target.partition(":")[0] for points in groups.values() for target in points.values()}
    lines: list[str] = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    install(module, "\n".join(code), "\n".join(lines))
    return [(name, group.removeprefix("bench.").rstrip("s")) for group, points in groups.items() for name in points]


def test_the_plugins_of_the_readme_pass_bench_check(plugins: list[tuple[str, str]]) -> None:
    assert {kind for _, kind in plugins} == {"extractor", "classifier"}
    for name, kind in plugins:
        result = CliRunner().invoke(app, ["check", name, "--kind", kind])
        assert (result.exit_code, "failed" in result.output) == (0, False), result.output
