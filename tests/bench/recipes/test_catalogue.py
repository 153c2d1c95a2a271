"""Recipes by name, pattern and path; files that are refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.recipes import catalogue
from bench.recipes.catalogue import MAX_BYTES, installed_recipes, parsed_recipe, read_recipe, recipes_of

SMALL = """\
name: {name}
title: A system
source: Doe 2020
stated: Nearest neighbours.
variants:
  - {{extractors: [size], classifiers: [knn]}}
protocol: {{split: image, test: 0.2, text: A split of images.}}
"""


@pytest.fixture
def fresh() -> Iterator[None]:
    """Recipes are read again before and after the test."""
    installed_recipes.cache_clear()
    yield
    installed_recipes.cache_clear()


@pytest.fixture
def installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None) -> Callable[..., None]:
    """Install a package with recipe files of a distribution that is not this one."""

    def install(package: str, **files: str) -> None:
        folder = tmp_path / package
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        for name, text in files.items():
            (folder / f"{name}.yaml").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        point = EntryPoint("extra", package, catalogue.GROUP)
        monkeypatch.setattr(catalogue, "entry_points", lambda *, group: [point])

    return install


def test_a_name_selects_one_recipe() -> None:
    assert [recipe.name for recipe in recipes_of("unnithan-nd")] == ["unnithan-nd"]


def test_a_pattern_selects_in_the_order_of_the_names() -> None:
    assert [recipe.name for recipe in recipes_of("rehman-2018-*")] == [
        f"rehman-2018-{kind}" for kind in ("cnn", "knn", "nb", "svm")
    ]
    assert len(recipes_of("iiti-2019-*")) == 8
    assert {recipe.name for recipe in recipes_of("*-nd-[rv]*")} == {"somu-nd-resnet18", "somu-nd-vgg16"}


def test_all_selects_every_recipe() -> None:
    assert len(recipes_of("all")) == len(installed_recipes()) == 42
    assert all(recipe.name == name for name, recipe in installed_recipes().items())


def test_an_unknown_name_is_refused_with_a_similar_one() -> None:
    with pytest.raises(BenchError, match=r"'unnithan' is no recipe\. Did you mean unnithan-nd"):
        recipes_of("unnithan")
    with pytest.raises(BenchError, match=r"'nothing-\*' is no recipe"):
        recipes_of("nothing-*")


def test_a_path_selects_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(SMALL.format(name="doe-2020"))
    assert [recipe.name for recipe in recipes_of(str(file))] == ["doe-2020"]
    assert read_recipe(file).variants[0].classifiers == ("knn",)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"missing\.yaml: the recipe cannot be read"):
        recipes_of(str(tmp_path / "missing.yaml"))
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(BenchError, match=r"pipe\.yaml: the recipe cannot be read"):
        recipes_of(str(tmp_path / "pipe.yaml"))


def test_a_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(BenchError, match=r"large\.yaml: the recipe cannot be read|at most 1048576 bytes"):
        recipes_of(str(file))
    with pytest.raises(BenchError, match="large: a recipe has at most 1048576 bytes"):
        parsed_recipe(b"#" * (MAX_BYTES + 1), "large")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"name: [", "not a YAML file"),
        (b"name: \xff", "not a YAML file"),
        (b"", "the file: Input should be"),
        (b"- name", "the file: Input should be"),
        (b"name: a\nname: b\n", "line 1: the key 'name' occurs twice"),
        (b"name: &a b\ntitle: *a\n", "line 1: anchors and aliases"),
        (b"name: !!python/object/apply:os.system [id]\n", "line 1: tags"),
        (b"name: [[[[[[1]]]]]]\n", "line 1: nested more than 5 deep"),
        (SMALL.format(name="a/b").encode(), "name: String should match pattern"),
    ],
)
def test_content_that_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(BenchError) as raised:
        parsed_recipe(content, "own.yaml")
    assert str(raised.value).startswith("own.yaml")
    assert reason in str(raised.value)


def test_recipes_of_another_distribution_are_added(installs: Callable[..., None]) -> None:
    installs("other_recipes", doe=SMALL.format(name="doe-2020"))
    assert len(installed_recipes()) == 43
    assert recipes_of("doe-*")[0].source == "Doe 2020"


def test_a_name_of_two_files_is_refused(installs: Callable[..., None]) -> None:
    installs("second_recipes", doe=SMALL.format(name="unnithan-nd"))
    with pytest.raises(BenchError) as raised:
        installed_recipes()
    assert str(raised.value) == (
        "two recipes are named unnithan-nd: bench.recipes.published: unnithan-nd.yaml and second_recipes: doe.yaml"
    )


def test_an_invalid_file_of_another_distribution_is_named(installs: Callable[..., None]) -> None:
    installs("third_recipes", doe=SMALL.format(name="doe-2020") + "colour: red\n")
    with pytest.raises(BenchError, match=r"^third_recipes: doe\.yaml: colour: Extra inputs are not permitted"):
        installed_recipes()


def test_every_file_has_the_name_of_its_recipe() -> None:
    folder = Path(catalogue.__file__).parent / "published"
    names = sorted(file.stem for file in folder.iterdir() if file.suffix == ".yaml")
    assert names == sorted(installed_recipes())
