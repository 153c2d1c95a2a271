from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.datasets.readers.folder import FolderReader
from bench.datasets.table import Dataset, ReadOptions
from bench.errors import BenchError

Draw = Callable[..., Path]


@pytest.fixture
def classes(draw: Draw, tmp_path: Path) -> Path:
    for seed, name in enumerate(["sick/p1_1.png", "sick/deep/p1_2.tif", "well/p2_1.bmp"]):
        draw(tmp_path / "data" / name, seed)
    return tmp_path / "data"


def read(path: Path, pattern: str | None, mask: str | None = None) -> Dataset:
    return FolderReader().read(path, ReadOptions(patient_pattern=pattern, mask=mask))


@pytest.mark.parametrize("pattern", [r"/(p\d)_", r"(?:^|/)(?P<patient>p\d)_(\d)"])
def test_class_folders(classes: Path, pattern: str) -> None:
    found = read(classes, pattern)
    assert list(found.table["cell"]) == ["sick/deep/p1_2.tif", "sick/p1_1.png", "well/p2_1.bmp"]
    assert list(found.table["label"]) == ["sick", "sick", "well"]
    assert list(found.table["patient"]) == ["p1", "p1", "p2"]
    assert list(found.table["path"]) == [str(classes / cell) for cell in found.table["cell"]]
    assert (found.name, found.positive) == ("data", None)


def test_the_class_folder_may_be_part_of_the_patient(classes: Path) -> None:
    assert set(read(classes, r"^(.*?/).*").table["patient"]) == {"sick/", "well/"}


def test_without_a_pattern_an_example_from_the_folder_is_given(classes: Path, draw: Draw, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"need --patient-pattern.* finds 'deep' in sick/deep/p1_2\.tif"):
        read(classes, None)
    draw(tmp_path / "flat/a/P07_003.png")
    with pytest.raises(BenchError, match=r"'/\(\[\^/_\]\+\)_\[\^/\]\*\$' finds 'P07' in a/P07_003\.png"):
        read(tmp_path / "flat", None)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("p(", r"'p\(' is no regular expression: .* at position 1"),
        ("p", "has 0 groups; one is expected, or one named patient: .*; for example --patient-pattern '.*' finds "),
        (r"(p)(\d)", "has 2 groups; one is expected"),
        (r"deep/(p\d)", r"sick/p1_1\.png: .* does not match 'sick/p1_1\.png'"),
        (r"(x?)p\d", "finds an empty patient in 'sick/deep/p1_2.tif'"),
        (r"(?:deep/)(p\d)|p", r"finds an empty patient in 'sick/p1_1\.png'"),
    ],
)
def test_a_wrong_pattern(classes: Path, pattern: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        read(classes, pattern)


def test_images_beside_the_class_folders_are_refused(classes: Path, draw: Draw) -> None:
    draw(classes / "loose.png")
    with pytest.raises(BenchError, match=r"loose\.png: the image lies in no class folder"):
        read(classes, r"(p\d)")


def test_a_folder_of_masks_is_no_class_and_empty_ones_are_said(classes: Path, draw: Draw) -> None:
    draw(classes / "masks/sick/p1_1.png")
    draw(classes / "nuclei/sick/p1_1.png")
    (classes / "forgotten").mkdir()
    options = ReadOptions(str(classes / "masks"), str(classes / "nuclei"), r"/(p\d)")
    found = FolderReader().read(classes, options)
    assert found.classes == ("sick", "well")
    assert found.notices == ("folders without an image are no class: forgotten",)


def test_only_folders_with_images_in_folders_are_recognised(classes: Path, draw: Draw, tmp_path: Path) -> None:
    reader = FolderReader()
    assert reader.recognises(classes)
    assert not reader.recognises(classes / "sick/p1_1.png")
    draw(tmp_path / "plain/1.png")
    assert not reader.recognises(tmp_path / "plain")
    (tmp_path / "plain/sub").mkdir()
    (tmp_path / "plain/sub/._1.png").touch()
    assert not reader.recognises(tmp_path / "plain")


def test_a_link_that_leaves_the_folder_is_refused(classes: Path, draw: Draw, tmp_path: Path) -> None:
    (classes / "well/p9_1.png").symlink_to(draw(tmp_path / "outside.png"))
    with pytest.raises(BenchError, match=r"p9_1\.png is a link that leaves"):
        read(classes, r"/(p\d)")
