"""What extractors of one kind share: families of outlines, of a channel, and of a channel's grey levels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from extractors.handcrafted.framework.cell_regions import OUTLINED
from extractors.handcrafted.framework.family import Family, HandcraftedBase, outline_family, texture_family
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.masked_channel import Plane
from extractors.handcrafted.framework.quantisation import Quantised, binning
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import Measured, Status, missing


class OutlineBase(HandcraftedBase):
    """A family measured on the outlines of cell and nucleus.

    Parameters
    ----------
    regions : sequence of str or str
        Of `cell`, `nucleus`.
    """

    family: ClassVar[str]
    features: ClassVar[tuple[Feature, ...]]
    min_area: ClassVar[int] = 1

    def __init__(self, regions: Sequence[str] | str = OUTLINED) -> None:
        self.regions = regions

    @staticmethod
    @abstractmethod
    def of(region: Region) -> Measured:
        """A value for each of the features of a region that has at least `min_area` pixels."""

    def _families(self) -> list[Family]:
        """The one family."""
        return [
            outline_family(self.family, keyed(self.features), self.of, regions=self.regions, min_area=self.min_area)
        ]


class TextureBase(HandcraftedBase):
    """A family measured on channels of regions.

    Parameters
    ----------
    regions : sequence of str or str
        Of `cell`, `nucleus`, `cytoplasm`.
    channels : sequence of str or str
        Of `extractors.handcrafted.framework.channels.CHANNELS`.
    """

    family: ClassVar[str]
    features: ClassVar[tuple[Feature, ...]]

    def __init__(self, regions: Sequence[str] | str = ("cell",), channels: Sequence[str] | str = ("luma",)) -> None:
        self.regions = regions
        self.channels = channels

    @staticmethod
    @abstractmethod
    def of(plane: Plane) -> Measured:
        """A value for each of the features of one channel of one region."""

    def _families(self) -> list[Family]:
        """The one family."""
        return [
            texture_family(
                self.family,
                keyed(self.features),
                self.of,
                regions=self.regions,
                channels=self.channels,
            )
        ]


class LevelsBase(HandcraftedBase):
    """A family measured on the grey levels of channels of regions.

    Parameters
    ----------
    levels : int
        Number of grey levels, 2 to 256, between the extremes of each region.
    bin_width : float or None
        Width of the grey levels in the channel's unit, in place of their number.
    regions : sequence of str or str
        Of `cell`, `nucleus`, `cytoplasm`.
    channels : sequence of str or str
        Of `extractors.handcrafted.framework.channels.CHANNELS`.
    """

    family: ClassVar[str]
    features: ClassVar[tuple[Feature, ...]]

    def __init__(
        self,
        levels: int = 32,
        bin_width: float | None = None,
        regions: Sequence[str] | str = ("cell",),
        channels: Sequence[str] | str = ("luma",),
    ) -> None:
        self.levels = levels
        self.bin_width = bin_width
        self.regions = regions
        self.channels = channels

    @staticmethod
    @abstractmethod
    def of(quantised: Quantised) -> Measured:
        """A value for each of the features of grey levels of which there are two or more."""

    def _families(self) -> list[Family]:
        """The one family; `FLAT` throughout where a plane is constant."""
        bins = binning(self.levels, self.bin_width)

        def measure(plane: Plane) -> Measured:
            quantised = plane.quantised(bins)
            return missing(keyed(self.features), Status.FLAT) if quantised is None else self.of(quantised)

        return [
            texture_family(
                self.family,
                keyed(self.features),
                measure,
                regions=self.regions,
                channels=self.channels,
            )
        ]
