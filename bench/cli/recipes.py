"""The command `bench reproduce`: published systems by the protocols of their authors and on unseen patients."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bench.cli.display.terminal import live_progress, show_line
from bench.cli.options import command, set_options, stage_options, stoppable, typer_option

recipes_app = typer.Typer()

_OWN = ("reason", "tune", "tune_hours", "sampler", "storage")
OPTIONS: dict[str, Any] = {
    **{name: kind for name, kind in stage_options("run", "cells", "links").items() if name not in _OWN},
    "held_out": typer_option(
        "held_out", text="Held-out patients, on which systems are scored that their authors test so."
    ),
    "folds": typer_option("folds", text="Number of folds of patients.", shown="5"),
    "seed": typer_option("seed"),
    "reason": typer_option("reason"),
    **{name: kind for name, kind in stage_options("features").items() if name != "prepare"},
    **stage_options("work"),
}


@command(
    recipes_app,
    "bench reproduce somu-nd --data C-NMC_Leukemia/ --held-out C-NMC_Leukemia/validation_data",
    "bench reproduce 'iiti-*' --data C-NMC_Leukemia/ --epochs-scale 0.1",
    "bench reproduce all --data cells/ --epochs-scale 0.01 --random-weights",
    "bench reproduce unnithan-nd --data C-NMC_Leukemia/ --waterfall",
    options=OPTIONS,
)
def reproduce(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Recipe, pattern of names, `all`, or a YAML file.")],
    *,
    epochs_scale: Annotated[
        float, typer.Option(help="Factor on the epochs of each stage, rounded up; rows are marked SHORTENED.")
    ] = 1.0,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="Start networks without weights at random; rows are marked.")
    ] = False,
    waterfall: Annotated[
        bool, typer.Option("--waterfall", help="Also remove the leaks of each protocol one at a time.")
    ] = False,
    **options: Any,
) -> None:
    """Run published systems as their authors did, and on patients that no part of the training has seen.

    Prints the published score beside that by the authors' protocol, by folds of patients and on held-out patients, and
    the difference. Finished parts are stored; the same command continues.
    """
    from bench.cli.display import recipes as display  # noqa: PLC0415 (so that --help stays fast)
    from bench.recipes.catalogue import recipes_of  # noqa: PLC0415
    from bench.recipes.reproduce import reproductions  # noqa: PLC0415

    chosen = recipes_of(name)
    refused = False
    with stoppable(), live_progress() as observer:
        each = reproductions(
            chosen,
            epochs_scale=epochs_scale,
            random_weights=random_weights,
            waterfall=waterfall,
            observer=observer,
            **set_options(options),
        )
        for reproduction in each:
            display.show_reproduction(reproduction)
            refused |= bool(reproduction.refusals)
            place = reproduction.file.parent
    show_line("recipes", place)
    if refused:
        raise typer.Exit(1)
