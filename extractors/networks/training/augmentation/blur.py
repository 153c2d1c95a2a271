"""Random Gaussian blur of the cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from extractors.component import number_field
from extractors.networks.training.augmentation.random_transform import Pictures, RandomTransform, chosen, uniform

if TYPE_CHECKING:
    import torch

MIN_SIGMA = 0.05
"""Standard deviation in pixels below which a blur changes nothing: the weight of a neighbour is below 1e-80."""


@dataclass(frozen=True)
class Blur(RandomTransform):
    """Gaussian blur, truncated at three standard deviations; pixels outside the mask are unchanged.

    The blur includes the background, so that the edge of a cell on black becomes darker.

    Parameters
    ----------
    sigma : float
        The standard deviation is uniform between 0 and `sigma` pixels of the input image, times the strength.
    p : float
        Probability of a blur.
    """

    name: ClassVar[str] = "blur"
    needs_masks: ClassVar[bool] = True
    sigma: float = number_field(1.0, low=0, high=10)
    p: float = number_field(0.5, low=0, high=1)

    def __call__(self, pictures: Pictures, generator: torch.Generator, *, strength: float) -> None:
        """Blur in place."""
        import torch  # noqa: PLC0415 - heavy
        from torchvision.transforms.v2 import functional  # noqa: PLC0415 - heavy

        n, side = len(pictures.images), min(pictures.images.shape[-2:])
        selected = chosen(n, self.p, generator)
        sigmas = uniform(n, 0, self.sigma * strength, generator).tolist()
        cell = pictures.cell
        for row in selected.nonzero().flatten().tolist():
            if sigmas[row] < MIN_SIGMA:
                continue
            # The reflected frame is shorter than the image.
            reach = min(math.ceil(3 * sigmas[row]), side - 1)
            blurred = functional.gaussian_blur(pictures.images[row], [2 * reach + 1] * 2, [sigmas[row]] * 2)
            pictures.images[row] = torch.where(cell[row], blurred, pictures.images[row])
