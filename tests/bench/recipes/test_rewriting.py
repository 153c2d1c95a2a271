"""Fewer epochs and random weights reach each network of a selector, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.plugins.registry import classifier
from bench.recipes.rewriting import fewer_epochs, random_weights, rewritten_classifier, rewritten_extractor


@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("cnn[arch=small,epochs=100]", 0.01, "cnn[arch=small,epochs=1]"),
        ("cnn[arch=small,epochs=30]", 0.1, "cnn[arch=small,epochs=3]"),
        ("cnn[arch=small,epochs=31]", 0.1, "cnn[arch=small,epochs=4]"),
        ("cnn[arch=small]", 0.5, "cnn[arch=small,epochs=20]"),
        ("cnn[arch=small,stages=head:10+all:3]", 0.2, "cnn[arch=small,stages=head:2+all:1]"),
        ("cnn[arch=small,sizes=32:8+64:40]", 0.25, "cnn[arch=small,sizes=32:2+64:10]"),
        ("bagging[of=cnn[arch=small,epochs=20],n=2]", 0.1, "bagging[of=cnn[arch=small,epochs=2],n=2]"),
        ("svm[C=10]", 0.1, "svm[C=10]"),
    ],
)
def test_the_epochs_of_each_stage_are_scaled_and_rounded_up(text: str, scale: float, expected: str) -> None:
    assert rewritten_classifier(text, fewer_epochs(scale)) == expected


def test_stages_and_sizes_have_equally_many_epochs_afterwards() -> None:
    text = "cnn[arch=small,stages=head:5+all:10+head:5+all:10,sizes=16:15+24:15]"
    short = rewritten_classifier(text, fewer_epochs(0.01))
    assert short == "cnn[arch=small,stages=head:1+all:1+head:1+all:1,sizes=16:1+16:1+24:1+24:1]"
    settings: Any = classifier(short).build()
    assert [stage.size for stage in settings.settings().stages] == [16, 16, 24, 24]


def test_members_with_their_extractors_are_rewritten() -> None:
    text = (
        'ensemble[members="finetune[backbone=small,epochs=50]:svm"+cnn[arch=small,epochs=10]+handcrafted:knn,rule=rank]'
    )
    short = classifier(rewritten_classifier(text, fewer_epochs(0.1))).selector
    assert short == classifier(text.replace("epochs=50", "epochs=5").replace("epochs=10", "epochs=1")).selector


def test_extractors_are_rewritten() -> None:
    assert rewritten_extractor("finetune[backbone=small,epochs=5]", fewer_epochs(0.3)) == (
        "finetune[backbone=small,epochs=2]"
    )
    assert rewritten_extractor("handcrafted", fewer_epochs(0.3)) == "handcrafted"


def test_only_networks_without_weights_start_at_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "resnet18.safetensors").write_bytes(b"weights")
    missing: dict[str, None] = {}
    change = random_weights(str(tmp_path), missing)
    assert rewritten_extractor("resnet18", change) == "resnet18"
    assert rewritten_extractor("resnet34", change) == "resnet34[weights=random]"
    assert rewritten_extractor("resnet34.tv_in1k[pool=max]", change) == "resnet34[pool=max,weights=random]"
    tagged = "cnn[arch=resnet34.tv_in1k,epochs=2]"
    assert rewritten_classifier(tagged, change) == "cnn[arch=resnet34,epochs=2,weights=random]"
    assert rewritten_classifier("cnn[arch=small]", change) == "cnn[arch=small]"
    both = rewritten_classifier("ensemble[members=cnn[arch=resnet18]+cnn[arch=resnet34,epochs=2]]", change)
    assert both == "ensemble[members=cnn[arch=resnet18]+cnn[arch=resnet34,epochs=2,weights=random]]"
    assert {name.partition(".")[0] for name in missing} == {"resnet34"}
