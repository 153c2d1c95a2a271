"""Only the bytes that were scanned are decoded afterwards, whatever reads the cells."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.datasets.contact_sheet.sheet import write_contact_sheet
from bench.datasets.loading import LoadedDataset, open_data
from bench.datasets.quality import quality_table
from bench.datasets.scanning import file_probe
from bench.errors import BenchError
from bench.evidence.audit.near_duplicates import _crop
from bench.evidence.audit.traits import read_traits
from bench.features.store.chunks import chunk_path, extract_chunk
from bench.options import make_options
from bench.plugins.registry import extractor
from classifiers.cnn import Cnn

CHANGED = "changed since it was scanned; run the command again"

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Four cells with a mask and a nucleus mask each, uncompressed, so that all images have one size in bytes."""
    rng = np.random.default_rng(0)
    lines = ["path,label,patient,mask,nucleus"]
    for number, label in enumerate("aabb"):
        image = rng.integers(1, 255, (24, 24, 3), dtype=np.uint8)
        cell, nucleus = (np.zeros((24, 24), np.uint8) for _ in range(2))
        cell[3 : 20 - number, 3:20], nucleus[8:14, 8 : 13 - number] = 255, 255
        for name, pixels in (("image", image), ("mask", cell), ("nucleus", nucleus)):
            assert cv2.imwrite(str(tmp_path / f"{name}{number}.bmp"), pixels)
        lines.append(f"image{number}.bmp,{label},p{number},mask{number}.bmp,nucleus{number}.bmp")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    return tmp_path / "manifest.csv"


def renamed_over(path: Path, other: Path) -> None:
    """Another file of the same size and times takes the place."""
    times = path.stat()
    shutil.copy(other, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def overwritten(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def one_bit(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def truncated(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def another_format(path: Path, other: Path) -> None:
    """The same pixels as PNG: other bytes, so another digest."""
    content = cv2.imencode(".png", cv2.imread(str(path), cv2.IMREAD_UNCHANGED))[1]
    path.write_bytes(content.tobytes())


def linked(path: Path, other: Path) -> None:
    path.unlink()
    path.symlink_to(other)


WAYS = (renamed_over, overwritten, one_bit, truncated, another_format, linked)


def loaded(manifest: Path) -> LoadedDataset:
    return open_data(make_options({"data": str(manifest)}))


def changed(path: Path) -> str:
    return re.escape(f"{path}: {CHANGED}")


def replace_cell(manifest: Path) -> Path:
    """Replace the image of the first cell by that of the second."""
    path = manifest.parent / "image0.bmp"
    renamed_over(path, manifest.parent / "image1.bmp")
    return path


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["image", "mask", "nucleus"])
def test_a_changed_file_is_not_decoded(manifest: Path, name: str, way: Callable[[Path, Path], None]) -> None:
    cells = loaded(manifest).dataset.cells()
    path = manifest.parent / f"{name}0.bmp"
    way(path, manifest.parent / f"{name}3.bmp")
    cell = cells[0]
    with pytest.raises(ValueError, match=changed(path)):
        _ = cell.image, cell.mask, cell.nucleus
    for other in cells[1:]:
        assert other.image.any()
        assert other.mask.any()
        assert other.nucleus is not None


def test_after_the_next_scan_the_new_file_is_read(manifest: Path) -> None:
    first = loaded(manifest)
    replace_cell(manifest)
    second = loaded(manifest)
    assert first.cell_digests[0] != second.cell_digests[0]
    np.testing.assert_array_equal(second.dataset.cells()[0].image, second.dataset.cells()[1].image)


def test_an_older_file_that_comes_back_is_read_again(manifest: Path) -> None:
    """What counts is the content, not the times."""
    cells = loaded(manifest).dataset.cells()
    path = manifest.parent / "image0.bmp"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert cells[0].image.any()


def test_a_file_that_changes_while_it_is_scanned_is_a_problem(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is read twice by a scan; a probe never joins the digest of one content with the pixels of another."""
    verify, path = file_probe.verify_image, manifest.parent / "image0.bmp"

    def verified_then_replaced(file: Path) -> str:
        digest = verify(file)
        if file == path:
            overwritten(path, manifest.parent / "image3.bmp")
        return digest

    monkeypatch.setattr(file_probe, "verify_image", verified_then_replaced)
    with pytest.raises(BenchError, match=changed(path)):
        loaded(manifest)


def test_no_chunk_is_written_for_a_changed_cell(manifest: Path, tmp_path: Path) -> None:
    opened, chunk = loaded(manifest), chunk_path(tmp_path / "entry.partial", 0)
    path = replace_cell(manifest)
    with pytest.raises(BenchError, match=rf"^size: {changed(path)}"):
        extract_chunk(chunk, opened.dataset.cells(), tuple(opened.cell_digests), extractor("size"), {})
    assert not chunk.exists()


def test_a_network_is_not_trained_on_a_changed_cell(manifest: Path) -> None:
    """Also where the pixels of the scanned file are in the memory of the process."""
    cells = loaded(manifest).dataset.cells()
    network = Cnn(size=16, epochs=1, cv=[(np.array([0, 2]), np.array([1, 3]))])
    network.fit(cells, list("aabb"))
    path = replace_cell(manifest)
    with pytest.raises(ValueError, match=changed(path)):
        network.fit(cells, list("aabb"))
    with pytest.raises(ValueError, match=changed(path)):
        network.predict_proba(cells)


def test_quality_sheet_and_audit_name_the_cell(manifest: Path, tmp_path: Path) -> None:
    dataset = loaded(manifest).dataset
    path = replace_cell(manifest)
    message = rf"^the cell image0.bmp cannot be read: {changed(path)}"
    with pytest.raises(BenchError, match=message):
        quality_table(dataset, threads=1)
    with pytest.raises(BenchError, match=message):
        write_contact_sheet(dataset, tmp_path / "sheet.png", steps=(), cells=4, seed=0)
    with pytest.raises(BenchError, match=message):
        read_traits(dataset.cells().files, threads=1)
    with pytest.raises(BenchError, match=message):
        _crop(dataset.cells().files[0])
