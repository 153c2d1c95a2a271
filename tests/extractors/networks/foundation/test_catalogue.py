from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from extractors.networks.foundation.catalogue import FOUNDATION, foundation_model

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize(
    ("name", "width", "statistics", "gated"),
    [
        ("dinobloom_s", 384, IMAGENET, False),
        ("dinobloom_b", 768, IMAGENET, False),
        ("dinobloom_l", 1024, IMAGENET, False),
        ("dinobloom_g", 1536, IMAGENET, False),
        ("reddino_l", 1024, IMAGENET, False),
        ("dinov2_g", 1536, IMAGENET, False),
        ("uni", 1024, IMAGENET, True),
        ("uni2", 1536, IMAGENET, True),
        ("virchow2", 2560, IMAGENET, True),
        ("h_optimus_0", 1536, ((0.707223, 0.578729, 0.703617), (0.211883, 0.230117, 0.177517)), False),
        ("phikon", 768, IMAGENET, False),
        ("biomedclip", 512, ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)), False),
    ],
)
def test_width_statistics_and_access_are_the_published_ones(
    name: str, width: int, statistics: object, gated: bool
) -> None:
    model = FOUNDATION[name]
    assert (model.width, model.statistics, model.gated) == (width, statistics, gated)
    assert bool(model.access) == gated


def test_gated_models_state_how_to_request_access() -> None:
    access = FOUNDATION["uni2"].access
    assert "https://huggingface.co/MahmoodLab/UNI2-h" in access
    assert "log in" in access
    assert "accept the licence (cc-by-nc-nd-4.0" in access


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("dinobloom_b", "dinobloom_b"),
        ("dinobloom_b.marrlab", "dinobloom_b"),
        ("hf-hub:1aurent/vit_base_patch14_224.dinobloom", "dinobloom_b"),
        ("hf-hub:paige-ai/VIRCHOW2@main", "virchow2"),
        ("hf-hub:MarrLab/DinoBloom", None),
        ("local-dir:1aurent/vit_base_patch14_224.dinobloom", None),
        ("resnet50.a1_in1k", None),
    ],
)
def test_a_model_is_recognised_by_its_name_or_repository(name: str, known: str | None) -> None:
    found = foundation_model(name)
    assert (None if found is None else found[0]) == known


def test_the_catalogue_imports_no_heavy_module() -> None:
    code = (
        "import sys; import extractors.networks.foundation.catalogue; "
        "print(sorted({'torch', 'timm', 'transformers', 'open_clip'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[4]
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert answer.stdout == "[]\n"
