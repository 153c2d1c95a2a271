"""Layout of a public dataset of one image per cell: what its paths contain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Description of the paths of a dataset, from which `bench.datasets.readers.public.folder_set` reads it.

    Parameters
    ----------
    path : str
        Regular expression for the end of a path, from the outermost folder of the layout to the file name, with `/` as
        separator. Groups: `label`, and if the path contains them `patient`, `unit` (split unit of cells without patient
        ids), `part` (of a split) and `view` (of the same cells).
    expected : str
        The same for a reader of messages.
    labels : mapping of str to str
        Class of each text that the group `label` may match; empty: the text is the class.
    evidence : str
        Regular expression that the path of a sampled image contains in this dataset and rarely in others; default: the
        pattern `path` is evidence enough.
    positive : str or None
        Positive class of a two-class dataset.
    held_out : tuple of str
        Parts that are the test set of the authors; the others are training cells.
    views : tuple of str
        Values of the group `view`, the preferred one first: only one is read.
    left_out : mapping of str to str
        Reason by regular expression for the end of the path of images that are not read.
    unit : str
        What the group `unit` is, in the singular.
    notices : tuple of str
        Facts that a user should know, such as relations to other datasets.
    family : str or None
        As in `bench.datasets.table.Dataset`.
    """

    path: str
    expected: str
    labels: Mapping[str, str] = field(default_factory=dict)
    evidence: str = ""
    positive: str | None = None
    held_out: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    unit: str = "split unit"
    notices: tuple[str, ...] = ()
    family: str | None = None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return _at_end(self.path)

    @cached_property
    def _left_out(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple((_at_end(pattern), reason) for pattern, reason in self.left_out.items())

    def match(self, path: str) -> re.Match[str] | None:
        """Match the end of a path; group 1 is what comes before the layout."""
        return self._pattern.fullmatch(path)

    def reason_to_leave_out(self, path: str) -> str | None:
        """Return why an image is not read; None if it is."""
        return next((reason for pattern, reason in self._left_out if pattern.fullmatch(path)), None)

    def label_of(self, match: re.Match[str]) -> str:
        """Return the class of a match."""
        return self.labels.get(match["label"], match["label"])

    def has(self, group: str) -> bool:
        """Whether paths contain a group."""
        return group in self._pattern.groupindex


def _at_end(pattern: str) -> re.Pattern[str]:
    return re.compile(f"(|.*?/)(?:{pattern})")
