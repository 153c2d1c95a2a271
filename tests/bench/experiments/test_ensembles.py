"""Ensembles and bagging through a matrix, and combinations of the saved predictions of their members."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.experiments import post_hoc
from bench.experiments.post_hoc import ensemble
from bench.experiments.records import POST_HOC, TIME_LIMITED, ExperimentResult
from bench.experiments.reload import reload
from bench.experiments.results import Results
from bench.observer import Observer
from bench.scores.metrics import PRIMARY
from bench.splits.held_out_log import read_accesses
from reports.page import write_report

pytestmark = pytest.mark.slow  # a matrix of quick classifiers

RULES = ["mean", "rank", "majority", "stack"]
SHARED = [f"ensemble[members=knn+naive_bayes,rule={rule}]" for rule in RULES]
OWN = 'ensemble[members="size:knn"+"shape:naive_bayes",rule=stack]'
EQUAL, BAGGED = "ensemble[members=knn+knn]", "bagging[of=naive_bayes,n=2]"
CLASSIFIERS = ["knn", "naive_bayes", *SHARED, OWN, EQUAL, BAGGED]
P = ["p_diseased", "p_normal"]


class Recorder(Observer):
    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


def _options(folder: Path) -> dict[str, Any]:
    paths = {"data": str(folder / "cells"), "out": folder / "results", "store": folder / "store"}
    return {**paths, "folds": 3, "inner_folds": 2, "repeats": 2, "jobs": 1, "positive": "diseased", "baselines": False}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ensembles")
    write_phantom(PhantomSpec(patients=6, cells=3, spread=0, size=64, seed=2), folder / "cells")
    bench.matrix(["size", "shape"], CLASSIFIERS, **_options(folder))
    return folder


@pytest.fixture
def copy(place: Path, tmp_path: Path) -> Path:
    shutil.copytree(place / "results", tmp_path / "results")
    return tmp_path / "results"


def _named(results: Path, name: str) -> ExperimentResult:
    (match,) = [e for e in Results.open(results).experiments() if e.name == name]
    return match


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(["repeat", "fold", "cell"], ignore_index=True)


def test_every_row_is_done_once(place: Path) -> None:
    board = Results.open(place / "results").leaderboard()
    assert (board["status"] == "done").all()
    assert len(board) == 2 * (len(CLASSIFIERS) - 1) + 1
    assert board.loc[board["extractor"] == "pixels", "classifier"].tolist() == [
        "ensemble[members=size:knn+shape:naive_bayes,rule=stack]"
    ]


def test_features_are_shared_with_other_rows_and_part_of_the_key(place: Path) -> None:
    entries = sorted(path.name.partition("-")[0] for path in (place / "store" / "features").iterdir())
    assert entries == ["shape", "size"]
    own = _named(place / "results", "pixels x ensemble[members=size:knn+shape:naive_bayes,rule=stack]")
    rows = [_named(place / "results", name).record["components"]["features"] for name in ("size x knn", "shape x knn")]
    assert own.record["components"]["members"] == rows
    assert {"scikit-learn", "numpy"} <= own.record["components"]["classifier_libraries"].keys()


def test_an_ensemble_of_equal_members_equals_the_member(place: Path) -> None:
    equal, single = (_named(place / "results", f"size x {c}") for c in (EQUAL, "knn"))
    pd.testing.assert_frame_equal(equal.predictions, single.predictions, check_exact=True)
    pd.testing.assert_frame_equal(equal.scores, single.scores, check_exact=True)


@pytest.mark.parametrize("rule", RULES)
def test_a_combination_of_saved_predictions_predicts_as_the_fitted_ensemble(copy: Path, rule: str) -> None:
    fitted = _named(copy, f"size x ensemble[members=knn+naive_bayes{'' if rule == 'mean' else f',rule={rule}'}]")
    combined = ensemble(copy, ["size x knn", "size x naive_bayes"], rule=rule)
    ours, theirs = _sorted(combined.predictions), _sorted(fitted.predictions)
    np.testing.assert_allclose(ours[P], theirs[P], atol=1e-9)
    assert ours[["cell", "repeat", "fold", "patient", "unit", "label"]].equals(
        theirs[["cell", "repeat", "fold", "patient", "unit", "label"]]
    )
    if rule in ("mean", "majority"):  # nothing is learned, so that inner predictions and thresholds are equal, too
        np.testing.assert_allclose(
            _sorted(combined.inner_predictions)[P], _sorted(fitted.inner_predictions)[P], atol=1e-9
        )
        np.testing.assert_allclose(ours["threshold"], theirs["threshold"], atol=1e-9)


def test_members_with_extractors_predict_as_the_combination_of_their_rows(copy: Path) -> None:
    own = _named(copy, "pixels x ensemble[members=size:knn+shape:naive_bayes,rule=stack]")
    combined = ensemble(copy, ["size x knn", "shape x naive_bayes"], rule="stack")
    np.testing.assert_allclose(_sorted(combined.predictions)[P], _sorted(own.predictions)[P], atol=1e-9)


def test_learned_rules_use_no_label_of_the_inner_fold_that_they_predict(copy: Path) -> None:
    members = [_named(copy, name) for name in ("size x knn", "shape x naive_bayes")]
    before = post_hoc._tables(members, post_hoc._Rule("stack", ()))["inner"]
    part = (before["repeat"] == 0) & (before["fold"] == 0)
    one = part & (before["inner_fold"] == 1)
    for member in members:
        table = _sorted(member.inner_predictions)
        flipped = table["label"].map({"diseased": "normal", "normal": "diseased"})
        vars(member)["inner_predictions"] = table.assign(label=table["label"].where(~one, flipped))
    after = post_hoc._tables(members, post_hoc._Rule("stack", ()))["inner"]
    np.testing.assert_array_equal(after.loc[one, P], before.loc[one, P])
    np.testing.assert_array_equal(after.loc[~part, P], before.loc[~part, P])
    assert (after.loc[part & ~one, P].to_numpy() != before.loc[part & ~one, P].to_numpy()).any()


@pytest.mark.parametrize(("rule", "learned"), [("mean", False), ("majority", False), ("rank", True), ("stack", True)])
def test_learned_rules_need_a_second_inner_fold(copy: Path, rule: str, learned: bool) -> None:
    members = [_named(copy, name) for name in ("size x knn", "shape x naive_bayes")]
    for member in members:
        table = member.inner_predictions
        vars(member)["inner_predictions"] = table[table["inner_fold"] == 0]
    if learned:
        with pytest.raises(
            BenchError, match=rf"^rule={rule} learns from the other inner folds, but size x knn has one"
        ):
            post_hoc._tables(members, post_hoc._Rule(rule, ()))
    else:
        inner = post_hoc._tables(members, post_hoc._Rule(rule, ()))["inner"]
        assert len(inner) == len(members[0].inner_predictions)


def test_a_time_limit_of_a_member_is_kept(copy: Path) -> None:
    folder = _named(copy, "size x knn").folder
    record = json.loads((folder / "experiment.json").read_text())
    (folder / "experiment.json").write_text(json.dumps(record | {"flags": [TIME_LIMITED]}))
    assert ensemble(copy, ["size x knn", "size x naive_bayes"]).flags == (POST_HOC, TIME_LIMITED)


def test_a_second_call_writes_the_same_bytes(copy: Path) -> None:
    def digests() -> dict[str, str]:
        folder = ensemble(copy, ["size x knn", "shape x naive_bayes"], rule="rank", weights=[1, 2]).folder
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}

    first = digests()
    assert first == digests()
    assert set(first) == {"experiment.json", "predictions.parquet", "inner.parquet", "scores.parquet", "timing.json"}


def test_the_row_is_marked_and_names_its_members(copy: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    result = ensemble(copy, ["size x knn", "shape x naive_bayes"], weights=[1, 3], observer=recorder)
    members = [_named(copy, name) for name in ("size x knn", "shape x naive_bayes")]
    assert result.flags == (POST_HOC,)
    assert result.name == "pixels x post_hoc[members=size:knn+shape:naive_bayes,rule=mean,weights=1.0+3.0]"
    assert result.record["members"] == [{"name": m.name, "key": m.key} for m in members]
    assert result.record["components"]["members"] == [m.key for m in members]
    assert [n.startswith("POST HOC: choosing members after their scores were seen") for n in recorder.notices] == [True]
    board = Results.open(copy).leaderboard()
    assert board.loc[board["key"] == result.key, "flags"].tolist() == ["POST HOC"]
    assert "POST HOC" in (copy / "leaderboard.csv").read_text()
    page = write_report(Results.open(copy), tmp_path / "report.html").read_text()
    assert '<b class="badge post-hoc">POST HOC</b>' in page
    assert "combined after their scores were known" in page


def test_other_commands_use_it(copy: Path) -> None:
    result = ensemble(copy, ["size x knn", "shape x naive_bayes"])
    scores = bench.score(copy, threshold="sens@0.9")
    assert scores.loc[scores["key"] == result.key, "threshold"].tolist() == ["sens@0.9"]
    own = bench.score(copy)
    assert own.loc[own["key"] == result.key, PRIMARY].tolist() == [pytest.approx(result.score(PRIMARY))]
    assert result.name in bench.compare(result, _named(copy, "size x knn")).standings["pipeline"].tolist()


def test_commands_that_refit_refuse_it(copy: Path) -> None:
    result = ensemble(copy, ["size x knn", "shape x naive_bayes"])
    with pytest.raises(
        BenchError, match=r"^pixels x post_hoc\[.*\]: is a combination of saved predictions .* --classif"
    ):
        reload(result)


def test_another_results_folder(copy: Path, tmp_path: Path) -> None:
    result = ensemble(copy, ["size x knn", "shape x naive_bayes"], out=tmp_path / "other")
    assert result.folder.parents[1] == tmp_path / "other"
    assert len(Results.open(tmp_path / "other").experiments()) == 1


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["size x knn"], {}, "at least two members are combined, not 1"),
        (["size x knn", "size x knn"], {}, "size x knn: was named twice; use weights instead"),
        (["size x knn", "size x kn"], {}, r".*contains no experiment 'size x kn'. Did you mean size x knn"),
        (["size x knn", "shape x knn"], {"rule": "median"}, "rule='median' is not known"),
        (["size x knn", "shape x knn"], {"weights": [1]}, "weights=1.0: one positive number for each of the 2 members"),
    ],
)
def test_wrong_input_is_one_sentence(copy: Path, names: list[str], options: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=f"^{message}"):
        ensemble(copy, names, **options)


def test_a_combination_is_no_member(copy: Path) -> None:
    result = ensemble(copy, ["size x knn", "shape x knn"])
    with pytest.raises(BenchError, match=r"^pixels x post_hoc.*: is itself a combination of saved predictions"):
        ensemble(copy, [result.name, "size x knn"])


@pytest.mark.parametrize(
    ("change", "component"),
    [
        ({"seed": 3}, "folds, protocol.seed"),
        ({"inner_folds": 3}, "protocol.inner_folds"),
        ({"repeats": 1}, "folds, protocol.repeats"),
        ({"calibrate": "sigmoid"}, "protocol.calibrate"),
        ({"positive": "normal"}, "data.positive"),
    ],
)
def test_experiments_that_differ_are_refused(place: Path, copy: Path, change: dict[str, Any], component: str) -> None:
    bench.run("size", "knn[n_neighbors=3]", **{**_options(place), "out": copy, **change})
    match = rf"^size x knn and size x knn\[n_neighbors=3\] cannot be combined: they differ in .*{component}[,;]"
    with pytest.raises(BenchError, match=match):
        ensemble(copy, ["size x knn", "size x knn[n_neighbors=3]"])


def test_tuned_ensembles_are_reported(place: Path) -> None:
    recorder = Recorder()
    options = {**_options(place), "tune": 2}
    bench.plan(["size"], [EQUAL, "knn"], observer=recorder, **options)
    assert recorder.notices == [f"{EQUAL}: --tune does not apply; members have the parameters of their selectors"]


def test_a_plan_names_the_features_to_extract(place: Path, tmp_path: Path) -> None:
    options = {**_options(place), "store": tmp_path / "empty", "out": tmp_path / "none"}
    states = bench.plan(["size"], [OWN, "knn"], **options).set_index("extractor")
    assert states.loc["pixels", "features"] == "to extract: size, shape"
    assert states.loc["size", "features"] == "to extract"


def test_missing_weights_of_a_member_are_a_failed_row(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    result = bench.matrix(
        [],
        ['ensemble[members="resnet18:knn"+"size:knn"]', OWN],
        **{**_options(place), "out": tmp_path / "r", "weights_dir": tmp_path},
    )
    assert len(result.experiments) == 1
    (failure,) = result.failures
    assert failure.reason.startswith("member resnet18:knn of ensemble[members=resnet18:knn+size:knn]: ")


def test_the_command_line(copy: Path) -> None:
    command = ["ensemble", str(copy), "--names", "size x knn,shape x naive_bayes", "--weights", "1,2"]
    done = CliRunner().invoke(app, [*command, "--rule", "majority"])
    assert done.exit_code == 0, done.output
    result = _named(copy, "pixels x post_hoc[members=size:knn+shape:naive_bayes,rule=majority,weights=1.0+2.0]")
    assert result.flags == (POST_HOC,)
    wrong = CliRunner().invoke(app, [*command[:-1], "1,b"])
    assert str(wrong.exception) == "--weights 1,b: numbers separated by commas are expected, such as 1,2"


def test_a_combination_of_held_out_scores_is_logged(place: Path, tmp_path: Path) -> None:
    write_phantom(PhantomSpec(patients=4, cells=3, spread=0, size=64, seed=9), tmp_path / "held-out")
    manifest = tmp_path / "held-out" / "manifest.csv"
    table = pd.read_csv(manifest)
    table.assign(patient="H" + table["patient"]).to_csv(manifest, index=False)
    options = {**_options(place), "out": tmp_path / "results", "held_out": str(tmp_path / "held-out")}
    del options["folds"]
    bench.matrix(["size"], ["knn", "naive_bayes"], **{**options, "split": "held-out", "repeats": 1, "reason": "test"})
    before = len(read_accesses(tmp_path / "results"))
    result = ensemble(tmp_path / "results", ["size x knn", "size x naive_bayes"])
    accesses = read_accesses(tmp_path / "results")
    assert len(accesses) == before + 1
    assert accesses[-1].reason == "bench ensemble --names size x knn,size x naive_bayes --rule mean"
    assert set(result.predictions["patient"]).isdisjoint(result.inner_predictions["patient"])
