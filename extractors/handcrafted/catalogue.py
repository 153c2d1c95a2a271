"""Every family of handcrafted features, and the extractor that joins them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from extractors.handcrafted.clefting import Clefting
from extractors.handcrafted.color import Color
from extractors.handcrafted.fourier import Fourier
from extractors.handcrafted.framework.cell_regions import OUTLINED, REGIONS
from extractors.handcrafted.framework.family import Family, HandcraftedBase, chosen
from extractors.handcrafted.gabor import Gabor
from extractors.handcrafted.glcm import Glcm
from extractors.handcrafted.gldm import Gldm
from extractors.handcrafted.glrlm import Glrlm
from extractors.handcrafted.glszm import Glszm
from extractors.handcrafted.granularity import Granularity
from extractors.handcrafted.hog import Hog
from extractors.handcrafted.lbp import Lbp
from extractors.handcrafted.ngtdm import Ngtdm
from extractors.handcrafted.nucleus import Nucleus
from extractors.handcrafted.pftas import Pftas
from extractors.handcrafted.shape import Shape
from extractors.handcrafted.size import Size
from extractors.handcrafted.tamura import Tamura
from extractors.handcrafted.wavelets import Wavelets
from extractors.handcrafted.zernike import Zernike

EXTRACTORS: dict[str, type[HandcraftedBase]] = {
    "size": Size,
    "shape": Shape,
    "zernike": Zernike,
    "fourier": Fourier,
    "clefting": Clefting,
    "nucleus": Nucleus,
    "color": Color,
    "glcm": Glcm,
    "glrlm": Glrlm,
    "glszm": Glszm,
    "ngtdm": Ngtdm,
    "gldm": Gldm,
    "lbp": Lbp,
    "pftas": Pftas,
    "hog": Hog,
    "gabor": Gabor,
    "wavelets": Wavelets,
    "granularity": Granularity,
    "tamura": Tamura,
}
"""The families by name, in the order of their columns."""

FAMILIES = tuple(EXTRACTORS)


UNTEXTURED = ("color",)
"""Families whose channels are their own."""


class Handcrafted(HandcraftedBase):
    """Features of several families.

    Each family gets those of the parameters that it has; its other parameters are those of its own extractor.

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
    regions : sequence of str, str or None
        Of `cell`, `nucleus`, `cytoplasm`; outlines are taken of the first two. None: each family's own choice.
    channels : sequence of str, str or None
        Channels of the textures. None: each family's own choice.
    """

    def __init__(
        self,
        families: Sequence[str] | str = FAMILIES,
        *,
        levels: int = 32,
        bin_width: float | None = None,
        distances: Sequence[int] | int = (1, 3, 5),
        regions: Sequence[str] | str | None = None,
        channels: Sequence[str] | str | None = None,
    ) -> None:
        self.families = families
        self.levels = levels
        self.bin_width = bin_width
        self.distances = distances
        self.regions = regions
        self.channels = channels

    def _families(self) -> list[Family]:
        """The families asked for, each with those of the parameters that it has."""
        names = chosen(self.families, FAMILIES, "family of handcrafted features")
        return [family for name in names for family in self._extractor(name)._families()]

    def _extractor(self, name: str) -> HandcraftedBase:
        cls = EXTRACTORS[name]
        own = cls().get_params()
        given: dict[str, Any] = {key: value for key, value in self.get_params().items() if value is not None}
        if name in UNTEXTURED:
            given.pop("channels", None)
        if self.regions is not None and set(own.get("regions", ())) <= set(OUTLINED) and "channels" not in own:
            given["regions"] = _outlined(chosen(self.regions, REGIONS, "region"))
        return cls(**{key: given[key] for key in own if key in given})


def _outlined(regions: Sequence[str]) -> list[str]:
    return [region for region in regions if region in OUTLINED]
