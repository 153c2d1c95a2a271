"""The page docs/recipes.md: every recipe is there, and `bench plan` accepts every line."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bench.experiments.plan import Plan, make_plan
from bench.options import make_options
from bench.plugins.selectors import parse
from bench.recipes.catalogue import installed_recipes, recipes_of
from bench.recipes.plan_command import plan_command
from bench.recipes.recipe import Recipe, Variant
from extractors.networks.architectures.catalogue import ARCHITECTURES
from extractors.networks.training.learning_rates import group_rates
from extractors.networks.training.schedules import Steps
from extractors.networks.weights.registry import model_names

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "recipes.md").read_text(encoding="utf-8")

NAMES = [
    *("georgiev-nd", "unnithan-nd", "iiti-2019-alexnet", "iiti-2019-squeezenet", "iiti-2019-vgg19"),
    *("iiti-2019-resnet50-weighted", "iiti-2019-resnet50-progressive", "iiti-2019-resnet-kfold"),
    *("iiti-2019-resnet50-bayes", "iiti-2019-ensemble"),
    *("somu-nd", "somu-nd-vgg16", "somu-nd-resnet18", "somu-nd-inceptionv3"),
    *("joshi-2013", "rehman-2018-knn", "rehman-2018-svm", "rehman-2018-nb", "rehman-2018-cnn", "sampathila-2022"),
    *("rezayi-2021-resnet50", "rezayi-2021-vgg16", "rezayi-2021-cnn", "rezayi-2021-forest", "ullah-2021"),
    *("shah-2019", "liu-2019", "ramaneswaran-2021", "sulaiman-2023", "sulaiman-2023-grid"),
    *(f"ramaneswaran-2021-softmax-{name}" for name in ("alexnet", "densenet121", "resnet18", "vgg16", "squeezenet")),
    *("ramaneswaran-2021-softmax-mobilenetv2", "ramaneswaran-2021-softmax-inceptionv3"),
    *("resnet50", "densenet121", "prellberg-2019", "marzahl-2019", "always-all"),
]
"""Rows of the list of published systems, and entries of the challenge."""

LINES = {"iiti-2019-ensemble": 3, "georgiev-nd": 4, "ramaneswaran-2021": 4, "somu-nd": 2, "liu-2019": 2}
"""Recipes with several lines: three averages; two models and a pilot; four networks; two readings of a system."""

PIPELINES = {"sulaiman-2023-grid": 7 * 3 * 4}
"""Recipes whose lines have several pipelines: seven networks, three selections, four classifiers."""

VARIANTS = [(recipe, variant) for recipe in installed_recipes().values() for variant in recipe.variants]


def planned(line: str, weights: Path, store: Path) -> Plan:
    """Plan a command on a few synthetic cells."""
    words = shlex.split(line.removeprefix("bench plan "))
    chosen = {
        name.removeprefix("--").replace("-", "_"): value for name, value in zip(words[::2], words[1::2], strict=True)
    }
    places = {"data": "phantom[patients=10,cells=2,size=64]", "baselines": False}
    return make_plan(make_options({**places, "weights_dir": weights, "store": store, **chosen}))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file for each network of the recipes; planning reads their digests only."""
    folder = tmp_path_factory.mktemp("weights")
    texts = [text for _, variant in VARIANTS for text in (*variant.extractors, *variant.classifiers)]
    names = set(re.findall(r"(?:arch|backbone)=([a-z0-9_.]+)", " ".join(texts)))
    names |= {one.trunk for one in ARCHITECTURES.values() if one.trunk}
    extractors = {parse(text).name for _, variant in VARIANTS for text in variant.extractors}
    for name in names | {name for name in extractors if name.partition(".")[0] in model_names()}:
        (folder / f"{name}.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture(scope="module")
def recipe_text() -> ModuleType:
    """The module of the documentation that renders recipes."""
    spec = importlib.util.spec_from_file_location("recipe_text", DOCS / "_ext" / "recipe_text.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_published_system_has_its_lines() -> None:
    known = installed_recipes()
    assert set(known) == set(NAMES)
    assert {name: len(recipe.variants) for name, recipe in known.items() if name in LINES} == LINES


def test_the_page_has_every_recipe_once() -> None:
    blocks = re.findall(r"```\{recipes\}\n(.*?)```", PAGE, re.DOTALL)
    shown = [recipe.name for block in blocks for pattern in block.split() for recipe in recipes_of(pattern)]
    assert sorted(shown) == sorted(installed_recipes())


@pytest.mark.parametrize(("recipe", "variant"), VARIANTS, ids=[f"{r.name}-{v.label[:20]}" for r, v in VARIANTS])
def test_a_plan_accepts_the_line(recipe: Recipe, variant: Variant, weights: Path, tmp_path: Path) -> None:
    experiments = planned(plan_command(variant, recipe.protocol), weights, tmp_path).experiments
    assert len(experiments) == PIPELINES.get(recipe.name, 1)
    assert [experiment.problem for experiment in experiments if experiment.problem] == []


@pytest.mark.parametrize(("recipe", "variant"), VARIANTS, ids=[f"{r.name}-{v.label[:20]}" for r, v in VARIANTS])
def test_a_shell_joins_the_wrapped_line(recipe: Recipe, variant: Variant, recipe_text: ModuleType) -> None:
    command = plan_command(variant, recipe.protocol)
    wrapped = recipe_text.wrapped(command)
    assert max(map(len, wrapped.splitlines())) <= 120
    printed = subprocess.run(
        ["/bin/sh", "-c", wrapped.replace("bench plan", "printf '%s\n'", 1)], capture_output=True, text=True, check=True
    )
    assert printed.stdout.splitlines() == shlex.split(command)[2:]


def test_a_section_has_every_field(recipe_text: ModuleType) -> None:
    recipe = installed_recipes()["somu-nd"]
    section = recipe_text.section(recipe)
    assert section.startswith("### `somu-nd`\n")
    for text in (recipe.title, recipe.stated, recipe.protocol.text, recipe.inconsistent[0], recipe.differs[0]):
        assert text in section
    assert "- trees and depth: XGBoost's defaults, 100 and 6, without early stopping" in section
    assert "| features and XGBoost | `recall[class=negative,threshold=0.5]` | test | 0.72 |  |" in section
    assert "| the network alone | `accuracy[threshold=0.5]` | test | 0.81 |  |" in section
    assert "the cells of the test patients were halved by image" in section


def trained(name: str) -> Any:
    """Return the classifier of the main variant of a recipe, unfitted."""
    from bench.plugins.registry import classifier  # noqa: PLC0415

    return classifier(installed_recipes()[name].variants[0].classifiers[0]).build()


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
