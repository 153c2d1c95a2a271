"""Reasons of missing feature values, by status code."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.status import Status

NO_STATUS = -1
"""Code of a missing value whose extractor gives no status codes."""

NO_REASON = "no reason given"
"""Reason of such a value."""


def reason_name(code: int) -> str:
    """Return the name of the status of a missing value."""
    if code == NO_STATUS:
        return NO_REASON
    return Status(code).name if code in set(Status) else f"status {code}"


def status_codes(values: npt.NDArray[Any], status: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.integer[Any]]:
    """Return the status of each value, `NO_STATUS` for a NaN without one, and 0 for a value that exists."""
    missing = np.isnan(values)
    if status is None:
        return np.where(missing, NO_STATUS, Status.OK)
    return np.where(missing, np.where(status == Status.OK, NO_STATUS, status.astype(np.int16)), Status.OK)


def frequent_reason(codes: npt.NDArray[np.integer[Any]]) -> str:
    """Return the most frequent reason among status codes; empty where no value is missing."""
    reasons, counts = np.unique(codes[codes != Status.OK], return_counts=True)
    return reason_name(int(reasons[np.argmax(counts)])) if len(reasons) else ""
