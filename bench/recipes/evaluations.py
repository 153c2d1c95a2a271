"""Plan the evaluations of a recipe: by the authors' protocol, grouped by patient, and on held-out patients."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.datasets.held_out import SET, NoHeldOutCellsError
from bench.datasets.loading import LoadedDataset, open_data
from bench.errors import BenchError
from bench.experiments.plan import Plan, make_plan
from bench.observer import Observer
from bench.options import Options, make_options
from bench.plugins.recorded import check_recorded
from bench.recipes.authors_data import authors_data
from bench.recipes.cell_rows import training_cells
from bench.recipes.recipe import AuthorsProtocol, Part, Recipe, Variant
from bench.recipes.rewriting import Change, fewer_epochs, random_weights, rewritten_classifier, rewritten_extractor

Column = Literal["authors", "grouped", "held-out"]
COLUMNS: tuple[Column, ...] = ("authors", "grouped", "held-out")

NO_HELD_OUT = "no held-out data"


@dataclass(frozen=True)
class Changes:
    """How a recipe is changed, so that it runs on a machine without its weights or time.

    Parameters
    ----------
    epochs_scale : float
        Factor on the epochs of each stage.
    random_weights : bool
        Whether networks whose weights are not available start at random.
    """

    epochs_scale: float = 1.0
    random_weights: bool = False


@dataclass(frozen=True)
class Pipelines:
    """The pipelines of a variant after its changes.

    Parameters
    ----------
    variant : Variant
        As in the recipe.
    extractors, classifiers : tuple of str
        Changed selectors.
    shortened : tuple of str
        Epochs and counts that were changed.
    random : tuple of str
        Networks that start at random instead of from their weights.
    """

    variant: Variant
    extractors: tuple[str, ...]
    classifiers: tuple[str, ...]
    shortened: tuple[str, ...] = ()
    random: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of a variant.

    Parameters
    ----------
    column : {"authors", "grouped", "held-out"}
        Protocol.
    plan : Plan or None
        Its experiments; None where it cannot be evaluated.
    reason : str
        Why it cannot be evaluated; empty if it can.
    shortened : tuple of str
        Counts that the dataset does not have and how they were scaled.
    part : {"validation", "test"}
        Part that the predictions are of, by the authors' protocol.
    """

    column: Column
    plan: Plan | None
    reason: str = ""
    shortened: tuple[str, ...] = ()
    part: Part = "test"


@dataclass
class Data:
    """Loads the dataset of the command once for each segmentation.

    Parameters
    ----------
    values : mapping
        Options of the command.
    observer : Observer
        Receives notices.
    """

    values: Mapping[str, Any]
    observer: Observer
    _opened: dict[str | None, LoadedDataset] = field(default_factory=dict)

    @property
    def has_held_out(self) -> bool:
        """Whether there are held-out patients: those of `--held-out`, or of the column `set` of a manifest."""
        return SET in self.opened(None).dataset.table

    def opened(self, mask: str | None) -> LoadedDataset:
        """Return the dataset; with held-out patients, its table has the column `set`."""
        if mask not in self._opened:
            values = {**self.values, **({} if mask is None else {"mask": mask})}
            try:
                self._opened[mask] = open_data(make_options({**values, "split": "held-out"}), self.observer)
            except NoHeldOutCellsError:
                self._opened[mask] = open_data(make_options(values), self.observer)
        return self._opened[mask]


def changed_pipelines(variant: Variant, changes: Changes, weights_dir: str | None) -> Pipelines:
    """Apply changes to the networks of a variant.

    Raises
    ------
    BenchError
        A selector is not valid; or it names a class that is neither an installed plugin nor one of scikit-learn, or a
        file of weights: a recipe may come from a stranger.
    """
    for text in (*variant.extractors, *variant.classifiers):
        check_recorded(text)
    missing: dict[str, None] = {}
    selectors = (variant.extractors, variant.classifiers)
    notes: tuple[str, ...] = ()
    if changes.epochs_scale != 1:
        selectors = _rewritten(*selectors, fewer_epochs(changes.epochs_scale))
        if selectors != (variant.extractors, variant.classifiers):
            notes = (f"epochs x {changes.epochs_scale:g}",)
    if changes.random_weights:
        selectors = _rewritten(*selectors, random_weights(weights_dir, missing))
    return Pipelines(variant, *selectors, notes, tuple(missing))


def _rewritten(
    extractors: tuple[str, ...], classifiers: tuple[str, ...], change: Change
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (
        tuple(rewritten_extractor(text, change) for text in extractors),
        tuple(rewritten_classifier(text, change) for text in classifiers),
    )


def evaluations(
    recipe: Recipe, pipelines: Pipelines, data: Data, *, columns: Collection[Column] = COLUMNS
) -> Iterator[Evaluation]:
    """Plan the evaluations of a variant of a recipe; what cannot be planned has a reason."""
    for column in COLUMNS:
        if column not in columns:
            continue
        try:
            yield _evaluation(column, recipe.protocol, pipelines, data)
        except BenchError as error:
            yield Evaluation(column, None, str(error))


def authors_evaluation(
    protocol: AuthorsProtocol, pipelines: Pipelines, data: Data, *, part: Part, without: Collection[str] = ()
) -> Evaluation:
    """Plan the evaluation of a variant by the authors' protocol.

    Parameters
    ----------
    part : {"validation", "test"}
        Scored part.
    without : collection of str
        Leaks that are removed; see `bench.recipes.authors_data.authors_data`.

    Raises
    ------
    BenchError
        As `authors_data` and `make_plan`.
    """
    authors = authors_data(data.opened(pipelines.variant.mask), protocol, part=part, without=without)
    options = _options(pipelines, data, split=authors.split, threshold=protocol.threshold, drawn=False)
    plan = make_plan(options, data.observer, opened=authors.opened, folds=authors.folds)
    return Evaluation("authors", plan, shortened=authors.shortened, part=part)


def _evaluation(column: Column, protocol: AuthorsProtocol, pipelines: Pipelines, data: Data) -> Evaluation:
    if column == "authors":
        scores_held_out = protocol.held_out is not None and data.has_held_out
        part: Part = "test" if scores_held_out or protocol.held_out is None else "validation"
        if part == "validation" and not (protocol.folds or protocol.cells or protocol.validation):
            return Evaluation(column, None, NO_HELD_OUT)
        return authors_evaluation(protocol, pipelines, data, part=part)
    if column == "held-out" and not data.has_held_out:
        return Evaluation(column, None, NO_HELD_OUT)
    opened = data.opened(pipelines.variant.mask)
    if column == "grouped":
        opened = training_cells(opened)
    grouped = column == "grouped"
    split = "patient" if grouped else column
    options = _options(pipelines, data, split=split, threshold=protocol.threshold, drawn=grouped)
    return Evaluation(column, make_plan(options, data.observer, opened=opened))


def _options(pipelines: Pipelines, data: Data, *, split: str, threshold: str, drawn: bool) -> Options:
    """Return the options of the experiments of a variant; `drawn`: whether its folds are drawn by the options."""
    variant = pipelines.variant
    without = {"split", "held_out", "repeats", *(() if drawn else ("folds",))}
    options = {name: value for name, value in data.values.items() if name not in without}
    own = {
        "extractors": pipelines.extractors,
        "classifiers": pipelines.classifiers,
        "prepare": variant.prepare,
        "tune": variant.tune,
        "sampler": variant.sampler if variant.tune else None,
        "threshold": threshold,
        "repeats": 1,
        "baselines": False,
        "retry_failed": True,
    }
    if variant.mask is not None:
        own["mask"] = variant.mask
    held_out = data.values.get("held_out") if split == "held-out" else None
    return make_options({**options, **own, "split": split, "held_out": held_out})
