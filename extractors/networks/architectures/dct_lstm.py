"""Spectral recurrent network of Shah et al. (`shah-2019`): the cosine transform of a cell, read by an LSTM.

Imports torch, so this module is imported only where a network is built.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from extractors.networks.architectures.body import Body, LastState

FREQUENCIES = 64
"""Vertical and horizontal frequencies that are used, from 0 on."""


class LogSpectrum(nn.Module):
    """Logarithm of the magnitudes of the lowest frequencies of the discrete cosine transform.

    Colour is converted to grey by 0.299 R + 0.587 G + 0.114 B, on the scale 0 to 255. Of its orthonormal DCT-II in two
    dimensions, `FREQUENCIES` x `FREQUENCIES` coefficients c are computed; the output is log(1 + |c|).
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map RGB images (n, 3, height, width) on the scale 0 to 1 to (n, 64, 64): vertical, horizontal frequency."""
        weights = torch.tensor([0.299, 0.587, 0.114], dtype=images.dtype, device=images.device)
        grey = 255 * (images * weights.view(1, 3, 1, 1)).sum(dim=1)
        rows, columns = (cosines(side).to(grey) for side in images.shape[2:])
        return torch.log1p((rows @ grey @ columns.T).abs())


def cosines(side: int, frequencies: int = FREQUENCIES) -> torch.Tensor:
    """Return the first rows of the matrix of the orthonormal DCT-II.

    Returns
    -------
    Tensor of float64, shape (frequencies, side)
        Element (k, x) is s cos(pi k (x + 1/2) / side), with s = sqrt(1 / side) for k = 0 and sqrt(2 / side) otherwise.
    """
    frequency = torch.arange(frequencies, dtype=torch.float64)[:, None]
    position = torch.arange(side, dtype=torch.float64)[None, :]
    matrix = math.sqrt(2 / side) * torch.cos(math.pi * frequency * (position + 0.5) / side)
    matrix[0] /= math.sqrt(2)
    return matrix


def dct_lstm_body() -> Body:
    """Build the spectrum and an LSTM of 128 units over its 64 rows.

    The source states the cosine transform and a recurrent network. Chosen here: grey levels, the 64 x 64 lowest
    frequencies of a 256-pixel image, the vertical frequencies as steps, and the hidden state after the last as feature.
    """
    return Body(LogSpectrum(), LastState(FREQUENCIES, 128))


def dct_lstm_head(width: int, n_classes: int) -> nn.Sequential:
    """Build the output layer."""
    return nn.Sequential(nn.Linear(width, n_classes))
