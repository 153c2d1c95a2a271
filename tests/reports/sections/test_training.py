from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports.figures.training_curves import mean_by_epoch
from reports.section import ReportData
from reports.sections import training

LOSSES = {0: (1.0, 0.5, 0.25), 1: (0.5, 0.25)}
"""Training loss of the outer fits by fold; the second one stopped earlier."""


def _tables(
    losses: dict[int, Sequence[float]] = LOSSES,
    *,
    estimator: str = "classifier",
    finder: bool = False,
    summary: dict[str, Sequence[Any]] | None = None,
) -> dict[str, pd.DataFrame]:
    rows = [
        {
            **{"repeat": 0, "fold": fold, "estimator": estimator, "fit": fit, "stage": "0", "epoch": epoch, "size": 64},
            **{"training_loss": loss, "validation_loss": loss + 0.25, "validation_auroc": 0.5, "learning_rate": 1e-3},
        }
        for fold, values in losses.items()
        for fit in ("inner 0", "outer")
        for epoch, loss in enumerate(values)
    ]
    where = [{"repeat": 0, "fold": fold, "estimator": estimator, "fit": "outer"} for fold in losses]
    stored = {"chosen_epoch": [2, 1], "parameters": [1234567, 1234567], "bytes": [3 * 2**20, 3 * 2**20]}
    stored |= summary or {}
    times = [{**one, "name": "seconds", "epoch": -1, "value": 2.0 + 2 * n} for n, one in enumerate(where)]
    times += [{**one, "name": "seconds", "epoch": 0, "value": 99.0} for one in where]
    steps = [{**one, "learning_rate": rate, "loss": 0.5} for one in where for rate in (1e-4, 1e-3)]
    return {
        "curves": pd.DataFrame(rows),
        "training": pd.DataFrame([{**one, **{k: v[n] for k, v in stored.items()}} for n, one in enumerate(where)]),
        "fit_times": pd.DataFrame(times),
        "finder": pd.DataFrame(steps if finder else []),
    }


def _pipelines(data: ReportData) -> list[dict[str, Any]]:
    (built,) = training.sections(data)
    assert isinstance(built.view, list)
    return list(built.view[0]["pipelines"])


def test_the_mean_of_an_epoch_is_over_the_fits_that_reached_it() -> None:
    mean = mean_by_epoch([np.array(values) for values in LOSSES.values()])
    assert mean.tolist() == [0.75, 0.375, 0.25]
    assert np.isnan(mean_by_epoch([np.array([np.nan])])).all()


def test_quantities_of_the_outer_fits(add: Any, data: Any, section_text: Any) -> None:
    add(classifier="cnn", extractor="pixels", extra=_tables())
    add(classifier="svm")
    (pipeline,) = _pipelines(data())
    (network,) = pipeline["networks"]
    assert (network["estimator"], network["fits"], network["finder"]) == ("classifier", 2, False)
    assert network["lines"] == [
        ("Epochs", "2.5 (2 to 3)"),
        ("Chosen epoch", "2.5 (2 to 3)"),
        ("Seconds", "3 (2 to 4)"),
        ("Parameters", "1,234,567"),
        ("Size of the weights", "3.0 MiB"),
    ]
    text = section_text("training")
    assert "Thin lines are the 2 outer folds" in text
    assert "Without a network that is trained: handcrafted × svm." in text
    assert "finder" not in text


def test_other_quantities_and_texts_follow(add: Any, data: Any) -> None:
    more = {"batch_size": [32, 16], "optimiser": ["adam", "adam"], "nothing": [None, None], "rate": [0.00123456, 0.002]}
    add(classifier="cnn", extra=_tables(summary=more))
    lines = dict(_pipelines(data())[0]["networks"][0]["lines"])
    assert lines["Batch size"] == "24 (16 to 32)"
    assert (lines["Optimiser"], lines["Nothing"]) == ("adam", "–")
    assert lines["Rate"] == "0.00162 (0.00123 to 0.002)"


def _path_count(svg: str, colour: str) -> int:
    return svg.count(f"stroke: var(--{colour})")


def test_the_figure_has_a_line_per_fold_and_their_mean(add: Any, data: Any, section: Any) -> None:
    add(classifier="cnn", extra=_tables(finder=True))
    (network,) = _pipelines(data())[0]["networks"]
    assert network["finder"]
    assert _path_count(network["figure"], "c1") == 3, "training loss: two folds and the mean"
    assert _path_count(network["figure"], "c0") == 6, "validation loss and AUROC"
    assert _path_count(network["figure"], "c2") == 5, "learning rate, and a line per fold of the finder"
    assert "1e-3<" in network["figure"]
    assert "$" not in network["figure"], "no label is a formula"
    html = section("training")
    assert "learning-rate finder" in html
    assert section("training") == html, "the same bytes"


def test_one_fit_has_one_line_and_undefined_quantities_no_panel(add: Any, data: Any) -> None:
    tables = _tables({0: (1.0, 0.5)})
    tables["curves"] = tables["curves"].assign(validation_auroc=np.nan)
    add(classifier="cnn", extra=tables)
    figure = _pipelines(data())[0]["networks"][0]["figure"]
    assert _path_count(figure, "c1") == 1
    assert _path_count(figure, "c0") == 1
    assert "AUROC of the validation part" not in figure


def test_extractor_and_classifier_of_one_pipeline_are_two_networks(add: Any, data: Any) -> None:
    one, other = _tables(estimator="classifier"), _tables(estimator="extractor")
    add(classifier="cnn", extra={name: pd.concat([one[name], other[name]]) for name in one})
    assert [network["estimator"] for network in _pipelines(data())[0]["networks"]] == ["classifier", "extractor"]


@pytest.mark.parametrize("chosen", [[None, None], ["last", "last"], [99, 99]])
def test_a_chosen_epoch_that_is_none_is_not_drawn(add: Any, data: Any, chosen: list[Any]) -> None:
    add(classifier="cnn", extra=_tables(summary={"chosen_epoch": chosen}))
    assert _pipelines(data())[0]["networks"][0]["fits"] == 2


def test_without_networks_there_is_no_section(add: Any, section: Any) -> None:
    add(classifier="svm")
    assert section("training") == ""
