"""Print re-scored leaderboards, one table for each protocol and decision."""

from __future__ import annotations

import pandas as pd
from rich.markup import escape

from bench.cli.display.tables import protocol_line, show_leaderboard
from bench.cli.display.terminal import console, positive_text
from bench.experiments.leaderboard import SETTINGS


def show_scores(board: pd.DataFrame) -> None:
    """Print a leaderboard of `bench.experiments.rescoring.score`, one table for each comparable group."""
    for values, part in board.groupby(list(SETTINGS), sort=False):
        settings = dict(zip(SETTINGS, values, strict=True))
        console.print(
            f"\n[bold]{escape(str(settings['data']))}[/bold]: {escape(protocol_line(settings, part['repeats']))}"
            f"{positive_text(settings)}"
        )
        console.print(
            f"calibration {settings['calibrate']}, threshold {settings['threshold']}, "
            f"patients by {settings['aggregate']}",
            markup=False,
        )
        show_leaderboard(part)
    console.print("Choosing a threshold from this table means tuning on the test patients.", style="dim")
