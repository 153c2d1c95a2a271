"""Random translation, zoom and shear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from extractors.component import number_field
from extractors.networks.training.augmentation.moves import move_each
from extractors.networks.training.augmentation.random_transform import Pictures, RandomTransform, chosen, uniform

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Affine(RandomTransform):
    """Translation, zoom around the centre and horizontal shear, bilinear, in the frame of the image.

    All magnitudes are multiplied by the strength.

    Parameters
    ----------
    translate : float
        The horizontal translation is uniform between `-translate` and `translate` widths, and the vertical one
        likewise, in heights.
    scale : float
        The zoom is uniform between `1 - scale` and `1 + scale`.
    shear : float
        The shear is uniform between `-shear` and `shear` degrees.
    p : float
        Probability of a change.
    """

    name: ClassVar[str] = "affine"
    translate: float = number_field(0.0, low=0, high=1)
    scale: float = number_field(0.0, low=0, high=0.9)
    shear: float = number_field(0.0, low=0, high=60)
    p: float = number_field(1.0, low=0, high=1)

    def __call__(self, pictures: Pictures, generator: torch.Generator, *, strength: float) -> None:
        """Move in place."""
        from torchvision.transforms.v2 import InterpolationMode, functional  # noqa: PLC0415 - heavy

        n, (height, width) = len(pictures.images), pictures.images.shape[-2:]
        selected = chosen(n, self.p, generator)
        right, down, zoom, shear = (
            (limit * strength * uniform(n, -1, 1, generator)).tolist()
            for limit in (self.translate * width, self.translate * height, self.scale, self.shear)
        )

        def moved(channels: torch.Tensor, row: int, fill: list[float] | None) -> Any:
            return functional.affine(
                channels,
                angle=0.0,
                translate=[right[row], down[row]],
                scale=1 + zoom[row],
                shear=[shear[row], 0.0],
                interpolation=InterpolationMode.BILINEAR,
                fill=fill,
            )

        move_each(pictures, selected, moved)
