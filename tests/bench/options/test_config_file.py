"""YAML files of options: what is read, and what is refused before it costs time or memory."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.options.config_file import MAX_CONFIG_BYTES, read_config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "matrix.yaml"


def test_values_and_lines(config: Path) -> None:
    config.write_text("\ufefffolds: 5\n\nclfs: [svm, 'knn']\num-per-px: 0.5\nmask: {a: [1]}\n", encoding="utf-8")
    values, lines = read_config(config)
    assert values == {"folds": 5, "clfs": ["svm", "knn"], "um_per_px": 0.5, "mask": {"a": [1]}}
    assert lines == {"folds": 1, "classifiers": 3, "um_per_px": 4, "mask": 5}
    config.write_text("")
    assert read_config(config) == ({}, {})


LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]\n" for i in range(30))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, r"line 1: anchors and aliases \(& and \*\) are not read"),
        ("folds: &a 5\nseed: *a\n", "line 1: anchors and aliases"),
        ("folds: 5\nextractors: *a\n", "line 2: anchors and aliases"),
        ("a: &a\n  <<: *a\n", "line 1: anchors and aliases"),
        (
            "folds: !!python/object/apply:os.system ['true']\n",
            r"line 1: tags \(!\) are not read; remove 'tag:yaml.org,",
        ),
        ("folds: !!int '5'\n", "line 1: tags"),
        ("seed: 1\nfolds: !other 5\n", "line 2: tags .* remove '!other'"),
        ("!!map {folds: 5}\n", "line 1: tags"),
        ("extractors: [[[a]]]\n", "line 1: nested more than 3 deep"),
        (f"a: {'[' * 50_000}\n", "line 1: nested more than 3 deep"),
        (f"{'{a: ' * 20_000}\n", "line 1: nested more than 3 deep"),
        ("a:\n b:\n  c:\n   d: 1\n", "line 4: nested more than 3 deep"),
        ("folds: 5\nFolds: 5\nfolds: 4\n", "line 3: folds is set twice, first in line 1"),
        ("mask: {a: 1, b: 2, a: 3}\n", "line 1: the key 'a' occurs twice in one value"),
        ("? [folds]\n: 5\n", "line 1: a key is a list or a mapping, not a name"),
        (f"folds: {'9' * 5000}\n", "cannot be read as YAML .*4300"),
        ("reason: 2026-99-99\n", "cannot be read as YAML .*month"),
        ("folds: 5\n---\nfolds: 4\n", "cannot be read as YAML .*single document"),
        ("folds: \x07\n", "cannot be read as YAML"),
        ("".join(f"k{i}: 1\n" for i in range(5000)), "5000 keys; at most 1000 options are read"),
    ],
)
def test_parts_that_options_do_not_need_are_refused(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    begin = time.process_time()
    with pytest.raises(BenchError, match=rf"matrix\.yaml.*{message}") as caught:
        read_config(config)
    assert len(str(caught.value)) < 700
    assert time.process_time() - begin < 5


def test_a_merge_key_is_a_name(config: Path) -> None:
    config.write_text("<<: {folds: 5}\n")
    assert read_config(config)[0] == {"<<": {"folds": 5}}


def test_a_file_that_is_too_large_or_not_regular(config: Path) -> None:
    config.write_text("#" * (MAX_CONFIG_BYTES + 1))
    with pytest.raises(BenchError, match=r"matrix\.yaml: cannot be read as YAML \(100001 bytes; at most 100000 are"):
        read_config(config)
    config.unlink()
    os.mkfifo(config)
    with pytest.raises(BenchError, match=r"matrix\.yaml: cannot be read as YAML \(a named pipe, not a regular file\)"):
        read_config(config)
    config.unlink()
    config.symlink_to("/dev/zero")
    with pytest.raises(BenchError, match="a device, not a regular file"):
        read_config(config)
