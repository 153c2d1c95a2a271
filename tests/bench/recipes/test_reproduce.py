"""`bench reproduce` on synthetic cells: rows, files, resumption, refusals and the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from bench.cli.app import app
from bench.errors import BenchError
from bench.experiments import run as run_module
from bench.experiments.results import Results
from bench.recipes.catalogue import parsed_recipe, read_recipe
from bench.recipes.recipe import Recipe
from bench.recipes.reproduce import Reproduction, reproduce
from bench.splits.folds import LastRows
from extractors.networks.training.network_estimator import NetworkEstimator

DATA = "phantom[patients=6,cells=6,size=64,effect=2,signature=2]"
HELD_OUT = "phantom[patients=4,cells=6,size=64,effect=2,seed=9]"

SYSTEM: dict[str, Any] = {
    "name": "mine",
    "title": "Size and outline with a nearest neighbour",
    "source": "none",
    "stated": "one nearest neighbour",
    "variants": [
        {
            "extractors": ["handcrafted[families=size+shape]"],
            "classifiers": ["knn[n_neighbors=1,weights=uniform]"],
            "published": [
                {"metric": "accuracy[threshold=0.5]", "value": 0.95, "part": "validation"},
                {"metric": "recall[class=negative,threshold=0.5]", "value": 0.9},
                {"metric": "accuracy[threshold=0.5]", "value": 0.99, "part": "training"},
            ],
        }
    ],
    "protocol": {"split": "image", "validation": 0.25, "held_out": "test", "text": "images"},
}


def recipe(**changes: Any) -> Recipe:
    return parsed_recipe(yaml.safe_dump({**SYSTEM, **changes}).encode(), "mine")


def once(system: Recipe, out: Path, **options: Any) -> Reproduction:
    (one,) = reproduce([system], data=DATA, out=out, jobs=1, folds=3, inner_folds=2, **options)
    return one


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Reproduction:
    return once(recipe(), tmp_path_factory.mktemp("reproduce") / "results", held_out=HELD_OUT)


def values(reproduction: Reproduction, row: int) -> dict[str, Any]:
    return {value.column: value for value in reproduction.rows[row].values}


def test_each_published_score_has_a_row_with_the_score_of_each_protocol(done: Reproduction) -> None:
    assert [(row.metric, row.part, row.published) for row in done.rows] == [
        ("accuracy[threshold=0.5]", "validation", 0.95),
        ("recall[class=negative,threshold=0.5]", "test", 0.9),
        ("accuracy[threshold=0.5]", "training", 0.99),
    ]
    assert done.refusals == ()
    first = values(done, 0)
    assert all(one.estimate is not None for one in first.values())
    assert done.rows[0].inflation is not None
    assert done.rows[0].inflation.value == pytest.approx(
        first["authors"].estimate.value - first["grouped"].estimate.value
    )
    second = values(done, 1)
    assert done.rows[1].inflation is not None
    assert done.rows[1].inflation.value == pytest.approx(
        second["authors"].estimate.value - second["held-out"].estimate.value
    )
    assert values(done, 2)["authors"].reason == "predictions of training cells are not stored"


def test_the_values_are_those_of_the_stored_predictions(done: Reproduction) -> None:
    results = Results.open(done.file.parent.parent)
    by_name = {one.folder.name: one for one in results.experiments()}
    authors = by_name[values(done, 0)["authors"].experiment]
    inner = authors.inner_predictions
    right = (inner["p_diseased"] >= 0.5) == (inner["label"] == "diseased")
    assert values(done, 0)["authors"].estimate.value == pytest.approx(right.mean())
    test = authors.predictions[authors.predictions["label"] != "diseased"]
    assert values(done, 1)["authors"].estimate.value == pytest.approx((test["p_diseased"] < 0.5).mean())
    assert not set(test["patient"]) & set(inner["patient"])
    grouped = by_name[values(done, 0)["grouped"].experiment]
    assert grouped.record["protocol"]["split"] == "patient"
    assert grouped.flags == ()
    assert grouped.predictions.groupby("unit")["fold"].nunique().max() == 1
    assert authors.flags == ("PUBLISHED PROTOCOL",)


def test_leaks_are_those_of_the_part(done: Reproduction) -> None:
    assert [row.leaks for row in done.rows] == [("images",), (), ("images",)]


def test_the_file_has_recipe_and_rows(done: Reproduction) -> None:
    record = json.loads(done.file.read_text())
    assert record["recipe"]["name"] == "mine"
    assert len(record["rows"]) == 3
    assert record["rows"][0]["values"][0]["estimate"]["value"] == values(done, 0)["authors"].estimate.value


def test_a_finished_reproduction_is_read(done: Reproduction, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise AssertionError("an experiment was started")

    monkeypatch.setattr(run_module._Run, "_start_experiments", fails)
    again = once(recipe(), done.file.parent.parent, held_out=HELD_OUT)
    assert again.rows == done.rows


def test_without_held_out_patients_the_columns_say_so(tmp_path: Path) -> None:
    rows = once(recipe(), tmp_path / "results").rows
    validation, test, _ = ({value.column: value for value in row.values} for row in rows)
    assert validation["authors"].estimate is not None
    assert validation["held-out"].reason == "no held-out data"
    assert test["authors"].reason == "no held-out data"
    assert test["grouped"].estimate is not None
    assert rows[1].inflation is None


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any, int]]:
    """Epochs, splitter and number of cells of each fit of a network."""
    log: list[tuple[Any, Any, int]] = []
    fit = NetworkEstimator.fit

    def spied(self: Any, X: Any, y: Any, groups: Any = None) -> Any:
        log.append((self.epochs, self.cv, len(X)))
        return fit(self, X, y, groups)

    monkeypatch.setattr(NetworkEstimator, "fit", spied)
    return log


NETWORK = "small,size=32,view=frame,epochs=40,patience=0,select=best"
ON_TEST = {"split": "image", "validation": 0.25, "chosen_on_scored": ["epoch"], "text": "images"}


@pytest.mark.parametrize(
    "pipeline",
    [
        {"classifiers": [f"cnn[arch={NETWORK}]"]},
        {"extractors": [f"finetune[backbone={NETWORK}]"], "classifiers": ["knn"]},
    ],
    ids=["cnn", "finetune"],
)
def test_a_shortened_network_is_marked_and_its_epoch_chosen_on_the_scored_cells(
    tmp_path: Path, fits: list[tuple[Any, Any, int]], pipeline: dict[str, Any]
) -> None:
    (row,) = once(recipe(variants=[pipeline], protocol=ON_TEST), tmp_path / "results", epochs_scale=0.03).rows
    assert row.refusal == ""
    assert row.marks == ("SHORTENED: epochs x 0.03",)
    assert row.published is None
    assert row.leaks == ("epoch", "images")
    assert "epochs=2" in row.pipeline
    assert all(epochs == 2 for epochs, _, _ in fits)
    (authors,) = [(cv, cells) for _, cv, cells in fits if isinstance(cv, LastRows)]
    results = Results.open(tmp_path / "results")
    (result,) = results.experiments({value.experiment for value in row.values if value.column == "authors"})
    assert authors[0].count == len(result.predictions)
    assert authors[1] == result.record["data"]["cells"]


@pytest.mark.parametrize("select", ["best", "last"])
def test_a_fine_tuned_extractor_sees_of_halved_patients_only_the_half_of_its_choices(
    tmp_path: Path, fits: list[tuple[Any, Any, int]], select: str
) -> None:
    network = f"finetune[backbone=small,size=32,view=frame,epochs=1,patience=0,select={select}]"
    system = recipe(
        variants=[{"extractors": [network], "classifiers": ["knn"]}],
        protocol={"split": "patient", "held_out": "halves", "text": "halves of the test patients"},
    )
    (row,) = once(system, tmp_path / "results", held_out=HELD_OUT).rows
    (authors,) = (value for value in row.values if value.column == "authors")
    assert authors.estimate is not None, authors.reason
    (result,) = Results.open(tmp_path / "results").experiments({authors.experiment})
    half = result.inner_predictions["cell"].nunique()
    assert half + result.predictions["cell"].nunique() < result.record["data"]["cells"]
    counts = [cv.count for _, cv, _ in fits if isinstance(cv, LastRows)]
    assert counts == ([half] if select == "best" else [])


def test_held_out_patients_of_a_manifest_are_used(tmp_path: Path) -> None:
    run = CliRunner().invoke(
        app, ["data", "phantom", str(tmp_path / "cells"), "--patients", "6", "--cells", "5", "--size", "64"]
    )
    assert run.exit_code == 0, run.output
    table = pd.read_csv(tmp_path / "cells" / "manifest.csv")
    last = table.groupby("label")["patient"].transform(lambda names: names.isin(sorted(names.unique())[-2:]))
    table.assign(set=last.map({True: "held-out", False: "train"})).to_csv(
        tmp_path / "cells" / "manifest.csv", index=False
    )
    (done,) = reproduce(
        [recipe()], data=str(tmp_path / "cells"), positive="diseased", out=tmp_path / "results", jobs=1, folds=3
    )
    assert all(one.estimate is not None for one in values(done, 1).values())


def test_a_refusal_is_a_row_with_its_reason_and_the_others_go_on(tmp_path: Path) -> None:
    variants = [{"label": "bad", "classifiers": ["cnn[arch=smal]"]}, *SYSTEM["variants"]]
    done = once(recipe(variants=variants), tmp_path / "results")
    assert done.rows[0].variant == "bad"
    assert "smal" in done.rows[0].refusal
    assert done.refusals == (done.rows[0].refusal,)
    assert all(not row.refusal for row in done.rows[1:])


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("antigravity.Classifier", "neither an installed plugin, nor a network, nor a class of scikit-learn"),
        ("cnn[arch=small,weights=/tmp/own.safetensors]", "loads its weights from a file"),
        ("bagging[of=antigravity.Classifier]", "neither an installed plugin"),
    ],
)
def test_a_recipe_imports_nothing_but_plugins_and_scikit_learn(selector: str, message: str, tmp_path: Path) -> None:
    variants = [{"extractors": ["handcrafted[families=size]"], "classifiers": [selector]}]
    (row,) = once(recipe(variants=variants, protocol=ON_TEST), tmp_path / "results").rows
    assert message in row.refusal
    assert "antigravity" not in sys.modules


def test_missing_weights_are_a_refusal_unless_random_ones_are_requested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    variants = [{"extractors": ["mobilenetv3_small_050[size=32]"], "classifiers": ["knn"]}]
    system = recipe(variants=variants, protocol={"split": "image", "validation": 0.25, "text": "images"})
    (row,) = once(system, tmp_path / "results").rows
    assert "mobilenetv3_small_050" in row.refusal
    (row,) = once(system, tmp_path / "results", random_weights=True).rows
    assert row.refusal == ""
    assert row.marks[0].startswith("RANDOM WEIGHTS: mobilenetv3_small_050")


def test_the_metric_of_a_score_is_checked_when_a_recipe_is_read() -> None:
    with pytest.raises(BenchError, match=r"mine: variants.0.published.0.metric: .*no metric is called 'accurate'"):
        recipe(variants=[{**SYSTEM["variants"][0], "published": [{"metric": "accurate", "value": 1}]}])


@pytest.mark.parametrize("scale", [0, -1, 1.5])
def test_a_scale_outside_its_range_is_refused(scale: float, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="--epochs-scale"):
        once(recipe(), tmp_path / "results", epochs_scale=scale)


def test_the_command_prints_a_table_and_the_waterfall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(SYSTEM))
    assert read_recipe(file).name == "mine"
    command = ["reproduce", "./mine.yaml", "--data", DATA, "--folds", "3", "--inner-folds", "2", "--jobs", "1"]
    run = CliRunner().invoke(app, [*command, "--waterfall"], env={"COLUMNS": "140"})
    assert run.exit_code == 0, run.output
    for text in ("mine: Size and outline", "no held-out data", "without images", "recipes: results/recipes"):
        assert text in run.output
    record = json.loads((tmp_path / "results" / "recipes" / "mine.json").read_text())
    (waterfall,) = record["waterfalls"]
    assert [step["name"] for step in waterfall["steps"]] == ["authors' protocol", "images"]
    assert waterfall["steps"][1]["change"]["value"] == pytest.approx(
        waterfall["steps"][1]["estimate"]["value"] - waterfall["steps"][0]["estimate"]["value"]
    )


def test_an_unknown_recipe_is_refused_with_a_similar_name() -> None:
    run = CliRunner().invoke(app, ["reproduce", "unnithan-nt"])
    assert run.exit_code != 0
    assert "unnithan-nd" in str(run.exception)
