"""Archives of NumPy: nothing is unpickled, and sizes are checked first."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.datasets.readers.public.npz_members import array_names, read_headers, read_images, read_integers
from bench.errors import BenchError


def npy(array: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)  # type: ignore[arg-type]
    return stream.getvalue()


def archive(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members:
            target.writestr(name, content)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_images_and_integers_are_those_of_numpy(tmp_path: Path, save: Callable[..., None]) -> None:
    colour = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    grey = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    save(tmp_path / "a.npz", colour=colour, grey=grey, labels=np.array([[3], [250]], dtype=np.uint8))
    path = tmp_path / "a.npz"
    assert array_names(path) == ["colour", "grey", "labels"]
    assert read_headers(path, ["colour"])["colour"].shape == (2, 3, 4, 3)
    assert np.array_equal(np.stack(list(read_images(path, "colour"))), colour)
    assert np.array_equal(np.stack(list(read_images(path, "grey"))), np.stack([grey] * 3, axis=-1))
    assert read_integers(path, "labels", limit=2).tolist() == [3, 250]
    with pytest.raises(BenchError, match="has 2 values of type uint8; expected at most 1 integers"):
        read_integers(path, "labels", limit=1)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", ("x.npy", npy(np.array([{"a": 1}], dtype=object))))
    with pytest.raises(BenchError, match=r"'x' has type object and shape \(1,\); expected numbers"):
        read_headers(path, ["x"])


def test_a_header_that_states_another_size_is_refused_before_values_are_read(tmp_path: Path) -> None:
    head = npy(np.zeros((2, 2), dtype=np.uint8)).replace(b"(2, 2)", b"(9, 9)")
    path = archive(tmp_path / "a.npz", ("x.npy", head))
    with pytest.raises(BenchError, match=r"'x' has 132 bytes, but its header states 209"):
        read_headers(path, ["x"])


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "no array with the name 'x'"),
        ([("x.npy", b"\x93NUMPY\x09\x00")], "version 9.0 of the NPY format"),
        ([("x.npy", b"text")], "'x' cannot be read"),
        ([("x.npy", npy(np.asfortranarray(np.zeros((2, 3)))))], "is stored by columns; save it in C order"),
        ([("x.npy", b"\x93NUMPY\x01\x00\x0a\x00{'descr': (")], "'x' cannot be read"),
        ([("x.npy", npy(np.array(["a"])))], "'x' has type <U1"),
    ],
)
def test_malformed_members(tmp_path: Path, members: list[tuple[str, bytes]], message: str) -> None:
    path = archive(tmp_path / "a.npz", *members)
    with pytest.raises(BenchError, match=message):
        read_headers(path, ["x"])


def test_malformed_archives(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(BenchError, match="damaged archive"):
        array_names(tmp_path / "a.npz")
    with pytest.raises(BenchError, match="cannot be read"):
        array_names(tmp_path / "missing.npz")
    many = archive(tmp_path / "many.npz", *((f"{n}.npy", b"") for n in range(1001)))
    with pytest.raises(BenchError, match="1001 arrays; at most 1000 are read"):
        array_names(many)
