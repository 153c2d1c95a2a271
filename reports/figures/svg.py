"""A matplotlib figure becomes SVG that lies in the page and takes the page's colours and type."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

COLOURS: Mapping[str, str] = {
    "ink": "#010203",
    "soft": "#010204",
    "line": "#010205",
    "bad": "#010206",
    "page": "#010207",
    "c0": "#010210",
    "c1": "#010211",
    "c2": "#010212",
    "c3": "#010213",
    "c4": "#010214",
    "c5": "#010215",
}
"""What the figures draw with: stand-ins, each of which becomes the style sheet's variable of that name."""

SETTINGS: Mapping[str, Any] = {
    "axes.edgecolor": COLOURS["line"],
    "axes.facecolor": "none",
    "axes.labelcolor": COLOURS["soft"],
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "text.color": COLOURS["ink"],
    "text.parse_math": False,
    "xtick.color": COLOURS["line"],
    "xtick.labelcolor": COLOURS["soft"],
    "ytick.color": COLOURS["line"],
    "ytick.labelcolor": COLOURS["soft"],
}


@contextmanager
def drawing() -> Iterator[None]:
    """Settings under which figures are made and written: none of the user's, and `$` in a name is a dollar sign."""
    with mpl.rc_context(), warnings.catch_warnings():
        # the reader's browser sets the text, with its own fonts
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        yield


def printable(text: str, at_most: int) -> str:
    """A name as a figure's label: control characters replaced, the middle of a long one left out."""
    clean = "".join(c if c.isprintable() else "\ufffd" for c in text)
    half = (at_most - 1) // 2
    return clean if len(clean) <= at_most else f"{clean[:half]}…{clean[-half:]}"


def inline_svg(figure: Figure, *, name: str, label: str) -> Markup:
    """The figure as an `<svg>` element for an HTML page.

    Parameters
    ----------
    figure : Figure
        Drawn with `COLOURS`, under `drawing()`.
    name : str
        Unique in the page: the ids inside depend on it, and on nothing else that changes from run to run.
    label : str
        What a screen reader says.
    """
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*|<style.*?</style>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    for variable, stand_in in COLOURS.items():
        text = text.replace(stand_in, f"var(--{variable})")
    width, height = figure.get_size_inches() * 72
    opening = f'<svg viewBox="0 0 {width:g} {height:g}" style="max-width: {width:g}pt" role="img" aria-label="{{}}">'
    return Markup(opening).format(escape(label)) + Markup(text[text.index(">") + 1 :].strip())  # noqa: S704 (matplotlib escapes what it writes)
