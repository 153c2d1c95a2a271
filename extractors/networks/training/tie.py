"""Tie of learning rate and weight decay in tuning: their ratio to batch size and momentum stays constant."""

from __future__ import annotations


def tie_constant(learning_rate: float, weight_decay: float, *, batch_size: int, momentum: float) -> float:
    """Return learning rate x weight decay / (batch size x (1 - momentum)) (Smith 2018, section 4).

    Parameters
    ----------
    learning_rate : float
        Positive.
    weight_decay : float
        Non-negative.
    batch_size : int
        Cells in a step, at least 1.
    momentum : float
        0 <= momentum < 1.

    Raises
    ------
    ValueError
        A parameter is out of range.
    """
    _check(learning_rate, batch_size, momentum)
    if not weight_decay >= 0:
        raise ValueError(f"weight_decay must be non-negative; it is {weight_decay}")
    return learning_rate * weight_decay / (batch_size * (1 - momentum))


def tied_weight_decay(constant: float, learning_rate: float, *, batch_size: int, momentum: float) -> float:
    """Return the weight decay that gives `tie_constant` the value `constant`; the parameters are those of it.

    Raises
    ------
    ValueError
        A parameter is out of range.
    """
    _check(learning_rate, batch_size, momentum)
    return constant * batch_size * (1 - momentum) / learning_rate


def _check(learning_rate: float, batch_size: int, momentum: float) -> None:
    if not learning_rate > 0:
        raise ValueError(f"learning_rate must be positive; it is {learning_rate}")
    if not batch_size >= 1:
        raise ValueError(f"batch_size must be at least 1; it is {batch_size}")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be in [0, 1); it is {momentum}")
