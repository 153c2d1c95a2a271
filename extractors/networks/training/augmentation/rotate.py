"""Random rotation by any angle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from extractors.component import number_field
from extractors.networks.training.augmentation.moves import move_each
from extractors.networks.training.augmentation.random_transform import Pictures, RandomTransform, chosen, uniform

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Rotate(RandomTransform):
    """Rotation around the centre, bilinear, in the frame of the image.

    Parameters
    ----------
    degrees : float
        The angle is uniform between `-degrees` and `degrees`, times the strength.
    p : float
        Probability of a rotation.
    """

    name: ClassVar[str] = "rotate"
    degrees: float = number_field(45.0, low=0, high=360)
    p: float = number_field(1.0, low=0, high=1)

    def __call__(self, pictures: Pictures, generator: torch.Generator, *, strength: float) -> None:
        """Rotate in place."""
        from torchvision.transforms.v2 import InterpolationMode, functional  # noqa: PLC0415 - heavy

        n, limit = len(pictures.images), self.degrees * strength
        selected = chosen(n, self.p, generator)
        angles = uniform(n, -limit, limit, generator).tolist()

        def rotated(channels: torch.Tensor, row: int, fill: list[float] | None) -> Any:
            return functional.rotate(channels, angles[row], interpolation=InterpolationMode.BILINEAR, fill=fill)

        move_each(pictures, selected, rotated)
