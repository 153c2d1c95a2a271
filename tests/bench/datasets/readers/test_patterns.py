from __future__ import annotations

import pytest

from bench.datasets.readers.patterns import doubtful_notices, path_pattern, with_pattern_notices
from bench.datasets.table import Dataset, ReadOptions, cell_table


@pytest.mark.parametrize(
    ("reader", "source"),
    [("manifest", "a manifest"), ("frame", "a DataFrame"), ("cnmc", "a C-NMC archive"), ("phantom", "synthetic cells")],
)
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (ReadOptions(patient_pattern="(x)"), "--patient-pattern is"),
        (ReadOptions(label_pattern="(x)"), "--label-pattern is"),
        (ReadOptions(patient_pattern="(x)", label_pattern="(x)"), "--patient-pattern and --label-pattern are"),
        (ReadOptions(unit_pattern="(x)"), "--unit-pattern is"),
        (
            ReadOptions(patient_pattern="(x)", label_pattern="(x)", unit_pattern="(x)"),
            "--patient-pattern, --label-pattern and --unit-pattern are",
        ),
    ],
)
def test_readers_without_patterns_ignore_them_with_a_notice(
    reader: str, source: str, options: ReadOptions, named: str
) -> None:
    table = cell_table(cell=["x"], path=["x"], label=["a"], patient=["p"])
    (notice,) = with_pattern_notices(Dataset("d", reader, table, None, options)).notices
    assert notice.startswith(f"{named} ignored: d is read as {source}")
    assert with_pattern_notices(Dataset("d", reader, table, None)).notices == ()
    assert with_pattern_notices(Dataset("d", "folder", table, None, options)).notices == ()


def notices(pattern: str, files: str) -> list[str]:
    paths = files.split()
    compiled = path_pattern("patient", pattern, paths)
    patients = [compiled.match(path, "d") for path in paths]
    return list(doubtful_notices(compiled, paths, patients, [path.partition("/")[0] for path in paths]))


@pytest.mark.parametrize(
    ("pattern", "files", "cut"),
    [
        (r"([PH]\d)", "all/P1_1.png all/P10_1.png hem/H1_1.png", "1 of 3 paths, such as 'P1' in all/P10_1.png"),
        (r"([PH]\d{2})", "all/P10_1.png all/P101_1.png hem/H11_1.png", "1 of 3 paths, such as 'P10' in all/P101"),
        (r"(\d)_", "all/P1_1.png all/P21_1.png hem/H3_1.png", "1 of 3 paths, such as '1' in all/P21_1.png"),
        (r"/.(?P<patient>\d)", "all/P1_1.png all/P22_1.png hem/H33_1.png", "2 of 3 paths, such as '2' in all/P22"),
        (r"P?(\d\d)", "all/P10_1.png all/P20_1.png hem/P2020_1.png", "1 of 3 paths, such as '20' in hem/P2020"),
    ],
)
def test_a_pattern_that_cuts_a_number_is_noticed(pattern: str, files: str, cut: str) -> None:
    notice = notices(pattern, files)[0]
    assert f"matches only some digits of a number in {cut}" in notice


@pytest.mark.parametrize("pattern", [r"([PH]\d+)", r"/([^/_]+)_", r"(?P<patient>[PH]\d+)_(\d)", r"([PH]1?\d)_"])
def test_a_pattern_that_matches_whole_numbers_is_not_noticed(pattern: str) -> None:
    assert notices(pattern, "all/P1_1.png all/P10_1.png hem/H1_1.png hem/H12_1.png") == []


@pytest.mark.parametrize("pattern", [r"^([^/]+)/", r"/([PH])", r"^(.)"])
def test_a_pattern_with_one_patient_for_each_class_is_noticed(pattern: str) -> None:
    (notice,) = notices(pattern, "all/P1_1.png all/P10_1.png hem/H1_1.png")
    assert "--patient-pattern matches one patient for each class" in notice
