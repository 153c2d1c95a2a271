"""Draw the first leaderboard of a results folder as SVG.

Usage: python docs/scripts/leaderboard_svg.py results docs/_static/leaderboard.svg
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

from bench.errors import printable
from bench.experiments.results import Results
from reports.rows import Row, Score
from reports.section import ReportData
from reports.text import evaluated_on

ROW, TOP, WIDTH = 25, 84, 1000
AXIS = (400, 620)  # AUROC 0.4 and 1.0
COLUMNS = (("Balanced", "accuracy", 806), ("", "Sensitivity", 894), ("", "Specificity", 984))
METRICS = ("balanced_accuracy_patient", "sensitivity_patient", "specificity_patient")
FOOTER = (
    "Brackets and bars: 95 % intervals. Every patient has the same weight. Hollow grey: baselines. "
    "Hollow red: untrained network (random weights)."
)
INK, SOFT, LINE, ACCENT, BAD = "#1c2126", "#5b6570", "#dde1e5", "#0b6b74", "#b3261e"


def x_of(score: float) -> float:
    """Horizontal position of a score."""
    low, high = AXIS
    return low + (score - 0.4) / 0.6 * (high - low)


def text(x: float, y: float, content: str, *, color: str = INK, anchor: str = "start", style: str = "") -> str:
    """A line of text."""
    shown = escape(printable(content))
    return f'<text x="{x:g}" y="{y:g}" fill="{color}" text-anchor="{anchor}" {style}>{shown}</text>'


def interval(score: Score, y: float, color: str, *, hollow: bool) -> Iterator[str]:
    """Estimate and interval."""
    yield f'<path d="M{x_of(score.low):.1f} {y}H{x_of(score.high):.1f}" stroke="{color}" stroke-width="1.8"/>'
    fill = "#fff" if hollow else color
    yield f'<circle cx="{x_of(score.value):.1f}" cy="{y}" r="4" fill="{fill}" stroke="{color}" stroke-width="1.6"/>'


def table_row(row: Row, y: float) -> Iterator[str]:
    """One row of the leaderboard."""
    color = BAD if row.warnings else SOFT if row.baseline else ACCENT
    yield f'<path d="M16 {y + 9}H{WIDTH - 16}" stroke="{LINE}"/>'
    yield text(16, y, row.name, style='font-family="ui-monospace, Menlo, Consolas, monospace" font-size="11.5"')
    yield from interval(row.primary, y - 4, color, hollow=bool(row.warnings or row.baseline))
    yield text(636, y, f"{row.primary.value:.2f}", color=color, style='font-weight="700"')
    yield text(674, y, row.primary.interval, color=SOFT)
    for (_, _, x), metric in zip(COLUMNS, METRICS, strict=True):
        yield text(x, y, f"{row.scores[metric].value:.2f}", anchor="end")


def main() -> None:
    """Write the picture."""
    group = ReportData.read(Results.open(Path(sys.argv[1]))).groups[0]
    height = TOP + ROW * len(group.rows) + 44
    bottom = height - 44
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-size="12.5" '
        'font-family="system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#fff" stroke="{LINE}"/>',
        text(16, 28, "Leaderboard", style='font-size="16" font-weight="700"'),
        text(WIDTH - 16, 28, evaluated_on(group), color=SOFT, anchor="end"),
        text(16, 70, "Pipeline", color=SOFT, style='font-weight="600"'),
        text(636, 70, "AUROC", color=SOFT, style='font-weight="600"'),
        *(text(x, y, title, color=SOFT, anchor="end", style='font-weight="600"')
          for upper, lower, x in COLUMNS for title, y in ((upper, 55), (lower, 70)) if title),
        text(x_of(0.5), 70, "chance", color=SOFT, anchor="middle", style='font-size="11"'),
        f'<path d="M{x_of(0.5):.1f} 76V{bottom}" stroke="{SOFT}" stroke-dasharray="3 3"/>',
        *(line for i, row in enumerate(group.rows) for line in table_row(row, TOP + 16 + ROW * i)),
        *(text(x_of(tick), bottom + 14, f"{tick:.1f}", color=SOFT, anchor="middle", style='font-size="11"')
          for tick in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)),
        text(16, height - 12, FOOTER, color=SOFT, style='font-size="11"'),
        "</svg>",
    ]  # fmt: skip
    Path(sys.argv[2]).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
