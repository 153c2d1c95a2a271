"""Patterns that match the patient and the label in the path of an image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.datasets.names import listed
from bench.datasets.table import Dataset
from bench.errors import BenchError

_GUESSES = {
    "patient": (r"^[^/]+/([^/]+)/", r"/([^/_]+)_[^/]*$", r"/([^/-]+)-[^/]*$", r"/([^/.]+)\.[^/]*$"),
    "label": (r"^([^/]+)/", r"^[^/_]+_([^/_.]+)", r"_([^/_]+)\.[^/]*$"),
}

_NAMED_BY = {
    "manifest": "a manifest, whose columns `patient` and `label` are used",
    "frame": "a DataFrame, whose columns `patient` and `label` are used",
    "cnmc": "a C-NMC archive, whose file names contain the patient and the class",
    "phantom": "synthetic cells, whose patients and classes are known",
}
"""Readers that do not use patterns, and where they have patients and labels from."""


@dataclass(frozen=True)
class PathPattern:
    """A regular expression that matches one part of a path, with one group or a group of the part's name."""

    part: str
    pattern: re.Pattern[str]

    def match(self, file: str, root: object) -> str:
        """Return the matched text of a path relative to `root`, with `/` as separator.

        Raises
        ------
        BenchError
            The pattern does not match, or matches an empty text.
        """
        option, match = _option(self.part), self.pattern.search(file)
        if match is None:
            raise BenchError(f"{root}/{file}: {option} {self.pattern.pattern!r} does not match {file!r}")
        text = match[self.part] if self.part in self.pattern.groupindex else match[1]
        if not text:
            raise BenchError(
                f"{root}/{file}: {option} {self.pattern.pattern!r} matches an empty {self.part} in {file!r}"
            )
        return str(text)

    def cuts_number(self, file: str) -> bool:
        """Whether the matched text begins or ends between two digits of a path that the pattern matches."""
        match = self.pattern.search(file)
        ends = match.span(self.part if self.part in self.pattern.groupindex else 1) if match else ()
        return any(file[max(0, end - 1) : end].isdigit() and file[end : end + 1].isdigit() for end in ends)


def path_pattern(part: str, pattern: str, files: Sequence[str]) -> PathPattern:
    """Compile the pattern of a part, `patient` or `label`; `files` are examples for messages.

    Raises
    ------
    BenchError
        The pattern is not a regular expression, or has neither one group nor a group of the part's name.
    """
    option = _option(part)
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        raise BenchError(f"{option} {pattern!r} is not a regular expression: {error.msg}{where}") from error
    if compiled.groups != 1 and part not in compiled.groupindex:
        raise BenchError(
            f"{option} {pattern!r} has {compiled.groups} groups; expected one, "
            f"or one named {part}: (?P<{part}>...); {example(part, files)}"
        )
    return PathPattern(part, compiled)


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
        Pattern of the patients.
    files, patients, labels : sequence of str
        Paths, and the patient and label of each.
    """
    option = _option(pattern.part)
    cut = [(file, patient) for file, patient in zip(files, patients, strict=True) if pattern.cuts_number(file)]
    if cut:
        file, patient = cut[0]
        yield (
            f"{option} {pattern.pattern.pattern!r} matches only some digits of a number in {len(cut)} of {len(files)} "
            f"paths, such as {patient!r} in {file}: different patients may be joined; match all digits with [0-9]+"
        )
    pairs = set(zip(labels, patients, strict=True))
    if 1 < len(set(labels)) == len(set(patients)) == len(pairs):
        each = listed([f"{patient!r} for {label!r}" for label, patient in sorted(pairs)])
        yield f"{option} matches one patient for each class ({each}); it may match the class instead of the patient"


def with_pattern_notices(dataset: Dataset) -> Dataset:
    """Add a notice of each pattern that the reader of a dataset does not use.

    A reader of another distribution uses the patterns, or adds such a notice itself.
    """
    source = _NAMED_BY.get(dataset.reader)
    patterns = (("patient", dataset.options.patient_pattern), ("label", dataset.options.label_pattern))
    unused = [_option(part) for part, pattern in patterns if pattern is not None]
    if source is None or not unused:
        return dataset
    verb = "are" if len(unused) > 1 else "is"
    notice = f"{' and '.join(unused)} {verb} ignored: {dataset.name} is read as {source}"
    return replace(dataset, notices=(*dataset.notices, notice))


def _option(part: str) -> str:
    return f"--{part}-pattern"
