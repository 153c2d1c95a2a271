"""Stored comparisons are read back unchanged, and damaged ones are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bench
from bench.errors import BenchError
from bench.evidence.comparison import record as records
from bench.evidence.comparison.compare import Comparison, compare
from bench.evidence.comparison.record import comparison_files, read_comparison, write_comparison
from bench.evidence.comparison.text import describe_tests, verdict
from bench.experiments.records import ExperimentResult
from bench.experiments.results import Results

Keep = Callable[..., ExperimentResult]


def _predictions(seed: int) -> pd.DataFrame:
    """Eight patients in two folds of two repeats."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"{label}{p}-{c}", f"{label}{p}", label, repeat, (p + repeat * (p // 2)) % 2, rng.uniform())
        for label in ("diseased", "normal") for p in range(4) for c in range(3) for repeat in range(2)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["cell", "unit", "label", "repeat", "fold", "p_diseased"])
    return table.assign(p_normal=1 - table["p_diseased"])


@pytest.fixture
def experiments(keep: Keep) -> list[ExperimentResult]:
    flags = (["BASELINE"], [], [])
    return [keep(name, _predictions(i), flags=flags[i]) for i, name in enumerate(("prior", "svm", "knn"))]


def read_comparisons(folder: Path) -> list[Comparison]:
    """All comparisons that are stored in a results folder."""
    return [read_comparison(path) for path in comparison_files(folder)]


def _assert_equal(one: Comparison, other: Comparison) -> None:
    for field in fields(Comparison):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, pd.DataFrame):
            pd.testing.assert_frame_equal(a, b, check_exact=True)
        elif field.name == "friedman" and a is not None:
            assert (a.ranks.tolist(), a.chi2, a.p, a.blocks) == (b.ranks.tolist(), b.chi2, b.p, b.blocks)
        else:
            assert a == b, field.name


def test_a_comparison_is_read_back_unchanged(experiments: list[ExperimentResult], kept: Results) -> None:
    comparison = compare(experiments, draws=50)
    path = write_comparison(kept.path, comparison)
    assert path.parent == kept.path / "comparisons"
    [read] = read_comparisons(kept.path)
    _assert_equal(read, comparison)
    assert read.keys == {experiment.key for experiment in experiments}
    assert (verdict(read), describe_tests(read)) == (verdict(comparison), describe_tests(comparison))


def test_undefined_and_infinite_numbers_survive(experiments: list[ExperimentResult], tmp_path: Path) -> None:
    comparison = compare(experiments[:2], draws=50)
    table = comparison.table.assign(effect_size=-np.inf, p_equivalent=np.nan)
    write_comparison(tmp_path, replace(comparison, table=table))
    [read] = read_comparisons(tmp_path)
    assert read.table["effect_size"].tolist() == [-np.inf]
    assert np.isnan(read.table["p_equivalent"]).all()
    assert read.friedman is None


def test_the_interface_stores_one_file_per_comparison(experiments: list[ExperimentResult], kept: Results) -> None:
    assert read_comparisons(kept.path) == []
    first = bench.compare(kept)
    bench.compare(kept)
    _assert_equal(read_comparisons(kept.path)[0], first)
    assert len(read_comparisons(kept.path)) == 1
    bench.compare(kept, all_pairs=True)
    bench.compare(*experiments[:2])
    assert sorted((len(c.keys), c.all_pairs) for c in read_comparisons(kept.path)) == [
        (2, False),
        (3, False),
        (3, True),
    ]


def test_experiments_of_several_results_folders_are_not_stored(
    experiments: list[ExperimentResult], kept: Results, tmp_path: Path
) -> None:
    other = Results.create(tmp_path / "other")
    moved = other.experiment_folder(experiments[1].folder.name)
    moved.parent.mkdir()
    experiments[1].folder.rename(moved)
    bench.compare(experiments[0], moved)
    assert read_comparisons(kept.path) == read_comparisons(other.path) == []


def test_a_results_folder_that_cannot_be_written_is_noted(
    experiments: list[ExperimentResult], kept: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, value: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(records, "write_json", refuse)
    note = bench.compare(kept).notes[-1]
    assert note.startswith("Not stored for the report: ")
    assert note.endswith("the comparison cannot be written (Permission denied).")


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "unknown"},
        {"reference": "nobody"},
        {"comparisons": []},
        {"comparisons": [{"pipeline": "svm"}]},
        {"standings": 3},
        {"friedman": {"patients": 8}},
        {"rope": "wide"},
        {"data": None},
        {"notes": None},
    ],
    ids=str,
)
def test_a_damaged_file_is_named(
    experiments: list[ExperimentResult], kept: Results, changes: dict[str, object]
) -> None:
    path = write_comparison(kept.path, compare(experiments, draws=50))
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(BenchError, match=rf"{path.name}: is damaged .* delete it and run bench compare again"):
        read_comparisons(kept.path)


def test_another_format_is_named(kept: Results) -> None:
    (kept.path / "comparisons").mkdir()
    (kept.path / "comparisons" / "x.json").write_text('{"format": 1}')
    with pytest.raises(BenchError, match=r"x\.json: has another format; delete it"):
        read_comparisons(kept.path)


def test_a_comparison_is_not_written_through_a_link(
    experiments: list[ExperimentResult], kept: Results, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (kept.path / "comparisons").symlink_to(tmp_path / "outside")
    with pytest.raises(BenchError, match=r"comparisons: is a link, and links in this folder are not followed"):
        write_comparison(kept.path, compare(experiments, draws=50))
    assert list((tmp_path / "outside").iterdir()) == []
