"""The command `bench networks`: write the fitted networks of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.display.terminal import live_progress, show_line
from bench.cli.evidence import REFIT_OPTIONS, Experiment
from bench.cli.options import OUTPUT, command, optional, set_options, stoppable

networks_app = typer.Typer()


@command(
    networks_app,
    'bench networks results/ --name "pixels x cnn" -o networks/',
    'bench networks results/ --name "finetune x knn" --repeat 0 --fold 1 -o fold1/',
    options=REFIT_OPTIONS,
)
def networks(
    experiment: Experiment,
    *,
    output: Annotated[Path, typer.Option(*OUTPUT, help="Folder that is written; it must be new or empty.")],
    repeat: Annotated[int | None, optional("Only networks of this repeat, from 0.", default="all")] = None,
    fold: Annotated[int | None, optional("Only networks of this fold, from 0.", default="all")] = None,
    inner: Annotated[bool, typer.Option("--inner", help="Also the networks of the inner fits.")] = False,
    **options: Any,
) -> None:
    """Write the trained networks of an experiment as safetensors.

    A network that is not in the results folder is fitted again, bit for bit on the same machine with the same versions
    of libraries; another SHA-256 than in the record is an error. `networks.json` says for each network what a
    prediction needs beside the weights, and whether it was read or fitted again.
    """
    from bench.experiments.fitted_networks import fitted_networks  # noqa: PLC0415 (so that --help stays fast)
    from bench.experiments.network_export import check_empty, write_networks  # noqa: PLC0415

    check_empty(output)
    with stoppable(resumes=False), live_progress(outcomes=False) as observer:
        chosen: dict[str, Any] = {"repeat": repeat, "fold": fold, "inner": inner, **set_options(options)}
        written = write_networks(fitted_networks(experiment, observer=observer, **chosen), output)
    refitted = sum(record["source"] == "refitted" for record in written)
    show_line("networks", f"{output} ({len(written)} files, {refitted} fitted again)")
