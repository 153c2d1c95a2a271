from __future__ import annotations

import pytest

from bench.datasets.readers.columns import check_columns, ignored_notice
from bench.datasets.readers.manifest import OPTIONAL, REQUIRED
from bench.errors import BenchError


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Set", "set"), ("SET", "set"), ("set ", "set"), ("\ufeffset", "set"), ("s\u200bet", "set"), ("Fold", "fold"),
        ("UM_PER_PX", "um_per_px"), ("um per px", "um_per_px"), ("um-per-px", "um_per_px"),
        ("um\u2013per_px", "um_per_px"),
        ("'set'", "set"), ('="set"', "set"), ("#set", "set"),
        ("Mask", "mask"), ("\uff2dask", "mask"), ("NUCLEUS", "nucleus"), ("SHA256", "sha256"), ("Cell", "cell"),
    ],
)  # fmt: skip
def test_an_optional_column_in_another_spelling_is_refused(name: str, meant: str) -> None:
    with pytest.raises(BenchError, match=f"m.csv: .* looks like the column '{meant}' in another spelling; rename it"):
        check_columns("m.csv", [*REQUIRED, name], REQUIRED, OPTIONAL)


@pytest.mark.parametrize("name", ["Patient", "PATH", "Label", "label ", "patient_"])
def test_a_second_column_in_another_spelling_is_refused(name: str) -> None:
    with pytest.raises(BenchError, match=r"looks like a second column '(patient|path|label)'"):
        check_columns("m.csv", [*REQUIRED, name], REQUIRED, OPTIONAL)


def test_empty_names_and_other_columns_are_allowed() -> None:
    check_columns("m.csv", [*REQUIRED, "", "", "area", "Area", "settings", "masked"], REQUIRED, OPTIONAL)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("split", "set"), ("Subset", "set"), ("held-out", "set"), ("cv_fold", "fold"), ("mask_path", "mask"),
        ("nucleus mask", "nucleus"), ("um_per_pixel", "um_per_px"), ("\u00b5m_per_px", "um_per_px"),
        ("Pixel Size", "um_per_px"), ("MPP", "um_per_px"), ("\u00b5m/px", "um_per_px"),
        ("group", "patient"), ("Patient ID", "patient"),
    ],
)  # fmt: skip
def test_ignored_columns_with_telling_names_are_noticed(name: str, meant: str) -> None:
    notice = str(ignored_notice("m.csv", [*REQUIRED, "area", name], (*REQUIRED, *OPTIONAL)))
    assert notice.startswith(f"m.csv: columns are ignored: {name!r} (known as '{meant}'); rename")


def test_other_columns_are_ignored_without_a_notice() -> None:
    assert ignored_notice("m.csv", [*REQUIRED, *OPTIONAL, "area", "date", ""], (*REQUIRED, *OPTIONAL)) is None
