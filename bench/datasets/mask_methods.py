"""Methods of `--mask` that need no folder of masks: `whole`, `smear`, `otsu[...]`, `threshold[...]`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, cast

from bench.errors import BenchError
from bench.plugins.selectors import check_parameters, parse
from extractors.cells import MaskBy
from extractors.segmentation.threshold import THRESHOLDS, ThresholdMask

PLAIN = ("whole", "smear")
"""Methods without parameters."""

MASK_METHODS = (*PLAIN, *THRESHOLDS)
"""Names of the methods; a folder of this name is written with its path, such as `./smear`."""


def mask_method(text: str | None) -> MaskBy | None:
    """Return the method that `--mask` names; None for a folder, and without the option.

    Parameters
    ----------
    text : str or None
        A name of `MASK_METHODS`, those with parameters as a selector such as `otsu[channel=green,equalise=true]`, or a
        folder.

    Raises
    ------
    BenchError
        A parameter is unknown, or its value has a wrong type or range.
    """
    if text is None or text.partition("[")[0].strip() not in MASK_METHODS or "/" in text:
        return None
    try:
        selector = parse(text)
        if selector.name in PLAIN:
            check_parameters(selector, ())
            return cast(Literal["whole", "smear"], selector.name)
        kind: Any = THRESHOLDS[selector.name]
        check_parameters(selector, [parameter.name for parameter in fields(kind)])
        method: ThresholdMask = kind(**selector.params)
        return method
    except (BenchError, ValueError) as error:
        raise BenchError(f"--mask {text}: {error}") from error
