from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from extractors.component import component
from extractors.networks.training.averages import AVERAGES, Ema, NoAverage, Swa, recompute_batch_norms


class Network(torch.nn.Module):
    """One weight, a batch norm, and a constant table of integers as in windowed transformers."""

    table: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.norm = torch.nn.BatchNorm1d(1, dtype=torch.float64)
        self.register_buffer("table", torch.arange(20))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.weight * x)  # type: ignore[no-any-return]  # torch's modules return Any

    def set(self, value: float) -> None:
        with torch.no_grad():
            self.weight.fill_(value)
            mean = self.norm.running_mean
            assert mean is not None
            mean.fill_(10 * value)


def weight_of(module: torch.nn.Module) -> float:
    return float(module.state_dict()["weight"])


def mean_of(module: torch.nn.Module) -> float:
    return float(module.state_dict()["norm.running_mean"])


def test_ema_in_numbers() -> None:
    # d = 2/11, then 3/12, then 1/4 < (1 + 3)/(10 + 3): weights 1, 2, 3, 4.
    network, average = Network(), Ema(decay=0.25)
    averaged = average.start(network)
    assert averaged is not None
    expected = 1.0
    for value, decay in ((1.0, None), (2.0, 2 / 11), (3.0, 3 / 12), (4.0, 0.25)):
        network.set(value)
        averaged.update_parameters(network)
        expected = value if decay is None else decay * expected + (1 - decay) * value
        assert weight_of(averaged.module) == pytest.approx(expected, rel=1e-12)
        assert mean_of(averaged.module) == pytest.approx(10 * expected, rel=1e-12)
    assert expected == pytest.approx(0.25 * (0.25 * (2 / 11 + 9 / 11 * 2) + 0.75 * 3) + 0.75 * 4)


def test_ema_reaches_its_decay() -> None:
    network, average = Network(), Ema(decay=0.9)
    averaged = average.start(network)
    assert averaged is not None
    network.set(0.0)
    for _ in range(81):  # (1 + 80) / (10 + 80) = 0.9
        averaged.update_parameters(network)
    network.set(1.0)
    averaged.update_parameters(network)
    assert weight_of(averaged.module) == pytest.approx(0.1)


def test_ema_keeps_tables_of_integers() -> None:
    network = Network()
    averaged = Ema().start(network)
    assert averaged is not None
    for _ in range(30):
        averaged.update_parameters(network)
    assert averaged.module.table.tolist() == list(range(20))  # type: ignore[operator]


def test_swa_is_the_mean_of_the_last_epochs() -> None:
    network, average = Network(), Swa(epochs=3)
    averaged = average.start(network)
    assert averaged is not None
    for epoch in range(7):
        network.set(epoch**2)
        if average.updates_after_epoch(epoch, 7):
            averaged.update_parameters(network)
    assert weight_of(averaged.module) == pytest.approx((16 + 25 + 36) / 3)
    assert [Swa(epochs=9).updates_after_epoch(epoch, 2) for epoch in range(2)] == [True, True]


def test_recomputed_batch_norms_are_those_of_the_averaged_weights() -> None:
    network = Network()
    network.set(2.0)
    network.eval()
    recompute_batch_norms(network, [torch.tensor([[1.0], [3.0]]).double(), torch.tensor([[5.0], [5.0]]).double()])
    # Means of 2 x: 4 and 10; unbiased variances 8 and 0.
    assert mean_of(network) == pytest.approx(7.0)
    assert float(network.norm.running_var) == pytest.approx(4.0)  # type: ignore[arg-type]
    assert not network.training


@pytest.mark.parametrize("average", [Ema(), Swa()])
def test_a_restored_average_continues_equally(average: Ema | Swa) -> None:
    network = Network()
    first, second = average.start(network), average.start(network)
    assert first is not None
    assert second is not None
    for value in (1.0, 2.0):
        network.set(value)
        first.update_parameters(network)
    second.load_state_dict(deepcopy(first.state_dict()))
    network.set(5.0)
    for averaged in (first, second):
        averaged.update_parameters(network)
    assert torch.equal(first.module.weight, second.module.weight)  # type: ignore[arg-type]
    assert 1 < weight_of(first.module) < 5


def test_when_the_weights_are_taken_in() -> None:
    rows = {
        name: (kind().updates_after_step(), kind().updates_after_epoch(9, 10), kind().recompute_batch_norms)
        for name, kind in AVERAGES.items()
    }
    assert rows == {"none": (False, False, False), "ema": (True, False, False), "swa": (False, True, True)}
    assert NoAverage().start(Network()) is None
    assert [kind.needs_last_epochs for kind in AVERAGES.values()] == [False, False, True]


def test_selectors() -> None:
    assert [str(component(name, AVERAGES, "average")) for name in AVERAGES] == [
        "none",
        "ema[decay=0.999]",
        "swa[epochs=5]",
    ]
