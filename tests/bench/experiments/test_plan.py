"""Planning: the experiments of a matrix, their keys, and the reasons to run them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.experiments.plan import Plan, make_plan
from bench.experiments.records import BASELINE, LEAKY
from bench.experiments.results import Results
from bench.options import Options, make_options
from bench.plugins import importing
from bench.splits.fold_manifest import write_folds
from bench.storage import fingerprints
from extractors.preparation.geometry import Crop

TINY = {"data": "phantom[patients=3,cells=2,size=64]", "folds": 3, "baselines": False}

LAB = """
from sklearn.dummy import DummyClassifier

class Lab(DummyClassifier):
    def predict_proba(self, X):
        return super().predict_proba(X)
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A classifier in a user's module."""
    (tmp_path / "laboratory.py").write_text(LAB)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "laboratory.py"
    _forget()


def _forget() -> None:
    sys.modules.pop("laboratory", None)
    for cached in (importing.load_class, *vars(fingerprints).values()):
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


def _plan(place: Path, extractors: str = "size", clfs: str = "knn", **options: Any) -> Plan:
    return make_plan(make_options({**TINY, "extractors": extractors, "clfs": clfs, "store": place, **options}))


def test_a_matrix_crosses_extractors_and_classifiers_once(tmp_path: Path) -> None:
    plan = _plan(tmp_path, "size,color,size[],pixels", "knn,svm,svm[C=1],cnn")
    assert [e.name for e in plan.experiments] == [
        "size x knn", "size x svm", "color x knn", "color x svm", "pixels x cnn"
    ]  # fmt: skip
    assert len({e.key for e in plan.experiments}) == len({e.slug for e in plan.experiments}) == 5
    assert len({e.entry.folder for e in plan.experiments if e.entry is not None}) == 2


BASELINE_ROWS = ["pixels x prior", "stain x lightgbm", "size x lightgbm"]


def test_a_matrix_has_three_baselines_by_default(tmp_path: Path) -> None:
    assert Options().baselines
    plan = _plan(tmp_path, "color", "knn", baselines=True)
    assert [e.name for e in plan.experiments] == ["color x knn", *BASELINE_ROWS]
    assert [plan.record(e)["flags"] for e in plan.experiments] == [[], [BASELINE], [BASELINE], [BASELINE]]
    assert [e.name for e in _plan(tmp_path, "color", "knn").experiments] == ["color x knn"]


def test_an_explicit_baseline_appears_once_and_has_the_same_key(tmp_path: Path) -> None:
    added = _plan(tmp_path, "color", "knn", baselines=True)
    explicit = _plan(tmp_path, "color,size[]", "knn,lightgbm[n_estimators=200],prior", baselines=True)
    names = [e.name for e in explicit.experiments]
    assert sorted(names) == sorted({*names})
    assert set(BASELINE_ROWS) < set(names)
    keys = {e.name: e.key for e in added.experiments}
    assert all(e.key == keys[e.name] for e in explicit.experiments if e.name in keys)
    alone = _plan(tmp_path, "size", "lightgbm")
    (only,) = alone.experiments
    assert alone.record(only)["flags"] == [BASELINE], "the record does not depend on how the experiment was requested"
    assert _plan(tmp_path, "size", "lightgbm[n_estimators=50]").experiments[0].key != only.key


def test_all_installed_classifiers_are_crossed_except_the_prior(tmp_path: Path) -> None:
    names = [e.name for e in _plan(tmp_path, "size", clfs="").experiments]
    left_out = {f"size x {c}" for c in importing.installed("classifiers")} - set(names)
    assert left_out == {"size x cnn", "size x prior", "size x ensemble", "size x bagging", "size x select"}
    assert "pixels x cnn" in names
    assert "pixels x prior" not in names


def test_keys_do_not_depend_on_store_jobs_and_fit_time(tmp_path: Path) -> None:
    one, again = _plan(tmp_path), _plan(tmp_path / "elsewhere", jobs=2, fit_time=9)
    assert [e.key for e in one.experiments] == [e.key for e in again.experiments]


@pytest.mark.parametrize(
    ("changes", "component"),
    [
        ({"seed": 1}, "protocol.seed"),
        ({"folds": 2}, "protocol.folds"),
        ({"repeats": 2}, "protocol.repeats"),
        ({"inner_folds": 2}, "protocol.inner_folds"),
        ({"tune": 1}, "protocol.tune"),
        ({"calibrate": "sigmoid"}, "protocol.calibrate"),
        ({"threshold": "sens@0.95"}, "protocol.threshold"),
        ({"aggregate": "share"}, "protocol.aggregate"),
        ({"threads": 2}, "protocol.threads"),
        ({"split": "image"}, "protocol.split"),
        ({"positive": "normal"}, "positive"),
        ({"prepare": "crop"}, "features.prepare"),
        ({"data": "phantom[patients=3,cells=2,size=64,seed=1]"}, "data"),
    ],
)
def test_the_reason_to_run_names_the_component_that_differs(
    tmp_path: Path, changes: dict[str, Any], component: str
) -> None:
    plan, results = _plan(tmp_path), Results.create(tmp_path / "results")
    (experiment,) = plan.experiments
    results.write_experiment(experiment.slug, plan.record(experiment), {"scores": pd.DataFrame()}, {})
    assert list(plan.states(results)["state"]) == ["done"]
    other = _plan(tmp_path, **changes)
    assert other.experiments[0].key != experiment.key
    (state,) = other.states(results).to_dict(orient="records")
    assert state["state"] == "to run"
    assert component in state["why"].removeprefix("a result differs in: ").split(", ")


@pytest.mark.parametrize(("extractor", "clf"), [("size", "knn"), ("pixels", "cnn")])
def test_preparation_changes_the_key_but_not_data_and_folds(tmp_path: Path, extractor: str, clf: str) -> None:
    plans = [
        _plan(tmp_path, extractor, clf, prepare=text) for text in ("none", "crop", "crop[margin=0]", "crop[margin=1]")
    ]
    experiments = [plan.experiments[0] for plan in plans]
    assert experiments[1].key == experiments[2].key
    assert len({e.key for e in experiments}) == len({e.slug for e in experiments}) == 3
    assert [e.components["features"]["prepare"] for e in experiments] == [
        "none", "crop[margin=0]", "crop[margin=0]", "crop[margin=1]"
    ]  # fmt: skip
    assert [e.name for e in experiments[2:]] == [f"crop > {extractor} x {clf}", f"crop[margin=1] > {extractor} x {clf}"]
    assert len({(e.components["data"], e.components["folds"]) for e in experiments}) == 1
    seen = [{file.prepare for file in plan.cells(e).files} for plan, e in zip(plans, experiments, strict=True)]
    assert seen == [{()}, {(Crop(),)}, {(Crop(),)}, {(Crop(margin=1),)}]
    assert experiments[0].components["features"]["preparation"] is None
    assert experiments[1].components["features"]["preparation"], "the code of the steps is part of the key"


def test_baselines_use_unprepared_cells(tmp_path: Path) -> None:
    plain, prepared = (_plan(tmp_path, "color", "knn", baselines=True, prepare=text) for text in ("none", "crop"))
    assert [e.pipeline.prepare for e in prepared.experiments] == ["crop", "none", "none", "none"]
    assert [e.key for e in prepared.experiments[1:]] == [e.key for e in plain.experiments[1:]]
    stain = _plan(tmp_path, "stain", "lightgbm", prepare="crop")
    assert stain.record(stain.experiments[0])["flags"] == []


def test_a_failure_is_reported_until_it_is_retried(tmp_path: Path) -> None:
    plan, results = _plan(tmp_path), Results.create(tmp_path / "results")
    (experiment,) = plan.experiments
    results.write_failure(experiment.slug, plan.record(experiment), "no luck")
    (state,) = plan.states(results).to_dict(orient="records")
    assert (state["state"], state["why"]) == ("failed", "no luck (--retry-failed runs it again)")
    assert list(_plan(tmp_path, retry_failed=True).states(results)["state"]) == ["to run"]


def test_an_edit_of_a_users_classifier_changes_the_key(tmp_path: Path, lab: Path) -> None:
    before = _plan(tmp_path, clfs="laboratory.Lab").experiments[0]
    lab.write_text(f'"""A docstring."""\n{LAB}')
    _forget()
    assert _plan(tmp_path, clfs="laboratory.Lab").experiments[0].key == before.key
    lab.write_text(LAB.replace("predict_proba(X)", "predict_proba(X) / 1"))
    _forget()
    assert _plan(tmp_path, clfs="laboratory.Lab").experiments[0].key != before.key


def test_a_leaking_split_is_flagged(tmp_path: Path) -> None:
    plan = _plan(tmp_path, split="image", folds=2)
    record = plan.record(plan.experiments[0])
    assert record["flags"] == [LEAKY]
    assert record["violations"]
    honest = _plan(tmp_path)
    assert honest.record(honest.experiments[0])["flags"] == []


def test_missing_weights_are_reported_before_the_run(tmp_path: Path) -> None:
    plan = _plan(tmp_path, "size,resnet18", weights_dir=tmp_path)
    states = plan.states(None).set_index("extractor")
    assert states.loc["size", "state"] == "to run"
    assert states.loc["resnet18", "state"] == "cannot run"
    assert "weights=random" in states.loc["resnet18", "why"]


def test_a_matrix_without_experiments_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="name at least one extractor"):
        _plan(tmp_path, "pixels", "knn")


def test_official_folds_give_one_key_for_any_default_number_of_folds(tmp_path: Path) -> None:
    rows = [(f"{label}{p}.png", label, f"{label}{p}", p % 2) for label in ("sick", "well") for p in range(4)]
    for number, (path, *_) in enumerate(rows):
        cv2.imwrite(
            str(tmp_path / path), cv2.circle(np.zeros((32, 32, 3), np.uint8), (16, 16), 8, (90 + number,) * 3, -1)
        )
    pd.DataFrame(rows, columns=["path", "label", "patient", "fold"]).to_csv(tmp_path / "manifest.csv", index=False)
    options = {"data": str(tmp_path), "split": "official", "extractors": "size", "clfs": "knn", "store": tmp_path / "s"}
    plain, spelled = (make_plan(make_options({**options, **more})) for more in ({}, {"folds": 2}))
    assert plain.protocol.folds == 2
    assert plain.experiments[0].key == spelled.experiments[0].key
    with pytest.raises(BenchError, match=r"--folds 5: --split official makes 2 on these data; omit --folds"):
        make_plan(make_options({**options, "folds": 5}))


@pytest.fixture
def five_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of repeats of `--repeats auto`, which is one in other tests."""
    monkeypatch.setattr("bench.splits.outer_folds.AUTO_REPEATS", 5)


STATEFUL = """
from sklearn.base import BaseEstimator, TransformerMixin

class Fitted(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None, groups=None):
        return self

    def transform(self, X):
        return [[0.0]] * len(X)

class Stateless(Fitted):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags
"""


@pytest.mark.usefixtures("five_repeats")
def test_repeats_are_one_where_a_pipeline_is_fitted_on_images(tmp_path: Path, install: Any) -> None:
    install("stateful", STATEFUL, "[bench.extractors]\nfitted = stateful:Fitted\nstateless = stateful:Stateless\n")
    plan = _plan(tmp_path, "size,fitted,stateless", "knn,cnn", baselines=True)
    assert {e.name: e.protocol.repeats for e in plan.experiments} == {
        "size x knn": 5, "fitted x knn": 1, "stateless x knn": 5, "pixels x cnn": 1,
        "pixels x prior": 5, "stain x lightgbm": 5, "size x lightgbm": 5,
    }  # fmt: skip
    assert (plan.protocol.repeats, plan.folds.repeats, plan.repeats) == (5, 5, (1, 5))


@pytest.mark.usefixtures("five_repeats")
@pytest.mark.parametrize(
    ("changes", "repeats"),
    [
        ({}, 5),
        ({"repeats": "auto"}, 5),
        ({"split": "image"}, 5),
        ({"split": "lopo", "folds": None}, 1),
        ({"repeats": 1}, 1),
        ({"repeats": 3}, 3),
        ({"repeats": "3"}, 3),
    ],
)
def test_the_number_of_repeats_is_part_of_protocol_record_and_key(
    tmp_path: Path, changes: dict[str, Any], repeats: int
) -> None:
    (experiment,) = (plan := _plan(tmp_path, **changes)).experiments
    record = plan.record(experiment)
    assert (experiment.protocol.repeats, record["protocol"]["repeats"], experiment.folds.repeats) == (repeats,) * 3
    assert experiment.components["protocol"]["repeats"] == repeats
    assert (record["folds_hash"], record["repeat_hashes"]) == (experiment.folds.hash, [*experiment.folds.repeat_hashes])
    assert len(record["repeat_hashes"]) == repeats


@pytest.mark.usefixtures("five_repeats")
def test_auto_and_the_number_it_stands_for_are_one_experiment(tmp_path: Path) -> None:
    """A pipeline and its number of repeats give one key, whatever else is in the matrix."""
    keys = {e.name: e.key for e in _plan(tmp_path, "size", "knn,cnn").experiments}
    five, one = (_plan(tmp_path, "size", "knn,cnn", repeats=n).experiments for n in (5, 1))
    assert keys == {"size x knn": five[0].key, "pixels x cnn": one[1].key}
    assert five[0].folds.repeat_hashes[0] == one[0].folds.repeat_hashes[0] == one[0].folds.hash


@pytest.mark.usefixtures("five_repeats")
def test_repeats_of_a_file_are_used_for_every_pipeline(tmp_path: Path) -> None:
    write_folds(_plan(tmp_path, repeats=2).folds, tmp_path / "folds.csv")
    plan = _plan(tmp_path, "size", "knn,cnn", folds_file=tmp_path / "folds.csv")
    assert plan.repeats == (2,)


def test_a_plugin_of_a_yaml_file_that_is_refused_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "matrix.yaml").write_text(
        "data: phantom[patients=4,cells=2]\nextractors: size\nclassifiers: [knn, svmm]\n"
    )
    options = make_options({}, config=tmp_path / "matrix.yaml")
    with pytest.raises(BenchError, match=r"matrix\.yaml, line 3: no classifier is called 'svmm'\. Did you mean svm"):
        make_plan(options)
