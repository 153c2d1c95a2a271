"""ALL-IDB1: images, compared with the centroids of blasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from bench.datasets.table import Dataset
from bench.errors import BenchError

Read = Callable[..., Dataset]
DrawAll = Callable[[Path, Iterable[str]], Path]


@pytest.fixture
def smears(tmp_path: Path, draw_all: DrawAll) -> Path:
    root = tmp_path / "ALL_IDB1"
    draw_all(root, ["im/Im001_1.jpg", "im/Im002_1.jpg", "im/Im034_0.jpg"])
    (root / "xyc").mkdir()
    (root / "xyc/Im001_1.xyc").write_text("100 200\r\n  15\t30 \n")
    (root / "xyc/Im034_0.xyc").write_text("\n")
    return root


def test_images_are_labelled_by_their_suffix(smears: Path, read: Read) -> None:
    for path in (smears, smears.parent, smears / "im"):
        dataset = read(path)
        assert (dataset.reader, dataset.positive, dataset.grouping) == ("all_idb1", "ALL", "block")
        assert list(dataset.table["label"]) == ["ALL", "ALL", "healthy"]
    assert any("ALL-IDB2 is cut from these images" in notice for notice in dataset.notices)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("Im034_0.xyc", "10 20\n", r"Im034_0\.xyc: 1 centroids of blasts, but the image Im034_0\.jpg is healthy"),
        ("Im001_1.xyc", "\n", r"Im001_1\.xyc: no centroid of blasts, but the image Im001_1\.jpg is ALL"),
        ("Im001_1.xyc", "10 20\n30\n", r"Im001_1\.xyc, row 2: '30'; expected the two coordinates"),
        ("Im001_1.xyc", "10 \u0662\n", "not ASCII text"),
    ],
)
def test_centroids_that_contradict_the_label(smears: Path, read: Read, file: str, text: str, message: str) -> None:
    (smears / "xyc" / file).write_text(text, encoding="utf-8")
    with pytest.raises(BenchError, match=message):
        read(smears)
