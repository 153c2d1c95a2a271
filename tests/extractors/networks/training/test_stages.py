from __future__ import annotations

import pytest

from extractors.networks.training.stages import Stage, stages_of


def test_stages_of_freezing() -> None:
    expected = (Stage("head", 10), Stage("groups-2", 3), Stage("all", 7))
    assert stages_of(("head:10", "groups-2:3", "all:7"), None, 99) == expected
    assert stages_of("head:10+groups-2:3+all:7", None, 99) == expected


def test_progressive_resizing_trains_all_layers() -> None:
    assert stages_of(None, ("32:8", "224:14"), 99) == (Stage("all", 8, 32), Stage("all", 14, 224))


def test_one_stage_without_either() -> None:
    assert stages_of(None, None, 30) == (Stage("all", 30, None),)


def test_both_run_in_parallel() -> None:
    assert stages_of(("head:2", "all:3"), ("32:4", "64:1"), 99) == (
        Stage("head", 2, 32),
        Stage("all", 2, 32),
        Stage("all", 1, 64),
    )


def test_equal_stages_stay_separate() -> None:
    assert stages_of(("head:5", "head:5"), ("32:10",), 99) == (Stage("head", 5, 32), Stage("head", 5, 32))


def test_first_group_that_trains() -> None:
    assert [Stage(what, 1).first_group(4) for what in ("all", "head", "groups-1", "groups-3", "groups-4")] == [
        0,
        3,
        3,
        1,
        0,
    ]
    with pytest.raises(ValueError, match="stages=groups-5:7: the network has 4 layer groups"):
        Stage("groups-5", 7).first_group(4)


@pytest.mark.parametrize(
    "piece", ["head", "head:0", "head:x", "tail:3", "groups-0:3", "groups-:3", ":3", "all:3:4", ""]
)
def test_a_malformed_stage_is_named(piece: str) -> None:
    with pytest.raises(ValueError, match=f"stages={piece} is not of the form head:EPOCHS"):
        stages_of(("all:1", piece), None, 1)


@pytest.mark.parametrize("piece", ["224", "0:3", "8193:3", "-3:3", "x:3", "224:0", "224:1.5"])
def test_a_malformed_size_is_named(piece: str) -> None:
    with pytest.raises(ValueError, match=f"sizes={piece} is not of the form PIXELS:EPOCHS"):
        stages_of(None, ("32:1", piece), 1)


def test_epochs_that_do_not_agree() -> None:
    with pytest.raises(ValueError, match="stages has 5 epochs and sizes has 4"):
        stages_of(("head:2", "all:3"), ("32:4",), 1)


def test_too_many_or_no_epochs() -> None:
    with pytest.raises(ValueError, match="stages has 100001 epochs"):
        stages_of(("head:100000", "all:1"), None, 1)
    with pytest.raises(ValueError, match="sizes has 0 epochs"):
        stages_of(None, (), 1)


def test_crops_run_in_parallel_with_stages_and_sizes() -> None:
    assert stages_of(None, None, 5, ("300:2", "frame:1")) == (Stage("all", 2, None, 300), Stage("all", 1))
    assert stages_of(("head:2", "all:2"), ("32:3", "64:1"), 5, ("9:1", "frame:3")) == (
        Stage("head", 1, 32, 9),
        Stage("head", 1, 32),
        Stage("all", 1, 32),
        Stage("all", 1, 64),
    )


@pytest.mark.parametrize("piece", ["0:2", "whole:2", "300", "frame:0", "9000:1"])
def test_a_malformed_crop_is_named(piece: str) -> None:
    with pytest.raises(ValueError, match=f"crops={piece} is not of the form frame:EPOCHS"):
        stages_of(None, None, 5, (piece,))


def test_epochs_of_crops_that_do_not_agree() -> None:
    with pytest.raises(ValueError, match="sizes has 3 epochs and crops has 2; give both equally many"):
        stages_of(None, ("32:3",), 5, ("300:2",))
