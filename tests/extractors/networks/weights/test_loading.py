from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

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
