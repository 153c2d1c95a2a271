"""Preparation steps by name."""

from __future__ import annotations

from collections.abc import Mapping

from extractors.preparation.background import Mask
from extractors.preparation.geometry import CentreCrop, Crop, PadSquare
from extractors.preparation.intensity import Clahe, Equalise
from extractors.preparation.macenko import Macenko
from extractors.preparation.reinhard import Reinhard
from extractors.preparation.step import Step

STEPS: Mapping[str, type[Step]] = {
    step.name: step for step in (Crop, CentreCrop, PadSquare, Mask, Equalise, Clahe, Reinhard, Macenko)
}
"""In the order of help and error messages."""
