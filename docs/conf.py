"""Sphinx configuration. Build with `make docs`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])

project = "cytobench"
author = "The cytobench developers"
copyright = author
version = release = installed_version("cytobench")

extensions = [
    "generated_pages",
    "recipe_pages",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["status.md", "_build", "_generated/packages.md", "examples", "scripts"]
templates_path = ["_templates"]

autodoc_typehints = "none"
autosummary_generate = True
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "min_reported_time": 1000,
    "abort_on_example_error": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "cytobench"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_sidebars = {
    page: [] for page in ("getting_started", "protocol", "architecture", "contributing", "glossary", "changelog")
}
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
}
