from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from bench.datasets.readers.cnmc import CnmcReader
from bench.datasets.scanning.scan import scan
from bench.datasets.summary import describe
from bench.datasets.table import Dataset, ReadOptions, cell_table


def test_the_sample(shared: Path) -> None:
    data = CnmcReader().read(shared / "data/cnmc-sample", ReadOptions())
    summary = describe(data, scan(data))
    assert summary.classes.to_dict("index") == {
        "ALL": {"cells": 26, "patients": 13, "units": 13},
        "HEM": {"cells": 26, "patients": 13, "units": 9},
        "total": {"cells": 52, "patients": 26, "units": 22},
    }
    assert summary.per_patient.loc["total"].to_dict() == {"min": 2, "median": 2, "max": 2}
    assert summary.sizes.to_dict("records") == [{"height": 450, "width": 450, "cells": 52}]
    assert summary.folds is not None
    assert summary.folds.loc["1"].to_dict() == {"ALL cells": 6, "HEM cells": 6, "ALL patients": 3, "HEM patients": 3}
    assert summary.folds["HEM cells"].to_dict() == {"0": 10, "1": 6, "2": 10}


def test_patients_of_several_classes_and_unreadable_cells(draw: Callable[..., Path], tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(6)]
    for seed, name in enumerate(names[:4]):
        draw(tmp_path / name, seed)
    assert cv2.imwrite(str(tmp_path / "4.png"), np.pad(np.ones((3, 3, 3), np.uint8), ((2, 2), (3, 3), (0, 0))))
    (tmp_path / "5.png").write_bytes(b"x")
    paths = [str(tmp_path / name) for name in names]
    patients = ["p", "p", "p", "q", "q", "r"]
    table = cell_table(cell=names, path=paths, label=["a", "a", "b", "b", "b", "b"], patient=patients)
    data = Dataset("d", "test", table, "b", ReadOptions())
    summary = describe(data, scan(data))
    assert summary.classes["patients"].to_dict() == {"a": 1, "b": 3, "total": 3}
    assert summary.per_patient.to_dict("index") == {
        "a": {"min": 2, "median": 2.0, "max": 2},
        "b": {"min": 1, "median": 1.0, "max": 2},
        "total": {"min": 1, "median": 2.0, "max": 3},
    }
    assert summary.sizes.to_numpy().tolist() == [[12, 12, 4], [7, 9, 1]]
    assert summary.folds is None
