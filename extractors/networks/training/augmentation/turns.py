"""Random quarter turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from extractors.component import number_field
from extractors.networks.training.augmentation.random_transform import Pictures, RandomTransform, chosen

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Turns(RandomTransform):
    """Turns by 0, 90, 180 or 270 degrees, equally likely. They have no strength.

    Parameters
    ----------
    p : float
        Probability that the number of quarter turns is drawn.

    Raises
    ------
    ValueError
        Images are not square.
    """

    name: ClassVar[str] = "turns"
    p: float = number_field(1.0, low=0, high=1)

    def __call__(self, pictures: Pictures, generator: torch.Generator, *, strength: float) -> None:
        """Turn in place."""
        import torch  # noqa: PLC0415 - heavy

        height, width = pictures.images.shape[-2:]
        if height != width:
            raise ValueError(f"turns need square images; these are {height} x {width} px (height x width); omit turns")
        n = len(pictures.images)
        selected = chosen(n, self.p, generator)
        turns = torch.randint(4, (n,), generator=generator)
        for k in (1, 2, 3):
            rows = selected & (turns == k)
            pictures.images[rows] = torch.rot90(pictures.images[rows], k, (-2, -1))
            if pictures.masks is not None:
                pictures.masks[rows] = torch.rot90(pictures.masks[rows], k, (-2, -1))
