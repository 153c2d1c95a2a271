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
    dataset = read(classes, pattern)
    assert list(dataset.table["cell"]) == ["sick/deep/p1_2.tif", "sick/p1_1.png", "well/p2_1.bmp"]
    assert list(dataset.table["label"]) == ["sick", "sick", "well"]
    assert list(dataset.table["patient"]) == ["p1", "p1", "p2"]
    assert list(dataset.table["path"]) == [str(classes / cell) for cell in dataset.table["cell"]]
    assert (dataset.name, dataset.positive) == ("data", None)


def test_the_class_folder_may_be_part_of_the_patient(classes: Path) -> None:
    assert set(read(classes, r"^(.*?/).*").table["patient"]) == {"sick/", "well/"}


def test_without_a_pattern_the_error_has_an_example(classes: Path, draw: Draw, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"need --patient-pattern.* matches 'deep' in sick/deep/p1_2\.tif"):
        read(classes, None)
    draw(tmp_path / "flat/a/P07_003.png")
    with pytest.raises(BenchError, match=r"'/\(\[\^/_\]\+\)_\[\^/\]\*\$' matches 'P07' in a/P07_003\.png"):
        read(tmp_path / "flat", None)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("p(", r"'p\(' is not a regular expression: .* at position 1"),
        ("p", "has 0 groups; expected one, or one named patient: .*; for example --patient-pattern '.*' matches "),
        (r"(p)(\d)", "has 2 groups; expected one"),
        (r"deep/(p\d)", r"sick/p1_1\.png: .* does not match 'sick/p1_1\.png'"),
        (r"(x?)p\d", "matches an empty patient in 'sick/deep/p1_2.tif'"),
        (r"(?:deep/)(p\d)|p", r"matches an empty patient in 'sick/p1_1\.png'"),
    ],
)
def test_a_wrong_pattern(classes: Path, pattern: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        read(classes, pattern)


def test_a_pattern_that_matches_the_class_is_noticed(classes: Path) -> None:
    (notice,) = read(classes, r"^([^/]+)/").notices
    assert notice.startswith("--patient-pattern matches one patient for each class ('sick' for 'sick', 'well' for")


def test_images_beside_the_class_folders_are_refused(classes: Path, draw: Draw) -> None:
    draw(classes / "loose.png")
    with pytest.raises(BenchError, match=r"loose\.png: the image is not in a class folder"):
        read(classes, r"(p\d)")


def test_folders_of_masks_and_empty_folders_are_not_classes(classes: Path, draw: Draw) -> None:
    draw(classes / "masks/sick/p1_1.png")
    draw(classes / "nuclei/sick/p1_1.png")
    (classes / "forgotten").mkdir()
    options = ReadOptions(mask=str(classes / "masks"), nucleus_mask=str(classes / "nuclei"), patient_pattern=r"/(p\d)")
    dataset = FolderReader().read(classes, options)
    assert dataset.classes == ("sick", "well")
    assert dataset.notices[0] == "folders without an image are not classes: forgotten"
    assert "forgotten" not in "".join(dataset.notices[1:])


def test_only_folders_with_images_are_recognised(classes: Path, draw: Draw, tmp_path: Path) -> None:
    reader = FolderReader()
    assert reader.recognises(classes)
    assert not reader.recognises(classes / "sick/p1_1.png")
    draw(tmp_path / "plain/1.png")
    assert reader.recognises(tmp_path / "plain")
    (tmp_path / "none/sub").mkdir(parents=True)
    (tmp_path / "none/sub/._1.png").touch()
    assert not reader.recognises(tmp_path / "none")


def test_a_link_that_leaves_the_folder_is_refused(classes: Path, draw: Draw, tmp_path: Path) -> None:
    (classes / "well/p9_1.png").symlink_to(draw(tmp_path / "outside.png"))
    with pytest.raises(BenchError, match=r"p9_1\.png is a link that leaves"):
        read(classes, r"/(p\d)")


def test_units_in_place_of_patients(classes: Path) -> None:
    dataset = FolderReader().read(classes, ReadOptions(unit_pattern=r"/(p\d)"))
    assert dataset.grouping == "unit"
    assert set(dataset.table["unit"]) == set(read(classes, r"/(p\d)").table["patient"])
    assert any(f"{classes.name} has no patient ids: the split units are the matches of" in n for n in dataset.notices)
    with pytest.raises(BenchError, match="use it or --patient-pattern, not both"):
        FolderReader().read(classes, ReadOptions(unit_pattern=r"/(p\d)", patient_pattern=r"/(p\d)"))
    with pytest.raises(BenchError, match=r"need --patient-pattern, .* without patient ids, pass --unit-pattern"):
        FolderReader().read(classes, ReadOptions())


def test_a_unit_pattern_that_matches_the_class(classes: Path) -> None:
    notices = FolderReader().read(classes, ReadOptions(unit_pattern="^([^/]+)/")).notices
    assert any("--unit-pattern matches one split unit for each class" in notice for notice in notices)
