from __future__ import annotations

import re

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from reports.figures.svg import COLOURS, drawing, inline_svg, printable


def _figure(text: str) -> Figure:
    figure = Figure(figsize=(4, 2))
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    axes.plot([0, 1], [0, 1], color=COLOURS["c0"])
    axes.set_title(text)
    return figure


def _drawn(text: str, name: str = "one") -> str:
    with drawing():
        return str(inline_svg(_figure(text), name=name, label=text))


def test_colours_are_the_pages_variables_and_no_stand_in_stays() -> None:
    svg = _drawn("title")
    assert "stroke: var(--c0)" in svg
    assert "fill: var(--ink)" in svg
    assert not any(stand_in in svg for stand_in in COLOURS.values())


def test_text_is_text_and_escaped() -> None:
    svg = _drawn("<script>alert('1')</script> & \"two\"")
    assert "&lt;script&gt;alert('1')&lt;/script&gt; &amp; \"two\"</text>" in svg
    assert "<script" not in svg
    assert svg.count("&#34;two&#34;") == 1


def test_a_dollar_sign_is_no_formula() -> None:
    assert "$\\frac$ and $" in _drawn("$\\frac$ and $")


def test_a_sign_that_the_font_lacks_is_left_to_the_browser(recwarn: pytest.WarningsRecorder) -> None:
    assert "白血病</text>" in _drawn("白血病")
    assert not len(recwarn)


def test_it_stands_alone() -> None:
    svg = _drawn("title")
    assert svg.startswith('<svg viewBox="0 0 288 144"')
    assert svg.endswith("</svg>")
    assert "http" not in svg
    assert "<style" not in svg
    assert "metadata" not in svg


def test_the_same_figure_gives_the_same_text_and_its_ids_depend_on_its_name() -> None:
    assert _drawn("title") == _drawn("title")
    ids = [set(re.findall(r'id="([^"]+)"', _drawn("title", name))) for name in ("one", "two")]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_the_users_settings_neither_matter_nor_change() -> None:
    expected = _drawn("title")
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 7}):
        before = dict(mpl.rcParams)
        assert _drawn("title") == expected
        assert dict(mpl.rcParams) == before


def test_a_label_is_clean_and_short() -> None:
    assert printable("a\x00b\ud800\u202e", 10) == "a\ufffdb\ufffd\ufffd"
    assert printable("x" * 64, 64) == "x" * 64
    shortened = printable("start" + "x" * 100 + "end", 21)
    assert len(shortened) == 21
    assert shortened.startswith("start")
    assert shortened.endswith("end")
