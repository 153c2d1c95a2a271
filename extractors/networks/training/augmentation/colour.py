"""Random brightness, contrast, saturation and hue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from extractors.component import number_field
from extractors.networks.training.augmentation.random_transform import Pictures, RandomTransform, chosen, uniform

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Colour(RandomTransform):
    """Brightness, contrast, saturation and hue, in this order, as defined by torchvision; values are clipped to 0..1.

    Pixels that are exactly black stay black, so that a black background is no cue. The mask is not used. The contrast
    is relative to the mean grey level of the frame. All magnitudes are multiplied by the strength.

    Parameters
    ----------
    brightness, contrast, saturation : float
        Each factor is uniform between `1 - value` and `1 + value`.
    hue : float
        The shift is uniform between `-hue` and `hue` turns of the colour circle.
    p : float
        Probability of a change.
    """

    name: ClassVar[str] = "colour"
    brightness: float = number_field(0.2, low=0, high=1)
    contrast: float = number_field(0.2, low=0, high=1)
    saturation: float = number_field(0.2, low=0, high=1)
    hue: float = number_field(0.0, low=0, high=0.5)
    p: float = number_field(1.0, low=0, high=1)

    def __call__(self, pictures: Pictures, generator: torch.Generator, *, strength: float) -> None:
        """Change the colours in place."""
        from torchvision.transforms.v2 import functional  # noqa: PLC0415 - heavy

        adjustments = (
            (functional.adjust_brightness, self.brightness, 1.0),
            (functional.adjust_contrast, self.contrast, 1.0),
            (functional.adjust_saturation, self.saturation, 1.0),
            (functional.adjust_hue, self.hue, 0.0),
        )
        n = len(pictures.images)
        rows = chosen(n, self.p, generator).nonzero().flatten().tolist()
        black = (pictures.images == 0).all(dim=1, keepdim=True)
        for adjust, limit, centre in adjustments:
            values = (centre + limit * strength * uniform(n, -1, 1, generator)).tolist()
            for row in rows if limit else ():
                pictures.images[row] = adjust(pictures.images[row], values[row])
        pictures.images.masked_fill_(black, 0.0)
