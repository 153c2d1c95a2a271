"""Directive `recipes`: the sections of the recipes that patterns of names select."""

from __future__ import annotations

from importlib.resources import files

from docutils import nodes
from recipe_text import section
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bench.recipes.catalogue import recipes_of


class RecipesDirective(SphinxDirective):
    """Sections of recipes; its lines are names or patterns such as `iiti-*`."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Render the recipes in the order of the patterns."""
        recipes = [recipe for pattern in self.content for recipe in recipes_of(pattern)]
        for recipe in recipes:
            self.env.note_dependency(str(files("bench.recipes.published") / f"{recipe.name}.yaml"))
        text = "\n".join(section(recipe) for recipe in recipes)
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("recipes", RecipesDirective)
    return {"parallel_read_safe": True}
