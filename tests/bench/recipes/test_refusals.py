"""Every recipe can be evaluated without its weights and held-out patients, or its refusal is listed here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.observer import Observer
from bench.recipes.catalogue import installed_recipes
from bench.recipes.evaluations import NO_HELD_OUT, Changes, Data, changed_pipelines, evaluations
from bench.recipes.recipe import Recipe, Variant

REFUSED: dict[str, str] = {}
"""Recipes without any evaluation, with their reason."""

WITHOUT_HELD_OUT = {"always-all", "liu-2019", "marzahl-2019", "prellberg-2019", "shah-2019"} | {
    f"somu-nd{backbone}" for backbone in ("", "-vgg16", "-resnet18", "-inceptionv3")
}
"""Recipes whose authors scored held-out patients only."""

VARIANTS = [(recipe, variant) for recipe in installed_recipes().values() for variant in recipe.variants]


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder without weights, and no hub."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


@pytest.mark.parametrize(("recipe", "variant"), VARIANTS, ids=[f"{r.name}-{v.label[:20]}" for r, v in VARIANTS])
def test_each_variant_has_its_evaluations(recipe: Recipe, variant: Variant, offline: Path) -> None:
    changes = Changes(epochs_scale=0.01, random_weights=True)
    values = {"data": "phantom[patients=12,cells=4,size=64]", "folds": 3, "store": offline / "store", "jobs": 1}
    first = variant.model_copy(update={"extractors": variant.extractors[:1], "classifiers": variant.classifiers[:1]})
    try:
        pipelines = changed_pipelines(first, changes, str(offline))
        planned = {one.column: one for one in evaluations(recipe, pipelines, Data(values, Observer()))}
    except BenchError as error:
        assert REFUSED.get(recipe.name) in str(error)
        return
    assert recipe.name not in REFUSED
    grouped = planned["grouped"].plan
    assert grouped is not None, planned["grouped"].reason
    assert [one.problem for one in grouped.experiments] == [""]
    assert planned["held-out"].reason == NO_HELD_OUT
    authors = planned["authors"]
    if recipe.name in WITHOUT_HELD_OUT:
        assert authors.reason == NO_HELD_OUT
    else:
        assert authors.plan is not None, authors.reason
        assert [one.problem for one in authors.plan.experiments] == [""]
        assert authors.plan.experiments[0].folds.published


@pytest.mark.parametrize(("recipe", "variant"), VARIANTS, ids=[f"{r.name}-{v.label[:20]}" for r, v in VARIANTS])
def test_each_training_has_its_stages_and_at_most_a_hundredth_of_its_epochs(
    recipe: Recipe, variant: Variant, offline: Path
) -> None:
    from bench.plugins.registry import classifier  # noqa: PLC0415
    from extractors.networks.training.options import TrainingOptions  # noqa: PLC0415

    short = changed_pipelines(variant, Changes(epochs_scale=0.01), str(offline))
    for before, after in zip(variant.classifiers, short.classifiers, strict=True):
        leaves = zip(classifier(before).leaves, classifier(after).leaves, strict=True)
        for plain, shortened in leaves:
            network = plain.build()
            if not isinstance(network, TrainingOptions):
                continue
            stages, own = network.settings().stages, shortened.build().settings().stages
            assert [replace(stage, epochs=1) for stage in stages] == [replace(stage, epochs=1) for stage in own]
            assert all(ours.epochs == max(1, -(-stage.epochs // 100)) for stage, ours in zip(stages, own, strict=True))
            assert short.shortened == ("epochs x 0.01",)
