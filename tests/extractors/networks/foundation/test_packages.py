from __future__ import annotations

import pytest

from extractors.networks.foundation import packages
from extractors.networks.foundation.packages import check_package


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
