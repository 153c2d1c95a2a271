from __future__ import annotations

import pytest

from extractors.networks.foundation import packages
from extractors.networks.foundation.packages import check_package, package_version


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("phikon", r"phikon needs the package transformers: pip install 'cytobench\[transformers\]'"),
        ("biomedclip.microsoft", r"biomedclip needs the package open-clip-torch: pip install 'cytobench\[open_clip\]'"),
    ],
)
def test_a_missing_package_is_refused_in_one_sentence(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=rf"^{text}$"):
        check_package(name)


def test_other_networks_need_no_optional_package(monkeypatch: pytest.MonkeyPatch) -> None:
    check_package("dinobloom_s")
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    check_package("resnet50.a1_in1k")


def test_the_version_of_a_package_belongs_to_its_networks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "version", {"transformers": "5.1", "open-clip-torch": "3.3"}.__getitem__)
    assert package_version(["phikon"]) == "transformers 5.1"
    assert package_version(["biomedclip.microsoft", "resnet50"]) == "open_clip 3.3"
    assert package_version(["dinobloom_s", "resnet50.a1_in1k", "hf-hub:a/b"]) is None
