from __future__ import annotations

import pytest

from extractors.networks.training.tie import tie_constant, tied_weight_decay


def test_constant_in_numbers() -> None:
    # 1e-3 * 1e-2 / (32 * 0.1) = 1e-5 / 3.2
    assert tie_constant(1e-3, 1e-2, batch_size=32, momentum=0.9) == pytest.approx(3.125e-6, rel=1e-12)


def test_ten_times_the_rate_is_a_tenth_of_the_decay() -> None:
    constant = tie_constant(1e-3, 1e-2, batch_size=32, momentum=0.9)
    assert tied_weight_decay(constant, 1e-2, batch_size=32, momentum=0.9) == pytest.approx(1e-3, rel=1e-12)


def test_batch_size_and_momentum_are_tied_too() -> None:
    constant = tie_constant(1e-3, 1e-2, batch_size=32, momentum=0.9)
    assert tied_weight_decay(constant, 1e-3, batch_size=64, momentum=0.9) == pytest.approx(2e-2, rel=1e-12)
    assert tied_weight_decay(constant, 1e-3, batch_size=32, momentum=0.8) == pytest.approx(2e-2, rel=1e-12)
    assert tied_weight_decay(tie_constant(1e-3, 0.0, batch_size=2, momentum=0.0), 1.0, batch_size=2, momentum=0.0) == 0


@pytest.mark.parametrize(
    ("rate", "decay", "batch", "momentum", "named"),
    [
        (0, 0, 1, 0, "learning_rate"),
        (1, -1, 1, 0, "weight_decay"),
        (1, 0, 0, 0, "batch_size"),
        (1, 0, 1, 1, "momentum"),
    ],
)
def test_bad_values(rate: float, decay: float, batch: int, momentum: float, named: str) -> None:
    with pytest.raises(ValueError, match=f"{named} must be"):
        tie_constant(rate, decay, batch_size=batch, momentum=momentum)
