from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from extractors.component import component
from extractors.networks.training.schedules import SCHEDULES, Constant, Cosine, OneCycle, Steps

# fastai 1, 20 steps: 6 from 1/25 to 1, then 14 towards 1/250000; cos(pi k/6) is 1, sqrt(3)/2, 1/2, 0, ...
ROOT3 = math.sqrt(3) / 2
RISING = [0.04 + 0.96 * (1 - c) / 2 for c in (1, ROOT3, 0.5, 0, -0.5, -ROOT3)]
FALLING = [4e-6 + (1 - 4e-6) * (1 + math.cos(math.pi * k / 14)) / 2 for k in range(14)]
MOMENTUM_FALLING = [0.85 + 0.1 * (1 + c) / 2 for c in (1, ROOT3, 0.5, 0, -0.5, -ROOT3)]
MOMENTUM_RISING = [0.95 - 0.1 * (1 + math.cos(math.pi * k / 14)) / 2 for k in range(14)]


def test_one_cycle_of_20_steps_is_fastai_1s_rule() -> None:
    schedule = OneCycle()
    assert [schedule.rate_factor(k, 20) for k in range(20)] == pytest.approx(RISING + FALLING, rel=1e-12)
    momenta = [schedule.momentum(k, 20, 0.5) for k in range(20)]
    assert momenta == pytest.approx(MOMENTUM_FALLING + MOMENTUM_RISING, rel=1e-12)


def test_values_of_one_cycle_written_out() -> None:
    schedule = OneCycle()
    assert schedule.rate_factor(0, 20) == pytest.approx(0.04)
    assert schedule.rate_factor(3, 20) == pytest.approx(0.52)
    assert schedule.rate_factor(6, 20) == 1.0
    assert schedule.rate_factor(13, 20) == pytest.approx(0.500002)
    assert schedule.rate_factor(19, 20) == pytest.approx(0.01253998, abs=1e-7)
    assert schedule.momentum(6, 20, 0.9) == pytest.approx(0.85)
    assert schedule.momentum(13, 20, 0.9) == pytest.approx(0.90)


@pytest.mark.parametrize("total", [20, 33, 100])
def test_one_cycle_equals_torchs_where_the_phases_coincide(total: int) -> None:
    # torch reaches the maximum at step pct_start * steps - 1 and the end in the last step: one more step, same phases.
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0, momentum=0.9)
    torchs = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=1.0,
        total_steps=total + 1,
        pct_start=(int(0.3 * total) + 1) / (total + 1),
        div_factor=25,
        final_div_factor=1e4,
    )
    schedule = OneCycle()
    for step in range(total):
        group = optimiser.param_groups[0]
        assert schedule.rate_factor(step, total) == pytest.approx(group["lr"], rel=1e-9)
        assert schedule.momentum(step, total, 0.0) == pytest.approx(group["momentum"], rel=1e-9)
        optimiser.step()
        torchs.step()


def test_a_cycle_too_short_for_a_first_phase_has_one_step_of_it() -> None:
    schedule = OneCycle()
    assert [schedule.rate_factor(k, 3) for k in range(3)] == pytest.approx([0.04, 1.0, 4e-6 + (1 - 4e-6) * 0.75])
    assert OneCycle(start=1.0).rate_factor(9, 10) == pytest.approx(0.04 + 0.96 * (1 - math.cos(0.9 * math.pi)) / 2)


def test_cosine_equals_torchs_by_epoch() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    torchs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 30)
    for epoch in range(30):
        assert Cosine().rate_factor(epoch, 30) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        optimiser.step()
        torchs.step()


def test_cosine_after_a_linear_warm_up() -> None:
    factors = [Cosine(warmup=0.25).rate_factor(k, 8) for k in range(8)]
    assert factors == pytest.approx([0.5, 1.0, *(0.5 + np.cos(np.pi * np.arange(2, 8) / 8) / 2)])
    assert Cosine(warmup=0.07).rate_factor(6, 100) == 1.0


def test_steps_divide_the_training_into_equal_parts() -> None:
    factors = [Steps(parts=3).rate_factor(epoch, 6) for epoch in range(6)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    assert [Steps(parts=2, factor=0.5).rate_factor(k, 5) for k in range(5)] == [1, 1, 1, 0.5, 0.5]


def test_constant_keeps_rate_and_momentum() -> None:
    assert [Constant().rate_factor(k, 3) for k in range(3)] == [1, 1, 1]
    assert Constant().momentum(2, 3, 0.7) == Cosine().momentum(0, 3, 0.7) == 0.7


def test_selectors() -> None:
    assert str(component("one_cycle", SCHEDULES, "schedule")) == (
        "one_cycle[start=0.3,div=25.0,final=10000.0,momentum_high=0.95,momentum_low=0.85]"
    )
    assert str(Steps()) == "steps[parts=3,factor=0.1]"
    with pytest.raises(ValueError, match="parts is from 2 to 1000"):
        Steps(parts=1)


@pytest.mark.parametrize("step", [-1, 5])
def test_a_step_outside_the_training_is_refused(step: int) -> None:
    with pytest.raises(ValueError, match=f"step {step} is not one of the 5 steps"):
        Constant().rate_factor(step, 5)
    with pytest.raises(ValueError, match="not one of"):
        OneCycle().momentum(step, 5, 0.9)
