"""Every family of handcrafted features, and the extractor that joins them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from extractors.handcrafted.clefting import Clefting
from extractors.handcrafted.color import Color
from extractors.handcrafted.family import Family, HandcraftedBase, chosen
from extractors.handcrafted.glcm import Glcm
from extractors.handcrafted.shape import Shape
from extractors.handcrafted.size import Size

EXTRACTORS: dict[str, type[HandcraftedBase]] = {
    "size": Size,
    "shape": Shape,
    "clefting": Clefting,
    "color": Color,
    "glcm": Glcm,
}
"""The families by name, in the order of their columns."""

FAMILIES = tuple(EXTRACTORS)


class Handcrafted(HandcraftedBase):
    """Features of several families.

    A family's other parameters are those of its own extractor.

    Parameters
    ----------
    families : sequence of str or str
        Of `FAMILIES`; columns follow its order, not the one given.
    levels : int
        Grey levels of the matrices, 2 to 256, between the extremes of each region.
    bin_width : float or None
        Width of the grey levels in the channel's unit, in place of their number.
    distances : sequence of int or int
        Distances in pixels of the co-occurrence matrices.
    channels : sequence of str or str
        Channels of the textures.
    """

    def __init__(
        self,
        families: Sequence[str] | str = FAMILIES,
        levels: int = 32,
        bin_width: float | None = None,
        distances: Sequence[int] | int = (1, 3, 5),
        channels: Sequence[str] | str = ("luma",),
    ) -> None:
        self.families = families
        self.levels = levels
        self.bin_width = bin_width
        self.distances = distances
        self.channels = channels

    def _families(self) -> list[Family]:
        """The families asked for, each with those of the parameters that it has."""
        names = chosen(self.families, FAMILIES, "family of handcrafted features")
        return [family for name in names for family in self._extractor(EXTRACTORS[name])._families()]

    def _extractor(self, cls: type[HandcraftedBase]) -> HandcraftedBase:
        shared: dict[str, Any] = self.get_params()
        return cls(**{name: shared[name] for name in cls().get_params() if name in shared})
