"""Patterns that match the patient, the label and the split unit in the path of an image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.datasets.names import listed
from bench.datasets.readers.limited_search import Span, search_each
from bench.datasets.table import Dataset
from bench.errors import BenchError, shortened

_GUESSES = {
    "patient": (r"^[^/]+/([^/]+)/", r"/([^/_]+)_[^/]*$", r"/([^/-]+)-[^/]*$", r"/([^/.]+)\.[^/]*$"),
    "label": (r"^([^/]+)/", r"^[^/_]+_([^/_.]+)", r"_([^/_]+)\.[^/]*$"),
    "unit": (r"([^/]+)_[^/_]*$", r"^[^/]+/([^/]+)/", r"([^/]+)$"),
}

_NAMED_BY = {
    "manifest": "a manifest, whose columns `patient` and `label` are used",
    "frame": "a DataFrame, whose columns `patient` and `label` are used",
    "cnmc": "a C-NMC archive, whose file names contain the patient and the class",
    "phantom": "synthetic cells, whose patients and classes are known",
    "imagefolder": "an image folder of Hugging Face, whose `metadata.csv` is used",
    "medmnist": "a file of MedMNIST, which contains the classes and no patients",
    "bccd": "the BCCD set, whose annotations contain the classes and no patients",
}
"""Readers that do not use the patterns of patients and labels, and where they have these from."""

_TAKE_UNITS = frozenset({"imagefolder", "medmnist", "bccd"})
"""Those of them that use the pattern of split units."""

MAX_PATTERN = 1000
"""Longest pattern, in characters."""


@dataclass(frozen=True)
class PathPattern:
    """A regular expression that matches one part of a path, and where it matches in each path.

    Parameters
    ----------
    part : {"patient", "label", "unit"}
        Part that it matches.
    pattern : str
        Regular expression.
    spans : mapping of str to tuple of int or None
        Begin and end of the part in each path; None if the pattern does not match.
    """

    part: str
    pattern: str
    spans: Mapping[str, Span | None]

    def match(self, file: str, root: object) -> str:
        """Return the matched text of a path relative to `root`, with `/` as separator.

        Raises
        ------
        BenchError
            The pattern does not match, or matches an empty text.
        """
        option, span = _option(self.part), self.spans[file]
        if span is None:
            raise BenchError(f"{root}/{file}: {option} {self.pattern!r} does not match {file!r}")
        text = file[slice(*span)]
        if not text:
            raise BenchError(f"{root}/{file}: {option} {self.pattern!r} matches an empty {self.part} in {file!r}")
        return text

    def cuts_number(self, file: str) -> bool:
        """Whether the matched text begins or ends between two digits of a path that the pattern matches."""
        ends = self.spans[file] or ()
        return any(file[max(0, end - 1) : end].isdigit() and file[end : end + 1].isdigit() for end in ends)


def path_pattern(part: str, pattern: str, files: Sequence[str]) -> PathPattern:
    """Search the pattern of a part, `patient`, `label` or `unit`, in paths; they are also examples for messages.

    Raises
    ------
    BenchError
        The pattern is too long, is not a regular expression, or has neither one group nor a group of the part's name;
        or its search takes too long.
    """
    option = _option(part)
    if len(pattern) > MAX_PATTERN:
        raise BenchError(
            f"{option} {shortened(pattern)!r} has {len(pattern)} characters; at most {MAX_PATTERN} are read"
        )
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        raise BenchError(f"{option} {pattern!r} is not a regular expression: {error.msg}{where}") from error
    except (OverflowError, RecursionError) as error:
        raise BenchError(f"{option} {shortened(pattern)!r} is too complex ({error})") from error
    if compiled.groups != 1 and part not in compiled.groupindex:
        raise BenchError(
            f"{option} {pattern!r} has {compiled.groups} groups; expected one, "
            f"or one named {part}: (?P<{part}>...); {example(part, files)}"
        )
    try:
        spans = search_each(pattern, part if part in compiled.groupindex else 1, files)
    except TimeoutError as error:
        raise BenchError(
            f"{option} {pattern!r}: the search in {len(files)} paths takes {error}; write it without a repetition in a "
            "repetition, such as (a+)+"
        ) from error
    return PathPattern(part, pattern, dict(zip(files, spans, strict=True)))


def example(part: str, files: Sequence[str]) -> str:
    """Return a pattern that matches the first file, for a message."""
    for guess in _GUESSES[part]:
        match = re.search(guess, files[0])
        if match is not None:
            return f"for example {_option(part)} '{guess}' matches {match[1]!r} in {files[0]}"
    return f"it is searched in paths such as {files[0]}"


def doubtful_notices(
    pattern: PathPattern, files: Sequence[str], patients: Sequence[str], labels: Sequence[str]
) -> Iterator[str]:
    """Yield notices of a pattern of patients that cuts numbers, or matches one patient of its own for each class.

    Parameters
    ----------
    pattern : PathPattern
        Pattern of the patients, or of the split units.
    files, patients, labels : sequence of str
        Paths, and the patient (or split unit) and label of each.
    """
    option, what = _option(pattern.part), {"unit": "split unit"}.get(pattern.part, pattern.part)
    cut = [(file, patient) for file, patient in zip(files, patients, strict=True) if pattern.cuts_number(file)]
    if cut:
        file, patient = cut[0]
        yield (
            f"{option} {pattern.pattern!r} matches only some digits of a number in {len(cut)} of {len(files)} "
            f"paths, such as {patient!r} in {file}: different {what}s may be joined; match all digits with [0-9]+"
        )
    pairs = set(zip(labels, patients, strict=True))
    if 1 < len(set(labels)) == len(set(patients)) == len(pairs):
        each = listed([f"{patient!r} for {label!r}" for label, patient in sorted(pairs)])
        yield f"{option} matches one {what} for each class ({each}); it may match the class instead of the {what}"


def with_pattern_notices(dataset: Dataset) -> Dataset:
    """Add a notice of each pattern that the reader of a dataset does not use.

    A reader of another distribution uses the patterns, or adds such a notice itself.
    """
    source = _NAMED_BY.get(dataset.reader)
    patterns = [(part, getattr(dataset.options, f"{part}_pattern")) for part in ("patient", "label", "unit")]
    patterns = patterns[:2] if dataset.reader in _TAKE_UNITS else patterns
    unused = [_option(part) for part, pattern in patterns if pattern is not None]
    if source is None or not unused:
        return dataset
    verb = "are" if len(unused) > 1 else "is"
    notice = f"{_joined(unused)} {verb} ignored: {dataset.name} is read as {source}"
    return replace(dataset, notices=(*dataset.notices, notice))


def _joined(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _option(part: str) -> str:
    return f"--{part}-pattern"
