from __future__ import annotations

from typing import Any

import pytest

from reports.sections import weights

DIGEST = "0123456789abcdef" * 4


def _components(model: str | None, *, digest: str | None = DIGEST, extractor: str = "x") -> dict[str, Any]:
    features = {"extractor": extractor, "model": model, "weights": digest}
    return {"components": {"classifier": "svm", "classifier_libraries": {}, "features": features}}


@pytest.mark.parametrize(
    ("model", "licence"),
    [
        ("resnet50.a1_in1k", "apache-2.0"),
        ("resnet50.fb_ssl_yfcc100m_ft_in1k", "cc-by-nc-4.0"),
        ("alexnet.IMAGENET1K_V1", "unknown"),
        ("made_up.tag", "unknown"),
    ],
)
def test_weights_are_listed_with_their_licence(add: Any, section_text: Any, model: str, licence: str) -> None:
    add(**_components(model))
    assert f"Weights Licence SHA-256 of the file {model} {licence} 0123456789abcdef Licences" in section_text("weights")


def test_weights_of_several_pipelines_are_listed_once(add: Any, data: Any) -> None:
    add(classifier="svm", **_components("resnet18.a1_in1k"))
    add(classifier="knn", **_components("resnet18.a1_in1k"))
    add(classifier="prior", **_components("resnet18.a1_in1k", digest="f" * 64))
    (section,) = weights.sections(data())
    assert [(one.model, one.sha256[0]) for one in section.view] == [
        ("resnet18.a1_in1k", "0"),
        ("resnet18.a1_in1k", "f"),
    ]


def test_a_file_of_the_user_has_no_known_licence(add: Any, data: Any) -> None:
    extractor = "resnet18[layer=last,weights=own/weights.safetensors]"
    add(**_components("resnet18.a1_in1k", extractor=extractor))
    (section,) = weights.sections(data())
    assert [(one.model, one.licence) for one in section.view] == [(extractor, "unknown")]


def test_weights_of_a_plugin_have_no_known_licence(add: Any, data: Any) -> None:
    add(**_components(None, extractor="third_party[weights=default]"))
    (section,) = weights.sections(data())
    assert [(one.model, one.licence) for one in section.view] == [("third_party[weights=default]", "unknown")]


def test_without_pretrained_weights_there_is_no_section(add: Any, section: Any) -> None:
    add(classifier="svm")
    add(classifier="knn", **_components("resnet18.a1_in1k", digest=None))
    assert section("weights") == ""
