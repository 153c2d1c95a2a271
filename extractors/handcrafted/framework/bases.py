"""Base classes of families: outline features, channel textures and textures of grey levels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeAlias, TypeVar

from extractors.handcrafted.framework.cell_regions import OUTLINE_REGIONS, REGIONS, CellRegions
from extractors.handcrafted.framework.channels import CHANNELS
from extractors.handcrafted.framework.family import Family, HandcraftedBase
from extractors.handcrafted.framework.feature import Column, Feature, column_name, keyed
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.parameters import validated_names
from extractors.handcrafted.framework.quantisation import Quantised, binning
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import FeatureValues, Status

Target = TypeVar("Target")

Measured: TypeAlias = FeatureValues | Sequence[float | Status] | Status
"""Features of one site: by key, in the order of their table, or one reason why all are undefined."""


class LocatedBase(HandcraftedBase, Generic[Target]):
    """A family measured at several sites of a cell, such as its regions.

    A subclass lists the sites, locates them in a cell and measures one of them. `features` is the table of the family;
    a family whose columns depend on parameters overrides `_features`.
    """

    features: ClassVar[tuple[Feature, ...]] = ()

    @property
    def family(self) -> str:
        """First part of the names of the columns."""
        return type(self).__name__.lower()

    def _features(self) -> Mapping[str, Feature]:
        """Features of one site by key, `feature` or `feature.scale`.

        Raises
        ------
        ValueError
            A parameter is invalid.
        """
        return keyed(self.features)

    @abstractmethod
    def _sites(self) -> list[tuple[str, ...]]:
        """Sites to measure, in the order of the columns: a region, or a region and a channel."""

    @abstractmethod
    def _locate(self, cell: CellRegions, site: tuple[str, ...]) -> Target | Status:
        """The site in a cell, or the reason why it cannot be measured."""

    @abstractmethod
    def _measure(self, target: Target) -> Measured:
        """Measure one site."""

    def values(self, target: Target | Status) -> FeatureValues:
        """Value or status of each feature of one site, or the reason why there is none, by key."""
        measured = target if isinstance(target, Status) else self._measure(target)
        keys = self._features()
        if isinstance(measured, Status):
            return dict.fromkeys(keys, measured)
        named = measured if isinstance(measured, dict) else dict(zip(keys, measured, strict=True))
        return {key: named[key] for key in keys}

    def _families(self) -> list[Family]:
        features, sites = self._features(), self._sites()
        columns = tuple(
            Column(column_name(self.family, key, *site), feature) for site in sites for key, feature in features.items()
        )

        def measure(cell: CellRegions) -> FeatureValues:
            values = [value for site in sites for value in self.values(self._locate(cell, site)).values()]
            return {column.name: value for column, value in zip(columns, values, strict=True)}

        return [Family(columns, measure)]


@dataclass(eq=False, repr=False, kw_only=True)
class OutlineBase(LocatedBase[Region]):
    """A family measured on the outlines of cell and nucleus: columns `family.feature.region`.

    Parameters
    ----------
    regions : sequence of str or str
        Any of `cell` and `nucleus`.
    """

    min_area: ClassVar[int] = 8
    """Smallest area in pixels of a region that is measured; smaller ones are `TOO_SMALL`."""

    regions: Sequence[str] | str = OUTLINE_REGIONS

    def _sites(self) -> list[tuple[str, ...]]:
        return [(region,) for region in validated_names(self.regions, OUTLINE_REGIONS, "outlined region")]

    def _locate(self, cell: CellRegions, site: tuple[str, ...]) -> Region | Status:
        return cell.outline(*site, min_area=self.min_area)


@dataclass(eq=False, repr=False, kw_only=True)
class TextureBase(LocatedBase[MaskedChannel]):
    """A family measured on channels of regions: columns `family.feature.region.channel.scale`.

    Every feature of a constant channel is `FLAT`.

    Parameters
    ----------
    regions : sequence of str or str
        Any of `cell`, `nucleus` and `cytoplasm`.
    channels : sequence of str or str
        Any of `extractors.handcrafted.framework.channels.CHANNELS`.
    """

    regions: Sequence[str] | str = ("cell",)
    channels: Sequence[str] | str = ("luma",)

    def _sites(self) -> list[tuple[str, ...]]:
        regions = validated_names(self.regions, REGIONS, "region")
        channels = validated_names(self.channels, CHANNELS, "channel")
        return [(region, channel) for region in regions for channel in channels]

    def _locate(self, cell: CellRegions, site: tuple[str, ...]) -> MaskedChannel | Status:
        channel = cell.masked_channel(*site)
        return channel if isinstance(channel, Status) or not channel.is_flat else Status.FLAT


@dataclass(eq=False, repr=False, kw_only=True)
class GreyLevelBase(TextureBase):
    """A family measured on the grey levels of channels of regions.

    Parameters
    ----------
    levels : int
        Number of grey levels, 2 to 256, between the extremes of each region.
    bin_width : float or None
        Width of the grey levels in the unit of the channel; overrides `levels`.
    regions, channels : sequence of str or str
        See `TextureBase`.
    """

    levels: int = 32
    bin_width: float | None = None

    def _features(self) -> Mapping[str, Feature]:
        binning(self.levels, self.bin_width)
        return super()._features()

    def _measure(self, target: MaskedChannel) -> Measured:
        return self._measure_levels(target.quantised(binning(self.levels, self.bin_width)))

    @abstractmethod
    def _measure_levels(self, quantised: Quantised) -> Measured:
        """Measure the grey levels of one site; at least two."""
