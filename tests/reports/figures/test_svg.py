from __future__ import annotations

import re

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from reports.figures.svg import COLOURS, drawing, inline_svg, short_label


def _figure(text: str) -> Figure:
    figure = Figure(figsize=(4, 2))
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    axes.plot([0, 1], [0, 1], color=COLOURS["c0"])
    axes.set_title(text)
    return figure


def _svg(text: str, name: str = "one") -> str:
    with drawing():
        return str(inline_svg(_figure(text), name=name, label=text))


def test_colours_are_css_variables() -> None:
    svg = _svg("title")
    assert "stroke: var(--c0)" in svg
    assert "fill: var(--ink)" in svg
    assert not any(placeholder in svg for placeholder in COLOURS.values())


def test_text_is_escaped() -> None:
    svg = _svg("<script>alert('1')</script> & \"two\"")
    assert "&lt;script&gt;alert('1')&lt;/script&gt; &amp; \"two\"</text>" in svg
    assert "<script" not in svg
    assert svg.count("&#34;two&#34;") == 1


def test_dollar_signs_are_not_math() -> None:
    assert "$\\frac$ and $" in _svg("$\\frac$ and $")


def test_missing_glyphs_do_not_warn(recwarn: pytest.WarningsRecorder) -> None:
    assert "白血病</text>" in _svg("白血病")
    assert not len(recwarn)


def test_svg_has_no_external_references() -> None:
    svg = _svg("title")
    assert svg.startswith('<svg viewBox="0 0 288 144"')
    assert svg.endswith("</svg>")
    assert "http" not in svg
    assert "<style" not in svg
    assert "metadata" not in svg


def test_output_is_deterministic_and_ids_depend_on_the_name() -> None:
    assert _svg("title") == _svg("title")
    ids = [set(re.findall(r'id="([^"]+)"', _svg("title", name))) for name in ("one", "two")]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_user_settings_are_ignored_and_unchanged() -> None:
    expected = _svg("title")
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 7}):
        before = dict(mpl.rcParams)
        assert _svg("title") == expected
        assert dict(mpl.rcParams) == before


def test_labels_are_printable_and_short() -> None:
    assert short_label("a\x00b\ud800\u202e\n", 40) == r"a\x00b\ud800\u202e\n"
    assert short_label("x" * 64, 64) == "x" * 64
    shortened = short_label("start" + "x" * 100 + "end", 21)
    assert len(shortened) == 21
    assert shortened.startswith("start")
    assert shortened.endswith("end")
