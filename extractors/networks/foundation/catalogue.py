"""Foundation models by name: architecture, data configuration, pooling, width, licence and address; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
H_OPTIMUS = ((0.707223, 0.578729, 0.703617), (0.211883, 0.230117, 0.177517))

Statistics = tuple[tuple[float, float, float], tuple[float, float, float]]
Package = Literal["timm", "transformers", "open_clip"]

SIDE = 224
"""Side in pixels of the input of all of them, as published."""

_SWIGLU = {"mlp_layer": "SwiGLUPacked", "act_layer": "silu"}


@dataclass(frozen=True, kw_only=True)
class FoundationModel:
    """A published foundation model.

    Parameters
    ----------
    package : {"timm", "transformers", "open_clip"}
        The package with its architecture; the last two are optional extras of cytobench.
    architecture : str
        Name of the architecture in the package.
    options : mapping
        Options of the architecture that differ from its defaults; layers by name.
    width : int
        Length of the published feature.
    pools : tuple of str
        The published pooling: `("default",)` is that of the architecture.
    sources : mapping of str to (str, str or None)
        Repository of the Hugging Face hub and name of the file in it (None: the usual names), by tag; the first is the
        default. A tag is the owner of the repository or, for DINOv2, the tag of timm.
    licence : str
        Licence of the weights; `(unverified)`: the statement of the authors was not checked.
    address : str
        Where the weights are published.
    gated : bool
        Whether the owner grants access on request only.
    statistics : tuple
        Mean and standard deviation of the channels on the scale 0 to 1.
    interpolation : {"bilinear", "bicubic"}
    resize : {"exact", "shorter"}
        Both sides to `SIDE`, or the shorter side and a centre crop.
    resamples : bool
        Whether position embeddings of another input size are resampled; otherwise they are refused.
    licence_note : str
        A sentence on contradicting statements.
    """

    package: Package = "timm"
    architecture: str
    options: Mapping[str, Any] = field(default_factory=dict)
    width: int
    pools: tuple[str, ...] = ("default",)
    sources: Mapping[str, tuple[str, str | None]]
    licence: str
    address: str
    gated: bool = False
    statistics: Statistics = IMAGENET
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    resize: Literal["exact", "shorter"] = "exact"
    resamples: bool = False
    licence_note: str = ""

    @property
    def access(self) -> str:
        """How to request access; empty for open weights."""
        if not self.gated:
            return ""
        return (
            f"access is granted by the owner on request: log in at {self.address}, accept the licence "
            f"({self.licence}), then run `hf auth login` on this machine"
        )


_DINOV2 = {"s": ("small", 384), "b": ("base", 768), "l": ("large", 1024), "g": ("giant", 1536)}


def _dinov2(letter: str, **facts: Any) -> FoundationModel:
    size, width = _DINOV2[letter]
    options = {"img_size": SIDE}
    return FoundationModel(architecture=f"vit_{size}_patch14_dinov2", options=options, width=width, **facts)


def _dinobloom(letter: str) -> FoundationModel:
    # The authors resize to 224 x 224 by torchvision's default, bilinear.
    hub = f"1aurent/vit_{_DINOV2[letter][0]}_patch14_224.dinobloom"
    return _dinov2(
        letter,
        sources={"1aurent": (hub, None), "marrlab": ("MarrLab/DinoBloom", f"pytorch_model_{letter}.bin")},
        licence="apache-2.0",
        address="https://huggingface.co/MarrLab/DinoBloom and https://zenodo.org/records/10908163",
    )


def _reddino(letter: str) -> FoundationModel:
    hub = f"Snarcy/RedDino-{_DINOV2[letter][0]}"
    return _dinov2(
        letter,
        sources={"snarcy": (hub, None)},
        licence="cc-by-nc-4.0",
        licence_note="its card states apache-2.0, its configuration cc-by-nc-4.0: treated as non-commercial",
        address=f"https://huggingface.co/{hub}",
        interpolation="bicubic",
    )


def _plain_dinov2(letter: str) -> FoundationModel:
    hub = f"timm/vit_{_DINOV2[letter][0]}_patch14_dinov2.lvd142m"
    return _dinov2(
        letter,
        sources={"lvd142m": (hub, None)},
        licence="apache-2.0",
        address=f"https://huggingface.co/{hub}",
        resamples=True,
    )


FOUNDATION: Mapping[str, FoundationModel] = {
    **{f"dinobloom_{letter}": _dinobloom(letter) for letter in _DINOV2},
    **{f"reddino_{letter}": _reddino(letter) for letter in "sbl"},
    **{f"dinov2_{letter}": _plain_dinov2(letter) for letter in _DINOV2},
    "uni": FoundationModel(
        architecture="vit_large_patch16_224",
        options={"img_size": SIDE, "init_values": 1e-5},
        width=1024,
        sources={"mahmoodlab": ("MahmoodLab/uni", None)},
        licence="cc-by-nc-nd-4.0",
        address="https://huggingface.co/MahmoodLab/uni",
        gated=True,
        resize="shorter",
    ),
    "uni2": FoundationModel(
        architecture="vit_giant_patch14_224",
        options={
            "img_size": SIDE,
            "patch_size": 14,
            "depth": 24,
            "num_heads": 24,
            "embed_dim": 1536,
            "mlp_ratio": 2.66667 * 2,
            "init_values": 1e-5,
            "no_embed_class": True,
            "reg_tokens": 8,
            **_SWIGLU,
        },
        width=1536,
        sources={"mahmoodlab": ("MahmoodLab/UNI2-h", None)},
        licence="cc-by-nc-nd-4.0 (unverified)",
        address="https://huggingface.co/MahmoodLab/UNI2-h",
        gated=True,
        resize="shorter",
    ),
    "virchow2": FoundationModel(
        architecture="vit_huge_patch14_224",
        options={"img_size": SIDE, "init_values": 1e-5, "reg_tokens": 4, "mlp_ratio": 5.3375, **_SWIGLU},
        width=2 * 1280,
        pools=("cls", "avg"),
        sources={"paige-ai": ("paige-ai/Virchow2", None)},
        licence="cc-by-nc-nd-4.0",
        address="https://huggingface.co/paige-ai/Virchow2",
        gated=True,
        interpolation="bicubic",
        resize="shorter",
    ),
    "h_optimus_0": FoundationModel(
        architecture="vit_giant_patch14_reg4_dinov2",
        options={"img_size": SIDE, "init_values": 1e-5, "global_pool": "token"},
        width=1536,
        sources={"bioptimus": ("bioptimus/H-optimus-0", None)},
        licence="apache-2.0 (unverified)",
        address="https://huggingface.co/bioptimus/H-optimus-0",
        statistics=H_OPTIMUS,
        interpolation="bicubic",
    ),
    "phikon": FoundationModel(
        package="transformers",
        architecture="ViTModel",
        options={
            "image_size": SIDE,
            "patch_size": 16,
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
        },
        width=768,
        sources={"owkin": ("owkin/phikon", None)},
        licence="owkin non-commercial (unverified)",
        address="https://huggingface.co/owkin/phikon",
    ),
    "biomedclip": FoundationModel(
        package="open_clip",
        architecture="vit_base_patch16_224",
        width=512,
        sources={
            "microsoft": (
                "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
                "open_clip_pytorch_model.bin",
            )
        },
        licence="mit",
        address="https://huggingface.co/microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
        statistics=CLIP,
        interpolation="bicubic",
        resize="shorter",
    ),
}
"""Foundation models by the name of their extractor."""


def foundation_model(name: str) -> tuple[str, FoundationModel] | None:
    """Return the foundation model that a network is, with its name; None for any other network.

    Parameters
    ----------
    name : str
        Name with or without tag, such as `dinobloom_b.marrlab`, or `hf-hub:OWNER/NAME`, whatever its case.
    """
    own = name.partition(".")[0]
    if own in FOUNDATION:
        return own, FOUNDATION[own]
    source, _, repository = name.partition(":")
    repository = repository.partition("@")[0].casefold()
    if source != "hf-hub":
        return None
    for known, model in FOUNDATION.items():
        if any(repository == hub.casefold() for hub, file in model.sources.values() if file is None):
            return known, model
    return None
