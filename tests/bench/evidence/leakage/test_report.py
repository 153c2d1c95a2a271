"""Leakage report on phantoms with known truth, and its missing parts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.evidence.leakage.report import Leakage, class_only_score
from bench.experiments.records import ExperimentResult

NULL = "phantom[patients=40,cells=10,spread=0,effect=0,signature=3,mixture=size]"
NULL_1 = "phantom[patients=40,cells=10,spread=0,effect=0,signature=3,seed=1,mixture=size]"
"""In the cohort of seed 0 grain and contrast of the patients are associated with the class by chance (permutation test
of handcrafted x knn: p = 0.01), which no test on one cohort can distinguish from a disease."""
EFFECT = "phantom[patients=30,cells=10,spread=0,effect=1,signature=0,mixture=size]"


def _options(folder: Path, data: str, **more: Any) -> dict[str, Any]:
    places = {"data": data, "out": folder / "results", "store": folder / "store"}
    return {**places, "folds": 3, "inner_folds": 2, "jobs": 1, **more}


@pytest.fixture(scope="module")
def recognisable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve and twelve recognisable patients without a class difference; `color x knn`."""
    folder = tmp_path_factory.mktemp("recognisable")
    spec = PhantomSpec(patients=12, cells=5, spread=0, effect=0, signature=3, size=48, seed=4, mixture="size")
    write_phantom(spec, folder / "cells")
    bench.run("color", "knn", **_options(folder, str(folder / "cells")))
    return folder


@pytest.fixture(scope="module")
def report(recognisable: Path) -> Leakage:
    return bench.leakage(recognisable / "results", permutations=4, jobs=1)


def test_recognised_patients_are_distinguished_from_disease(report: Leakage) -> None:
    assert report.verdict.code == "identity-only"
    assert "comes from recognising patients; on unseen patients the score is not" in report.verdict.text
    assert report.by_image.value > 0.9
    assert report.by_patient.low < 0.5
    assert report.gap.value == pytest.approx(report.by_image.value - report.by_patient.value, abs=1e-9)
    assert report.gap.low > 0
    assert report.identity is not None
    assert len(report.null) == report.identity.permutations == 4
    assert report.identity.mean == pytest.approx(np.mean(report.null))
    assert report.identity.mean > 0.85
    assert {r.label: r.patients for r in report.recognition} == {"diseased": 12, "normal": 12}
    assert all(r.accuracy > 0.8 and r.recognisable for r in report.recognition)
    assert report.features is not None
    assert report.features.median > 0.5
    assert report.scores is not None
    assert report.scores.cells == 120
    assert report.scores.effective_cells < 60
    assert report.missing == ()
    assert report.differs == ()
    assert json.loads(report.file.read_text()) == json.loads(json.dumps(report.record()))


def test_command_prints_text_and_json_from_stored_fits(report: Leakage, recognisable: Path) -> None:
    refits = recognisable / "results" / "refits" / "experiments"
    stamps = {p: p.stat().st_mtime_ns for p in refits.iterdir()}
    arguments = ["leakage", str(recognisable / "results"), "--permutations", "4", "--jobs", "1"]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert result.stdout.split("\n")[1] == "color x knn: leakage; positive class diseased"
    assert report.verdict.text in text
    for line in (
        "folds by image",
        "folds by patient",
        "leak gap",
        "within diseased",
        "Design effect",
        "F-test on patient means",
    ):
        assert line in text
    as_json = CliRunner().invoke(app, [*arguments, "--json"])
    assert json.loads(as_json.stdout) == json.loads(json.dumps(report.record()))
    assert {p: p.stat().st_mtime_ns for p in refits.iterdir()} == stamps
    assert len(bench.open_results(recognisable / "results").leaderboard()) == 1


def test_report_of_the_image_split_is_the_same(report: Leakage, recognisable: Path, tmp_path: Path) -> None:
    shutil.copytree(recognisable, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "results" / "refits")
    by_image = bench.run("color", "knn", split="image", **_options(tmp_path, str(recognisable / "cells")))
    other = bench.leakage(by_image.folder, permutations=4, jobs=1)
    assert other.by_image.value == by_image.score()
    assert (other.by_patient, other.gap, other.null) == (report.by_patient, report.gap, report.null)
    assert not (tmp_path / "results" / "refits").exists()


def test_disease_without_a_signature_raises_no_alarm(tmp_path: Path) -> None:
    spec = PhantomSpec(patients=12, cells=5, spread=0, effect=2, signature=0, size=64, seed=4, mixture="size")
    write_phantom(spec, tmp_path / "cells")
    bench.run("shape", "naive_bayes", **_options(tmp_path, str(tmp_path / "cells")))
    report = bench.leakage(tmp_path / "results", permutations=3, jobs=1)
    assert report.verdict.code == "no-leak"
    assert "There is no sign that the pipeline recognises patients" in report.verdict.text
    assert report.by_patient.low > 0.7
    assert abs(report.gap.value) < 0.05
    assert report.identity is not None
    assert not report.identity.learned
    assert report.features is not None
    assert report.features.median < 0.2


def test_missing_parts_without_stored_features_are_listed(recognisable: Path, tmp_path: Path) -> None:
    bench.run(clf="prior", **_options(tmp_path, str(recognisable / "cells")))
    report = bench.leakage(tmp_path / "results", permutations=2, jobs=1)
    assert report.verdict.code == "nothing"
    assert (report.recognition, report.features, report.scores) == ((), None, None)
    assert any("no features are stored, because prior is fitted on cells" in text for text in report.missing)
    assert json.loads(report.file.read_text())["scores"] is None


def test_patients_with_cells_of_both_classes_have_no_identity_test(tmp_path: Path) -> None:
    spec = PhantomSpec(patients=6, cells=4, spread=0, effect=1, signature=0, size=48, seed=4, mixture="size")
    write_phantom(spec, tmp_path / "cells")
    table = pd.read_csv(tmp_path / "cells" / "manifest.csv", dtype=str)
    table["patient"] = "both" + (table.groupby("label").cumcount() // 4).astype(str)
    table.to_csv(tmp_path / "cells" / "manifest.csv", index=False)
    bench.run("size", "naive_bayes", **_options(tmp_path, str(tmp_path / "cells"), positive="diseased"))
    report = bench.leakage(tmp_path / "results", permutations=2, jobs=1)
    assert report.identity is None
    assert report.null == ()
    assert any(
        text.startswith("identity test: 6 of 6 patients have cells of several classes") for text in report.missing
    )
    assert np.isfinite([report.gap.low, report.gap.high]).all()
    assert [(r.label, r.patients, r.cells) for r in report.recognition] == [("diseased", 6, 24), ("normal", 6, 24)]
    record = json.loads(report.file.read_text())
    assert [row["recognisable"] for row in record["recognition"]] == [r.recognisable for r in report.recognition]
    if not any(r.significant for r in report.recognition):
        assert "No sign that patients are recognised (right patient for" in report.verdict.text

    test = bench.significance(tmp_path / "results", permutations=3, jobs=1)
    assert (test.labels_of, test.moved, test.fixed, test.units) == ("cells", 6, 0, {"diseased": 6, "normal": 6})
    assert (test.possible, test.floor, len(test.null)) == (70**6, 1 / 4, 3), "C(8, 4) for each patient"
    assert json.loads(test.file.read_text())["possible"] == 70**6


def test_other_splits_are_refused(keep: Callable[..., ExperimentResult]) -> None:
    cells = {"cell": list("abcd"), "unit": list("wxyz"), "label": ["diseased", "normal"] * 2}
    table = pd.DataFrame({**cells, "repeat": 0, "fold": 0, "p_diseased": 0.5, "p_normal": 0.5})
    result = keep("knn", table, split="lopo")
    with pytest.raises(BenchError, match="was split by lopo"):
        bench.leakage(result.folder)
    for permutations in (0, 1):  # a single score has no standard deviation, and chance would look like identity
        with pytest.raises(BenchError, match="at least 2"):
            bench.leakage(result.folder, permutations=permutations)


def test_folds_file_with_untested_patients_raises_before_fitting(recognisable: Path, tmp_path: Path) -> None:
    patients = pd.read_csv(recognisable / "cells" / "manifest.csv", dtype=str)["patient"].unique()
    folds = pd.DataFrame({"patient": patients, "fold": [i // 2 % 4 - 1 for i in range(len(patients))]})
    folds.to_csv(tmp_path / "folds.csv", index=False)
    options = _options(tmp_path, str(recognisable / "cells"), folds_file=tmp_path / "folds.csv")
    bench.run("color", "knn", **{**options, "store": recognisable / "store"})
    with pytest.raises(BenchError, match="its folds file never tests some patients"):
        bench.leakage(tmp_path / "results", permutations=2)
    assert not (tmp_path / "results" / "refits").exists()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=30))
def test_what_knowing_the_true_class_gives(pairs: list[tuple[bool, bool]]) -> None:
    """(1 + |a - b|) / 2, with a and b the shares of the true positives among dealt positives and negatives."""
    true, dealt = (np.array(side) for side in zip(*pairs, strict=True))
    if len(set(dealt)) < 2 or len(set(true)) < 2:
        return
    a, b = true[dealt].mean(), true[~dealt].mean()
    names = np.array(["n", "p"])
    assert class_only_score(names[true.astype(int)], names[dealt.astype(int)]) == pytest.approx((1 + abs(a - b)) / 2)


def test_the_true_labels_themselves_are_known_by_the_class() -> None:
    labels = np.repeat(["a", "b", "c"], 5)
    assert class_only_score(labels, labels) == 1
    turned = np.tile(["a", "b", "c"], 5)
    assert class_only_score(labels, turned) == pytest.approx(
        np.mean([roc_auc_score(turned == c, [(turned[labels == k] == c).mean() for k in labels]) for c in "abc"])
    )


@pytest.mark.study
@pytest.mark.parametrize(
    ("data", "extractor", "code", "permutations"),
    [
        (NULL, "color", "identity-only", 10),
        (EFFECT, "shape", "no-leak", 10),
        (NULL_1, "handcrafted", "identity-only", 4),
        (EFFECT, "handcrafted", "no-leak", 4),
    ],
)
def test_phantoms_of_known_truth(data: str, extractor: str, code: str, permutations: int, tmp_path: Path) -> None:
    bench.run(extractor, "svm", data=data, out=tmp_path / "results")
    report = bench.leakage(tmp_path / "results", permutations=permutations)
    assert report.verdict.code == code
    assert report.identity is not None
    if code == "identity-only":
        assert report.identity.mean > 0.8
        assert report.gap.low > 0.2
        assert all(r.accuracy > 0.8 for r in report.recognition)
    else:
        assert report.identity.mean < report.identity.class_only + 0.05
        assert abs(report.gap.value) < 0.04
        assert all(r.accuracy < 0.2 for r in report.recognition)
