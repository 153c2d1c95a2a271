"""Key cleaning: names of tensors in the published layouts of vision transformers become those of timm.

Layouts of DINOv2 weights: timm's; that of the authors' code (`facebookresearch/dinov2` in torch.hub); and a training
checkpoint, whose `teacher` has the network under `backbone.` beside the heads of the training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from extractors.networks.weights.loading import State

BACKBONE = "backbone."
TRAINING_HEADS = ("dino_head.", "ibot_head.")
MASK_TOKEN = "mask_token"  # noqa: S105 - a tensor

_PACKED = {"w12": "fc1", "w3": "fc2"}
_PACKED_KEY = re.compile(r"(blocks\.\d+\.mlp)\.(w12|w3)\.(weight|bias)\Z")

_TRANSFORMERS_5 = (
    (re.compile(r"\Aencoder\.layer\."), "layers."),
    (re.compile(r"\.attention\.attention\.query\."), ".attention.q_proj."),
    (re.compile(r"\.attention\.attention\.key\."), ".attention.k_proj."),
    (re.compile(r"\.attention\.attention\.value\."), ".attention.v_proj."),
    (re.compile(r"\.attention\.output\.dense\."), ".attention.o_proj."),
    (re.compile(r"\.intermediate\.dense\."), ".mlp.fc1."),
    (re.compile(r"\.output\.dense\."), ".mlp.fc2."),
)


def dinov2_keys(state: State) -> State:
    """Return DINOv2 weights under the names of timm.

    The prefix `backbone.` is removed, and then the heads of the training are left out; the mask token, which is used in
    training only, is left out; the packed layers `mlp.w12` and `mlp.w3` of the giant are `mlp.fc1` and `mlp.fc2`.
    All other tensors keep their names, so that a strict loading finds what is missing or too much.

    Raises
    ------
    KeyError
        Two tensors have the same name afterwards; the message names it.
    """
    checkpoint = any(key.startswith(BACKBONE) for key in state)
    network = {key: value for key, value in state.items() if not (checkpoint and key.startswith(TRAINING_HEADS))}
    names = {key: _packed(key.removeprefix(BACKBONE) if checkpoint else key) for key in network}
    cleaned = renamed(network, names)
    cleaned.pop(MASK_TOKEN, None)
    return cleaned


def transformers_keys(state: State) -> State:
    """Return the weights of a `ViTModel` of transformers 4 under the names of transformers 5, without its pooler."""
    network = {key: value for key, value in state.items() if not key.startswith("pooler.")}
    return renamed(network, {key: _of_transformers_5(key) for key in network})


def visual_keys(state: State) -> State:
    """Return the image encoder of a CLIP model of open_clip: tensors under `visual.`, without this prefix.

    The text encoder (`text.`) and the temperature (`logit_scale`, `logit_bias`) are left out.
    """
    visual = {key: value for key, value in state.items() if not key.startswith(("text.", "logit_scale", "logit_bias"))}
    return renamed(visual, {key: key.removeprefix("visual.") for key in visual})


def renamed(state: State, names: Mapping[str, str]) -> State:
    """Return tensors under other names.

    Raises
    ------
    KeyError
        Two of them have the same name; the message names it.
    """
    result: State = {}
    for key, value in state.items():
        if names[key] in result:
            raise KeyError(f"key {names[key]} is there twice, also as {key}")
        result[names[key]] = value
    return result


def _packed(key: str) -> str:
    return _PACKED_KEY.sub(lambda match: f"{match[1]}.{_PACKED[match[2]]}.{match[3]}", key)


def _of_transformers_5(key: str) -> str:
    for pattern, replacement in _TRANSFORMERS_5:
        key = pattern.sub(replacement, key)
    return key
