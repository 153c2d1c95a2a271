"""Describe a permutation test in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bench.evidence.text import count


def describe_unit(*, labels_of: Literal["patients", "cells"], moved: int, fixed: int, units: Mapping[str, int]) -> str:
    """Describe what is permuted, how many patients are not, and the conclusion that the test allows.

    The parameters are those of `bench.evidence.permutation.significance.Significance`.
    """
    of_class = ", ".join(f"{n} {label}" for label, n in units.items())
    if labels_of == "patients":
        return f"Unit of the test: patients (split units: {of_class}); the cells of a patient are permuted together."
    rest = f"; the other {count(fixed, 'patient')}, with cells of one class, not permuted" if fixed else ""
    return (
        f"Labels of cells: permuted within each of {count(moved, 'patient')} with cells of several classes{rest} "
        f"(split units with cells of a class: {of_class}). The test is whether the pipeline distinguishes the cells of "
        "a patient. A difference between patients alone does not lower p; it can raise the scores with permuted labels "
        "above 0.5."
    )
