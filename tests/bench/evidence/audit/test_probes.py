from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.evidence.audit.probes import PREDICTIVE, probe, probes
from bench.evidence.audit.traits import Traits


def cells(per_class: int = 12, each: int = 8, classes: str = "ab") -> pd.DataFrame:
    units = [f"{label}{i:02}" for label in classes for i in range(per_class)]
    return pd.DataFrame({"label": np.repeat([u[0] for u in units], each), "unit": np.repeat(units, each)})


def traits(table: pd.DataFrame, *, seed: int = 0) -> Traits:
    """Nothing in common with the class."""
    rng, n = np.random.default_rng(seed), len(table)
    return Traits(
        np.zeros((n, 8, 4), np.uint64),
        np.zeros((n, 64, 64), np.int8),
        rng.normal(100, 5, (n, 3)),
        ("PNG RGB",) * n,
        rng.integers(900, 1100, n),
    )


def sizes(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"height": 300, "width": 300}, index=table.index).astype("Int64")


def outcomes(table: pd.DataFrame, sizes: pd.DataFrame, seen: Traits) -> dict[str, tuple[str, str | None]]:
    positive = "b" if table["label"].nunique() == 2 else None
    return {c.code: (c.outcome, f and f.level) for c, f in probes(table, sizes, seen, positive)}


def test_what_varies_without_the_class_is_no_finding() -> None:
    table = cells()
    result = outcomes(table, sizes(table), traits(table))
    assert result == dict.fromkeys(("A014", "A015", "A016", "A017"), ("nothing found", None))


def test_each_predictive_property_is_reported_by_its_code() -> None:
    table = cells()
    ill, clean = (table["label"] == "b").to_numpy(), traits(table)
    large = sizes(table)
    large.loc[ill, "height"] = 450
    assert outcomes(table, large, clean)["A014"] == ("found", "error")
    kinds = tuple("BMP RGB" if b else "PNG RGB" for b in ill)
    seen = Traits(clean.hashes, clean.textures, clean.colour, kinds, clean.file_bytes)
    assert outcomes(table, sizes(table), seen)["A015"] == ("found", "error")
    seen = Traits(clean.hashes, clean.textures, clean.colour, clean.format, np.where(ill, 2000, 1000))
    assert outcomes(table, sizes(table), seen)["A016"] == ("found", "error")
    seen = Traits(clean.hashes, clean.textures, clean.colour + 40 * ill[:, None], clean.format, clean.file_bytes)
    assert outcomes(table, sizes(table), seen)["A017"] == ("found", "warning")


def test_detects_a_size_between_two_of_the_other_class() -> None:
    table = cells()
    between = sizes(table)
    between["width"] = np.where(table["label"] == "b", 300, np.where(np.arange(len(table)) % 2, 250, 350))
    assert outcomes(table, between, traits(table))["A014"] == ("found", "error")


def test_properties_of_patients_but_not_of_classes_are_no_finding() -> None:
    """Every patient has a size of its own: by image, the class would be read off it."""
    table = cells(per_class=20)
    own = np.random.default_rng(4).permutation(40) * 10 + 200
    table_sizes = sizes(table).assign(height=own[pd.factorize(table["unit"])[0]])
    assert outcomes(table, table_sizes, traits(table))["A014"][0] == "nothing found"


def test_the_auroc_of_a_known_separation() -> None:
    """Normal scores one standard deviation apart: Phi(1 / sqrt 2) = 0.760."""
    table = cells(per_class=60, each=12)
    shift = (table["label"] == "b").to_numpy() * 1.0
    values = np.random.default_rng(0).normal(size=(len(table), 1)) + shift[:, None]
    estimate = probe(values, table, "b")
    assert estimate.value == pytest.approx(0.760, abs=0.03)
    assert estimate.low < 0.760 < estimate.high
    assert estimate.high - estimate.low < 0.1


def test_check_and_finding_state_the_estimate() -> None:
    table = cells()
    large = sizes(table).assign(height=np.where(table["label"] == "b", 450, 300))
    estimate = probe(large.to_numpy(dtype=np.float64), table, "b")
    check, finding = next(probes(table, large, traits(table), "b"))
    measured = f"AUROC {estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}] on unseen patients"
    assert check.detail == f"patient-weighted {measured}"
    assert finding is not None
    assert finding.detail.startswith(f"Patient-weighted {measured}. ")


def test_a_patient_with_most_of_the_cells_counts_as_one() -> None:
    """The value 1 predicts class b in one patient of ten, who has most of the cells but few of the weighted pairs."""
    table = cells(per_class=10, each=5)
    table = pd.concat([table, pd.DataFrame({"label": "b", "unit": "b00"}, index=range(500))], ignore_index=True)
    values = (table["unit"] == "b00").to_numpy(dtype=float)[:, None]
    assert probe(values, table, "b").value < 0.6


def test_three_classes_are_probed_one_against_the_rest() -> None:
    table = cells(classes="abc")
    values = table["label"].map({"a": 0.0, "b": 1.0, "c": 2.0}).to_numpy()[:, None]
    assert probe(values, table, None).value == 1.0


def test_too_few_patients_are_not_probed() -> None:
    table = cells(per_class=1)
    with pytest.raises(BenchError, match="only one patient"):
        probe(np.random.default_rng(0).normal(size=(len(table), 1)), table, "b")
    assert outcomes(table, sizes(table), traits(table))["A017"][0] == "not checked"


@pytest.mark.parametrize("studies", [6, pytest.param(40, marks=pytest.mark.study)])
def test_null_data_are_rarely_a_finding(studies: int) -> None:
    """Stain that differs between patients (intraclass correlation 0.5) but not between classes; 13 + 15 patients."""
    lows = []
    for seed in range(studies):
        rng = np.random.default_rng(seed)
        units = [f"a{i}" for i in range(13)] + [f"b{i}" for i in range(15)]
        table = pd.DataFrame({"label": np.repeat([u[0] for u in units], 8), "unit": np.repeat(units, 8)})
        values = rng.normal(size=(len(table), 3)) + np.repeat(rng.normal(size=(28, 3)), 8, axis=0)
        lows.append(probe(values, table, "b", seed=seed).low)
    assert np.mean(np.array(lows) > PREDICTIVE) <= 2 / 40
    assert np.mean(lows) < 0.45
