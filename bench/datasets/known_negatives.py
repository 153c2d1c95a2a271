"""Labels that name the absence of a disease, such as `normal` or `uninfected`."""

from __future__ import annotations

import re

from bench.datasets.canonical_names import name_key

KNOWN_NEGATIVES = frozenset(
    {
        "normal", "normals", "healthy", "control", "controls", "ctrl", "uninfected", "unaffected", "negative",
        "negatives", "neg", "benign", "hem", "nonmalignant", "noninfected", "nonleukemic", "nonleukaemic", "noncancer",
        "noncancerous", "nontumor", "nontumour", "unparasitized", "unparasitised", "none",
    }
)  # fmt: skip
"""Words that make a label a negative one; `hem` is the class of normal cells of C-NMC."""

_NEGATIONS = frozenset({"no", "non", "not", "without"})

_DISEASES = ("non hodgkin", "non small")
"""First words of diseases whose names begin with a negation."""


def is_known_negative(label: str) -> bool:
    """Whether one word of a label is a known negative, or its first word is a negation (`no parasite`).

    Words are separated by anything but letters. A negated negative is none: `not normal`, `non-benign`. A label that
    ends with a minus sign is negative: `-`, `ER-`, `HER2 (-)`.
    """
    if name_key(label).rstrip(")] ").endswith("-"):
        return True
    words = re.findall(r"[^\W\d_]+", name_key(label))
    if " ".join(words[:2]) in _DISEASES:
        return False
    negated = bool(words) and words[0] in _NEGATIONS
    return (len(words) > 1 and negated) != any(word in KNOWN_NEGATIVES for word in words)


def positive_of(classes: tuple[str, ...]) -> str | None:
    """Return the class that is not a known negative if the other one of two is; otherwise None."""
    positives = [label for label in classes if not is_known_negative(label)]
    return positives[0] if len(classes) == 2 and len(positives) == 1 else None
