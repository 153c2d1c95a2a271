"""Every option, declared once: type, default, help and constraints.

The command line, YAML files, validation and the options stored with an experiment are derived from these fields. The
only second place is the typed signature in `bench.options.keywords`, which a test compares with them.
"""

# No `from __future__ import annotations`: the annotations are read at run time.
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from bench.errors import BenchError
from bench.options.option import Option
from bench.options.values import (
    FrameSource,
    parse_data,
    parse_logger,
    parse_mask_values,
    parse_plugins,
    parse_prepare,
    parse_reason,
    parse_repeats,
    parse_threshold,
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Validated options of a run, made by `bench.options.make_options`; `bench matrix --help` describes each."""

    extractors: Annotated[
        tuple[Any, ...],
        Option(
            help="Extractors, separated by commas.",
            panel="Matrix",
            stage="matrix",
            flags=("-x",),
            aliases=("extractor",),
            parse=parse_plugins,
        ),
    ] = ("handcrafted", "efficientnet_b0")
    classifiers: Annotated[
        tuple[Any, ...],
        Option(
            help="Classifiers, separated by commas.",
            panel="Matrix",
            stage="matrix",
            shown="all installed ones except prior",
            flags=("--clfs", "-c"),
            aliases=("clfs", "classifier", "clf"),
            parse=parse_plugins,
        ),
    ] = ()
    baselines: Annotated[
        bool,
        Option(
            help="Add rows with the scores that class frequencies, stain or cell size alone reach.",
            panel="Matrix",
            stage="matrix",
        ),
    ] = True
    retry_failed: Annotated[bool, Option(help="Run failed experiments again.", panel="Matrix", stage="matrix")] = False

    data: Annotated[
        str | FrameSource,
        Option(
            help="Cells to evaluate: a C-NMC archive, a manifest, class folders, or synthetic cells such as "
            "`phantom[effect=0]`.",
            panel="Data",
            stage="run",
            saved="path",
            parse=parse_data,
        ),
    ] = "phantom"
    mask: Annotated[
        str | None,
        Option(
            help="Cell masks: a folder of mask images (that of the cells for masks such as `x_mask.png` beside "
            "`x.png`), `smear` (segment the white blood cell in the centre of a smear), `otsu` or `threshold` (segment "
            "the stained object in the centre, as in `otsu[channel=green,equalise=true]`) or `whole` (use the whole "
            "image). By default the foreground on a black background.",
            panel="Data",
            stage="cells",
            saved="path",
            bounds={"min_length": 1},
        ),
    ] = None
    nucleus_mask: Annotated[
        str | None,
        Option(
            help="Folder of nucleus masks (segmented automatically by default).",
            panel="Data",
            stage="cells",
            saved="path",
            bounds={"min_length": 1},
        ),
    ] = None
    mask_values: Annotated[
        str | None,
        Option(
            help="Values of the mask files that are the cell: `nonzero`, `half` (above half of white), `inverted`, or "
            "values such as `1+2`.",
            panel="Data",
            stage="cells",
            shown="decided by the values of each file",
            saved="value",
            parse=parse_mask_values,
        ),
    ] = None
    nucleus_mask_values: Annotated[
        str | None,
        Option(
            help="Values of the nucleus mask files that are the nucleus, as for `--mask-values`.",
            panel="Data",
            stage="cells",
            shown="decided by the values of each file",
            saved="value",
            parse=parse_mask_values,
        ),
    ] = None
    patient_pattern: Annotated[
        str | None,
        Option(
            help="Regular expression that extracts the patient from the path; for class folders.",
            panel="Data",
            stage="cells",
            saved="value",
        ),
    ] = None
    label_pattern: Annotated[
        str | None,
        Option(
            help="Regular expression that extracts the label from the path; for folders of images.",
            panel="Data",
            stage="cells",
            shown="the first folder",
            saved="value",
        ),
    ] = None
    unit_pattern: Annotated[
        str | None,
        Option(
            help="Regular expression that extracts the split unit (source image, slide, date) from the path, for cells "
            "without patient ids. Rows are marked NO PATIENTS.",
            panel="Data",
            stage="cells",
            saved="value",
        ),
    ] = None
    positive: Annotated[
        str | None,
        Option(help="Positive class of a two-class dataset.", panel="Data", stage="cells", saved="value"),
    ] = None
    white_level: Annotated[
        int | None,
        Option(
            help="16-bit value that is mapped to 255.",
            panel="Data",
            stage="cells",
            shown="65535",
            saved="value",
            bounds={"ge": 1, "le": 65535},
        ),
    ] = None
    um_per_px: Annotated[
        float | None,
        Option(help="Pixel size in micrometres.", panel="Data", stage="cells", saved="value", bounds={"gt": 0}),
    ] = None
    skip_unreadable: Annotated[
        bool, Option(help="Leave out unreadable and empty cells.", panel="Data", stage="cells", saved="value")
    ] = False
    links: Annotated[
        Path | None,
        Option(
            help="CSV file of patients to link, as written by `bench audit --write-links`.",
            panel="Data",
            stage="links",
            saved="path",
        ),
    ] = None
    prepare: Annotated[
        str,
        Option(
            help="Steps applied to image and masks of every cell before feature extraction, joined by +: `crop`, "
            "`crop+clahe[clip=3]`, `macenko+mask[to=mean]`. `bench data show` draws their effect.",
            panel="Data",
            stage="features",
            parse=parse_prepare,
        ),
    ] = "none"
    held_out: Annotated[
        str | None,
        Option(
            help="Dataset on which the model trained on all of --data is tested once.",
            panel="Data",
            stage="folds",
            saved="path",
        ),
    ] = None

    split: Annotated[
        Literal["patient", "image", "official", "official-linked", "lopo", "held-out"],
        Option(
            help="Outer split. `patient`: folds of patients. `image`: folds of images, which leak; for comparison. "
            "`official`: folds that come with the dataset. `official-linked`: the same, without patients linked to a "
            "test patient in training. `lopo`: leave one patient out. `held-out`: test on --held-out.",
            panel="Protocol",
            stage="folds",
            metavar="<split>",
        ),
    ] = "patient"
    folds_file: Annotated[
        Path | None,
        Option(
            help="Read the folds from a file of an earlier run instead of drawing them.",
            panel="Protocol",
            stage="folds",
            saved="path",
        ),
    ] = None
    folds: Annotated[int, Option(help="Number of outer folds.", panel="Protocol", stage="folds", bounds={"ge": 2})] = 5
    repeats: Annotated[
        int | Literal["auto"],
        Option(
            help="Number of repeats of the outer folds. `auto`: 5, but 1 for a pipeline that is fitted on images, such "
            "as a network that is trained, and for folds that are not drawn.",
            panel="Protocol",
            stage="folds",
            metavar="<repeats>",
            parse=parse_repeats,
        ),
    ] = "auto"
    reason: Annotated[
        str | None,
        Option(
            help="Reason for this evaluation of held-out cells, stored with the results.",
            panel="Protocol",
            stage="run",
            parse=parse_reason,
        ),
    ] = None
    inner_folds: Annotated[
        int, Option(help="Maximum number of inner folds.", panel="Protocol", stage="run", bounds={"ge": 2})
    ] = 3
    tune: Annotated[
        int, Option(help="Number of Optuna trials per outer fold.", panel="Protocol", stage="run", bounds={"ge": 0})
    ] = 0
    tune_hours: Annotated[
        float,
        Option(
            help="Hours after which no tuning trial begins in an outer fold, alone or with --tune. The result then "
            "depends on the machine, and rows are marked TIME-LIMITED.",
            panel="Protocol",
            stage="run",
            shown="no limit",
            bounds={"ge": 0, "le": 10_000},
        ),
    ] = 0.0
    sampler: Annotated[
        Literal["tpe", "gp", "random", "grid"],
        Option(
            help="Sampler of the tuning trials: `tpe` (tree-structured Parzen estimator), `gp` (Gaussian process), "
            "`random`, or `grid` (all categories and as many values of each number as --tune allows).",
            panel="Protocol",
            stage="run",
            metavar="<sampler>",
        ),
    ] = "tpe"
    storage: Annotated[
        str | None,
        Option(
            help="Optuna storage for the tuning trials: `sqlite:///tuning.db`, another database URL, or a journal file "
            "`tuning.log`.",
            panel="Protocol",
            stage="run",
            bounds={"min_length": 1},
        ),
    ] = None
    calibrate: Annotated[
        Literal["none", "sigmoid", "temperature"],
        Option(
            help="Probability calibration, fitted on inner out-of-fold predictions.", panel="Protocol", stage="decision"
        ),
    ] = "none"
    threshold: Annotated[
        str,
        Option(
            help="Decision threshold, chosen on inner out-of-fold predictions: `balanced` (balanced accuracy), "
            "`sens@0.95`, `spec@0.90`; or a number.",
            panel="Protocol",
            stage="decision",
            parse=parse_threshold,
        ),
    ] = "balanced"
    aggregate: Annotated[
        Literal["mean", "logit", "share"],
        Option(help="Aggregation of the cells of a patient to one score.", panel="Protocol", stage="decision"),
    ] = "mean"
    seed: Annotated[
        int,
        Option(
            help="Random seed from which all others are derived.", panel="Protocol", stage="folds", bounds={"ge": 0}
        ),
    ] = 0

    jobs: Annotated[
        int | None,
        Option(
            help="Number of worker processes.",
            panel="Machine",
            stage="work",
            shown="cores // threads",
            bounds={"ge": 1},
        ),
    ] = None
    threads: Annotated[
        int, Option(help="Number of threads per task.", panel="Machine", stage="features", bounds={"ge": 1})
    ] = 1
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Option(
            help="Device of networks: `cpu`, `cuda`, or `auto` (a GPU if available). Every worker loads the "
            "network; use fewer --jobs if GPU memory is short.",
            panel="Machine",
            stage="features",
            metavar="<device>",
            saved="value",
        ),
    ] = "auto"
    gpus_per_fit: Annotated[
        int,
        Option(
            help="Number of GPUs that share each batch in the training of a network.",
            panel="Machine",
            stage="run",
            bounds={"ge": 1, "le": 1024},
        ),
    ] = 1
    strategy: Annotated[
        Literal["ddp_spawn", "ddp_spawn_find_unused_parameters_false", "ddp_spawn_find_unused_parameters_true"],
        Option(
            help="Strategy of Lightning for several GPUs: `ddp_spawn`, or `ddp_spawn_find_unused_parameters_true` for "
            "a network with parameters that some steps do not use.",
            panel="Machine",
            stage="run",
            metavar="<strategy>",
        ),
    ] = "ddp_spawn"
    fit_time: Annotated[
        float | None,
        Option(
            help="Seconds after which the fit of one fold, with its tuning, is killed and its experiment has failed.",
            panel="Machine",
            stage="work",
            bounds={"gt": 0},
        ),
    ] = None
    weights_dir: Annotated[
        Path | None,
        Option(
            help="Folder of MODEL.safetensors files (foundation models also .pth, .bin).",
            panel="Machine",
            stage="features",
        ),
    ] = None
    keep_models: Annotated[
        Literal["none", "networks", "all"],
        Option(
            help="Models that the results folder stores: `networks` (those of the outer fits, at most 5 GiB), `all` "
            "(also those of the inner fits) or `none`.",
            panel="Machine",
            stage="run",
            metavar="<models>",
        ),
    ] = "networks"
    logger: Annotated[
        str | None,
        Option(
            help="Lightning logger of the training of networks, by import path: "
            "`pytorch_lightning.loggers.CSVLogger[save_dir=logs]`. It does not change results.",
            panel="Machine",
            stage="run",
            metavar="<logger>",
            parse=parse_logger,
        ),
    ] = None
    out: Annotated[Path, Option(help="Results folder.", panel="Machine", stage="run")] = Path("results")
    store: Annotated[
        Path | None,
        Option(
            help="Folder of the feature store.",
            panel="Machine",
            stage="features",
            shown="the user's cache folder",
        ),
    ] = None

    explicit: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """Names of the options that were set by the user; not an option itself."""

    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """File and line of the options that a YAML file sets, for messages; not an option itself."""

    @contextmanager
    def located(self, name: str) -> Iterator[None]:
        """Prepend the file and line that set an option to a refusal of what it names."""
        try:
            yield
        except BenchError as error:
            if place := self.places.get(name):
                raise BenchError(f"{place}{error}") from error
            raise

    def replace(self, **values: Any) -> "Options":
        """Return a copy with other values, which count as set by the user."""
        return replace(self, **values, explicit=self.explicit | set(values))


@dataclass(frozen=True)
class Declaration:
    """An option as declared: its type, default and metadata."""

    type: Any
    default: Any
    option: Option


OPTIONS: dict[str, Declaration] = {
    entry.name: Declaration(get_args(entry.type)[0], entry.default, get_args(entry.type)[1])
    for entry in fields(Options)
    if entry.name not in ("explicit", "places")
}
"""The options by name, in the order of the help page."""

ALIASES: dict[str, str] = {alias: name for name, one in OPTIONS.items() for alias in one.option.aliases}
"""Canonical name of each alias."""
