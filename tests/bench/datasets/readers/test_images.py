from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.datasets.readers import images
from bench.datasets.readers.images import folders_in, image_files
from bench.errors import BenchError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_images_only_sorted_by_code_point(tmp_path: Path) -> None:
    names = ["b/1.TIF", "a/10.png", "a/2.bmp", "a/deep/er/x.jpeg", "Z.gif"]
    touch(
        *(
            tmp_path / n
            for n in [*names, "a/notes.txt", "a/UID_[1]_[ALL:x]", "a/._2.bmp", ".h/1.png", "__MACOSX/1.png"]
        ),
        *(tmp_path / n / "1.png" for n in ["a/@eaDir/10.png", "#recycle/a", "@Recycle", "$RECYCLE.BIN", "b/@tmp"]),
    )
    assert image_files(tmp_path) == ["Z.gif", "a/10.png", "a/2.bmp", "a/deep/er/x.jpeg", "b/1.TIF"]
    assert image_files(tmp_path, leave_out=[tmp_path / "a"]) == ["Z.gif", "b/1.TIF"]


def test_a_link_inside_is_followed_one_that_leaves_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(root / "a/1.png", root / ".store/2.png", tmp_path / "outside.png")
    (root / "a/2.png").symlink_to(root / ".store/2.png")
    assert image_files(root) == ["a/1.png", "a/2.png"]
    (root / "a/3.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(BenchError, match=r"a/3\.png is a link that leaves"):
        image_files(root)


def test_links_to_folders_and_broken_ones_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "root/a/1.png")
    loop = tmp_path / "root/loop"
    loop.symlink_to(tmp_path / "root", target_is_directory=True)
    with pytest.raises(BenchError, match="root/loop is a link to a folder"):
        image_files(tmp_path / "root")
    loop.unlink()
    (tmp_path / "root/gone.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BenchError, match=r"gone\.png is not a file"):
        image_files(tmp_path / "root")


def test_a_pipe_with_an_image_suffix_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(BenchError, match=r"pipe\.png is not a file"):
        image_files(tmp_path)


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).write_bytes(b"x")
    with pytest.raises(BenchError, match="the file name is not UTF-8"):
        image_files(tmp_path)


def test_a_locale_that_is_not_utf8_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a/M\u00fcller.png")
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "iso8859-1")
    with pytest.raises(
        BenchError, match=r"M\\xfcller\.png': .*decoded as iso8859-1, because the locale .*PYTHONUTF8=1"
    ):
        image_files(tmp_path)
    (tmp_path / "a/M\u00fcller.png").rename(tmp_path / "a/Mueller.png")
    assert image_files(tmp_path) == ["a/Mueller.png"]


def test_a_link_in_a_loop_and_a_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("a.png")
    with pytest.raises(BenchError, match=r"a\.png is not a file \(a broken link, perhaps\)"):
        image_files(tmp_path)
    (tmp_path / "a.png").unlink()
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(BenchError, match=r"a\.png is not a file"):
        image_files(tmp_path)
    (tmp_path / "a.png").unlink()
    (tmp_path / "a.png").symlink_to("/dev/zero")
    with pytest.raises(BenchError, match=r"a\.png is not a file"):
        image_files(tmp_path)


def test_loops_of_links_to_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "up").symlink_to("..")
    with pytest.raises(BenchError, match="up is a link to a folder; links to folders are not followed"):
        image_files(tmp_path)
    assert list(folders_in(tmp_path, 9)) == [tmp_path, tmp_path / "inner"]


def test_the_depth_of_folders_is_limited(tmp_path: Path) -> None:
    touch(tmp_path.joinpath(*["d"] * 100, "a.png"))
    assert image_files(tmp_path) == ["d/" * 100 + "a.png"]
    touch(tmp_path.joinpath(*["d"] * 101, "a.png"))
    with pytest.raises(BenchError, match="folders are nested more than 100 deep, such as "):
        image_files(tmp_path)


def test_the_number_of_files_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        (tmp_path / f"{number}.png").touch()
    monkeypatch.setattr(images, "MAX_FILES", 3)
    with pytest.raises(BenchError, match="more than 3 images; split the dataset"):
        image_files(tmp_path)
    monkeypatch.setattr(images, "MAX_ENTRIES", 3)
    with pytest.raises(BenchError, match="more than 3 files and folders; pass a smaller folder"):
        image_files(tmp_path)


def test_the_search_for_a_layout_visits_few_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        (tmp_path / f"f{number}").mkdir()
    monkeypatch.setattr(images, "_MAX_FOLDERS", 5)
    visited = list(folders_in(tmp_path, 3))
    assert visited[0] == tmp_path
    assert len(set(visited)) == 5
    assert list(folders_in(tmp_path / "nowhere", 3)) == [tmp_path / "nowhere"]
