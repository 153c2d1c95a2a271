from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
import torch
from timm.optim import create_optimizer_v2

from extractors.component import component
from extractors.networks.training.class_balance import BALANCES
from extractors.networks.training.optimisers import OPTIMISERS, make_optimiser
from extractors.networks.training.presets import PRESETS
from extractors.networks.training.schedules import SCHEDULES


def test_presets_in_numbers() -> None:
    names = ("optimiser", "learning_rate", "momentum", "beta2", "weight_decay", "batch_size", "label_smoothing")
    rows = {name: tuple(preset.values()[option] for option in names) for name, preset in PRESETS.items()}
    assert rows == {
        "default": ("adamw", 1e-3, 0.9, 0.999, 1e-4, 32, 0.0),
        "fastai1": ("adamw", "slice:3e-3", 0.9, 0.99, 1e-2, 64, 0.0),
        "keras": ("rmsprop", 1e-3, 0.0, 0.9, 0.0, 32, 0.0),
        "timm": ("nesterov", 0.05, 0.9, 0.9, 2e-5, 128, 0.1),
    }


def test_the_default_preset() -> None:
    values = PRESETS["default"].values()
    assert (values["schedule"], values["epochs"], values["patience"], values["select"]) == ("cosine", 40, 12, "best")
    assert (values["balance"], values["augment"]) == ("weighted", ("flips", "turns", "stain"))


def test_other_optimisers_have_their_own_momentum() -> None:
    keras = PRESETS["keras"]
    assert {name: keras.values(name)["momentum"] for name in ("adam", "adamw", "rmsprop", "sgd")} == {
        "adam": 0.9,
        "adamw": 0.9,
        "rmsprop": 0.0,
        "sgd": 0.0,
    }
    assert (keras.values("sgd")["learning_rate"], keras.values("adam")["learning_rate"]) == (0.01, 1e-3)
    assert (keras.values("adamw")["weight_decay"], keras.values("adam")["weight_decay"]) == (0.004, 0.0)
    with pytest.raises(ValueError, match="optimiser=lion is not known"):
        keras.values("lion")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_the_same_options_and_names_that_exist(preset: str) -> None:
    for optimiser in OPTIMISERS:
        values = PRESETS[preset].values(optimiser)
        assert set(values) == set(PRESETS["default"].values())
        component(values["schedule"], SCHEDULES, "schedule")
        assert values["balance"] in BALANCES
        network = torch.nn.Linear(2, 2)
        make_optimiser(optimiser, [list(network.parameters())], [0.1], **_settings(preset, optimiser))


@pytest.mark.parametrize(("ours", "theirs"), [("nesterov", "sgd"), ("adamw", "adamw"), ("rmsprop", "rmsprop")])
def test_timms_optimiser_takes_the_same_step(ours: str, theirs: str) -> None:
    preset = PRESETS["timm"].values(ours)
    weights = []
    for kind in ("ours", "theirs"):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
        optimiser: Any
        if kind == "ours":
            optimiser = make_optimiser(ours, [list(network.parameters())], [0.05], **_settings("timm", ours))
        else:
            optimiser = create_optimizer_v2(network, opt=theirs, lr=0.05, weight_decay=preset["weight_decay"])
        for _ in range(3):
            optimiser.zero_grad()
            network(torch.arange(12.0).reshape(4, 3).sin()).square().sum().backward()
            optimiser.step()
        weights.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)


def test_default_adam_settings_are_torchs() -> None:
    signature = inspect.signature(torch.optim.AdamW).parameters
    values = PRESETS["default"].values()
    assert (values["momentum"], values["beta2"]) == signature["betas"].default
    assert values["eps"] == signature["eps"].default
    assert values["learning_rate"] == signature["lr"].default


def test_timms_warm_up_takes_5_of_300_epochs() -> None:
    schedule = PRESETS["timm"].values()["schedule"]
    assert [schedule.rate_factor(k, 300) for k in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert schedule.rate_factor(5, 300) == pytest.approx((1 + math.cos(math.pi / 60)) / 2)


def _settings(preset: str, optimiser: str) -> dict[str, Any]:
    values = PRESETS[preset].values(optimiser)
    names = ("momentum", "beta2", "weight_decay", "eps", "decay", "decay_norms")
    return {name: values[name] for name in names}
