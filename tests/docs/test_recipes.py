"""The page docs/recipes.md: every published system is there, and `bench plan` accepts every line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.experiments.plan import Plan, make_plan
from bench.options import make_options
from extractors.networks.architectures.catalogue import ARCHITECTURES
from extractors.networks.training.learning_rates import group_rates
from extractors.networks.training.schedules import Steps

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")

NAMES = [
    *("georgiev-nd", "unnithan-nd", "iiti-2019-alexnet", "iiti-2019-squeezenet", "iiti-2019-vgg19"),
    *("iiti-2019-resnet50-weighted", "iiti-2019-resnet50-progressive", "iiti-2019-resnet-kfold"),
    *("iiti-2019-resnet50-bayes", "iiti-2019-ensemble"),
    *("somu-nd", "somu-nd-vgg16", "somu-nd-resnet18", "somu-nd-inceptionv3"),
    *("joshi-2013", "rehman-2018-knn", "rehman-2018-svm", "rehman-2018-nb", "rehman-2018-cnn", "sampathila-2022"),
    *("rezayi-2021-resnet50", "rezayi-2021-vgg16", "rezayi-2021-cnn", "ullah-2021", "shah-2019", "liu-2019"),
    *("ramaneswaran-2021", "sulaiman-2023", "resnet50", "densenet121", "prellberg-2019", "marzahl-2019"),
]
"""Rows of the list of published systems, and two entries of the challenge."""

LINES = {"iiti-2019-ensemble": 3, "georgiev-nd": 3}
"""Recipes with a fixed number of lines: three averages; the two models of the paper and its pilot."""


def recipes() -> dict[str, list[str]]:
    """Return the commands of each section whose heading is a name in backticks."""
    sections = re.split(r"^### `([^`]+)`.*$", PAGE.replace("\\\n    ", ""), flags=re.MULTILINE)[1:]
    return {
        name: re.findall(r"^ {4}(bench plan .*)$", text.partition("\n## ")[0], re.MULTILINE)
        for name, text in zip(sections[::2], sections[1::2], strict=True)
    }


COMMANDS = [(name, line) for name, lines in recipes().items() for line in lines]


def planned(line: str, weights: Path, store: Path) -> Plan:
    """Plan a command on a few synthetic cells."""
    words = shlex.split(line.removeprefix("bench plan "))
    chosen = {
        name.removeprefix("--").replace("-", "_"): value for name, value in zip(words[::2], words[1::2], strict=True)
    }
    places = {"data": "phantom[patients=5,cells=2,size=64]", "baselines": False}
    return make_plan(make_options({**places, "weights_dir": weights, "store": store, **chosen}))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file for each network of the page; planning reads their digests only."""
    folder = tmp_path_factory.mktemp("weights")
    names = set(re.findall(r"(?:arch|backbone)=([a-z0-9_.]+)", PAGE)) | set(
        re.findall(r"--extractors ([a-z0-9_.]+)", PAGE)
    )
    names |= {one.trunk for one in ARCHITECTURES.values() if one.trunk}
    for name in names:
        (folder / f"{name}.safetensors").write_bytes(b"weights")
    return folder


def test_every_published_system_has_its_lines() -> None:
    found = recipes()
    assert set(NAMES) <= set(found)
    assert [name for name, lines in found.items() if len(lines) < LINES.get(name, 1)] == []


@pytest.mark.parametrize(("name", "line"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_a_plan_accepts_the_line(name: str, line: str, weights: Path, tmp_path: Path) -> None:
    experiments = planned(line, weights, tmp_path).experiments
    assert len(experiments) == 1
    assert experiments[0].problem == ""


def trained(name: str) -> Any:
    """Return the classifier of the first line of a recipe, unfitted."""
    from bench.plugins.registry import classifier  # noqa: PLC0415

    words = shlex.split(recipes()[name][0])
    return classifier(words[words.index("--clfs") + 1]).build()


def test_rates_of_prellberg_are_the_published_ones_in_each_epoch() -> None:
    settings = trained("prellberg-2019").settings()
    assert group_rates(settings.learning_rate, 3) == pytest.approx([1e-6, 1e-4, 1e-2])
    assert isinstance(settings.schedule, Steps)
    (stage,) = settings.stages
    factors = [settings.schedule.rate_factor(epoch, stage.epochs) for epoch in range(stage.epochs)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    assert (settings.batch_size, settings.weight_decay, settings.balance, settings.scale) == (16, 0, "weighted", "none")


def test_sizes_and_epochs_of_the_progressive_training_are_the_published_ones() -> None:
    stages = trained("iiti-2019-resnet50-progressive").settings().stages
    assert [stage.size for stage in stages] == [8, 16, 24, 32, 64, 128, 224]
    assert [stage.epochs for stage in stages] == [8, 16, 24, 28, 40, 36, 14]


@pytest.mark.parametrize(("name", "side", "scale"), [("prellberg-2019", 342, 1), ("somu-nd", 512, 2)])
def test_the_frame_of_a_recipe_reaches_the_network_uncropped(name: str, side: int, scale: int) -> None:
    # The networks resize a frame and use its centre; the lines enlarge it so that the centre is the published crop.
    from extractors.cells import Cell  # noqa: PLC0415
    from extractors.networks.training.network import build_network  # noqa: PLC0415
    from extractors.networks.training.network_spec import NetworkSpec  # noqa: PLC0415

    arch, size = {"prellberg-2019": ("seresnext50_32x4d", 300), "somu-nd": ("efficientnet_b0", 224)}[name]
    image = np.zeros((side, side, 3), dtype=np.uint8)
    centre = slice((side - size * scale) // 2, (side + size * scale) // 2)
    image[centre, centre] = 200
    cell = Cell("a", image, np.ones((side, side), dtype=np.bool_))
    seen = build_network(NetworkSpec(arch, "random", size=size), 2).transform(cell)
    assert seen.shape == (size, size, 3)
    assert (seen[1:-1, 1:-1] > 190).all()
    assert (seen[8:-8, 8:-8] == 200).all()
