"""The Python interface: objects, DataFrames, representations and reports."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import bench
from bench.cli.app import main
from bench.datasets.phantom.reader import PhantomSpec, write_phantom


class Brightness(TransformerMixin, BaseEstimator):
    """Mean of red, green and blue; fitted in every fold."""

    def fit(self, cells: Any, y: Any = None) -> Brightness:
        return self

    def transform(self, cells: Any) -> Any:
        return np.float32([cell.image[cell.mask].mean(axis=0) for cell in cells])


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("api") / "cells"
    write_phantom(PhantomSpec(patients=6, cells=4, spread=0, size=48, seed=3), out)
    return out


@pytest.fixture(scope="module")
def options(cells: Path) -> dict[str, Any]:
    frame = pd.read_csv(cells / "manifest.csv")
    places = {"out": cells.parent / "results", "store": cells.parent / "store"}
    return {"data": frame, "root": cells, "positive": "diseased", "folds": 3, "inner_folds": 2, "jobs": 1, **places}


@pytest.fixture(scope="module")
def result(options: dict[str, Any]) -> bench.MatrixResult:
    pipelines = [make_pipeline(StandardScaler(), LogisticRegression(C=2)), "knn"]
    return bench.matrix([Brightness()], pipelines, baselines=False, **options)


NAME = "Brightness() x Pipeline(StandardScaler(), LogisticRegression(C=2))"


def test_objects_and_selectors_in_one_matrix(result: bench.MatrixResult) -> None:
    assert result.failures == []
    assert {e.name for e in result.experiments} == {NAME, "Brightness() x knn"}
    assert (result.leaderboard["status"] == "done").all()


def test_object_from_a_selector_is_the_same_experiment(options: dict[str, Any]) -> None:
    first = bench.run("size", LogisticRegression(C=3), **options)
    selector = "sklearn.linear_model.LogisticRegression[C=3]"
    assert bench.run("size", clf=selector, **options).folder == first.folder
    assert bench.run("size", selector, **{**options, "data": str(options["root"]), "root": None}).folder == first.folder


def test_leaderboard_has_the_headline(result: bench.MatrixResult) -> None:
    assert list(result.leaderboard)[:7] == [
        "prepare", "extractor", "classifier", "status", "auroc_patient", "auroc_patient_low", "auroc_patient_high"
    ]  # fmt: skip
    assert set(result.leaderboard) < set(result.leaderboard_full)
    assert len(result.leaderboard) == len(result.leaderboard_full) == 2


def test_representations_are_short(result: bench.MatrixResult) -> None:
    assert repr(result) == f"<MatrixResult: 2 experiments, in {result.results.path}>"
    experiment = result.experiments[0]
    assert repr(experiment).startswith(f"<ExperimentResult: {experiment.name}, auroc_patient ")
    for one in (result, experiment):
        text = one._repr_html_()
        assert text.startswith("<p>")
        assert "<table" in text


def test_report_is_written(result: bench.MatrixResult, tmp_path: Path) -> None:
    assert result.report() == result.results.path / "report.html"
    path = result.experiments[0].report(tmp_path / "one.html")
    assert "Brightness()" in path.read_text()


def test_refit_of_an_object_requires_the_object(
    result: bench.MatrixResult, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    again = {"data": options["data"], "root": options["root"], "name": NAME, "jobs": 1, "permutations": 2}
    with pytest.raises(bench.BenchError, match="its data was a DataFrame, which is not stored; pass it again"):
        bench.significance(result.results.path, name=NAME)
    with pytest.raises(bench.BenchError, match="its extractor is a Python object, which is not stored"):
        bench.significance(result.results.path, **again)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=3))
    with pytest.raises(bench.BenchError, match=r"the classifier passed is Pipeline\(.*C=3\)\); pass the classifier"):
        bench.significance(result.results.path, extractor=Brightness(), classifier=classifier, **again)
    classifier.set_params(logisticregression__C=2)
    test = bench.significance(result.results.path, extractor=Brightness(), classifier=classifier, **again)
    assert len(test.null) == 2

    arguments = ["significance", str(result.results.path), "--name", NAME, "--data", str(options["root"])]
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "bench.significance from Python and pass the object again" in capsys.readouterr().err


def test_features_and_audit_of_a_frame(options: dict[str, Any]) -> None:
    places = {name: options[name] for name in ("root", "positive")}
    table = bench.extract_features(options["data"], "size", store=options["store"], jobs=1, **places)
    assert len(table.cells) == len(options["data"])
    assert bench.audit(options["data"], folds=3, **places).counts["cells"] == len(options["data"])


def test_plan_takes_objects(options: dict[str, Any], result: bench.MatrixResult) -> None:
    states = bench.plan([Brightness()], ["knn"], baselines=False, **options)
    assert states["state"].tolist() == ["done"]


def test_two_names_for_the_classifier() -> None:
    with pytest.raises(bench.BenchError, match="classifier and clf are two names of the same option"):
        bench.run("size", "svm", clf="knn")
    with pytest.raises(bench.BenchError, match="classifiers and clfs are two names"):
        bench.plan("size", "svm", clfs="knn")


def test_public_names_are_imported_on_use() -> None:
    for name in bench.__all__:
        assert inspect.isclass(getattr(bench, name)) or callable(getattr(bench, name))
    assert set(bench.__all__) == set(bench._MODULES) == set(dir(bench))
    code = "import bench, sys; print(sorted({'numpy', 'pandas', 'pydantic', 'typer', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    assert isinstance(Brightness(), bench.Extractor) is False, "names are part of the contract"


def test_class_of_a_script_runs_in_workers(cells: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, bench, numpy as np\n"
        "from sklearn.base import BaseEstimator, TransformerMixin\n"
        "def mean(cell):\n    return [cell.image[..., c].mean() for c in range(3)]\n"
        "class Mine(TransformerMixin, BaseEstimator):\n"
        "    def fit(self, cells, y=None):\n        return self\n"
        "    def transform(self, cells):\n        return np.float32([mean(cell) for cell in cells])\n"
        f"result = bench.run(Mine(), 'knn', data={str(cells)!r}, positive='diseased', folds=3, inner_folds=2, jobs=2,\n"
        f"    out={str(tmp_path / 'out')!r}, store={str(tmp_path / 'store')!r})\n"
        "print(result.name)\n"
    )
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert ended.stdout == "Mine() x knn\n", ended.stderr
    assert not list(tmp_path.rglob("*.pkl"))
