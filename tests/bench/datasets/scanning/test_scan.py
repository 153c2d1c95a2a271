from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bench.datasets.readers.cnmc import CnmcReader
from bench.datasets.readers.manifest import ManifestReader
from bench.datasets.scanning import file_probe
from bench.datasets.scanning import scan as scan_module
from bench.datasets.scanning.probe_cache import FILE
from bench.datasets.scanning.scan import content_digest, scan
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError
from extractors.cells import CellFile

Draw = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("own_cache")


def dataset_of(
    *paths: Path, options: ReadOptions | None = None, masks: list[Path] | None = None, nuclei: list[Path] | None = None
) -> Dataset:
    cells = [path.name for path in paths]
    table = cell_table(
        cell=cells,
        path=[str(path) for path in paths],
        label=["a" if i % 2 else "b" for i in range(len(paths))],
        patient=[f"p{i}" for i in range(len(paths))],
        mask_path=None if masks is None else [str(mask) for mask in masks],
        nucleus_path=None if nuclei is None else [str(nucleus) for nucleus in nuclei],
    )
    return Dataset("d", "test", table, "a", options or ReadOptions())


@pytest.fixture
def read_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the cells whose files were opened."""
    opened: list[str] = []
    probe_file = file_probe.probe_file

    def counted(file: CellFile) -> file_probe.FileProbe:
        opened.append(file.id)
        return probe_file(file)

    monkeypatch.setattr(scan_module, "probe_file", counted)
    return opened


def reasons(*paths: Path, **how: object) -> dict[str, str]:
    return {problem.cell: problem.reason for problem in scan(dataset_of(*paths, **how)).problems}  # type: ignore[arg-type]


def test_digests_sizes_and_areas(draw: Draw, tmp_path: Path) -> None:
    bmp, png = draw(tmp_path / "1.bmp"), draw(tmp_path / "1.png")
    table = scan(dataset_of(bmp, png)).table
    pixels = np.asarray(Image.open(bmp).convert("RGB"))
    assert list(table["cell"]) == ["1.bmp", "1.png"]
    assert list(table["sha256"]) == [hashlib.sha256(path.read_bytes()).hexdigest() for path in (bmp, png)]
    assert set(table["pixels"]) == {hashlib.sha256(b"12x12:" + pixels.tobytes()).hexdigest()}
    assert table["digest"].nunique() == 2
    assert table[["height", "width", "mask_px"]].to_numpy().tolist() == [[12, 12, 48]] * 2


def test_pictures_of_one_content_and_two_shapes_differ(tmp_path: Path) -> None:
    flat = np.arange(1, 73, dtype=np.uint8).reshape(4, 6, 3)
    for shape, name in (((4, 6, 3), "a.png"), ((6, 4, 3), "b.png")):
        assert cv2.imwrite(str(tmp_path / name), flat.reshape(shape))
    table = scan(dataset_of(tmp_path / "a.png", tmp_path / "b.png", options=ReadOptions(mask="whole"))).table
    assert table["pixels"].nunique() == 2


def square(path: Path, top: int) -> Path:
    """Write a mask of the size of a drawn cell."""
    mask = np.zeros((12, 12), np.uint8)
    mask[top:10, 3:9] = 255
    assert cv2.imwrite(str(path), mask)
    return path


def test_the_cell_digest_depends_on_image_mask_scale_and_white_level(draw: Draw, tmp_path: Path) -> None:
    cell, mask, other = draw(tmp_path / "c.png"), *(square(tmp_path / f"{top}.png", top) for top in (3, 4))

    def digest(masks: list[Path] | None = None, **options: object) -> str:
        result = scan(dataset_of(cell, options=ReadOptions(**options), masks=masks))  # type: ignore[arg-type]
        assert not result.problems
        return str(result.table["digest"][0])

    variants = [digest(), digest([mask]), digest([other]), digest(mask="whole"), digest(um_per_px=0.5)]
    variants += [digest(um_per_px=0.25), digest(white_level=4095)]
    assert len(set(variants)) == len(variants)
    assert digest(white_level=65535) == digest()


def test_another_nucleus_mask_changes_the_digest_and_is_probed_again(draw: Draw, tmp_path: Path) -> None:
    cell, nucleus = draw(tmp_path / "1.png"), tmp_path / "n.png"

    def digest(nuclei: list[Path] | None) -> str:
        result = scan(dataset_of(cell, nuclei=nuclei))
        assert not result.problems
        return str(result.table["digest"][0])

    digests = [digest(None)]
    for top in (4, 5, 0):  # the last is black: no nucleus
        pixels = np.zeros((12, 12), np.uint8)
        pixels[top:7, 4:7] = 255 * (top > 0)
        assert cv2.imwrite(str(nucleus), pixels)
        digests.append(digest([nucleus]))
        assert digest([nucleus]) == digests[-1]
    assert len(set(digests)) == 4


def test_nuclei_that_do_not_fit_are_named(draw: Draw, tmp_path: Path) -> None:
    cell = draw(tmp_path / "1.png")
    pixels = np.zeros((12, 12), np.uint8)
    pixels[0, 0] = 1
    for content, reason in ((pixels, "is mostly outside the cell"), (pixels[1:], "the mask is (11, 12)")):
        assert cv2.imwrite(str(tmp_path / "n.png"), content)
        assert reason in reasons(cell, nuclei=[tmp_path / "n.png"])["1.png"]
    (tmp_path / "n.png").write_bytes(b"no image")
    assert "not a readable image" in reasons(cell, nuclei=[tmp_path / "n.png"])["1.png"]


def test_sixteen_bit_pixels_are_scaled(tmp_path: Path) -> None:
    deep = np.zeros((9, 9, 3), np.uint16)
    deep[2:7, 2:7] = np.random.default_rng(0).integers(1, 256, (5, 5, 3)) * 257
    assert cv2.imwrite(str(tmp_path / "16.png"), deep)
    assert cv2.imwrite(str(tmp_path / "16.tif"), deep)
    assert cv2.imwrite(str(tmp_path / "8.png"), (deep // 257).astype(np.uint8))
    result = scan(dataset_of(*(tmp_path / name for name in ("16.png", "16.tif", "8.png"))))
    assert not result.problems
    assert result.table["pixels"].nunique() == 1
    bright = scan(dataset_of(tmp_path / "16.png", options=ReadOptions(white_level=32768)))
    assert bright.table["pixels"][0] != result.table["pixels"][0]


def test_each_kind_of_unreadable_cell_is_named(draw: Draw, tmp_path: Path) -> None:
    good = draw(tmp_path / "good.bmp")
    data = good.read_bytes()
    files = {"cut.bmp": data[:-100], "text.png": b"not an image at all", "empty.png": b""}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name, value in (("black.bmp", 0), ("bright.png", 200)):
        assert cv2.imwrite(str(tmp_path / name), np.full((12, 12, 3), value, np.uint8))
    Image.open(good).save(tmp_path / "moving.gif")
    names = ["good.bmp", *files, "black.bmp", "bright.png", "moving.gif", "gone.bmp"]
    result = scan(dataset_of(*(tmp_path / name for name in names)))
    messages = {problem.cell: problem.reason for problem in result.problems}
    assert [problem.cell for problem in result.problems] == names[1:]
    assert [problem.row for problem in result.problems] == list(range(1, len(names)))
    assert "damaged image" in messages["cut.bmp"]
    assert messages["text.png"].startswith("not a readable image")
    assert messages["empty.png"].startswith("not a readable image")
    assert messages["black.bmp"] == "the image is entirely black"
    assert "--mask" in messages["bright.png"]
    assert messages["moving.gif"] == "a GIF file; BMP, PNG, JPEG or TIFF is expected"
    assert messages["gone.bmp"] == "No such file or directory"
    assert list(result.table["digest"].isna()) == [False] + [True] * 7
    with pytest.raises(BenchError, match="7 cells cannot be read, so it has no digest"):
        content_digest(dataset_of(*(tmp_path / name for name in names)), result)


def test_masks_that_do_not_fit_are_problems(draw: Draw, tmp_path: Path) -> None:
    cell = draw(tmp_path / "1.png")
    assert cv2.imwrite(str(tmp_path / "small.png"), np.ones((5, 5), np.uint8))
    assert cv2.imwrite(str(tmp_path / "empty.png"), np.zeros((12, 12), np.uint8))
    (tmp_path / "cut.png").write_bytes(cell.read_bytes()[:-30])
    assert reasons(cell, masks=[tmp_path / "small.png"])["1.png"].endswith(
        "small.png: the mask is (5, 5), its image (12, 12) (height, width)"
    )
    assert reasons(cell, masks=[tmp_path / "empty.png"])["1.png"] == f"the mask {tmp_path / 'empty.png'} is empty"
    assert str(tmp_path / "cut.png") in reasons(cell, masks=[tmp_path / "cut.png"])["1.png"]
    assert reasons(cell, masks=[tmp_path / "gone.png"])["1.png"].endswith(str(tmp_path / "gone.png"))


def test_a_full_frame_mask_accepts_a_bright_image_and_no_black_one(tmp_path: Path) -> None:
    for name, value in (("black.bmp", 0), ("bright.png", 200)):
        assert cv2.imwrite(str(tmp_path / name), np.full((12, 12, 3), value, np.uint8))
    paths = tmp_path / "black.bmp", tmp_path / "bright.png"
    assert reasons(*paths, options=ReadOptions(mask="whole")) == {"black.bmp": "the image is entirely black"}


def test_an_expected_digest_is_checked(draw: Draw, tmp_path: Path) -> None:
    right, wrong = draw(tmp_path / "1.png", 1), draw(tmp_path / "2.png", 2)
    sha = hashlib.sha256(right.read_bytes()).hexdigest()
    (tmp_path / "manifest.csv").write_text(f"path,label,patient,sha256\n1.png,a,p,{sha}\n2.png,b,q,{sha}\n")
    result = scan(ManifestReader().read(tmp_path, ReadOptions()))
    (problem,) = result.problems
    assert problem.path == str(wrong)
    assert problem.reason.endswith(f"expected {sha}: another file")
    assert result.table["digest"].isna().tolist() == [False, True]


def test_a_second_scan_opens_no_file(draw: Draw, tmp_path: Path, read_files: list[str]) -> None:
    data = dataset_of(*(draw(tmp_path / f"{i}.png", i) for i in range(5)))
    first = scan(data, threads=3)
    assert sorted(read_files) == [f"{i}.png" for i in range(5)]
    second = scan(data, threads=1)
    assert len(read_files) == 5
    assert second.table.equals(first.table)


def test_a_changed_file_is_read_again_even_with_the_old_time(draw: Draw, tmp_path: Path, read_files: list[str]) -> None:
    paths = [draw(tmp_path / f"{i}.bmp", i) for i in range(2)]
    first = scan(dataset_of(*paths))
    before = paths[1].stat()
    draw(paths[1], 7)
    os.utime(paths[1], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert paths[1].stat().st_size == before.st_size
    read_files.clear()
    second = scan(dataset_of(*paths))
    assert read_files == ["1.bmp"]
    assert list(second.table["digest"] == first.table["digest"]) == [True, False]


def test_other_masks_and_options_are_probed_again(draw: Draw, tmp_path: Path, read_files: list[str]) -> None:
    cell, mask = draw(tmp_path / "1.png", 1), square(tmp_path / "2.png", 3)
    ways = [{}, {"masks": [mask]}, {"options": ReadOptions(mask="whole")}, {"options": ReadOptions(white_level=4095)}]
    for way in [*ways, *ways]:
        scan(dataset_of(cell, **way))  # type: ignore[arg-type]
    assert len(read_files) == len(ways)
    scan(dataset_of(cell, options=ReadOptions(um_per_px=0.5)))
    assert len(read_files) == len(ways)


def test_unreadable_cells_are_probed_again(draw: Draw, tmp_path: Path, read_files: list[str]) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"x")
    for _ in range(2):
        assert len(scan(dataset_of(bad)).problems) == 1
    assert len(read_files) == 2


def test_an_interrupted_scan_stores_its_probes(
    draw: Draw, tmp_path: Path, read_files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_module, "_STORE_EVERY", 2)
    data = dataset_of(*(draw(tmp_path / f"{i}.png", i) for i in range(6)))

    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(data, threads=1, progress=interrupt)
    read_files.clear()
    scan(data, threads=1)
    assert len(read_files) == 2


def test_progress_counts_every_cell(draw: Draw, tmp_path: Path) -> None:
    data = dataset_of(*(draw(tmp_path / f"{i}.png", i) for i in range(3)))
    seen: list[tuple[int, int]] = []
    scan(data, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    seen.clear()
    scan(data, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 3)]


def test_a_damaged_cache_is_discarded(draw: Draw, tmp_path: Path, own_cache: Path, read_files: list[str]) -> None:
    data = dataset_of(draw(tmp_path / "1.png"))
    own_cache.mkdir()
    (own_cache / FILE).write_bytes(b"this is no SQLite file" * 100)
    with pytest.warns(UserWarning, match="was damaged .* it is discarded"):
        first = scan(data)
    assert len(read_files) == 1
    assert scan(data).table.equals(first.table)
    assert len(read_files) == 1


def test_the_digest_of_the_sample_does_not_depend_on_its_path(shared: Path, tmp_path: Path) -> None:
    sample = shared / "data/cnmc-sample"
    moved = shutil.copytree(sample, tmp_path / "moved" / "cells", copy_function=shutil.copyfile)

    def digest(path: Path) -> str:
        data = CnmcReader().read(path, ReadOptions())
        return content_digest(data, scan(data))

    assert digest(sample) == digest(moved)
    cell = moved / "fold_2/hem/UID_h3_1_1_hem.bmp"
    content = bytearray(cell.read_bytes())
    content[54 + 3 * (225 * 450 + 225)] ^= 1
    cell.write_bytes(content)
    assert digest(sample) != digest(moved)


@pytest.mark.parametrize("column", ["label", "patient", "unit", "fold"])
def test_the_content_digest_depends_on_each_column(draw: Draw, tmp_path: Path, column: str) -> None:
    data = dataset_of(*(draw(tmp_path / f"{i}.png", i) for i in range(3)))
    result = scan(data)
    before = content_digest(data, result)
    renamed = Dataset("e", "other", data.table.assign(cell=["x", "y", "z"]), "b")
    assert content_digest(renamed, result) == before
    changed = Dataset("d", "test", data.table.assign(**{column: ["1", "2", "3"]}), "a")
    assert content_digest(changed, result) != before


def test_damage_is_detected_in_image_and_mask(draw: Draw, tmp_path: Path) -> None:
    cell = np.zeros((60, 60), np.uint8)
    cell[10:50, 10:50] = 255
    intact, damaged = tmp_path / "intact.jpg", tmp_path / "damaged.jpg"
    assert cv2.imwrite(str(intact), cell)
    damaged.write_bytes(intact.read_bytes()[:-60])
    assert "damaged image" in reasons(damaged)["damaged.jpg"]
    assert "damaged image" in reasons(intact, masks=[damaged])["intact.jpg"]
    assert reasons(intact, masks=[intact]) == {}
