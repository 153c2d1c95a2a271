"""Invalid input: a message with file and row, exit code 2, and no partial output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli.app import main

Make = Callable[[Path], Sequence[str]]


@dataclass(frozen=True)
class Outcome:
    code: int
    message: str


@pytest.fixture
def bench_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def call(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Outcome(int(ended.value.code or 0), capsys.readouterr().err)

    return call


def cell_image(level: int = 150) -> Image.Image:
    """A grey disc on black, 40 x 40."""
    y, x = np.mgrid[:40, :40]
    disc = (np.hypot(y - 20, x - 20) < 12) * np.uint8(level)
    return Image.fromarray(np.repeat(disc[..., None], 3, axis=2).astype(np.uint8))


def manifest(folder: Path, *, patients: int = 6, header: str = "path,label,patient") -> list[list[str]]:
    """Two cells of each of 2 x `patients` patients; the rows of manifest.csv."""
    rows = [header.split(",")]
    for number in range(4 * patients):
        name = f"cell{number:02d}.bmp"
        cell_image(100 + number).save(folder / name)
        rows.append([name, "ab"[number % 2], f"p{number // 2 % patients}{'ab'[number % 2]}"])
    return rows


def write(folder: Path, rows: list[list[str]]) -> None:
    (folder / "manifest.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")


def truncated(folder: Path) -> Sequence[str]:
    write(folder, manifest(folder))
    data = (folder / "cell05.bmp").read_bytes()
    (folder / "cell05.bmp").write_bytes(data[: len(data) // 2])
    return ["cell05.bmp", "damaged", "--skip-unreadable"]


def text_file(folder: Path) -> Sequence[str]:
    rows = manifest(folder)
    (folder / "cell.png").write_text("not a picture")
    rows[3][0] = "cell.png"
    write(folder, rows)
    return ["cell.png", "not a readable image"]


def black(folder: Path) -> Sequence[str]:
    write(folder, manifest(folder))
    cell_image(0).save(folder / "cell07.bmp")
    return ["cell07.bmp", "--skip-unreadable"]


def bright_frame(folder: Path) -> Sequence[str]:
    write(folder, manifest(folder))
    Image.new("RGB", (40, 40), (200, 190, 210)).save(folder / "cell07.bmp")
    return ["cell07.bmp", "--mask"]


def no_patient(folder: Path) -> Sequence[str]:
    write(folder, manifest(folder, header="path,label,subject"))
    return ["manifest.csv", "patient", "subject"]


def empty_patient(folder: Path) -> Sequence[str]:
    rows = manifest(folder)
    rows[4][2] = ""
    write(folder, rows)
    return ["manifest.csv", "5", "patient"]


def missing_file(folder: Path) -> Sequence[str]:
    rows = manifest(folder)
    rows[2][0] = "/nowhere/at/all.bmp"
    write(folder, rows)
    return ["manifest.csv", "3", "/nowhere/at/all.bmp"]


def duplicate_rows(folder: Path) -> Sequence[str]:
    rows = manifest(folder)
    write(folder, [*rows, rows[1]])
    return ["manifest.csv", "26", "cell00.bmp"]


def one_class(folder: Path) -> Sequence[str]:
    rows = manifest(folder)
    write(folder, [rows[0], *([r[0], "a", r[2]] for r in rows[1:])])
    return ["only the class 'a'", "two classes"]


def few_patients(folder: Path) -> Sequence[str]:
    write(folder, manifest(folder, patients=3))
    return ["--folds 3", "5 folds"]


def empty_folder(folder: Path) -> Sequence[str]:
    return ["empty folder"]


BAD_DATA: list[Make] = [
    truncated,
    text_file,
    black,
    bright_frame,
    no_patient,
    empty_patient,
    missing_file,
    duplicate_rows,
    one_class,
    few_patients,
    empty_folder,
]


@pytest.mark.parametrize("make", BAD_DATA, ids=lambda make: make.__name__)
def test_bad_data(make: Make, bench_command: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    expected = make(tmp_path / "cells")
    outcome = bench_command(
        "run", "-x", "size", "-c", "knn", "--data", str(tmp_path / "cells"), "--out", str(tmp_path / "results")
    )
    assert outcome.code == 2
    for words in expected:
        assert words in outcome.message
    assert "Traceback" not in outcome.message
    assert not list((tmp_path / "results").glob("*/*"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("run", "--data", "nowhere"),
            "nowhere does not exist; pass an existing file or folder of cells as DATA",
        ),
        (("report", "n" * 300), "nnn...: File name too long; use a shorter one"),
        (("compare", "n" * 300), "nnn...: File name too long; use a shorter one"),
        (("leakage", "n" * 300), "nnn...: File name too long; use a shorter one"),
        (("features", "list", "--store", "n" * 300), "nnn...: File name too long; use a shorter one"),
        (("folds", "phantom", "-o", "n" * 300), "nnn...: File name too long; use a shorter one"),
        (("audit", "n" * 300), "data: the path 'n"),
        (("run", "--data", ""), "--data is empty"),
        (("run", "-x", ""), "'' is not a selector"),
        (("run", "-x", "hand_crafted"), "Did you mean handcrafted"),
        (("run", "-x", "resnet51"), "Did you mean resnet5"),
        (("run", "-c", "knn[threads=2]"), "use --threads"),
        (("run", "--data", "phantom[efect=1]"), "Did you mean effect"),
        (("matrix", "--config", "missing.yaml"), "missing.yaml"),
    ],
)
def test_invalid_arguments(
    arguments: tuple[str, ...],
    expected: str,
    bench_command: Callable[..., Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = bench_command(*arguments)
    assert outcome.code == 2
    assert expected in outcome.message
    assert "Traceback" not in outcome.message


def test_a_results_folder_of_a_newer_version(bench_command: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "cytobench.json").write_text(json.dumps({"format": 99}))
    for arguments in (("report", str(tmp_path)), ("run", "-x", "size", "--out", str(tmp_path))):
        outcome = bench_command(*arguments)
        assert outcome.code == 2
        assert "newer cytobench" in outcome.message
    assert [p.name for p in tmp_path.iterdir()] == ["cytobench.json"]


def test_an_output_folder_that_cannot_be_written(bench_command: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    outcome = bench_command("run", "-x", "size", "--out", str(tmp_path / "file" / "results"))
    assert outcome.code == 2
    assert "--out" in outcome.message


def test_infinity_in_features(
    bench_command: Callable[..., Outcome], tmp_path: Path, install: Callable[[str, str, str], None]
) -> None:
    install(
        "endless_plugin",
        """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

class Endless(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None, groups=None):
        return self

    def transform(self, X):
        values = np.ones((len(X), 2), dtype=np.float32)
        values[0, 1] = np.inf
        return values

    def get_feature_names_out(self, input_features=None):
        return np.array(["one", "endless"])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags
""",
        "[bench.extractors]\nendless = endless_plugin:Endless\n",
    )
    (tmp_path / "cells").mkdir()
    write(tmp_path / "cells", manifest(tmp_path / "cells"))
    paths = ["--data", str(tmp_path / "cells"), "--out", str(tmp_path / "out"), "--store", str(tmp_path / "store")]
    outcome = bench_command("run", "-x", "endless", "-c", "knn", *paths, "--jobs", "1")
    assert outcome.code == 2
    assert "feature endless is infinite for cell" in outcome.message
    assert "cell00.bmp" in outcome.message
    assert not list((tmp_path / "store" / "features").glob("*/*/values.npy"))
    assert not list((tmp_path / "out" / "experiments").glob("*/experiment.json"))
