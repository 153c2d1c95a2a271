"""Random crop, resized to the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from extractors.component import number_field
from extractors.networks.training.augmentation.moves import move_each
from extractors.networks.training.augmentation.random_transform import Pictures, RandomTransform, chosen, uniform

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RandomCrop(RandomTransform):
    """Crop of the aspect ratio of the frame at a random position, resized to the frame, bilinear with antialiasing.

    Parameters
    ----------
    scale : float
        The side of the crop is uniform between `scale` and 1 times that of the frame; the strength moves the lower
        bound towards 1.
    p : float
        Probability of a crop.
    """

    name: ClassVar[str] = "crop"
    scale: float = number_field(0.8, low=0.1, high=1)
    p: float = number_field(1.0, low=0, high=1)

    def __call__(self, pictures: Pictures, generator: torch.Generator, *, strength: float) -> None:
        """Crop in place."""
        from torchvision.transforms.v2 import functional  # noqa: PLC0415 - heavy

        n, (height, width) = len(pictures.images), pictures.images.shape[-2:]
        selected = chosen(n, self.p, generator)
        sides = uniform(n, 1 - (1 - self.scale) * strength, 1, generator).tolist()
        across, along = (uniform(n, 0, 1, generator).tolist() for _ in range(2))

        def cropped(channels: torch.Tensor, row: int, fill: list[float] | None) -> Any:
            h, w = (max(1, round(sides[row] * side)) for side in (height, width))
            top, left = round(along[row] * (height - h)), round(across[row] * (width - w))
            return functional.resized_crop(channels, top, left, h, w, [height, width], antialias=True)

        move_each(pictures, selected, cropped)
