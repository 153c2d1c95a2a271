"""What `bench score` prints: the leaderboard under another decision, each table with what it was decided by."""

from __future__ import annotations

import pandas as pd
from rich.markup import escape

from bench.cli.display.tables import protocol_line, show_leaderboard
from bench.cli.display.terminal import console
from bench.experiments.leaderboard import SETTINGS


def show_scores(board: pd.DataFrame) -> None:
    """Print a leaderboard from `bench.experiments.rescoring.score`, a table for all that can be compared."""
    for asked, part in board.groupby(list(SETTINGS), sort=False):
        given = dict(zip(SETTINGS, asked, strict=True))
        console.print(f"\n[bold]{escape(str(given['data']))}[/bold]: {protocol_line(given)}", highlight=False)
        console.print(
            f"calibration {given['calibrate']}, threshold {given['threshold']}, patients by {given['aggregate']}",
            highlight=False,
        )
        show_leaderboard(part)
    console.print("Whoever picks a decision by these scores has tuned it on the tested patients.", style="dim")
