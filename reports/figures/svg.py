"""Convert matplotlib figures to inline SVG in the colours and fonts of the page."""

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

from bench.errors import printable

COLOURS: Mapping[str, str] = {
    name: f"#0102{number:02d}"
    for number, name in enumerate(("ink", "soft", "line", "bad", "page", "c0", "c1", "c2", "c3", "c4", "c5"), start=3)
}
"""Placeholder colours; each is replaced by the style sheet's variable of that name."""

SETTINGS: Mapping[str, Any] = {
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), COLOURS["line"]),
    **dict.fromkeys(("axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), COLOURS["soft"]),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor", "svg.fonttype"), "none"),
    **dict.fromkeys(("axes.spines.right", "axes.spines.top", "text.parse_math"), False),
    **dict.fromkeys(("axes.labelsize", "font.size"), 9),
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": COLOURS["ink"],
}


@contextmanager
def drawing() -> Iterator[None]:
    """Use fixed matplotlib settings instead of the user's; `$` in a name is not parsed as math."""
    with mpl.rc_context(), warnings.catch_warnings():
        # the browser renders the text with its own fonts
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        yield


def short_label(text: str, max_length: int) -> str:
    """Format a name as label: escape control and invisible characters, elide the middle of long names."""
    clean = printable(text).replace("\n", r"\n")
    half = (max_length - 1) // 2
    return clean if len(clean) <= max_length else f"{clean[:half]}…{clean[-half:]}"


def inline_svg(figure: Figure, *, name: str, label: str) -> Markup:
    """Convert a figure to an `<svg>` element for an HTML page.

    Parameters
    ----------
    figure : Figure
        Drawn with `COLOURS` inside `drawing()`.
    name : str
        Unique in the page; the ids inside the SVG are derived from it and are deterministic.
    label : str
        Label for screen readers.
    """
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*|<style.*?</style>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    for variable, placeholder in COLOURS.items():
        text = text.replace(placeholder, f"var(--{variable})")
    width, height = figure.get_size_inches() * 72
    opening = f'<svg viewBox="0 0 {width:g} {height:g}" style="max-width: {width:g}pt" role="img" aria-label="{{}}">'
    return Markup(opening).format(escape(label)) + Markup(text[text.index(">") + 1 :].strip())  # noqa: S704 (matplotlib escapes its output)
