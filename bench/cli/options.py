"""Command-line options, derived from their declarations in `bench.options`."""

from __future__ import annotations

import inspect
import json
import re
import signal
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from rich.markup import escape

from bench.cli.display.terminal import write_text
from bench.errors import BenchError, Interrupted
from bench.options.declarations import OPTIONS, Declaration
from bench.options.option import Stage

RUN_STAGES: tuple[Stage, ...] = ("run", "cells", "links", "folds", "features", "work", "decision")
"""Stages of one experiment; a matrix adds its own."""


def stage_options(*stages: Stage, **changes: Any) -> dict[str, Any]:
    """Return the options of some stages as annotated types for Typer, in the order of the declarations.

    Parameters
    ----------
    *stages : Stage
        Stages of a run.
    **changes
        As for `typer_option`.
    """
    return {
        name: typer_option(name, **changes) for name, declared in OPTIONS.items() if declared.option.stage in stages
    }


def typer_option(name: str, *, text: str | None = None, shown: str | None = None) -> Any:
    """Return an option as an annotated type for Typer.

    Parameters
    ----------
    name : str
        Name of a field of `bench.options.Options`.
    text : str, optional
        Help in place of the declared one, where a command uses the option for something else.
    shown : str, optional
        Default shown in the help, in place of the declared one.
    """
    declared = OPTIONS[name]
    option = declared.option
    flag = "--" + name.replace("_", "-")
    kind = _command_line_type(declared)
    on_by_default = [f"{flag}/--no-{flag.removeprefix('--')}"] if declared.default is True else [flag]
    return Annotated[
        kind | None,
        typer.Option(
            *on_by_default,
            *option.flags,
            help=help_text(text or option.help, shown if shown is not None else _default(declared) if not text else ""),
            show_default=False,
            rich_help_panel=option.panel,
            metavar="<str>" if option.flags else option.metavar,
        ),
    ]


def own_option(kind: Any, text: str, *flags: str, panel: str | None = None) -> Any:
    """Return an option of one command, which is not an option of a run."""
    return Annotated[kind | None, optional(text, *flags, panel=panel)]


def optional(text: str, *flags: str, default: str = "", panel: str | None = None) -> Any:
    """Return the declaration of an option that may be left out; `default` describes what is then used."""
    return typer.Option(*flags, help=help_text(text, default), show_default=False, rich_help_panel=panel)


def help_text(text: str, default: str = "") -> str:
    """Return help as Rich markup: names in backticks are coloured, the default follows in brackets."""
    marked = re.sub(r"`([^`]+)`", r"[cyan]\1[/cyan]", escape(text))
    return marked + (f" [dim]\\[default: {escape(default)}][/dim]" if default else "")


def examples(*commands: str) -> str:
    """Return the epilog of a help page: one example, or several on lines of their own."""
    lines = [f"[cyan]{escape(command)}[/cyan]" for command in commands]
    return f"Example: {lines[0]}" if len(lines) == 1 else "\n\n".join(["Examples:", *lines])


def command(
    group: typer.Typer, *lines: str, name: str | None = None, options: Mapping[str, Any] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a command whose help is its docstring.

    Parameters
    ----------
    group : Typer
        Group to which the command is added.
    *lines : str
        Example command lines for the help page.
    name : str, optional
        Name of the command. Default: that of the function.
    options : mapping, optional
        Annotated types of options by name; they replace `**options` in the signature.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        if options is not None:
            _replace_keywords(function, options)
        paragraphs = (inspect.getdoc(function) or "").split("\n\n")
        text = "\n\n".join(help_text(paragraph.replace("\n", " ")) for paragraph in paragraphs)
        group.command(name, help=text, epilog=examples(*lines))(function)
        return function

    return register


def _replace_keywords(function: Callable[..., None], options: Mapping[str, Any]) -> None:
    """Replace `**options` in a signature by named options."""
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    hints = inspect.get_annotations(function, eval_str=True)
    parameters = [p.replace(annotation=hints[p.name]) for p in own]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters += [inspect.Parameter(key, keyword, default=None, annotation=kind) for key, kind in options.items()]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in parameters}


@contextmanager
def stoppable(*, resumes: bool = True) -> Iterator[None]:
    """Exit on Ctrl-C or another signal that stops the command, with a message that states what is stored.

    The exit code is 128 plus the number of the signal: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
    """
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as stop:
        number = stop.number if isinstance(stop, Interrupted) else signal.SIGINT
        stored = "Finished parts are stored; run the same command again to continue."
        typer.secho(f"Stopped. {stored if resumes else 'No result was written.'}", fg="yellow", err=True)
        raise typer.Exit(128 + number) from None


def set_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were set on the command line.

    Raises
    ------
    BenchError
        An option with several names was set more than once.
    """
    return {name: single(name, value) for name, value in options.items() if value is not None}


def single(name: str, value: Any) -> Any:
    """Return the only value of an option that has several names."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    if len(value) > 1:
        raise BenchError(f"--{name} was set {len(value)} times ({', '.join(value)}); set it once, by one of its names")
    return value[0] if value else None


def numbers(flag: str, text: str) -> list[float]:
    """Return the numbers of an option, separated by commas."""
    try:
        return [float(piece) for piece in text.split(",")]
    except ValueError as error:
        raise BenchError(f"{flag} {text}: numbers separated by commas are expected, such as 1,2") from error


def _command_line_type(declared: Declaration) -> Any:
    """Return the type that Typer parses; option names that exclude each other are collected in a list."""
    if declared.option.flags:
        return list[str]
    if declared.option.parse is not None:
        return str
    is_union = get_origin(declared.type) in (Union, types.UnionType)
    return next(kind for kind in get_args(declared.type) if kind is not type(None)) if is_union else declared.type


def _default(declared: Declaration) -> str:
    value = declared.default
    if declared.option.shown is not None:
        return declared.option.shown
    if value is None or isinstance(value, bool) or value == ():
        return ""
    return ",".join(value) if isinstance(value, tuple) else str(value)


OUTPUT = ("--output", "-o")
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file that this command did not write.")]
ResultsFolder = Annotated[Path, typer.Argument(help="Results folder.")]
Data = Annotated[str, typer.Argument(metavar="DATA", help="Cells, as for --data of bench run.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def show_or_print_json(result: Any, show: Callable[..., None], *, as_json: bool, **values: Any) -> None:
    """Print the record of a result as JSON, or the result by a function of `bench.cli.display`."""
    if as_json:
        write_text(json.dumps(result.record(), indent=1))
    else:
        show(result, **values)
