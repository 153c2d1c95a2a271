"""Optimisers with one learning rate for each layer group, and their rates and momentum by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

OPTIMISERS: Mapping[str, str] = {
    "adam": "Adam",
    "adamw": "AdamW",
    "adamax": "Adamax",
    "rmsprop": "RMSprop",
    "sgd": "SGD",
    "nesterov": "SGD",
}
"""Classes of `torch.optim` by name; `nesterov` is SGD with Nesterov momentum."""

DECAYS = ("coupled", "decoupled")
"""Kinds of weight decay."""


def make_optimiser(
    name: str,
    groups: Sequence[Iterable[torch.nn.Parameter]],
    rates: Sequence[float],
    *,
    momentum: float,
    beta2: float,
    weight_decay: float,
    decay: str = "coupled",
    eps: float = 1e-8,
    decay_norms: bool = True,
) -> torch.optim.Optimizer:
    """Create an optimiser of the parameters that require a gradient.

    Parameters
    ----------
    name : {"adam", "adamw", "adamax", "rmsprop", "sgd", "nesterov"}
    groups : sequence of iterables of torch.nn.Parameter
        Parameters of each layer group, from the input to the head.
    rates : sequence of float
        Learning rate of each layer group.
    momentum : float
        beta 1 of adam, adamw and adamax; momentum of the others; 0 <= momentum < 1.
    beta2 : float
        beta 2 of adam, adamw and adamax; rho of rmsprop (alpha in torch). Not used by sgd and nesterov.
    weight_decay : float
        Non-negative.
    decay : {"coupled", "decoupled"}
        Coupled: weight_decay x weight is added to the gradient (L2 penalty). Decoupled: each weight is multiplied by
        1 - rate x weight_decay before the step (Loshchilov & Hutter 2019; fastai 1). `adamw` is always decoupled, and
        `adam` with decoupled decay is the same optimiser.
    eps : float
        Added to the root of the mean of squared gradients, outside the root. Not used by sgd and nesterov.
    decay_norms : bool
        Whether parameters of at most one dimension decay: biases, and weights of batch norms.

    Returns
    -------
    torch.optim.Optimizer
        Each of its parameter groups has the index of its layer group as `layer_group`.

    Raises
    ------
    ValueError
        The name or kind of decay is not known, there is not one rate for each group, or nothing requires a gradient.
    """
    if name not in OPTIMISERS:
        raise ValueError(f"optimiser={name} is not known; it is one of {', '.join(OPTIMISERS)}")
    if decay not in DECAYS:
        raise ValueError(f"decay={decay} is not known; it is one of {', '.join(DECAYS)}")
    if len(groups) != len(rates):
        raise ValueError(f"{len(rates)} learning rates for {len(groups)} layer groups; give one for each")
    parameters = _parameter_groups(groups, rates, weight_decay, decay_norms)
    if not parameters:
        raise ValueError("no parameter of the network requires a gradient; train at least one layer group")
    return _class(name, decay)(parameters, **_settings(name, momentum, beta2, eps))


def set_rates(optimiser: torch.optim.Optimizer, rates: Sequence[float], momentum: float) -> None:
    """Set the learning rates and the momentum of the next step.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        From `make_optimiser`.
    rates : sequence of float
        Learning rate of each layer group.
    momentum : float
        beta 1 of adam, adamw and adamax; momentum of the others.
    """
    for group in optimiser.param_groups:
        group["lr"] = rates[group["layer_group"]]
        if "betas" in group:
            group["betas"] = (momentum, group["betas"][1])
        else:
            group["momentum"] = momentum


def _parameter_groups(
    groups: Sequence[Iterable[torch.nn.Parameter]], rates: Sequence[float], weight_decay: float, decay_norms: bool
) -> list[dict[str, Any]]:
    result = []
    for index, (group, rate) in enumerate(zip(groups, rates, strict=True)):
        trained = [parameter for parameter in group if parameter.requires_grad]
        exempt = [parameter for parameter in trained if not decay_norms and parameter.ndim <= 1]
        decaying = [parameter for parameter in trained if decay_norms or parameter.ndim > 1]
        for parameters, decay in ((decaying, weight_decay), (exempt, 0.0)):
            if parameters:
                result.append({"params": parameters, "lr": rate, "weight_decay": decay, "layer_group": index})
    return result


def _settings(name: str, momentum: float, beta2: float, eps: float) -> dict[str, Any]:
    if OPTIMISERS[name] == "SGD":
        return {"momentum": momentum, "nesterov": name == "nesterov"}
    if name == "rmsprop":
        return {"momentum": momentum, "alpha": beta2, "eps": eps}
    return {"betas": (momentum, beta2), "eps": eps}


def _class(name: str, decay: str) -> Callable[..., torch.optim.Optimizer]:
    import torch  # noqa: PLC0415 - heavy

    if decay == "decoupled" and name == "adam":
        return torch.optim.AdamW
    kind: type[torch.optim.Optimizer] = getattr(torch.optim, OPTIMISERS[name])
    return kind if decay == "coupled" or name == "adamw" else _decoupled(kind)


def _decoupled(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Derive an optimiser whose weights decay before its step, after the closure has computed the gradients."""
    import torch  # noqa: PLC0415 - heavy

    class Decoupled(kind):  # type: ignore[misc, valid-type]  # the base class is an argument
        @torch.no_grad()
        def step(self, closure: Callable[[], float] | None = None) -> float | None:
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            decays = [group["weight_decay"] for group in self.param_groups]
            for group, weight_decay in zip(self.param_groups, decays, strict=True):
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.mul_(1 - group["lr"] * weight_decay)
                group["weight_decay"] = 0.0
            super().step()
            for group, weight_decay in zip(self.param_groups, decays, strict=True):
                group["weight_decay"] = weight_decay
            return loss

    return Decoupled
