"""What the commands share: their options, and how they end."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Split(StrEnum):
    """What the outer folds hold apart."""

    patient = "patient"
    image = "image"
    official = "official"
    official_linked = "official-linked"
    lopo = "lopo"
    held_out = "held-out"


class Calibrate(StrEnum):
    """How probabilities are mended."""

    none = "none"
    sigmoid = "sigmoid"
    temperature = "temperature"


class Device(StrEnum):
    """Where networks are computed."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Aggregate(StrEnum):
    """How a patient's cells become one score."""

    mean = "mean"
    logit = "logit"
    share = "share"


def option(
    kind: Any, text: str, default: str | None = None, panel: str = "Protocol", metavar: str | None = None
) -> Any:
    """An option that may be left out; `default` and `metavar` are what the help shows."""
    return Annotated[
        kind | None, typer.Option(help=text, show_default=default or False, rich_help_panel=panel, metavar=metavar)
    ]


def switch(name: str, text: str, panel: str) -> Any:
    """An option without a value."""
    return Annotated[bool | None, typer.Option(name, help=text, show_default=False, rich_help_panel=panel)]


CELL_OPTIONS: dict[str, Any] = {
    "mask": option(
        str,
        "Folder of mask images; [cyan]smear[/cyan]: look for the white cell in the middle of a smear; "
        "[cyan]whole[/cyan]: the whole frame.",
        panel="Data",
    ),
    "nucleus_mask": option(str, "Folder of mask images of the nuclei, which are else looked for.", panel="Data"),
    "patient_pattern": option(str, "Class folders: regular expression that finds the patient in a path.", panel="Data"),
    "positive": option(str, "Positive class of two.", panel="Data"),
    "white_level": option(int, "16-bit value that becomes 255.", "65535", panel="Data"),
    "um_per_px": option(float, "Micrometres per pixel.", panel="Data"),
    "skip_unreadable": switch("--skip-unreadable", "Leave unreadable and empty cells out.", "Data"),
}
DATA_OPTIONS: dict[str, Any] = {
    **CELL_OPTIONS,
    "links": option(Path, "CSV file of patients to be linked, as bench audit --links writes it.", panel="Data"),
}
PREPARE = option(
    str,
    "Steps done to image and masks of every cell before an extractor or network sees it, joined by +: "
    "[cyan]crop[/cyan], [cyan]crop+clahe\\[clip=3][/cyan], [cyan]macenko+mask\\[to=mean][/cyan]. "
    "[cyan]bench data show[/cyan] draws them.",
    "none",
    panel="Data",
)
DEVICE = option(
    Device,
    "Where an extractor's network is computed: [cyan]cpu[/cyan], [cyan]cuda[/cyan] (a GPU), or [cyan]auto[/cyan]: a "
    "GPU where there is one. Every worker holds the network: fewer --jobs where the GPU's memory is small. A network "
    "that is trained ([cyan]cnn[/cyan]) uses the processor.",
    "auto",
    panel="Machine",
    metavar="<device>",
)
FOLD_OPTIONS: dict[str, Any] = {
    "split": option(
        Split,
        "What the outer folds hold apart: [cyan]patient[/cyan]; [cyan]image[/cyan], which leaks and shows how much; "
        "[cyan]official[/cyan]: the data's own folds; [cyan]official-linked[/cyan]: the same, linked patients left out "
        "of training; [cyan]lopo[/cyan]: leave one patient out; [cyan]held-out[/cyan]: what --held-out names.",
        "patient",
        metavar="<kind>",
    ),
    "held_out": option(str, "Cells on which the model trained on all of --data is evaluated once.", panel="Data"),
    "folds_file": option(Path, "Read the folds from this file of an earlier run, in place of drawing them."),
    "folds": option(int, "Outer folds.", "5"),
    "repeats": option(int, "Repeats of the outer folds.", "1"),
}
DECISION_OPTIONS: dict[str, Any] = {
    "calibrate": option(Calibrate, "How the probabilities are mended, on inner predictions.", "none"),
    "threshold": option(
        str,
        "Chosen on inner predictions: [cyan]balanced[/cyan] (accuracy), [cyan]sens@0.95[/cyan], "
        "[cyan]spec@0.90[/cyan]; or a number.",
        "balanced",
    ),
    "aggregate": option(Aggregate, "How a patient's cells become one score.", "mean"),
}
RUN_OPTIONS: dict[str, Any] = {
    "data": option(
        str,
        "Cells: a C-NMC archive, a manifest, class folders, or a selector such as [cyan]phantom\\[effect=0][/cyan].",
        "phantom",
        panel="Data",
    ),
    **DATA_OPTIONS,
    "prepare": PREPARE,
    **FOLD_OPTIONS,
    "reason": option(str, "Why the held-out cells are looked at; kept with the results."),
    "inner_folds": option(int, "Inner folds, at most.", "3"),
    "tune": option(int, "Optuna trials for each outer fold.", "0"),
    "storage": option(
        str,
        "Optuna storage in which the tuning trials are kept, too: [cyan]sqlite:///tuning.db[/cyan], any other "
        "database's URL, or a journal file [cyan]tuning.log[/cyan].",
    ),
    **DECISION_OPTIONS,
    "seed": option(int, "Root of every seed.", "0"),
    "jobs": option(int, "Worker processes.", "cores // threads", panel="Machine"),
    "threads": option(int, "Threads of a fit.", "1", panel="Machine"),
    "device": DEVICE,
    "timeout": option(float, "Seconds after which a task is killed.", panel="Machine"),
    "weights_dir": option(Path, "Folder of MODEL.safetensors files.", panel="Machine"),
    "out": option(Path, "Results folder.", "results", panel="Machine"),
    "store": option(Path, "Feature store.", "the user's cache folder", panel="Machine"),
}
MATRIX_OPTIONS: dict[str, Any] = {
    "config": option(Path, "YAML file whose keys are these options; options given here go before it.", panel="Matrix"),
    "extractors": option(str, "Extractors, separated by commas.", "handcrafted,efficientnet_b0", panel="Matrix"),
    "clfs": option(str, "Classifiers, separated by commas.", "all that are installed but the prior", panel="Matrix"),
    "baselines": switch(
        "--baselines/--no-baselines",
        "Rows that say what class shares, stain or size alone reach; there by default.",
        "Matrix",
    ),
    "retry_failed": switch("--retry-failed", "Run failed experiments again.", "Matrix"),
    **RUN_OPTIONS,
}


def with_options(options: dict[str, Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a table in place of its `**options`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, kind in options.items()
        ]
        hints = inspect.get_annotations(command, eval_str=True)
        own = [p.replace(annotation=hints[p.name]) for p in own]
        command.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in [*own, *added]}
        return command

    return decorate


@contextmanager
def stoppable(*, resumes: bool = True) -> Iterator[None]:
    """End by Ctrl-C with a word on what is kept; Typer alone would end without one."""
    try:
        yield
    except KeyboardInterrupt:
        kept = "What was finished is kept; the same command goes on from there."
        typer.secho(f"Stopped. {kept if resumes else 'No result was written.'}", fg="yellow", err=True)
        raise typer.Exit(130) from None


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as plain values."""
    return {k: v.value if isinstance(v, Enum) else v for k, v in options.items() if v is not None}
