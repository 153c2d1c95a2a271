"""Features of a dataset as a table, in Python and on the command line, from a shared store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.features.extract import extract_features
from bench.features.table import FeatureTable
from bench.observer import Observer
from bench.plugins.registry import extractor
from extractors.cells import CellFile, Cells
from extractors.handcrafted.framework.status import Status

FAMILIES, MIXED = "handcrafted[families=size+color]", "handcrafted[families=size+glcm]"


class Recorder(Observer):
    """Records notices and progress."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.steps: list[tuple[str, int, int]] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def progress(self, task: str, done: int, total: int) -> None:
        self.steps.append((task, done, total))


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten phantom patients with about eight small cells each: two chunks."""
    folder = tmp_path_factory.mktemp("table") / "cells"
    write_phantom(PhantomSpec(patients=5, cells=8, spread=0.2, size=64, seed=11), folder)
    return folder


@pytest.fixture(scope="session")
def table(cells: Path) -> FeatureTable:
    return extract_features(str(cells), FAMILIES, store=cells.parent / "store", jobs=2)


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """Two patients of a class with a cell each; one of the four is flat grey."""
    rng = np.random.default_rng(0)
    for number, label in enumerate("aabb"):
        image = np.zeros((24, 24, 3), dtype=np.uint8)
        image[4:20, 4:20] = 120 if number == 1 else rng.integers(60, 200, (16, 16, 3))
        cv2.imwrite(str(tmp_path / f"{label}{number}.png"), image)
    lines = [f"{label}{n}.png,{label},p{n}" for n, label in enumerate("aabb")]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,label,patient", *lines]))
    return tmp_path / "manifest.csv"


def test_held_out_cells_are_included_and_marked(grey: Path, tmp_path: Path) -> None:
    rows = pd.read_csv(grey, dtype=str)
    rows.assign(set=["train", "held-out", "train", "held-out"]).to_csv(grey, index=False)
    ended = CliRunner().invoke(
        app, ["features", "extract", str(grey), "-x", "size", "-o", str(tmp_path / "t.csv"), "--store", str(tmp_path)]
    )
    assert ended.exit_code == 0, ended.output
    table = pd.read_csv(tmp_path / "t.csv")
    assert list(table)[:5] == ["id", "patient", "label", "set", "size.area.cell"]
    assert table["id"].tolist() == rows["path"].tolist()
    assert table["set"].tolist() == ["train", "held-out", "train", "held-out"]
    assert table["size.area.cell"].tolist() == [256.0] * 4


def test_rows_contain_the_output_of_the_extractor(table: FeatureTable, cells: Path) -> None:
    frame = table.table
    manifest = pd.read_csv(cells / "manifest.csv", dtype=str)
    assert list(frame["patient"]) == list(manifest["patient"])
    assert list(frame["label"]) == list(manifest["label"])
    assert frame["id"].is_unique
    build = extractor(FAMILIES).build()
    files = Cells(CellFile(str(path), str(cells / path)) for path in manifest["path"])
    pd.testing.assert_frame_equal(
        frame.drop(columns=["id", "patient", "label"]),
        pd.DataFrame(build.transform(files), columns=list(build.get_feature_names_out())),
        check_exact=True, check_column_type=False,
    )  # fmt: skip
    assert table.extracted == len(frame) > 64
    assert table.seconds > 0


def test_stored_features_are_not_extracted_again(table: FeatureTable, cells: Path) -> None:
    again = extract_features(str(cells), FAMILIES, store=cells.parent / "store")
    assert (again.extracted, again.folder) == (0, table.folder)
    one = bench.run(FAMILIES, "knn", data=str(cells), folds=2, inner_folds=2, jobs=1,
                    store=cells.parent / "store", out=cells.parent / "results")  # fmt: skip
    assert one.record["components"]["features"]["cells"]
    assert len(list((cells.parent / "store" / "features").glob("*/*/entry.json"))) == 1, "a run uses the same features"


def test_missing_values_have_a_reason(grey: Path, tmp_path: Path) -> None:
    table = extract_features(str(grey), MIXED, store=tmp_path / "store", jobs=1)
    missing = table.table[list(table.names)].isna().to_numpy()
    assert missing[1].any(), "the flat cell has no texture"
    status = table.status
    assert len(status) == missing.sum() == sum(table.missing.values())
    assert set(status["reason"]) == set(table.missing) <= {s.name for s in Status}
    flat = status[status["id"] == table.cells["id"][1]]
    assert Status.FLAT.name in set(flat["reason"])
    assert set(flat["feature"]) == {n for n, gone in zip(table.names, missing[1], strict=True) if gone}
    table.write(tmp_path / "cells.parquet", status=tmp_path / "cells.status.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "cells.status.parquet"), status)
    assert parquet.read_table(tmp_path / "cells.parquet").column(table.names[0]).null_count == missing[:, 0].sum()
    table.write(tmp_path / "cells.csv")
    assert "nan" not in (tmp_path / "cells.csv").read_text()


def test_the_command_writes_the_table_and_prints_a_summary(grey: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "cells.parquet"
    out.parent.mkdir()
    out.write_text("an older table")
    arguments = ["features", "extract", str(grey), "-x", MIXED, "-o", str(out), "--status"]
    arguments += ["--store", str(tmp_path / "store"), "--jobs", "1"]
    refused = CliRunner().invoke(app, arguments)
    assert "was not written by bench features extract" in str(refused.exception)
    out.unlink()
    shown = [CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"}) for _ in range(2)]
    assert [s.exit_code for s in shown] == [0, 0], shown[0].output
    columns = len(extractor(MIXED).build().get_feature_names_out())
    assert f"{MIXED}: 4 cells of 4 patients, {columns} columns of features" in shown[0].output
    assert "4 cells extracted in" in shown[0].output
    assert "cells/s" in shown[0].output
    assert "read from the feature store; no cell was extracted" in shown[1].output
    status = pd.read_parquet(out.with_name("cells.status.parquet"))
    counts = status["reason"].value_counts()
    assert f"missing values: {len(status)} ({100 * len(status) / (4 * columns):.2g} %)" in shown[1].output
    assert all(f"{n} {reason}" in shown[1].output for reason, n in counts.items())
    assert pd.read_parquet(out).shape == (4, 3 + columns)
    assert sorted(p.name for p in out.parent.iterdir()) == ["cells.parquet", "cells.status.parquet"]


@pytest.fixture
def plugins(install: Callable[[str, str, str], None]) -> None:
    """An extractor that learns, one whose features have a taken name, and one that is slow; all installed."""
    names = "".join(f"{n.lower()} = odd_extractors:{n}\n" for n in ("Learns", "Taken", "Slow", "Bare"))
    install(
        "odd_extractors",
        """
import os, time
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

class Learns(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None, groups=None):
        return self
    def transform(self, X):
        return np.ones((len(X), 1), dtype=np.float32)

class Taken(Learns):
    def get_feature_names_out(self, input_features=None):
        return np.array(["label"])
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

class Slow(Taken):
    def get_feature_names_out(self, input_features=None):
        return np.array(["number"])
    def transform(self, X):
        if os.environ.get("SLOW") and X[0].id != os.environ["SLOW"]:
            time.sleep(600)
        return super().transform(X)

class Bare(Slow):
    def transform(self, X):
        return np.full((len(X), 1), np.nan, dtype=np.float32)
""",
        f"[bench.extractors]\n{names}",
    )


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-x", "learns", "-o", "t.parquet"], "learns learns from the training patients of each fold"),
        (["-x", "taken", "-o", "t.parquet"], "taken: two columns would be called 'label'"),
        (["-x", "bare", "-o", "t.parquet"], "the extraction failed: bare: no feature exists for cell"),
        (["-o", "t.txt"], "t.txt: the suffix must be .parquet or .csv; change --output"),
        (["-o", "."], "the suffix must be .parquet or .csv"),
        (["-o", "manifest.csv"], "manifest.csv: is an input of this command; choose another file"),
        (["-o", "manifest.csv/t.csv"], "choose another place with --output"),
        (["-x", "size", "-o", "t.csv", "--store", "manifest.csv"], "choose another place with --store"),
    ],
)
def test_errors_of_the_user_write_no_file(
    arguments: list[str], complaint: str, grey: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from bench.cli.app import main  # noqa: PLC0415

    monkeypatch.chdir(grey.parent)
    store = [] if "--store" in arguments else ["--store", "store"]
    monkeypatch.setattr(sys, "argv", ["bench", "features", "extract", "manifest.csv", *arguments, *store])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert complaint in " ".join(capsys.readouterr().err.split())
    assert not [p for p in grey.parent.iterdir() if p.name.startswith(("t.", ".unfinished"))]


@pytest.mark.slow
@pytest.mark.usefixtures("plugins")
def test_ctrl_c_keeps_finished_chunks_and_writes_no_table(cells: Path, tmp_path: Path) -> None:
    first = pd.read_csv(cells / "manifest.csv", dtype=str)
    store = tmp_path / "store"
    command = [sys.executable, "-m", "bench", "features", "extract", str(cells), "-x", "slow"]
    command += ["-o", str(tmp_path / "t.parquet"), "--store", str(store), "--jobs", "2"]
    name = extract_features(str(cells), "size", store=tmp_path / "other", jobs=1).cells["id"][0]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "SLOW": name}) as process:
        until = time.monotonic() + 60
        while not list(store.glob("features/*/*.partial/*.chunk")):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        message = process.communicate()[1]
    assert process.returncode == 130
    assert "Finished parts are stored" in message
    assert [p.name for p in store.glob("features/*/*.partial/*.chunk")] == ["000000.chunk"]
    assert not (tmp_path / "t.parquet").exists()
    recorder = Recorder()
    extracted = extract_features(str(cells), "slow", store=store, jobs=1, observer=recorder)
    assert extracted.extracted == len(first) - 64, "the first chunk was finished"
    assert [s for s in recorder.steps if s[0] == "extract slow"] == [("extract slow", 0, 1), ("extract slow", 1, 1)]
