"""Progress of a training, saved after each epoch so that a killed training resumes."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extractors.files.atomic import atomic_file
from extractors.files.regular import open_regular

if TYPE_CHECKING:
    import torch

FILE = "progress.pt"
"""Name of the file in the folder of a training."""


@dataclass
class Progress:
    """State of a training after its last complete epoch.

    Parameters
    ----------
    identity : str
        What the training depends on; a file of another training is not used.
    stage : int
        Index of the stage.
    epoch : int
        Number of complete epochs of the stage.
    stale : int
        Epochs of the stage since its last improvement.
    stage_best, best : float
        Best validation score of the stage and of all epochs; higher is better.
    chosen : int
        Index, over all stages, of the epoch whose weights are used.
    seconds, waited : float
        Time of all complete epochs, and of waiting for images in them.
    peak_memory : int
        Peak memory in bytes.
    rates : list of float
        Largest learning rate of each layer group in this stage; empty before the stage begins.
    parts : int
        Parts into which a batch is divided.
    stage_ended : bool
        Whether the stage ended before its last epoch.
    stopped : str
        Why the training ended before its last epoch; empty if it did not.
    curves, finder : list of dict
        Rows of the tables of epochs and of learning-rate searches.
    network, optimiser, average : dict
        States with tensors, which are those in use: they change in the next step.
    chosen_weights : dict
        State of the network of the chosen epoch.
    """

    identity: str
    stage: int = 0
    epoch: int = 0
    stale: int = 0
    stage_best: float = float("-inf")
    best: float = float("-inf")
    chosen: int = -1
    seconds: float = 0.0
    waited: float = 0.0
    peak_memory: int = 0
    rates: list[float] = field(default_factory=list)
    parts: int = 1
    stage_ended: bool = False
    stopped: str = ""
    curves: list[dict[str, Any]] = field(default_factory=list)
    finder: list[dict[str, float]] = field(default_factory=list)
    network: dict[str, torch.Tensor] = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    average: dict[str, Any] = field(default_factory=dict)
    chosen_weights: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Number of complete epochs of all stages."""
        return len(self.curves)

    def begin_stage(self, stage: int) -> None:
        """Reset what belongs to one stage."""
        self.stage, self.epoch, self.stale, self.stage_best = stage, 0, 0, float("-inf")
        self.rates, self.optimiser, self.average, self.stage_ended = [], {}, {}, False

    def save(self, folder: Path | None) -> None:
        """Write the state atomically into a folder, which is created; do nothing without one."""
        import torch  # noqa: PLC0415 - heavy

        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(folder / FILE) as temporary:
            torch.save({entry.name: getattr(self, entry.name) for entry in fields(self)}, temporary)


def discard_progress(folder: Path | None) -> None:
    """Remove the saved state from a folder, if there is one."""
    if folder is not None:
        (folder / FILE).unlink(missing_ok=True)


def saved_progress(folder: Path | None, identity: str) -> Progress:
    """Read the state of the same training from a folder, or begin a new one.

    Parameters
    ----------
    folder : Path or None
        None: nothing was saved.
    identity : str
        What the training depends on.

    Raises
    ------
    ValueError
        The file is damaged.
    """
    import torch  # noqa: PLC0415 - heavy

    if folder is None or not (folder / FILE).exists():
        return Progress(identity)
    try:
        with open_regular(folder / FILE) as file:
            saved = torch.load(file, map_location="cpu", weights_only=True)
        progress = Progress(**saved)
    except Exception as error:  # damaged files raise various exceptions
        raise ValueError(
            f"{folder / FILE}: damaged ({type(error).__name__}); delete it to train from the start"
        ) from error
    return progress if progress.identity == identity else Progress(identity)
