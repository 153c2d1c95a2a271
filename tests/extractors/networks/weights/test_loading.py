from __future__ import annotations

import hashlib
import json
import os
import pickle
import struct
import time
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from extractors.files.digests import file_digest
from extractors.networks.weights import loading
from extractors.networks.weights.loading import load_strictly, read_weights


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def test_both_formats_are_read(tmp_path: Path) -> None:
    state = network().state_dict()
    save_file(state, tmp_path / "w.safetensors")
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "w.pth")
    for name in ("w.safetensors", "w.pth"):
        read = read_weights(tmp_path / name)
        assert read.keys() == state.keys()
        assert all(torch.equal(read[key], state[key]) for key in state)


def test_a_truncated_file_raises(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file(network().state_dict(), file)
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(ValueError, match=r"w\.safetensors: not a complete safetensors file"):
        read_weights(file)


class Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("trapped"),)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_pickle_raises_and_is_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps({"0.weight": Trap()}, protocol=2))
    with pytest.raises(ValueError, match=name):
        read_weights(tmp_path / name)
    assert not (tmp_path / "trapped").exists()


def test_a_truncated_legacy_file_raises(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    torch.save({"a.weight": torch.ones(3, 4)}, file, _use_new_zipfile_serialization=False)
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"w\.pth: cannot be read safely as a file of weights"):
            read_weights(file)


def test_a_file_without_tensors_raises(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "w.pth")
    with pytest.raises(ValueError, match="contains no named tensors"):
        read_weights(tmp_path / "w.pth")


def test_loading_is_strict_in_keys_and_shapes() -> None:
    state = dict(network().state_dict())
    with pytest.raises(KeyError, match=r"key 1\.weight is missing"):
        load_strictly(network(), {key: value for key, value in state.items() if key != "1.weight"})
    with pytest.raises(KeyError, match=r"key 2\.weight is not in the network"):
        load_strictly(network(), state | {"2.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"key 0\.weight has shape \(3, 4\), expected \(3, 2\)"):
        load_strictly(network(), state | {"0.weight": torch.zeros(3, 4)})


def test_tensors_of_a_removed_head_are_ignored() -> None:
    source, target = network(), network()
    load_strictly(target, dict(source.state_dict()) | {"head.weight": torch.zeros(1)}, unused=("head",))
    assert torch.equal(target[0].weight, source[0].weight)


def test_batch_counters_may_be_missing() -> None:
    source, target = network(), network()
    load_strictly(target, {key: value for key, value in source.state_dict().items() if "num_batches" not in key})
    assert torch.equal(target[0].weight, source[0].weight)


def test_other_bytes_than_expected_are_not_loaded(tmp_path: Path) -> None:
    """The digest is that of the bytes that are loaded."""
    state = network().state_dict()
    save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pth")
    for file in (tmp_path / "w.safetensors", tmp_path / "w.pth"):
        digest = file_digest(file)
        assert read_weights(file, sha256=digest).keys() == state.keys()
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        with pytest.raises(ValueError, match=rf"^{file}: changed since it was scanned; run the command again$"):
            read_weights(file, sha256=digest)


def test_a_file_that_is_replaced_while_it_is_loaded_has_one_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, digests = tmp_path / "w.safetensors", []
    save_file({"a": torch.zeros(4)}, file)

    def check(path: Path, content: bytes, sha256: str | None) -> None:
        digests.append(hashlib.sha256(content).hexdigest())
        save_file({"a": torch.ones(4)}, file)

    monkeypatch.setattr(loading, "check_unchanged", check)
    before = file_digest(file)
    assert torch.equal(read_weights(file)["a"], torch.zeros(4))
    assert digests == [before]


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_pipes_and_devices_are_refused_at_once(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    (tmp_path / f"zero-{name}").symlink_to("/dev/zero")
    for file in (tmp_path / name, tmp_path / f"zero-{name}"):
        with pytest.raises(OSError, match="not a regular file"):
            read_weights(file)


def safetensors(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def tensors(**entries: object) -> bytes:
    return json.dumps(entries).encode()


def tensor(dtype: str, shape: list[int], end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}


NOT_COMPLETE = "not a complete safetensors file"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", NOT_COMPLETE),
        (struct.pack("<Q", 2**62) + b"{}", NOT_COMPLETE),
        (safetensors(b'{"a":' * 100_000), NOT_COMPLETE),
        (safetensors(b'{"__metadata__":' + b"[" * 100_000), NOT_COMPLETE),
        (safetensors(tensors(a=tensor("F32", [2**36], 2**38)), b"0000"), NOT_COMPLETE),
        (safetensors(tensors(a=tensor("F32", [2**63, 2], 4)), b"0000"), NOT_COMPLETE),
        (safetensors(tensors(a=tensor("F32", [1], 4)), b"0000and more"), NOT_COMPLETE),
        (safetensors(tensors(**{f"t{i}": tensor("F32", [1], 4) for i in range(20_000)}), b"0000"), NOT_COMPLETE),
        (safetensors(b"{}" + b" " * loading.MAX_HEADER_BYTES), "a header of 8388610 bytes; at most 8388608 are read"),
        (safetensors(tensors(a=tensor("F4", [8], 4)), b"0000"), "tensors of the type F4, which cannot be loaded"),
    ],
    ids=["empty", "length", "deep", "deep metadata", "claims", "overflow", "longer", "overlaps", "header", "F4"],
)
def test_headers_are_checked_before_memory_is_taken(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(content)
    start = time.process_time()
    with pytest.raises(ValueError, match=rf"^{file}: {message}"):
        read_weights(file)
    assert time.process_time() - start < 2, "linear in the size of the header"


def test_a_file_larger_than_the_limit_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    with file.open("wb") as stream:
        stream.truncate(loading.MAX_BYTES + 1)
    with pytest.raises(OSError, match=r"8589934593 bytes; at most 8589934592 are read"):
        read_weights(file)


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    """Its records could take a thousand times the memory of the file."""
    torch.save({"a": torch.zeros(100_000)}, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "w.pth", "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for item in plain.infolist():
            archive.writestr(item.filename, plain.read(item))
    with pytest.raises(
        ValueError, match=r"w\.pth: cannot be read safely as a file of weights \(a compressed archive\)"
    ):
        read_weights(tmp_path / "w.pth")
