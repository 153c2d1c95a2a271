"""Catalogue of the feature families, and the extractor that combines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from extractors.handcrafted.chosen_features import chosen_families
from extractors.handcrafted.clefting import Clefting
from extractors.handcrafted.color import Color
from extractors.handcrafted.fourier import Fourier
from extractors.handcrafted.framework.bases import OutlineBase
from extractors.handcrafted.framework.cell_regions import OUTLINE_REGIONS, REGIONS
from extractors.handcrafted.framework.family import Family, HandcraftedBase
from extractors.handcrafted.framework.parameters import validated_names
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

_OUTLINES = (Size, Shape, Zernike, Fourier, Clefting)
_GREY_LEVELS = (Glcm, Glrlm, Glszm, Ngtdm, Gldm)
_TEXTURES = (Lbp, Pftas, Hog, Gabor, Wavelets, Granularity, Tamura)

EXTRACTORS: dict[str, type[HandcraftedBase]] = {
    cls.__name__.lower(): cls for cls in (*_OUTLINES, Nucleus, Color, *_GREY_LEVELS, *_TEXTURES)
}
"""The families by name, in the order of their columns."""

FAMILIES = tuple(EXTRACTORS)

OWN_CHANNELS = ("color",)
"""Families that ignore the parameter `channels` of `Handcrafted`."""


@dataclass(eq=False, repr=False)
class Handcrafted(HandcraftedBase):
    """Features of several families.

    Parameters are passed to the families that have them; other parameters of a family keep their defaults.

    Parameters
    ----------
    families : sequence of str or str
        Any of `FAMILIES`; the columns follow the order of `FAMILIES`.
    levels : int
        Number of grey levels of the matrices, 2 to 256, between the extremes of each region.
    bin_width : float or None
        Width of the grey levels in the unit of the channel; overrides `levels`.
    distances : sequence of int or int
        Distances in pixels of the co-occurrence matrices.
    regions : sequence of str, str or None
        Any of `cell`, `nucleus` and `cytoplasm`; outline features use the first two. None: the default of each family.
    channels : sequence of str, str or None
        Channels of the textures. None: the default of each family.
    features : sequence of str, str or None
        Names of single columns of the families, such as `size.area.nucleus`; families without one are not measured.
        Also `size.equivalent_diameter.cell` and `.nucleus`, which are functions of the area. None: all columns.
    """

    families: Sequence[str] | str = FAMILIES
    _: KW_ONLY
    levels: int = 32
    bin_width: float | None = None
    distances: Sequence[int] | int = (1, 3, 5)
    regions: Sequence[str] | str | None = None
    channels: Sequence[str] | str | None = None
    features: Sequence[str] | str | None = None

    def validate_parameters(self) -> None:
        """Check the parameters.

        Raises
        ------
        ValueError
            One of them is invalid.
        """
        self._families()

    def _families(self) -> list[Family]:
        names = validated_names(self.families, FAMILIES, "family of handcrafted features")
        families = [family for name in names for family in self._extractor(name)._families()]
        return families if self.features is None else chosen_families(families, self.features)

    def _extractor(self, name: str) -> HandcraftedBase:
        cls = EXTRACTORS[name]
        params: dict[str, Any] = {key: value for key, value in self.get_params().items() if value is not None}
        if name in OWN_CHANNELS:
            params.pop("channels", None)
        if self.regions is not None:
            regions = validated_names(self.regions, REGIONS, "region")
            if issubclass(cls, OutlineBase):
                params["regions"] = [region for region in regions if region in OUTLINE_REGIONS]
        return cls(**{key: params[key] for key in cls().get_params() if key in params})
