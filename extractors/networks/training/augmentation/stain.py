"""Random gains of images and channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from extractors.component import number_field
from extractors.networks.training.augmentation.random_transform import Pictures, RandomTransform, chosen

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Stain(RandomTransform):
    """Multiplies each image by a random gain (brightness) and each of its channels by another (stain).

    The cells of a patient share a slide, so a network can recognise patients by brightness and stain; random gains
    remove this cue. Black stays black. Values are not clipped at 1.

    Parameters
    ----------
    sd : float
        Standard deviation of the logarithm of every gain, which is normal, times the strength.
    p : float
        Probability of a change.
    """

    name: ClassVar[str] = "stain"
    sd: float = number_field(0.1, low=0, high=1)
    p: float = number_field(1.0, low=0, high=1)

    def __call__(self, pictures: Pictures, generator: torch.Generator, *, strength: float) -> None:
        """Multiply in place."""
        import torch  # noqa: PLC0415 - heavy

        n, channels = pictures.images.shape[:2]
        selected = chosen(n, self.p, generator)[:, None, None, None]
        brightness = torch.randn(n, 1, 1, 1, generator=generator)
        stain = torch.randn(n, channels, 1, 1, generator=generator)
        pictures.images.mul_(torch.exp(self.sd * strength * selected * (brightness + stain)))
