"""Low-rank adapters (LoRA, Hu et al. 2022) of the attention layers of a transformer, by peft.

Imports torch, so this module is imported only where a network is trained.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

ATTENTION_LAYERS = frozenset({"qkv", "proj", "q", "k", "v", "kv", "q_proj", "k_proj", "v_proj"})
"""Names of the fully connected layers of attention in timm's transformers."""


def add_adapters(body: nn.Module, name: str, rank: int, images: torch.Tensor) -> None:
    """Add adapters of a rank to the attention layers of `body`, in place; the scale is 1 (`lora_alpha` = rank).

    Parameters
    ----------
    body : torch.nn.Module
        In evaluation mode.
    name : str
        Name of the network, for messages.
    rank : int
        At least 1.
    images : Tensor
        An input, which shows whether the adapters are used.

    Raises
    ------
    ValueError
        The network has no such layers, or computes its attention without calling them; peft is not installed.
    """
    targets = [
        path
        for path, layer in body.named_modules()
        if isinstance(layer, nn.Linear)
        and path.rpartition(".")[2] in ATTENTION_LAYERS
        and "attn" in path.rpartition(".")[0]
    ]
    if not targets:
        raise ValueError(
            f"lora={rank}: {name} has no attention layers of timm's transformers to adapt; use lora=0, or a vision "
            "transformer such as vit_small_patch16_224"
        )
    peft = _peft()
    config = peft.LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=targets)
    peft.inject_adapter_in_model(config, body)
    adapters = [tensor for path, tensor in body.named_parameters() if "lora_B" in path]
    with torch.enable_grad():
        gradients: Any = torch.autograd.grad(body(images).sum(), adapters, allow_unused=True)
    if any(gradient is None for gradient in gradients):
        raise ValueError(f"lora={rank}: {name} computes its attention from the weights alone; use lora=0")


def is_adapter(path: str) -> bool:
    """Whether a parameter of this name belongs to an adapter."""
    return "lora_" in path


def _peft() -> Any:
    try:
        import peft  # noqa: PLC0415 - heavy and optional
    except ImportError as error:
        raise ValueError(
            f"lora needs the package peft, which cannot be imported ({error}): pip install peft"
        ) from error
    return peft
