"""Appearance parameters of a phantom cell: shape, chromatin, stain, optics and debris."""

from __future__ import annotations

from dataclasses import asdict, dataclass

Triple = tuple[float, float, float]

DEBRIS = ("none", "touching", "loose")

MAX_CLEFTS = 4


@dataclass(frozen=True, slots=True)
class CellAppearance:
    """Appearance of a cell.

    Parameters
    ----------
    n_clefts : int
        Clefts of the nucleus, 0..4.
    cleft_depth : float
        Depth of each cleft relative to `nucleus_radius_px`, 0..0.4; ignored without clefts.
    elongation, skew : float
        Second and third harmonic of the nucleus outline relative to its radius, within 0..0.15 and 0..0.04, where
        the outline without clefts is convex.
    nucleus_radius_px : float
        Mean radius of the nucleus without clefts.
    nc_ratio : float
        Area of the nucleus over area of the cell, above 0 and below 1. The drawn ratio is smaller if the ring would
        otherwise be thinner than 1.5 px.
    grain_px : float
        Lag at which the chromatin's autocorrelation falls to 1/e, before the optics' blur.
    contrast : float
        Standard deviation of the logarithm of red in the nucleus due to chromatin, before the blur.
    nucleus_rgb, cytoplasm_rgb : tuple of 3 floats
        Mean colours before brightness and gamma, 1..255.
    brightness : float
        Factor on all channels; 1 is neutral.
    gamma : float
        Exponent around a dark grey; 1 is neutral.
    noise : float
        Standard deviation of the sensor noise in grey levels.
    blur_px : float
        Standard deviation of the optics' point spread, above 0.
    debris : str
        `"none"`, `"touching"` or `"loose"`.

    Raises
    ------
    ValueError
        More clefts than 4, a ratio outside its range, or an unknown kind of debris.
    """

    n_clefts: int
    cleft_depth: float
    elongation: float
    skew: float
    nucleus_radius_px: float
    nc_ratio: float
    grain_px: float
    contrast: float
    nucleus_rgb: Triple
    cytoplasm_rgb: Triple
    brightness: float = 1.0
    gamma: float = 1.0
    noise: float = 1.0
    blur_px: float = 1.0
    debris: str = "none"

    def __post_init__(self) -> None:
        if not 0 <= self.n_clefts <= MAX_CLEFTS:
            raise ValueError(f"{self.n_clefts} clefts; a phantom nucleus has 0 to {MAX_CLEFTS}")
        if not 0.0 <= self.cleft_depth <= 0.4:
            raise ValueError(f"clefts of {self.cleft_depth} of the radius; expected 0 to 0.4")
        if not 0.0 < self.nc_ratio < 1.0:
            raise ValueError(f"a nucleus of {self.nc_ratio} of the cell's area; expected a ratio between 0 and 1")
        if self.debris not in DEBRIS:
            raise ValueError(f"debris {self.debris!r}; expected one of {', '.join(DEBRIS)}")

    def columns(self) -> dict[str, float | int | str]:
        """Return the parameters as one flat row; colours become `nucleus_red` ... `cytoplasm_blue`."""
        row = asdict(self)
        for part in ("nucleus", "cytoplasm"):
            colour = row.pop(f"{part}_rgb")
            row.update({f"{part}_{c}": v for c, v in zip(("red", "green", "blue"), colour, strict=True)})
        return row
