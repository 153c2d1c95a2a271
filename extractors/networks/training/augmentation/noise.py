"""Random Gaussian noise on the cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from extractors.component import number_field
from extractors.networks.training.augmentation.random_transform import Pictures, RandomTransform, chosen

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Noise(RandomTransform):
    """Adds independent normal noise to each pixel and channel; pixels outside the mask are unchanged.

    Noisy pixels are clipped to 0..1.

    Parameters
    ----------
    sd : float
        Standard deviation on the scale 0 to 1, times the strength.
    p : float
        Probability of noise.
    """

    name: ClassVar[str] = "noise"
    needs_masks: ClassVar[bool] = True
    sd: float = number_field(0.02, low=0, high=1)
    p: float = number_field(0.5, low=0, high=1)

    def __call__(self, pictures: Pictures, generator: torch.Generator, *, strength: float) -> None:
        """Add noise in place."""
        import torch  # noqa: PLC0415 - heavy

        selected = chosen(len(pictures.images), self.p, generator)
        noise = torch.randn(pictures.images.shape, generator=generator)
        noisy = (pictures.images + self.sd * strength * noise).clamp_(0, 1)
        changed = pictures.cell & selected[:, None, None, None]
        pictures.images.copy_(torch.where(changed, noisy, pictures.images))
