"""The page docs/user_guide/trained_networks.md: its lines can be planned and its tables are those of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from bench.experiments.plan import make_plan
from bench.options import make_options
from extractors.networks import devices
from extractors.networks.training.network_spec import NetworkSpec
from extractors.networks.training.presets import PRESETS

PAGE = Path(__file__).resolve().parents[2].joinpath("docs/user_guide/trained_networks.md").read_text(encoding="utf-8")

LINES = re.findall(r"^ {4}bench (?:run|matrix) (.*)$", PAGE, re.MULTILINE)

SINGULAR = {"extractor": "extractors", "clf": "clfs"}


@pytest.mark.parametrize("line", LINES)
def test_a_line_can_be_planned(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "--gpus-per-fit" in line:
        monkeypatch.setattr(devices, "gpu_count", lambda: 2)
    words = shlex.split(line)
    names = [name.removeprefix("--").replace("-", "_") for name in words[::2]]
    chosen = {SINGULAR.get(name, name): value for name, value in zip(names, words[1::2], strict=True)}
    for model in re.findall(r"(?:arch|backbone|extractors)[= ]([a-z0-9_]+)", line):
        (tmp_path / f"{model}.safetensors").write_bytes(b"weights")
    places = {"data": "phantom[patients=5,cells=2,size=64]", "baselines": False, "weights_dir": tmp_path}
    experiments = make_plan(make_options({**places, "store": tmp_path, **chosen})).experiments
    assert experiments
    assert [experiment.problem for experiment in experiments] == [""] * len(experiments)


def cells_of(part: str) -> list[list[str]]:
    rows = [row.strip("| ").split(" | ") for row in part.splitlines() if row.startswith("| `")]
    return [[text.strip("`") for text in row] for row in rows]


def test_the_table_of_presets_is_that_of_the_code() -> None:
    rows = cells_of(PAGE.partition("<!-- presets -->")[2].partition("<!-- end -->")[0])
    assert {row[0] for row in rows} == set(PRESETS["default"].values())
    for option, *values in rows:
        assert values == [_text(PRESETS[name].values()[option]) for name in ("default", "fastai1", "keras", "timm")]


def _text(value: Any) -> str:
    return "+".join(value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize(
    "row", cells_of(PAGE.partition("| name | input |")[2].partition("\n\n")[0]), ids=lambda r: r[0]
)
def test_the_table_of_architectures_has_their_sizes_and_parameters(row: list[str]) -> None:
    from extractors.networks.training.network import build_network  # noqa: PLC0415

    network = build_network(NetworkSpec(row[0].split("`")[0], "random"), 2)
    parameters = sum(tensor.numel() for tensor in network.module.parameters())
    assert (row[1].split()[0], row[2]) == (str(network.transform.size[0]), f"{parameters:,}")
