"""Files of finished scores, of this toolkit and of strangers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.evidence.permutation.stored_scores import MAX_BYTES, read_scores, score_line
from bench.observer import Observer


class Notices(Observer):
    """Keeps the notices."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def notice(self, text: str) -> None:
        self.texts.append(text)


SCORES = {"permutation 0": 0.1 + 0.2, "arrangement 1": 1.0, "permutation 2": 0.0, "rounded": 1.0000000000000002}


def test_scores_are_read_bit_for_bit(tmp_path: Path) -> None:
    file, observer = tmp_path / "s.jsonl", Notices()
    assert read_scores(file, observer) == {}
    lines = "".join(score_line(name, score) for name, score in SCORES.items())
    for incomplete in ("", '{"name": "permutation 3", "sc', "[" * 500_000):
        file.write_text(lines + incomplete)
        assert read_scores(file, observer) == SCORES
        assert (file.read_text(), observer.texts) == (lines, [])
    file.write_text('{"name"')
    assert read_scores(file, observer) == {}
    assert (file.read_text(), observer.texts) == ("", [])


BAD = [
    "no json", "", "[" * 500_000, "[1]", "null", '{"name": "a"}', '{"score": 0.5}', '{"name": 5, "score": 0.5}',
    '{"name": "a", "score": 7.5}', '{"name": "a", "score": -0.1}', '{"name": "a", "score": NaN}',
    '{"name": "a", "score": 1e999}', '{"name": "a", "score": "0.5"}', '{"name": "a", "score": true}',
    '{"name": "a", "score": 0.5, "more": 1}', '{"name": "a", "score": 0.5, "score": 0.6}',
    f'{{"name": "{"a" * 200}", "score": 0.5}}', "\udcff",
]  # fmt: skip


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_no_score_of_a_file_with_an_invalid_line_is_used(tmp_path: Path, line: str) -> None:
    file, observer = tmp_path / "s.jsonl", Notices()
    for before, after in (("", ""), (score_line("permutation 0", 0.5), score_line("permutation 1", 0.5))):
        file.write_text(f"{before}{line}\n{after}", errors="surrogateescape")
        assert read_scores(file, observer) == {}
        assert not file.exists()
    notice = f"{file}: was damaged and is removed; its scores of permuted labels are computed again"
    assert observer.texts == [notice] * 2


def test_what_is_no_file_of_scores_is_named(tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    file.touch()
    os.truncate(file, MAX_BYTES + 1)
    with pytest.raises(BenchError, match=rf"{file}: cannot be read \({MAX_BYTES + 1} bytes; at most .*; remove it"):
        read_scores(file, Observer())
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(BenchError, match=r"cannot be read \(a named pipe, not a regular file\); remove it"):
        read_scores(file, Observer())
