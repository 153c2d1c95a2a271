"""Print a summary of mask quality."""

from __future__ import annotations

import pandas as pd
from rich.markup import escape
from rich.table import Table

from bench.cli.display.terminal import console


def show_quality(name: str, cells: int, summary: pd.DataFrame) -> None:
    """Print the frequency of each finding, with example cells."""
    console.print(f"[bold]{escape(name)}[/bold]: masks of {cells} cells")
    table = Table(box=None, pad_edge=False)
    table.add_column("finding", no_wrap=True)
    table.add_column("cells", justify="right")
    table.add_column("share", justify="right")
    table.add_column("examples", overflow="fold")
    for row in summary.to_dict(orient="records"):
        examples = ", ".join(row["examples"]) + (", ..." if row["cells"] > len(row["examples"]) else "")
        table.add_row(row["finding"], str(row["cells"]), f"{row['share']:.1%}", escape(examples))
    console.print(table)
