"""Recipe files: those of this package, those of other packages by entry point, and files named by path."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import ValidationError

from bench.errors import BenchError, did_you_mean
from bench.recipes.recipe import Recipe
from bench.storage.yaml_text import duplicate_key, refused_part
from extractors.files.regular import read_regular

GROUP = "bench.recipes"
"""Group of entry points that name packages with recipe files."""

MAX_BYTES = 1024**2
"""Largest recipe file."""

MAX_DEPTH = 5
"""Deepest nesting of a recipe file."""

ALL = "all"
"""Name of all recipes of this package."""

SUFFIX = ".yaml"


def recipes_of(name: str) -> tuple[Recipe, ...]:
    """Return the recipes that a name, a pattern such as `iiti-*`, `all`, or the path of a file selects.

    Raises
    ------
    BenchError
        No recipe has the name, or a file is invalid.
    """
    if name.endswith(SUFFIX) or "/" in name:
        return (read_recipe(Path(name)),)
    known = installed_recipes()
    chosen = tuple(one for key, one in known.items() if name == ALL or fnmatch.fnmatchcase(key, name))
    if not chosen:
        raise BenchError(
            f"{name!r} is no recipe.{did_you_mean(name, known)} bench list recipes lists them; a file of your own is "
            f"named by its path, such as ./{name}{SUFFIX}"
        )
    return chosen


@lru_cache(maxsize=1)
def installed_recipes() -> Mapping[str, Recipe]:
    """Return the installed recipes by name: those of this package, then those of other distributions.

    Raises
    ------
    BenchError
        A file is invalid, or two recipes have one name.
    """
    places = ["bench.recipes.published", *(point.value for point in sorted(entry_points(group=GROUP)))]
    known: dict[str, tuple[str, Recipe]] = {}
    for place in places:
        for file in sorted(files(place).iterdir(), key=lambda one: one.name):
            if not file.name.endswith(SUFFIX):
                continue
            where = f"{place}: {file.name}"
            recipe = parsed_recipe(file.read_bytes()[: MAX_BYTES + 1], where)
            if recipe.name in known:
                raise BenchError(f"two recipes are named {recipe.name}: {known[recipe.name][0]} and {where}")
            known[recipe.name] = (where, recipe)
    return {name: recipe for name, (_, recipe) in known.items()}


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from a file.

    Raises
    ------
    BenchError
        The file cannot be read or is invalid; the message names the field.
    """
    try:
        content = read_regular(path.expanduser(), limit=MAX_BYTES)
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: the recipe cannot be read ({error})") from error
    return parsed_recipe(content, str(path))


def parsed_recipe(content: bytes, where: str) -> Recipe:
    """Parse a recipe file; `where` names it in errors.

    Raises
    ------
    BenchError
        It is not YAML, has a field that recipes do not have, lacks one, or a value is invalid.
    """
    if len(content) > MAX_BYTES:
        raise BenchError(f"{where}: a recipe has at most {MAX_BYTES} bytes")
    try:
        text = content.decode("utf-8")
        if (refused := refused_part(text, MAX_DEPTH)) is not None:
            raise BenchError(f"{where}, {refused}")
        if (twice := duplicate_key(yaml.compose(text, Loader=yaml.SafeLoader))) is not None:
            raise BenchError(f"{where}, {twice}")
        return Recipe.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BenchError(f"{where}: not a YAML file ({' '.join(str(error).split())[:200]})") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise BenchError(f"{where}: {field}: {first['msg']}") from error
