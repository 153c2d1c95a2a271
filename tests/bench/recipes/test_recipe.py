"""The schema of recipe files: what is refused, and which leaks a protocol has."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from bench.errors import BenchError
from bench.recipes.catalogue import parsed_recipe
from bench.recipes.plan_command import plan_command
from bench.recipes.recipe import LEAKS, AuthorsProtocol, Part, Recipe

SMALL: dict[str, Any] = {
    "name": "doe-2020",
    "title": "A system",
    "source": "Doe 2020",
    "stated": "Nearest neighbours.",
    "variants": [
        {
            "extractors": ["size", "shape"],
            "classifiers": ["knn", "svm[C=2]"],
            "published": [{"metric": "accuracy[threshold=0.5]", "value": 0.9}],
        }
    ],
    "protocol": {"split": "image", "test": 0.2, "text": "A split of images."},
    "open": [{"what": "k", "chosen": "15"}],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the small recipe with another value at a path such as `variants.0.tune`; None removes it."""
    recipe = copy.deepcopy(SMALL)
    *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    place: Any = recipe
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return recipe


def parsed(recipe: dict[str, Any]) -> Recipe:
    return parsed_recipe(yaml.safe_dump(recipe).encode(), "doe.yaml")


def protocol(**values: Any) -> AuthorsProtocol:
    return AuthorsProtocol(**{"split": "image", "text": "x", **values})


def test_defaults_of_a_small_recipe() -> None:
    recipe = parsed(SMALL)
    (variant,) = recipe.variants
    assert (variant.prepare, variant.mask, variant.tune, variant.label) == ("none", None, 0, "")
    assert (recipe.protocol.stratified, recipe.protocol.seed, recipe.protocol.threshold) == (True, 0, "0.5")
    assert (recipe.data, recipe.inconsistent, recipe.differs) == ("", (), ())
    assert variant.published[0].part == "test"


def test_pipelines_are_extractors_times_classifiers() -> None:
    pipelines = [(extractor, classifier) for _, extractor, classifier in parsed(SMALL).selectors()]
    assert pipelines == [("size", "knn"), ("size", "svm[C=2]"), ("shape", "knn"), ("shape", "svm[C=2]")]
    of_cells = parsed(changed("variants.0.extractors", None))
    assert [extractor for _, extractor, _ in of_cells.selectors()] == [None, None]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("name", None, "name"),
        ("name", "Doe 2020", "name"),
        ("name", "../doe", "name"),
        ("title", "", "title"),
        ("source", None, "source"),
        ("stated", "x" * 4001, "stated"),
        ("colour", "red", "colour"),
        ("variants", [], "variants"),
        ("variants.0.classifiers", [], "variants.0.classifiers"),
        ("variants.0.classifiers", ["knn"] * 65, "variants.0.classifiers"),
        ("variants.0.tune", -1, "variants.0.tune"),
        ("variants.0.sampler", "grip", "variants.0.sampler"),
        ("variants.0.epochs", 3, "variants.0.epochs"),
        ("variants.0.published.0.value", "high", "variants.0.published.0.value"),
        ("variants.0.published.0.part", "tests", "variants.0.published.0.part"),
        ("variants.0.published.0.metric", None, "variants.0.published.0.metric"),
        ("protocol.split", "cells", "protocol.split"),
        ("protocol.text", None, "protocol.text"),
        ("protocol.test", 1.5, "protocol.test"),
        ("protocol.seed", -1, "protocol.seed"),
        ("protocol.folds", 1, "protocol.folds"),
        ("protocol.chosen_on_scored", ["seed"], "protocol.chosen_on_scored.0"),
        ("protocol.copies", {"per_cell": 8}, "protocol.copies.per_cell"),
        ("protocol.copies", {"label": "HEM"}, "protocol.copies.label"),
        ("protocol.cells", [{"part": "test", "label": "positive", "count": 0}], "protocol.cells.0.count"),
        ("protocol.held_out", "all", "protocol.held_out"),
        ("open.0.chosen", None, "open.0.chosen"),
        ("open.0.chosen", 15, "open.0.chosen"),
    ],
)
def test_an_invalid_value_is_refused_with_file_and_field(path: str, value: Any, field: str) -> None:
    with pytest.raises(BenchError) as raised:
        parsed(changed(path, value))
    assert str(raised.value).startswith(f"doe.yaml: {field}: ")


@pytest.mark.parametrize("metric", ["shine", "accuracy[class=third]", "fbeta[beta=", "recall[gamma=2]"])
def test_an_unknown_metric_is_refused(metric: str) -> None:
    with pytest.raises(BenchError, match=r"^doe\.yaml: variants\.0\.published\.0\.metric: "):
        parsed(changed("variants.0.published.0.metric", metric))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"test": None}, "nothing is scored: set folds, cells, validation, test or held_out"),
        ({"folds": 5}, "folds, cells and shares (validation, test) exclude each other"),
        ({"held_out": "test"}, "the test part is a share of the cells, or the held-out patients, not both"),
        ({"validation": 0.8}, "the shares of validation and test leave nothing for the training"),
    ],
)
def test_a_contradiction_of_the_protocol_is_refused(values: dict[str, Any], reason: str) -> None:
    recipe = copy.deepcopy(SMALL)
    recipe["protocol"] |= values
    with pytest.raises(BenchError) as raised:
        parsed(recipe)
    assert str(raised.value) == f"doe.yaml: protocol: Value error, {reason}"


@pytest.mark.parametrize(
    ("values", "part", "leaks"),
    [
        ({"split": "patient", "test": 0.2}, "test", ()),
        ({"test": 0.2}, "test", ("images",)),
        ({"validation": 0.2}, "test", ("images",)),
        ({"validation": 0.2, "held_out": "test"}, "test", ()),
        ({"validation": 0.2, "held_out": "test"}, "validation", ("images",)),
        ({"validation": 0.2, "held_out": "test", "copies": {}}, "test", ()),
        ({"validation": 0.2, "held_out": "test", "copies": {}}, "validation", ("copies", "images")),
        ({"folds": 5, "chosen_on_scored": ["threshold", "epoch"]}, "test", ("epoch", "threshold", "images")),
        ({"split": "patient", "held_out": "validation"}, "test", ("epoch",)),
        ({"split": "patient", "held_out": "validation"}, "validation", ()),
        ({"split": "patient", "held_out": "halves"}, "test", ("halves",)),
    ],
)
def test_leaks_of_a_protocol(values: dict[str, Any], part: Part, leaks: tuple[str, ...]) -> None:
    assert protocol(**values).leaks(part) == leaks
    assert set(leaks) <= set(LEAKS)


def test_a_plan_command_has_the_options_that_differ_from_the_defaults() -> None:
    (plain,) = parsed(SMALL).variants
    assert plan_command(plain, protocol(test=0.2)) == 'bench plan --extractors size,shape --clfs "knn,svm[C=2]"'
    variant = plain.model_copy(
        update={"mask": "otsu", "prepare": "crop+equalise", "tune": 11, "sampler": "gp", "extractors": ()}
    )
    assert plan_command(variant, protocol(folds=10)) == (
        'bench plan --folds 10 --tune 11 --sampler gp --mask otsu --prepare crop+equalise --clfs "knn,svm[C=2]"'
    )


@pytest.mark.parametrize("text", ["$(id)", "a`id`", 'a" "b', "a\\b"])
def test_a_plan_command_leaves_nothing_for_a_shell_to_expand(text: str) -> None:
    variant = parsed(SMALL).variants[0].model_copy(update={"mask": text, "extractors": (), "classifiers": ("knn",)})
    assert plan_command(variant, protocol(test=0.2)) == f"bench plan --mask '{text}' --clfs knn"
