"""Every kind of damage of an experiment is named, and the other experiments are read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.errors import BenchError
from bench.experiments import tables
from bench.experiments.records import ExperimentResult
from bench.experiments.results import Results
from bench.experiments.schema import MAX_JSON, DamagedError, read_times
from bench.storage.fingerprints import digest
from reports.section import TABLES

Damage = Callable[[Path], object]
Keep = Callable[..., ExperimentResult]


def _cohort(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    labels = ("normal", "diseased")
    rows = [(f"c{unit}-{cell}", f"u{unit}", labels[unit % 2], unit // 4) for unit in range(12) for cell in range(3)]
    table = pd.DataFrame(rows, columns=["cell", "unit", "label", "fold"]).assign(repeat=0)
    p = np.clip(np.where(table["label"] == "diseased", 0.6, 0.4) + rng.normal(0, 0.2, len(table)), 0, 1)
    return table.assign(p_diseased=p, p_normal=1 - p)


def _record(change: Callable[[dict[str, Any]], object]) -> Damage:
    def damage(folder: Path) -> None:
        record = json.loads((folder / "experiment.json").read_text())
        change(record)
        (folder / "experiment.json").write_text(json.dumps(record))

    return damage


def _table(name: str, **columns: Any) -> Damage:
    """Set values of the first row of a table; None removes the column."""

    def damage(folder: Path) -> None:
        path = folder / f"{name}.parquet"
        table = pd.read_parquet(path)
        for column, value in columns.items():
            if value is None:
                table = table.drop(columns=column)
            elif column not in table:
                table[column] = value
            else:
                if isinstance(value, str):
                    table[column] = table[column].astype(str)
                table.loc[0, column] = value
        table.to_parquet(path, index=False)

    return damage


def _bytes(file: str, data: bytes) -> Damage:
    return lambda folder: (folder / file).write_bytes(data)


def _cut(file: str) -> Damage:
    return lambda folder: os.truncate(folder / file, (folder / file).stat().st_size // 2)


def _link(file: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / file).rename(folder.parent.parent.parent / "elsewhere")
        (folder / file).symlink_to(folder.parent.parent.parent / "elsewhere")

    return damage


def _swap(folder: Path) -> None:
    other = next(path for path in folder.parent.iterdir() if path != folder)
    folder.rename(folder.parent / "between")
    other.rename(folder)
    (folder.parent / "between").rename(other)


def _many_rows(folder: Path) -> None:
    """A file of some kilobytes that states millions of rows: one value, repeated."""
    path = folder / "predictions.parquet"
    table = pq.read_table(path)
    column = np.zeros(2_000_000, dtype=np.int64)
    pq.write_table(table.take(column), path, compression="zstd")


KINDS: dict[str, tuple[Damage, str]] = {
    "truncated record": (_cut("experiment.json"), r"experiment\.json: cannot be read"),
    "empty record": (_bytes("experiment.json", b""), r"experiment\.json: cannot be read"),
    "record is a list": (_bytes("experiment.json", b"[]"), r"experiment\.json: not a JSON object"),
    "record of binary data": (_bytes("experiment.json", b"\xff\x00"), r"experiment\.json: cannot be read"),
    "deep record": (_bytes("experiment.json", b'{"a":' * 100_000), r"experiment\.json: cannot be read"),
    "record of 17 MB": (_bytes("experiment.json", b" " * (MAX_JSON + 1)), "at most 16 MiB are"),
    "record is a link": (_link("experiment.json"), r"experiment\.json: cannot be read \(not a regular file\)"),
    "field of another type": (_record(lambda r: r.update(flags={"LEAKY": 1})), "'flags' is missing or damaged"),
    "number as text": (_record(lambda r: r["protocol"].update(repeats="1")), r"'protocol' .*\(repeats: "),
    "no repeats": (_record(lambda r: r["protocol"].update(repeats=0)), r"'protocol' .*\(repeats: "),
    "unknown split": (_record(lambda r: r["protocol"].update(split="random")), r"'protocol' .*\(split: "),
    "unknown calibration": (_record(lambda r: r["protocol"].update(calibrate="x")), "'protocol' .*calibrate 'x'"),
    "classes twice": (_record(lambda r: r["data"].update(classes=["a", "a"], positive="a")), "not distinct"),
    "positive of no class": (_record(lambda r: r["data"].update(positive="x")), "'data' is missing or damaged"),
    "wrong key": (_record(lambda r: r.update(key="0" * 64)), "'key' is not that of the record's components"),
    "other components": (_record(lambda r: r["components"].update(engine="x")), "'key' is not that of the record's"),
    "deep components": (_record(lambda r: r["components"].update(engine=[[[[[[[[[1]]]]]]]]])), "nested more than 8"),
    "swapped folders": (_swap, "the record of another experiment than its folder's"),
    "no scores": (lambda folder: (folder / "scores.parquet").unlink(), r"scores\.parquet: cannot be read"),
    "empty scores": (_bytes("scores.parquet", b""), r"scores\.parquet: Parquet file size is 0 bytes"),
    "text as scores": (_bytes("scores.parquet", b"metric,value\nx,1\n"), r"scores\.parquet: Parquet magic bytes"),
    "truncated scores": (_cut("scores.parquet"), r"scores\.parquet: Parquet magic bytes not found"),
    "scores are a link": (_link("scores.parquet"), r"scores\.parquet: cannot be read \(not a regular file\)"),
    "score without value": (_table("scores", value=float("nan")), "its interval is not one of a score"),
    "infinite score": (_table("scores", high=float("inf")), "a score is not finite"),
    "interval reversed": (_table("scores", low=0.9, high=0.1), "its interval is not one of a score"),
    "unknown metric": (_table("scores", metric="luck"), "metric 'luck' is not known"),
    "metric twice": (_table("scores", metric="auroc_cell"), "two rows of one metric"),
    "text as score": (_table("scores", value="0.9"), "column 'value' is .*string, not number"),
    "probability 2": (_table("predictions", p_diseased=2.0, p_normal=-1.0), "probabilities outside 0 to 1"),
    "probability without value": (_table("predictions", p_diseased=float("nan")), "not finite: p_diseased is nan"),
    "probabilities of sum 1.2": (_table("predictions", p_diseased=0.6, p_normal=0.6), "do not sum to 1"),
    "no column of a class": (_table("predictions", p_normal=None), "no column 'p_normal'"),
    "no column of units": (_table("predictions", unit=None), "no column 'unit'"),
    "column of another class": (_table("predictions", p_other=0.0), "column 'p_other' is not that of a class"),
    "label of another class": (_table("predictions", label="other"), "label 'other' is not a class"),
    "repeat of no record": (_table("predictions", repeat=7), "column 'repeat' is from 0 to 7"),
    "fold below 0": (_table("predictions", fold=-1), "column 'fold' is from -1"),
    "more folds": (_table("predictions", fold=9), "column 'fold' has 4 different values; the record has 3"),
    "another cell": (_table("predictions", cell="c99"), "a cell is predicted twice|column 'cell' has|the record has"),
    "fold as text": (_table("predictions", fold="one"), "column 'fold' is .*string, not integer"),
    "times as text": (_bytes("timing.json", b'{"fold": {"fit": "long"}}'), "a time is not a number of seconds"),
    "time below 0": (_bytes("timing.json", b'{"fold": {"fit": -1}}'), "a time is not a number of seconds"),
    "time without value": (_bytes("timing.json", b'{"fold": {"fit": NaN}}'), "NaN is not a number of JSON"),
    "text as trials": (_bytes("trials.parquet", b"trial"), r"trials\.parquet: Parquet file size is 5 bytes"),
    "millions of rows": (_many_rows, "a cell is predicted twice|at most 1000 values are read"),
}


@pytest.fixture
def two(keep: Keep, kept: Results) -> tuple[ExperimentResult, ExperimentResult]:
    """Two experiments of one comparable group."""
    return keep("first", _cohort(0)), keep("second", _cohort(1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_experiment_is_named_and_the_others_are_read(
    kind: str, two: tuple[ExperimentResult, ExperimentResult], kept: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "millions of rows":
        monkeypatch.setattr(tables, "MAX_VALUES", 1000)
    if kind == "another cell":
        _record(lambda r: r["data"].update(cells=35))(two[1].folder)
    damage, complaint = KINDS[kind]
    damage(two[1].folder)
    contents = kept.read(tables=TABLES)
    broken = [str(damage.path) for damage in contents.damaged]
    assert str(two[1].folder) in broken
    assert len(contents.experiments) + len(broken) == 2
    with pytest.raises(DamagedError, match=complaint):
        _read_all(two[1].folder)
    assert any(str(two[1].folder) in damage.reason for damage in contents.damaged)


def _read_all(folder: Path) -> None:
    from bench.experiments.records import read_experiment  # noqa: PLC0415

    result = read_experiment(folder)
    for table in TABLES:
        getattr(result, table)


def test_undamaged_experiments_are_read(two: tuple[ExperimentResult, ExperimentResult], kept: Results) -> None:
    contents = kept.read(tables=TABLES)
    assert [e.name for e in contents.experiments] == ["made_up x first", "made_up x second"]
    assert contents.damaged == []


def test_tables_are_read_as_pandas_reads_them(small_matrix: Path) -> None:
    for result in Results.open(small_matrix / "results").experiments():
        for path in result.folder.glob("*.parquet"):
            read = tables.read_table(result.folder, path.stem, result.record)
            pd.testing.assert_frame_equal(read, pd.read_parquet(path), check_exact=True)


def test_sizes_are_checked_before_values_are_read(
    two: tuple[ExperimentResult, ExperimentResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_VALUES", 100)
    monkeypatch.setattr(pq, "read_table", lambda *args, **values: pytest.fail("values were read"))
    with pytest.raises(DamagedError, match=r"36 rows of 9 columns; at most 100 values are read"):
        two[0].predictions  # noqa: B018
    monkeypatch.undo()
    monkeypatch.setattr(tables, "MAX_TABLE", 100)
    with pytest.raises(DamagedError, match=r"at most 0 MiB are"):
        two[0].predictions  # noqa: B018


def test_a_record_that_contradicts_its_key_is_refused(
    two: tuple[ExperimentResult, ExperimentResult], kept: Results
) -> None:
    folder = two[1].folder
    record = json.loads((folder / "experiment.json").read_text())
    record["components"]["protocol"] = {**record["protocol"], "tune": 500}
    record["key"] = digest(record["components"])
    (folder / "experiment.json").write_text(json.dumps(record))
    (damage,) = kept.read().damaged
    assert "'protocol' is not that of the record's key" in damage.reason


def test_report_compare_and_score_name_it_and_continue(
    two: tuple[ExperimentResult, ExperimentResult], keep: Keep, kept: Results
) -> None:
    third = keep("third", _cohort(2))
    KINDS["probability 2"][0](two[1].folder)
    reason = "probabilities outside 0 to 1"
    comparison = bench.compare(kept)
    assert [note for note in comparison.notes if reason in note and str(two[1].folder) in note]
    assert set(comparison.standings["pipeline"]) == {"made_up x first", "made_up x third"}
    assert reason in kept.path.joinpath(third.report()).read_text()
    with pytest.raises(BenchError, match=reason):
        bench.compare(two[0], two[1].folder)
    board = kept.leaderboard()
    assert list(board["status"]) == ["done"] * 3, "the leaderboard reads scores only"
    KINDS["empty scores"][0](two[0].folder)
    with pytest.raises(BenchError, match=r"one experiment is left to compare, because .*Parquet file size is 0 bytes"):
        bench.compare(kept)
    board = kept.leaderboard()
    assert list(board["status"]) == ["done", "done", "damaged"]
    assert board["folds"].tolist()[:2] == [3, 3]
    assert "scores.parquet: Parquet file size is 0 bytes" in board["reason"][2]


def test_one_damaged_experiment_is_refused_by_name(
    two: tuple[ExperimentResult, ExperimentResult], kept: Results
) -> None:
    KINDS["wrong key"][0](two[1].folder)
    for call in (bench.leakage, bench.significance):
        with pytest.raises(BenchError, match="'key' is not that of the record's components"):
            call(two[1].folder)
        with pytest.raises(BenchError, match="'key' is not that of the record's components"):
            call(kept.path, name=two[1].folder.name)


@pytest.mark.parametrize("place", ["refits", "leakage", "significance/work", "locks", "work/a/b", "held_out.json"])
def test_a_results_folder_with_links_is_refused(kept: Results, place: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (kept.path / place).parent.mkdir(parents=True, exist_ok=True)
    (kept.path / place).symlink_to(target)
    for enter in (Results.open, Results.create):
        with pytest.raises(BenchError, match=f"{place}: is a link, and links in this folder are not followed"):
            enter(kept.path)
    assert list(target.iterdir()) == []


def test_times_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "timing.json").write_text('{"repeat0-fold0": {"fit": 1, "tune": 0.5}, "total": 3}')
    assert read_times(tmp_path / "timing.json")["repeat0-fold0"] == {"fit": 1, "tune": 0.5}


def test_commands_name_it_and_exit_with_1(
    two: tuple[ExperimentResult, ExperimentResult], keep: Keep, kept: Results
) -> None:
    third = keep("third", _cohort(2))
    for result in (two[0], two[1], third):
        inner = pd.read_parquet(result.folder / "predictions.parquet").drop(columns="threshold")
        held = [inner[inner["fold"] != fold].assign(inner_fold=inner["fold"] % 2, fold=fold) for fold in range(3)]
        pd.concat(held).to_parquet(result.folder / "inner.parquet", index=False)
    KINDS["probability 2"][0](two[1].folder)
    for command in ("report", "score", "compare"):
        answer = CliRunner().invoke(app, [command, str(kept.path)], env={"COLUMNS": "1000"})
        assert answer.exit_code == 1, (command, answer.output)
        message = f"{two[1].folder}/predictions.parquet: predictions contain probabilities outside"
        assert "".join(message.split()) in "".join(answer.output.split())  # notes are wrapped
        assert "third" in answer.output or command == "report"
