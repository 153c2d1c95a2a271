"""The page docs/user_guide/foundation_models.md: its table is that of the catalogue and its lines can be planned."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bench.experiments.plan import make_plan
from bench.options import make_options
from extractors.networks.foundation.catalogue import FOUNDATION

PAGE = Path(__file__).resolve().parents[2].joinpath("docs/user_guide/foundation_models.md").read_text(encoding="utf-8")

ROWS = [row.strip("| ").split(" | ") for row in PAGE.splitlines() if row.startswith("| `")]

LINES = re.findall(r"^ {4}bench (?:run|matrix) (.*--weights-dir.*)$", PAGE, re.MULTILINE)

OPTIONS = {"extractor": "extractors", "clf": "clfs"}


def test_the_table_is_that_of_the_catalogue() -> None:
    assert [row[0].strip("`") for row in ROWS] == list(FOUNDATION)
    for name, width, pooling, licence, where in ROWS:
        model = FOUNDATION[name.strip("`")]
        repository = next(iter(model.sources.values()))[0]
        assert (int(width), licence) == (model.width, model.licence)
        assert ("patches" in pooling) == (model.pools == ("cls", "avg"))
        assert where.startswith(f"`{repository}`")
        assert ("gated" in where) == model.gated
        assert (f"extra `{model.package}`" in where) == (model.package != "timm")


@pytest.mark.parametrize("line", LINES)
def test_a_line_can_be_planned(line: str, tmp_path: Path) -> None:
    for name in FOUNDATION:
        (tmp_path / f"{name}.safetensors").write_bytes(b"weights")
    words = shlex.split(line)
    chosen = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    chosen = {OPTIONS.get(name, name): value for name, value in chosen.items() if name != "weights-dir"}
    places = {"data": "phantom[patients=5,cells=2,size=64]", "baselines": False, "store": tmp_path}
    experiments = make_plan(make_options({**places, "weights_dir": tmp_path, **chosen})).experiments
    assert experiments
    assert [experiment.problem for experiment in experiments] == [""] * len(experiments)
