"""A cache whose files are executed is in a folder that only the user can write to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extractors.files.private_folder import check_private_folder


def test_a_missing_folder_is_created_for_the_user_alone(tmp_path: Path) -> None:
    check_private_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    check_private_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775, 0o757, 0o722])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder").chmod(mode)
    with pytest.raises(OSError, match="other users may write to it"):
        check_private_folder(tmp_path / "folder")


@pytest.mark.parametrize("target", ["folder", "missing"])
def test_a_link_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / target)
    with pytest.raises(OSError, match="a link, or not a folder"):
        check_private_folder(tmp_path / "link")
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("kind", [Path.touch, os.mkfifo])
def test_a_file_or_a_pipe_is_refused(tmp_path: Path, kind: object) -> None:
    kind(tmp_path / "x")  # type: ignore[operator]
    with pytest.raises(OSError, match="a link, or not a folder"):
        check_private_folder(tmp_path / "x")


def test_the_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    owner = (tmp_path / "folder").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(OSError, match="it belongs to another user"):
        check_private_folder(tmp_path / "folder")


def test_a_parent_in_which_everybody_may_rename_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared" / "a" / "cache").mkdir(parents=True, mode=0o700)
    (tmp_path / "shared").chmod(0o777)
    with pytest.raises(OSError, match=f"because they may write to {tmp_path / 'shared'}"):
        check_private_folder(tmp_path / "shared" / "a" / "cache")
    (tmp_path / "shared").chmod(0o1777)  # as /tmp
    check_private_folder(tmp_path / "shared" / "a" / "cache")
