from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch

from extractors.networks.training.optimisers import OPTIMISERS, make_optimiser, set_rates

RATE, MOMENTUM, BETA2, DECAY, EPS = 0.1, 0.8, 0.9, 0.5, 1e-3
GRADIENTS = (0.5, -0.3, 0.2)
Rule = Callable[[float, float, int, dict[str, float]], float]


def adam(g: float, _w: float, t: int, s: dict[str, float]) -> float:
    """Kingma & Ba 2015, algorithm 1."""
    s["m"] = MOMENTUM * s.get("m", 0) + (1 - MOMENTUM) * g
    s["v"] = BETA2 * s.get("v", 0) + (1 - BETA2) * g * g
    return RATE * (s["m"] / (1 - MOMENTUM**t)) / (math.sqrt(s["v"] / (1 - BETA2**t)) + EPS)


def adamax(g: float, _w: float, t: int, s: dict[str, float]) -> float:
    """Kingma & Ba 2015, algorithm 2; eps enters the maximum as in torch."""
    s["m"] = MOMENTUM * s.get("m", 0) + (1 - MOMENTUM) * g
    s["u"] = max(BETA2 * s.get("u", 0), abs(g) + EPS)
    return RATE / (1 - MOMENTUM**t) * s["m"] / s["u"]


def rmsprop(g: float, _w: float, _t: int, s: dict[str, float]) -> float:
    s["v"] = BETA2 * s.get("v", 0) + (1 - BETA2) * g * g
    s["m"] = MOMENTUM * s.get("m", 0) + g / (math.sqrt(s["v"]) + EPS)
    return RATE * s["m"]


def sgd(g: float, _w: float, _t: int, s: dict[str, float]) -> float:
    s["m"] = MOMENTUM * s.get("m", 0) + g
    return RATE * s["m"]


def nesterov(g: float, _w: float, _t: int, s: dict[str, float]) -> float:
    s["m"] = MOMENTUM * s.get("m", 0) + g
    return RATE * (g + MOMENTUM * s["m"])


RULES: dict[str, Rule] = {
    "adam": adam,
    "adamw": adam,
    "adamax": adamax,
    "rmsprop": rmsprop,
    "sgd": sgd,
    "nesterov": nesterov,
}


def expected(rule: Rule, coupled: bool) -> list[float]:
    weight, state, weights = 2.0, dict[str, float](), []
    for step, gradient in enumerate(GRADIENTS, 1):
        decayed = weight if coupled else weight * (1 - RATE * DECAY)
        weight = decayed - rule(gradient + (DECAY * weight if coupled else 0), weight, step, state)
        weights.append(weight)
    return weights


def parameter(value: float, shape: tuple[int, ...] = ()) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.full(shape, value, dtype=torch.float64))


def create(name: str, groups: list[list[torch.nn.Parameter]], **settings: object) -> torch.optim.Optimizer:
    values = {"momentum": MOMENTUM, "beta2": BETA2, "weight_decay": DECAY, "eps": EPS, **settings}
    return make_optimiser(name, groups, [RATE] * len(groups), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_three_steps_follow_the_published_rule(name: str, decay: str) -> None:
    weight = parameter(2.0)
    optimiser = create(name, [[weight]], decay=decay)
    weights = []
    for gradient in GRADIENTS:
        weight.grad = torch.tensor(gradient, dtype=torch.float64)
        optimiser.step()
        weights.append(weight.item())
    assert weights == pytest.approx(expected(RULES[name], decay == "coupled" and name != "adamw"), rel=1e-9)


def test_one_step_of_adam_with_decoupled_decay_in_numbers() -> None:
    # fastai 1: 2 (1 - 0.1 * 0.5) = 1.9; the first step of Adam is rate * g / (|g| + eps) = 0.1 * 0.5 / 0.501.
    weight = parameter(2.0)
    optimiser = create("adam", [[weight]], decay="decoupled")
    weight.grad = torch.tensor(0.5, dtype=torch.float64)
    optimiser.step()
    assert weight.item() == pytest.approx(1.9 - 0.05 / 0.501, rel=1e-12)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_decoupled_decay_with_a_closure_uses_the_gradient_of_the_undecayed_weight(name: str) -> None:
    weights = []
    for with_closure in (True, False):
        weight = parameter(2.0)
        optimiser = create(name, [[weight]], decay="decoupled")

        def closure(weight: torch.nn.Parameter = weight) -> torch.Tensor:
            weight.grad = None
            loss = weight**2
            loss.backward()  # type: ignore[no-untyped-call]  # of torch
            return loss

        for _ in range(3):
            if with_closure:
                optimiser.step(closure)  # type: ignore[arg-type]
            else:
                closure()
                optimiser.step()
        weights.append(weight.item())
    assert weights[0] == weights[1] != 2.0


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_biases_and_norms_can_be_exempt_from_decay(name: str, decay: str) -> None:
    for decay_norms in (True, False):
        matrix, bias = parameter(2.0, (1, 1)), parameter(2.0, (1,))
        optimiser = create(name, [[matrix, bias]], decay=decay, decay_norms=decay_norms)
        for weight in (matrix, bias):
            weight.grad = torch.full_like(weight, 0.5)
        optimiser.step()
        rule = RULES[name]
        decayed = expected(rule, decay == "coupled")[0]
        assert matrix.item() == pytest.approx(decayed, rel=1e-9)
        plain = 2.0 - rule(0.5, 2.0, 1, {})
        assert bias.item() == pytest.approx(decayed if decay_norms else plain, rel=1e-9)


def test_each_layer_group_has_its_rate() -> None:
    body, head, frozen = parameter(0.0), parameter(0.0, (1, 1)), parameter(0.0)
    frozen.requires_grad_(False)
    groups = [[frozen], [body], [head, parameter(0.0)]]
    optimiser = make_optimiser(
        "sgd", groups, [1.0, 2.0, 3.0], momentum=0.0, beta2=0.9, weight_decay=0.1, decay_norms=False
    )
    assert [group["lr"] for group in optimiser.param_groups] == [2.0, 3.0, 3.0]
    set_rates(optimiser, [0.0, 0.25, 0.5], 0.0)
    body.grad, head.grad = torch.ones_like(body), torch.ones_like(head)
    optimiser.step()
    assert (body.item(), head.item(), frozen.item()) == (-0.25, -0.5, 0.0)


def test_momentum_by_step() -> None:
    weight = parameter(0.0)
    optimiser = make_optimiser("sgd", [[weight]], [1.0], momentum=0.5, beta2=0.9, weight_decay=0.0)
    for momentum in (0.5, 0.25):
        set_rates(optimiser, [1.0], momentum)
        weight.grad = torch.ones_like(weight)
        optimiser.step()
    assert weight.item() == -(1 + 1.25)
    adam_optimiser = create("adam", [[weight]])
    set_rates(adam_optimiser, [1.0], 0.6)
    assert adam_optimiser.param_groups[0]["betas"] == (0.6, BETA2)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_restored_optimiser_continues_equally(name: str) -> None:
    def steps(optimiser: torch.optim.Optimizer, weight: torch.nn.Parameter, gradients: tuple[float, ...]) -> None:
        for gradient in gradients:
            weight.grad = torch.tensor(gradient, dtype=torch.float64)
            optimiser.step()

    weight = parameter(2.0)
    first = create(name, [[weight]], decay="decoupled")
    steps(first, weight, GRADIENTS[:1])
    copy = parameter(weight.item())
    second = create(name, [[copy]], decay="decoupled")
    second.load_state_dict(deepcopy(first.state_dict()))
    steps(first, weight, GRADIENTS[1:])
    steps(second, copy, GRADIENTS[1:])
    assert weight.item() == copy.item()


def test_bad_arguments() -> None:
    weight = parameter(0.0)
    with pytest.raises(ValueError, match="optimiser=lion is not known"):
        create("lion", [[weight]])
    with pytest.raises(ValueError, match="decay=l2 is not known"):
        create("sgd", [[weight]], decay="l2")
    with pytest.raises(ValueError, match="1 learning rates for 2 layer groups"):
        make_optimiser("sgd", [[weight], []], [0.1], momentum=0.9, beta2=0.9, weight_decay=0.0)
    with pytest.raises(ValueError, match="no parameter of the network requires a gradient"):
        create("sgd", [[torch.nn.Parameter(torch.zeros(1), requires_grad=False)]])
