from __future__ import annotations

from typing import Any

import pytest

from reports import text
from reports.sections.missing import missing_features, missing_warnings

NUCLEUS = {"name": "nucleus", "columns": 47, "mostly_missing": 47, "share": 0.9992, "reason": "NO_NUCLEUS"}
GABOR = {"name": "gabor", "columns": 20, "mostly_missing": 0, "share": 0.004, "reason": "FLAT"}
LEAK = {"family": "nucleus", "columns": 3, "reason": "NO_NUCLEUS", "shares": {"diseased": 0.9, "normal": 0.25}}
WARNING = "47 of 652 columns are missing in more than half of the cells (NO_NUCLEUS)"


def _missing(**changes: Any) -> dict[str, Any]:
    return {
        "cells": 1270,
        "columns": 652,
        "mostly_missing": 47,
        "cells_without_values": 0,
        "reason": "NO_NUCLEUS",
        "families": [NUCLEUS, GABOR],
        "class_differences": [],
        "dropped": {"columns": 0, "folds": 0, "of": 5},
        **changes,
    }


def test_families_with_share_and_reason(add: Any, section_text: Any) -> None:
    add(missing=_missing())
    shown = section_text("missing")
    assert "handcrafted : 47 of 652 columns are missing in more than half of the cells" in shown
    assert "nucleus 47 47 over 99 % NO_NUCLEUS gabor 20 0 under 1 % FLAT" in shown


def test_pipelines_with_the_same_features_share_one_table_and_one_warning(
    add: Any, groups: Any, section_text: Any
) -> None:
    for classifier in ("svm", "knn"):
        add(classifier=classifier, missing=_missing())
    add(extractor="color", missing=_missing(mostly_missing=0, families=[GABOR]))
    add(extractor="pixels", classifier="prior")
    (group,) = groups()
    assert len(missing_features(group)) == 2
    (warning,) = missing_warnings(group)
    assert warning.endswith(f": {WARNING}.")
    assert set(warning.partition(":")[0].split(", ")) == {"handcrafted × svm", "handcrafted × knn"}
    board = section_text("leaderboard-1")
    assert board.count(WARNING) == 1


def test_cells_without_features_dropped_columns_and_class_differences(add: Any, groups: Any, section_text: Any) -> None:
    dropped = {"columns": 7, "folds": 2, "of": 5}
    add(missing=_missing(cells_without_values=1, class_differences=[LEAK], dropped=dropped))
    (features,) = missing_features(groups()[0])
    assert features.sentences == [
        "1 of 1270 cells have no feature at all; all get the same prediction.",
        "Columns without a value in the training cells of a fold are dropped there: up to 7 columns, in 2 of 5 folds.",
        "Missing values depend on the class: 3 columns of nucleus (NO_NUCLEUS), up to 90 % of diseased, 25 % of "
        "normal (means over split units).",
    ]
    (warning,) = missing_warnings(groups()[0])
    assert warning == f"handcrafted × svm: {WARNING}; missing values depend on the class, which a classifier can learn."
    assert features.sentences[0] in section_text("missing")


def test_complete_features_have_no_section_and_no_warning(add: Any, groups: Any, section: Any) -> None:
    add(missing=_missing(mostly_missing=0, families=[]))
    add(classifier="knn")
    assert section("missing") == ""
    assert missing_warnings(groups()[0]) == []


def test_a_damaged_record_names_the_folder(add: Any, groups: Any, data: Any) -> None:
    add(missing={"cells": 5})
    (damage,) = data().damaged
    assert "experiment.json: 'missing' is missing or damaged" in damage.reason
    assert groups() == ()


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.0, "0 %"), (0.004, "under 1 %"), (0.006, "1 %"), (0.5, "50 %"), (0.9992, "over 99 %"), (1.0, "100 %")],
)
def test_percent(share: float, shown: str) -> None:
    assert text.percent(share) == shown
