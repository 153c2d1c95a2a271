"""Print results, plans and datasets."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.markup import escape
from rich.table import Table

from bench.cli.display.terminal import console, positive_text, show_line, table_of
from bench.evaluation.optimism import summary
from bench.evaluation.protocol import tuning_budget
from bench.experiments.pretrained_weights import licences_text
from bench.experiments.records import BASELINE, LEAKY, ExperimentResult
from bench.plugins.pipeline import NO_PREPARATION, pipeline_name
from bench.scores.intervals import interval_text
from bench.scores.metrics import METRICS, PRIMARY

if TYPE_CHECKING:
    from bench.api import MatrixResult
    from bench.datasets.loading import LoadedDataset
    from bench.experiments.plan import Plan

_SHORT = (PRIMARY, "balanced_accuracy_patient", "weighted_f1_cell")
_HEADLINE = tuple(name for name, metric in METRICS.items() if metric.headline)
_WIDE = 118
"""Terminal width from which all headline metrics are shown."""


def show_experiment(result: ExperimentResult) -> None:
    """Print the scores of one experiment, and its folder."""
    data, protocol = result.record["data"], result.record["protocol"]
    console.print(f"\n[bold]{escape(result.name)}[/bold]{_flags(result.flags)}{positive_text(data)}")
    console.print(f"{counts_line(data)}; {protocol_line(protocol, [protocol['repeats']], data)}", markup=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    scores = result.scores.set_index("metric")
    shown = [m for m in (*_HEADLINE, "accuracy_per_patient") if m in scores.index and pd.notna(scores["value"][m])]
    for metric in shown:
        line = scores.loc[metric].to_dict()
        table.add_row(
            METRICS[metric].title, f"{line['value']:.2f}", interval_text(float(line["low"]), float(line["high"]))
        )
    console.print(table)
    methods = "; ".join(scores.loc[shown, "method"].drop_duplicates())
    console.print(f"Intervals, conditional on the fitted models: {escape(methods)}.", style="dim")
    console.print(f"{len(scores) - len(shown)} more metrics: scores.parquet, or bench report.", style="dim")
    if tuned := summary(result.optimism):
        console.print(f"tuning optimism: {tuned}")
    _show_licences([licences_text(result.licences)])
    if _without_patients(data):
        console.print(
            "Without patient ids, a patient in the names of metrics is a split unit, or a block of consecutive cells.",
            style="dim",
        )
    for violation in result.record["violations"]:
        console.print(f"[red]{LEAKY}[/red] {escape(violation)}")
    show_line("result", result.folder)


def show_matrix(result: MatrixResult) -> None:
    """Print the leaderboard of a matrix, and its folder."""
    board = result.leaderboard_full
    console.print(f"\n{_plan_line(result.plan)}")
    show_leaderboard(board)
    show_line("results", result.results.path)


def show_leaderboard(board: pd.DataFrame) -> None:
    """Print comparable rows, with as many headline metrics as fit the terminal."""
    defined = [m for m in _HEADLINE if board[m].notna().any()]
    shown = defined if console.width >= _WIDE else [m for m in defined if m in _SHORT]
    repeated = board["repeats"].nunique() > 1 and console.width >= _WIDE
    numbers = [*(["repeats"] if repeated else []), *(METRICS[metric].title.replace(", ", "\n") for metric in shown)]
    table = table_of("pipeline", numbers=numbers)
    for row in board[board["status"] != "damaged"].to_dict(orient="records"):
        pipeline = escape(pipeline_name(row["prepare"], row["extractor"], row["classifier"]))
        if row["status"] == "done":
            flags = tuple(row["flags"].split(", ")) if row["flags"] else ()
            repeats = [escape(str(row["repeats"]))] if repeated else []
            table.add_row(pipeline + _flags(flags), *repeats, *(_interval(row, m) for m in shown))
        else:
            table.add_row(f"{pipeline} [red]failed[/red]", *["-"] * len(numbers))
    console.print(table)
    methods = "; ".join(board[f"{PRIMARY}_method"].dropna().drop_duplicates())
    console.print(f"95 % intervals of the AUROC, conditional on the fitted models: {escape(methods)}.", style="dim")
    _show_licences(board["licences"])
    failed = board[board["status"] == "failed"]
    _show_reasons(failed.assign(state="failed", why=failed["reason"]))
    show_damaged(board.loc[board["status"] == "damaged", "reason"])


def _show_licences(texts: Iterable[str]) -> None:
    """Print the licences of the weights behind a table, each once."""
    licences = sorted({one for text in texts for one in text.split("; ") if one})
    if licences:
        console.print(f"Licences of pretrained weights: {escape('; '.join(licences))}", style="dim", soft_wrap=True)


def show_damaged(reasons: Iterable[str]) -> None:
    """Print the reasons why experiments cannot be read."""
    for text in reasons:
        console.print(f"[red]damaged[/red] {escape(text)}", soft_wrap=True)


def show_plan(plan: Plan, states: pd.DataFrame) -> None:
    """Print the data and the protocol of a matrix, and the state of each experiment."""
    console.print(f"{_plan_line(plan)}\n")
    show_states(states)


def show_states(states: pd.DataFrame) -> None:
    """Print the state of each experiment of a matrix."""
    plain = ["prepare"] if (states["prepare"] == NO_PREPARATION).all() else []
    console.print(_frame(states.drop(columns=["why", *plain])))
    counts = states["state"].value_counts()
    summary = ", ".join(f"{n} {state}" for state, n in counts.items())
    console.print(f"\n{len(states)} experiments: {summary}")
    _show_reasons(states)


def show_dataset(opened: LoadedDataset) -> None:
    """Print the contents of a dataset."""
    from bench.datasets.summary import describe  # noqa: PLC0415 (only this command needs it)

    data = opened.dataset
    described = f"(reader {data.reader}, positive class {data.positive})"
    console.print(f"[bold]{escape(data.name)}[/bold] {escape(described)}")
    summary = describe(data, opened.scan)
    for title, frame in (
        *_groups(data.grouping, summary.classes, summary.per_patient),
        ("Image sizes in pixels", summary.sizes),
        ("Official folds", summary.folds),
    ):
        if frame is not None:
            console.print(f"\n{title}", style="bold")
            console.print(_frame(frame, index=title != "Image sizes in pixels"))


def _groups(grouping: str, classes: pd.DataFrame, per_patient: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return titles and tables of cells and what they are grouped by."""
    if grouping == "patient":
        first = ("Cells, patients and split units (linked patients form one)", classes)
        return [first, ("Cells per patient", per_patient)]
    if grouping == "unit":
        first = ("Cells and split units (no patient ids)", classes.drop(columns="patients"))
        return [first, ("Cells per split unit", per_patient)]
    return [("Cells (no patient ids)", classes[["cells"]])]


def _plan_line(plan: Plan) -> str:
    """Return the first line of a matrix: data, protocol and positive class."""
    data = plan.record(plan.experiments[0])["data"]
    settings = f"{counts_line(data)}; {protocol_line(vars(plan.protocol), plan.repeats, data)}"
    return f"[bold]{escape(data['name'])}[/bold]: {escape(settings)}{positive_text(data)}"


def _show_reasons(states: pd.DataFrame) -> None:
    """Print each reason once, with its pipelines."""
    for (state, why), part in states.groupby(["state", "why"], sort=False):
        named = zip(part["prepare"], part["extractor"], part["classifier"], strict=True)
        who = ", ".join(pipeline_name(*one) for one in named)
        style = "red" if state in ("failed", "cannot run") else "bold"
        console.print(f"[{style}]{state}[/{style}] {escape(who)}: {escape(str(why))}", soft_wrap=True)


def _frame(frame: pd.DataFrame, *, index: bool = False) -> Table:
    shown = frame.reset_index(names="") if index else frame
    table = Table(box=None, pad_edge=False)
    for column, kind in shown.dtypes.items():
        table.add_column(escape(str(column)), overflow="fold", justify="right" if kind.kind in "if" else "left")
    for row in shown.itertuples(index=False):
        table.add_row(*(escape(f"{v:g}" if isinstance(v, float) else str(v)) for v in row))
    return table


def _interval(row: Mapping[Hashable, Any], metric: str) -> str:
    if pd.isna(row[metric]):
        return "-"
    return f"{row[metric]:.2f} [dim]{interval_text(row[f'{metric}_low'], row[f'{metric}_high'])}[/dim]"


def _flags(flags: tuple[str, ...]) -> str:
    shown = [f"[{'dim' if flag == BASELINE else 'red'}]{escape(flag)}[/]" for flag in flags]
    return f" {', '.join(shown)}" if flags else ""


def counts_line(data: Mapping[str, Any]) -> str:
    """Return the number of cells, patients and, if different, split units; of cells without patient ids, the units."""
    held = data.get("held_out")
    if _without_patients(data):
        tested = f", {held['cells']} of them held out" if isinstance(held, dict) else ""
        units = f" of {data['split_units']} split units" if data["grouping"] == "unit" else ""
        return f"{data['cells']} cells{units}, without patient ids{tested}"
    linked = "" if data["patients"] == data["split_units"] else f" ({data['split_units']} split units)"
    tested = f", {held['cells']} of them from {held['patients']} held-out patients" if isinstance(held, dict) else ""
    return f"{data['cells']} cells of {data['patients']} patients{linked}{tested}"


def protocol_line(protocol: Mapping[str, Any], repeats: Collection[int], data: Mapping[str, Any] | None = None) -> str:
    """Return a summary of folds, repeats (of several experiments), tuning and seed; `data` states the grouping."""
    by = "split unit" if protocol["split"] == "patient" and _without_patients(data or {}) else protocol["split"]
    repeated = "" if set(repeats) == {1} else f" x {' or '.join(map(str, sorted(set(repeats))))} repeats"
    budget = tuning_budget(protocol)
    tuned = f", tuning: {budget} per fold" if budget else ""
    folds = {
        "official": f"{protocol['folds']} official folds",
        "official-linked": f"{protocol['folds']} official folds without linked patients",
        "lopo": f"leave one patient out, {protocol['folds']} folds",
        "held-out": "one held-out test",
    }.get(str(protocol["split"]), f"{protocol['folds']} folds by {by}")
    return f"{folds}{repeated}{tuned}, seed {protocol['seed']}"


def _without_patients(data: Mapping[str, Any]) -> bool:
    return bool(data.get("grouping", "patient") != "patient")
