"""The results folder: finished and failed experiments, the leaderboard, damaged records and foreign files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.errors import BenchError
from bench.evaluation.protocol import Protocol
from bench.experiments import rescoring
from bench.experiments.records import LEAKY, RANDOM_WEIGHTS
from bench.experiments.results import FORMAT, MARK, Results
from bench.storage.fingerprints import digest


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """An empty results folder."""
    return Results.create(tmp_path / "results")


PROTOCOL = vars(Protocol())


def _record(extractor: str = "size", classifier: str = "svm", **changes: Any) -> dict[str, Any]:
    data = {"name": "cells", "digest": "d", "positive": "a", "patients": 9, "split_units": 8, "cells": 70}
    data |= {"classes": ["a", "b"], "reader": "manifest", "notices": [], "per_class": {}}
    record = {"extractor": extractor, "classifier": classifier, "flags": [], "options": {}, "violations": []}
    record |= {"prepare": "none", "folds_hash": "f", "data": data, "protocol": PROTOCOL, "components": {}, **changes}
    environment = {"python": "3.11", "machine": "x86_64"}
    return {**record, "environment": environment, "key": digest(record["components"])}


def _scores(auroc: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "metric": ["auroc_patient"],
            "value": [auroc],
            "low": [auroc - 0.1],
            "high": [auroc + 0.1],
            "repeat_sd": [float("nan")],
            "method": ["bootstrap"],
            "n": [0],
        }
    )


def _write(results: Results, slug: str, auroc: float, record: Mapping[str, Any] | None = None) -> None:
    results.write_experiment(
        slug, record or _record(), {"scores": _scores(auroc), "trials": pd.DataFrame()}, {"fit": 1}
    )


def test_round_trip_of_an_experiment(results: Results) -> None:
    _write(results, "a", 0.8, _record(flags=[LEAKY]))
    assert results.is_done("a")
    (read,) = results.experiments()
    assert (read.key, read.name, read.flags) == (digest({}), "size x svm", (LEAKY,))
    assert read.score() == 0.8
    assert read.timing == {"fit": 1.0}
    assert len(read.trials) == 0
    pd.testing.assert_frame_equal(read.scores, _scores(0.8), check_dtype=False)
    assert Results.open(results.path).experiments()[0].record == read.record


def test_a_result_deletes_its_finished_folds_and_an_earlier_failure(results: Results) -> None:
    (results.work_folder("a") / "fold").mkdir(parents=True)
    results.write_failure("a", _record(), "out of luck")
    assert not results.work_folder("a").exists()
    failure = results.failure("a")
    assert failure is not None
    assert (failure.key, failure.reason) == (digest({}), "out of luck")
    assert not results.is_done("a")
    (results.work_folder("a") / "fold").mkdir(parents=True)
    _write(results, "a", 0.8)
    assert results.failure("a") is None
    assert results.failures() == []
    assert not results.work_folder("a").exists()


def test_a_result_deletes_what_a_killed_process_left_of_its_folder(results: Results) -> None:
    left, other = (results.path / "experiments" / f".unfinished-{slug}-x1y2" for slug in ("a", "b"))
    for folder in (left, other):
        folder.mkdir(parents=True)
        (folder / "predictions.parquet").write_bytes(b"PAR1")
    _write(results, "a", 0.8)
    assert not left.exists()
    assert other.exists(), "another process may be writing it"


def test_a_folder_without_a_record_is_not_a_result(results: Results) -> None:
    _write(results, "a", 0.8)
    (results.experiment_folder("b")).mkdir()
    _scores(0.9).to_parquet(results.experiment_folder("b") / "scores.parquet")
    (results.path / "experiments" / ".unfinished-c").mkdir()
    (results.path / "experiments" / ".unfinished-c" / "experiment.json").write_text("{}")
    assert not results.is_done("b")
    assert [e.folder.name for e in results.experiments()] == ["a"]
    assert len(results.leaderboard()) == 1


def test_a_result_takes_precedence_over_a_failure(results: Results) -> None:
    _write(results, "a", 0.8)
    results.write_failure("a", _record(), "a slower process without luck")
    assert results.failures() == []
    assert list(results.leaderboard()["status"]) == ["done"]


def test_order_of_the_leaderboard(results: Results) -> None:
    _write(results, "a", 0.7, _record("size", "knn"))
    _write(results, "b", 0.9, _record("color", "svm", flags=[RANDOM_WEIGHTS, LEAKY]))
    _write(results, "c", 0.8, _record("size", "svm"))
    results.write_failure("d", _record("size", "xgboost", flags=[LEAKY]), "the worker process died")
    board = results.leaderboard()
    assert list(board["auroc_patient"].dropna()) == [0.8, 0.7, 0.9]
    assert list(board["status"]) == ["done", "done", "done", "failed"]
    assert list(board["flags"]) == ["", "", f"{RANDOM_WEIGHTS}, {LEAKY}", LEAKY]
    last = board.iloc[-1]
    assert (last["classifier"], last["reason"]) == ("xgboost", "the worker process died")
    assert pd.isna(last["auroc_patient"])
    first = board.iloc[0]
    assert (first["auroc_patient_low"], first["auroc_patient_high"]) == pytest.approx((0.7, 0.9))
    assert (first["patients"], first["split_units"], first["cells"]) == (9, 8, 70)
    assert list(results.leaderboard(["a", "d"])["classifier"]) == ["knn", "xgboost"]


def test_datasets_and_protocols_are_sorted_apart(results: Results) -> None:
    image = {**_record()["protocol"], "split": "image"}
    other = {**_record()["data"], "name": "another", "digest": "e"}
    _write(results, "a", 0.99, _record(protocol=image, flags=[LEAKY]))
    _write(results, "b", 0.7, _record())
    _write(results, "c", 0.6, _record(data=other))
    _write(results, "d", 0.8, _record(classifier="knn"))
    board = results.leaderboard()
    assert list(zip(board["data"], board["split"], board["auroc_patient"], strict=True)) == [
        ("another", "patient", 0.6),
        ("cells", "patient", 0.8),
        ("cells", "patient", 0.7),
        ("cells", "image", 0.99),
    ]


def test_order_of_equal_scores_does_not_depend_on_folder_names(results: Results) -> None:
    _write(results, "z", 0.8, _record("color", "knn"))
    _write(results, "a", 0.8, _record("size", "knn"))
    assert list(results.leaderboard()["extractor"]) == ["color", "size"]


def test_an_empty_folder_has_an_empty_leaderboard(results: Results) -> None:
    board = results.leaderboard()
    assert len(board) == 0
    assert {"extractor", "classifier", "auroc_patient", "auroc_patient_low", "reason", "flags"} <= set(board.columns)


def test_leaderboard_as_csv(results: Results) -> None:
    _write(results, "a", 0.75)
    results.write_failure("b", _record(classifier="knn"), "a reason, with a comma\nand a line")
    written = pd.read_csv(results.write_leaderboard(), keep_default_na=False)
    assert list(written["status"]) == ["done", "failed"]
    assert float(written["auroc_patient"][0]) == 0.75
    assert written["reason"][1] == "a reason, with a comma\nand a line"


def test_a_newer_layout_is_refused(results: Results) -> None:
    (results.path / MARK).write_text(json.dumps({"format": FORMAT + 1}))
    for enter in (Results.open, Results.create):
        with pytest.raises(BenchError, match=r"newer cytobench \(layout 2; this one knows 1\).*--out"):
            enter(results.path)
    (results.path / MARK).write_text("[]")
    with pytest.raises(BenchError, match=MARK):
        Results.open(results.path)


def test_a_folder_with_other_files_is_refused_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(BenchError, match=r"contains other files \(thesis\.tex, \.\.\.\)"):
        Results.create(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(BenchError, match="not a results folder"):
        Results.open(tmp_path)
    with pytest.raises(BenchError, match="is a file"):
        Results.create(tmp_path / "thesis.tex")
    with pytest.raises(BenchError, match="cannot be written"):
        Results.create(tmp_path / "thesis.tex" / "results")


def test_a_folder_in_a_results_folder_is_refused_with_the_name_of_the_whole(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = results.experiment_folder("a")
    inside.mkdir(parents=True)
    message = rf"is a folder in a results folder; pass the results folder itself, {results.path}$"
    for folder in (inside, inside.parent):
        with pytest.raises(BenchError, match=message):
            Results.open(folder)
        with pytest.raises(BenchError, match=message):
            rescoring.score(folder)
    monkeypatch.chdir(inside)
    with pytest.raises(BenchError, match=message):
        Results.open(Path())


def test_create_opens_an_existing_folder(results: Results) -> None:
    _write(results, "a", 0.8)
    (results.path / ".DS_Store").touch()
    assert [e.folder.name for e in Results.create(results.path).experiments()] == ["a"]


def test_a_damaged_record_is_named(results: Results) -> None:
    _write(results, "a", 0.8)
    (results.experiment_folder("a") / "experiment.json").write_text("{")
    (row,) = results.leaderboard().to_dict(orient="records")
    assert (row["status"], row["classifier"]) == ("damaged", "a")
    assert "a/experiment.json: cannot be read" in row["reason"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"extractor": 5}, "extractor"),
        ({"prepare": ["crop"]}, "prepare"),
        ({"flags": "LEAKY"}, "flags"),
        ({"violations": [{}]}, "violations"),
        ({"prepare": None}, "prepare"),
        ({"protocol": []}, "protocol"),
        ({"protocol": {**PROTOCOL, "threshold": None}}, "protocol"),
        ({"options": None}, "options"),
        ({"data": {"name": "cells"}}, "data"),
        ({"data": None}, "data"),
    ],
)
def test_a_record_with_a_missing_or_invalid_field_is_named(results: Results, change: dict[str, Any], name: str) -> None:
    _write(results, "a", 0.7, _record(**change))
    results.write_failure("b", _record(**change), "no memory")
    contents = results.read()
    first, second = contents.damaged
    assert re.search(rf"experiment\.json: '{name}' is missing or damaged \(.*\); delete .*/a and run", first.reason)
    assert f"b.json: '{name}' is missing or damaged" in second.reason
    assert (contents.experiments, contents.failures, results.experiments()) == ([], [], [])
    assert results.failure("b") is None


def test_a_later_outcome_of_the_same_experiment_supersedes_the_earlier_one(results: Results) -> None:
    _write(results, "old", 0.9, _record(components={"engine": "old code"}))
    results.write_failure("older", _record(components={"engine": "no weights yet"}), "no weights")
    _write(results, "other", 0.5, _record(classifier="knn"))
    for age, path in enumerate([results.failure_path("older"), results.experiment_folder("old") / "experiment.json"]):
        os.utime(path, ns=(age, age))
    _write(results, "new", 0.8, _record(components={"engine": "new code"}))
    assert results.leaderboard()["key"].tolist() == [digest({"engine": "new code"}), digest({})]
    assert results.leaderboard(["old"])["key"].tolist() == [digest({"engine": "old code"})]
    assert len(results.experiments()) == 3


def test_experiments_with_different_preparations_are_distinct(results: Results) -> None:
    _write(results, "plain", 0.8, _record())
    _write(results, "cropped", 0.8, _record(prepare="crop"))
    assert [e.name for e in results.current().experiments] == ["crop > size x svm", "size x svm"]
    results.write_failure("failed", _record(prepare="crop+clahe"), "no luck")
    assert sorted(results.leaderboard()["prepare"]) == ["crop", "crop+clahe", "none"]


def test_leaderboard_has_the_mean_optimism_of_tuned_experiments(results: Results) -> None:
    folds = pd.DataFrame({"repeat": 0, "fold": [0, 1], "inner_best": [0.9, 0.8], "outer": [0.7, 0.7]})
    table = folds.assign(optimism=folds["inner_best"] - folds["outer"])
    results.write_experiment("a", _record(), {"scores": _scores(0.8), "optimism": table}, {})
    _write(results, "b", 0.7, _record(classifier="knn"))
    tuned, plain = results.experiments()
    pd.testing.assert_frame_equal(tuned.optimism, table)
    assert plain.optimism.empty
    column = results.leaderboard()["optimism"]
    assert column[0] == pytest.approx(0.15)
    assert pd.isna(column[1])


def _repeated(repeats: int, **changes: Any) -> dict[str, Any]:
    names = [f"fold of repeat {repeat}" for repeat in range(repeats)]
    protocol = {**PROTOCOL, "repeats": repeats}
    components = {"engine": "e", "protocol": protocol, "folds": f"{repeats}"} | changes
    return _record(folds_hash=f"{repeats}", repeat_hashes=names, protocol=protocol, components=components)


@pytest.mark.parametrize("order", [(1, 5), (5, 1)])
def test_the_most_repeats_supersede_fewer_ones(results: Results, order: tuple[int, int]) -> None:
    for at, repeats in enumerate(order):
        _write(results, f"r{repeats}", 0.8, _repeated(repeats))
        os.utime(results.experiment_folder(f"r{repeats}") / "experiment.json", ns=(at, at))
    assert [e.folder.name for e in results.current().experiments] == ["r5"]


def test_fewer_repeats_of_newer_code_supersede_more(results: Results) -> None:
    for at, (name, record) in enumerate((("old", _repeated(5)), ("new", _repeated(1, engine="another")))):
        _write(results, name, 0.8, record)
        os.utime(results.experiment_folder(name) / "experiment.json", ns=(at, at))
    assert [e.folder.name for e in results.current().experiments] == ["new"]


def test_a_failure_with_more_repeats_leaves_the_result(results: Results) -> None:
    _write(results, "one", 0.8, _repeated(1))
    results.write_failure("five", _repeated(5), "timeout")
    contents = results.current()
    assert [len(part) for part in (contents.experiments, contents.failures)] == [1, 0]


@pytest.mark.parametrize(
    "name", ["experiments", "failures", "work", "folds", "locks", "refits", "work/some-experiment"]
)
def test_a_folder_with_links_is_not_written(results: Results, tmp_path: Path, name: str) -> None:
    """A stranger's results folder may lead elsewhere."""
    outside = tmp_path / "outside"
    (outside / ".unfinished-old").mkdir(parents=True)
    os.utime(outside / ".unfinished-old", (0, 0))
    (outside / "newer").touch()
    path = results.path / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(outside)
    with pytest.raises(BenchError, match=f"^{path}: is a link, and links in this folder are not followed; remove it$"):
        Results.create(results.path)
    assert sorted(p.name for p in outside.iterdir()) == [".unfinished-old", "newer"]
