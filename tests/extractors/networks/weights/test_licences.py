from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from timm.models import get_pretrained_cfg

from extractors.networks.weights import licences
from extractors.networks.weights.licences import UNKNOWN, weights_licence


@pytest.mark.parametrize("name", ["resnet18.a1_in1k", "efficientnet_b0.ra_in1k", "hiera_tiny_224.mae"])
def test_licences_are_those_of_timm(name: str) -> None:
    stated = get_pretrained_cfg(name).license
    assert stated
    assert weights_licence(name) == stated


def test_weights_of_one_network_may_differ_in_their_licence() -> None:
    assert weights_licence("resnet50.a1_in1k") == "apache-2.0"
    assert weights_licence("resnet50.fb_ssl_yfcc100m_ft_in1k") == "cc-by-nc-4.0"


def test_torchvision_states_a_licence_of_some_weights() -> None:
    assert weights_licence("vit_h_14.IMAGENET1K_SWAG_E2E_V1").endswith("SWAG/blob/main/LICENSE")
    assert weights_licence("alexnet.IMAGENET1K_V1") == UNKNOWN


@pytest.mark.parametrize("name", ["botnet50ts_256", "resnet50", "resnet50.other", "made_up.tag", ""])
def test_other_names_are_unknown(name: str) -> None:
    assert weights_licence(name) == UNKNOWN


def test_the_second_call_imports_neither_library() -> None:
    weights_licence("resnet18.a1_in1k")
    code = (
        "import sys; from extractors.networks.weights.licences import weights_licence; "
        "print(weights_licence('resnet18.a1_in1k'), [m for m in ('torch', 'timm', 'torchvision') if m in sys.modules])"
    )
    root = Path(__file__).parents[4]
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert answer.stdout == "apache-2.0 []\n"


def test_a_damaged_cache_is_rebuilt(tmp_path: Path) -> None:
    before = licences._licences(tmp_path)
    (file,) = (tmp_path / "models").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    licences._licences.cache_clear()
    assert licences._licences(tmp_path) == before
    assert len(file.read_bytes()) > 10_000
    licences._licences.cache_clear()
