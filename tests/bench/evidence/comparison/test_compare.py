"""Comparisons against closed forms, baycomp and scikit-learn, from predictions to the table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import baycomp
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score
from statsmodels.stats.power import TTestPower

from bench.errors import BenchError
from bench.evidence.comparison.compare import compare
from bench.evidence.comparison.text import describe_tests, verdict
from bench.experiments.records import ExperimentResult
from bench.experiments.results import Results
from bench.storage.fingerprints import digest

Keep = Callable[..., ExperimentResult]


def _folds_with_auroc(values: Sequence[float]) -> pd.DataFrame:
    """Fold f: a diseased patient of 100 cells and a normal one of 1, with the AUROC `values[f]` (whole hundredths)."""
    rows = []
    for fold, value in enumerate(values):
        above = round(100 * value)
        for cell in range(100):
            p = 0.9 if cell < above else 0.1
            rows.append((f"d{fold}-{cell}", f"d{fold}", "diseased", 0, fold, p))
        rows.append((f"n{fold}", f"n{fold}", "normal", 0, fold, 0.5))
    table = pd.DataFrame(rows, columns=["cell", "unit", "label", "repeat", "fold", "p_diseased"])
    return table.assign(p_normal=1 - table["p_diseased"])


def _cohort(
    skill: float, seed: int, *, patients: int = 10, cells: int = 4, folds: int = 5, repeats: int = 5
) -> pd.DataFrame:
    """Patients of two classes, as many in every fold; a diseased cell's logit is `skill` higher on average."""
    rng = np.random.default_rng(seed)
    rows = []
    for label, shift in (("diseased", skill), ("normal", 0.0)):
        for p in range(patients):
            for c in range(cells + p % 3):
                for repeat in range(repeats):
                    logit = rng.normal() + shift
                    fold = (p + repeat * (p // folds)) % folds
                    rows.append((f"{label[0]}{p}-{c}", f"{label[0]}{p}", label, repeat, fold, 1 / (1 + np.exp(-logit))))
    table = pd.DataFrame(rows, columns=["cell", "unit", "label", "repeat", "fold", "p_diseased"])
    return table.assign(p_normal=1 - table["p_diseased"])


def _row(table: pd.DataFrame, pipeline: str) -> dict[str, Any]:
    return {str(k): v for k, v in table.set_index("pipeline").loc[pipeline].to_dict().items()}


def test_the_corrected_t_of_one_to_five_hundredths(keep: Keep) -> None:
    """EVALUATION 12: x = .01 ... .05, ratio 1/4: t = 2 sqrt 2, p .0474206556; Bayes with rope .01."""
    perfect = keep("perfect", _folds_with_auroc([1.0] * 5))
    worse = keep("worse", _folds_with_auroc([0.99, 0.98, 0.97, 0.96, 0.95]))
    comparison = compare([worse, perfect], rope=0.01, draws=50)
    assert (comparison.metric, comparison.best, comparison.reference) == (
        "auroc_patient",
        "made_up x perfect",
        "made_up x perfect",
    )
    row = _row(comparison.table, "made_up x worse")
    assert row["difference"] == pytest.approx(-0.03, abs=1e-12)
    assert row["p"] == pytest.approx(0.0474206556, abs=1e-9)
    half = student.ppf(0.975, 4) * 0.03 / (2 * math.sqrt(2))
    assert (row["low"], row["high"]) == pytest.approx((-0.03 - half, -0.03 + half), abs=1e-12)
    assert row["p_worse"] == pytest.approx(0.93379054, abs=1e-8)
    assert row["p_equivalent"] == pytest.approx(0.05641770, abs=1e-8)
    assert row["p_better"] == pytest.approx(0.00979176, abs=1e-8)
    assert row["unit"] == "fold of patients (5 folds, 2 split units tested in each)"
    assert "0.25" in row["assumptions"]


def test_five_repeats_agree_with_baycomp(keep: Keep) -> None:
    first, second = _cohort(1.2, 0), _cohort(0.6, 1)
    comparison = compare([keep("first", first), keep("second", second)], rope=0.02, draws=50)
    x, y = (np.array(_fold_aurocs(t)) for t in (first, second))
    better_x, equal, better_y = baycomp.two_on_single(x, y, rope=0.02, runs=5)
    row = _row(comparison.table, "made_up x second")
    assert row["against"] == "made_up x first"
    assert row["difference"] == pytest.approx((y - x).mean(), abs=1e-12)
    # baycomp tells the probability that its first model, then neither, then its second one is better
    assert (row["p_worse"], row["p_equivalent"], row["p_better"]) == pytest.approx(
        (better_x, equal, better_y), abs=1e-9
    )
    assert row["second_test"] is None


def _fold_aurocs(table: pd.DataFrame) -> list[float]:
    comparison = []
    for _, part in table.groupby(["repeat", "fold"]):
        weight = 1 / part.groupby("unit")["cell"].transform("size")
        comparison.append(roc_auc_score(part["label"] == "diseased", part["p_diseased"], sample_weight=weight))
    return comparison


def test_one_repeat_has_the_patient_sign_flip_beside_it(keep: Keep) -> None:
    first, second = _cohort(1.5, 0, repeats=1), _cohort(0.2, 1, repeats=1)
    comparison = compare([keep("first", first), keep("second", second)], draws=50)
    row = _row(comparison.table, "made_up x second")
    assert row["second_test"] == "patient sign-flip of the balanced accuracy"
    assert row["second_unit"] == "patient (20 split units)"
    assert "conditional on the fitted models" in row["second_assumptions"]
    assert 0 < row["second_p"] < 0.05
    assert any("--repeats 5" in note for note in comparison.notes)


def test_leave_one_patient_out_compares_the_balanced_accuracy_by_sign_flips(keep: Keep) -> None:
    """EVALUATION 12: sign flips of .1 .2 .3 .4: p = 2/16."""

    def table(wrong: Sequence[int]) -> pd.DataFrame:
        rows = []
        for fold, (unit, n) in enumerate(zip(("d0", "d1", "n0", "n1"), wrong, strict=True)):
            label = "diseased" if unit[0] == "d" else "normal"
            for cell in range(10):
                right = 0.9 if label == "diseased" else 0.1
                rows.append((f"{unit}-{cell}", unit, label, 0, fold, 1 - right if cell < n else right))
        experiments = pd.DataFrame(rows, columns=["cell", "unit", "label", "repeat", "fold", "p_diseased"])
        return experiments.assign(p_normal=1 - experiments["p_diseased"])

    right = keep("right", table([0, 0, 0, 0]), split="lopo")
    wrong = keep("wrong", table([1, 2, 3, 4]), split="lopo")
    comparison = compare([right, wrong], draws=500)
    row = _row(comparison.table, "made_up x wrong")
    assert comparison.metric == "balanced_accuracy_patient"
    assert row["difference"] == pytest.approx(-0.25)
    assert row["p"] == pytest.approx(2 / 16)
    assert math.isnan(row["p_equivalent"])
    assert -0.4 <= row["low"] <= row["difference"] <= row["high"] <= -0.1
    assert row["win_rate"] == 0
    assert row["effect_size"] == pytest.approx(-0.25 / np.std([0.1, 0.2, 0.3, 0.4], ddof=1))
    assert any("the AUROC is undefined" in note for note in comparison.notes)


def _held_out(scores: dict[str, Sequence[float]]) -> pd.DataFrame:
    rows = [
        (f"{unit}-{c}", unit, "diseased" if unit[0] == "d" else "normal", 0, 0, p)
        for unit, values in scores.items()
        for c, p in enumerate(values)
    ]
    table = pd.DataFrame(rows, columns=["cell", "unit", "label", "repeat", "fold", "p_diseased"])
    return table.assign(p_normal=1 - table["p_diseased"])


def test_different_thresholds_are_noted(keep: Keep) -> None:
    first = keep("first", _cohort(1.5, 0), protocol={"threshold": "0.5"})
    second = keep("second", _cohort(0.5, 1), protocol={"threshold": "sens@0.95"})
    notes = compare([first, second], draws=50).notes
    assert "The pipelines had different thresholds (0.5, sens@0.95)." in notes


def test_held_out_patients_swap_their_pipelines(keep: Keep) -> None:
    """AUROC 1 against 0 on 2 + 2 patients of a cell: only all swapped or none gives as much, so p = 2/16."""
    good = keep("good", _held_out({"d0": [0.8], "d1": [0.9], "n0": [0.1], "n1": [0.2]}), split="held-out")
    bad = keep("bad", _held_out({"d0": [0.1], "d1": [0.2], "n0": [0.8], "n1": [0.9]}), split="held-out")
    comparison = compare([good, bad], draws=50)
    row = _row(comparison.table, "made_up x bad")
    assert row["difference"] == -1
    assert row["p"] == pytest.approx(2 / 16)
    assert row["test"] == "patient-swap permutation, two-sided"
    assert row["unit"] == "held-out patient (4 split units)"
    assert row["second_test"] == "paired U-test of the patient-weighted AUROC, two-sided"


def test_held_out_twins_do_not_differ_whatever_their_scale(keep: Keep) -> None:
    """The same order on another scale: no difference at all, and the swap of ranks sees none."""
    rng = np.random.default_rng(3)
    cells = {f"{c}{i}": rng.uniform(0.05, 0.95, size=5) for c in "dn" for i in range(8)}
    twin = {unit: values**3 for unit, values in cells.items()}
    ours = keep("ours", _held_out(cells), split="held-out")
    theirs = keep("twin", _held_out(twin), split="held-out")
    comparison = compare([ours, theirs], draws=50)
    row = comparison.table.iloc[0]
    assert (row["difference"], row["p"], row["second_p"]) == (0, 1, 1)
    assert np.isnan([row["low"], row["high"], row["p_equivalent"]]).all()  # no patient shows any variance
    assert len(comparison.indistinguishable) == 1
    assert not comparison.practically_equal


def test_held_out_probabilities_are_those_of_the_normal_u_statistic(keep: Keep) -> None:
    """By hand: the kernels differ by -1 in 4 of 4 x 4 pairs, all of the normal patient n0: row means are -1/4 each, so
    that their variance is 0, and column means are -1 0 0 0, whose variance is 1/4; 1/4 over 4 patients: SE 1/4."""
    low = {f"n{i}": [0.1] for i in range(4)}
    good = keep("good", _held_out({**{f"d{i}": [0.8] for i in range(4)}, **low}), split="held-out")
    bad = keep("bad", _held_out({**{f"d{i}": [0.8] for i in range(4)}, **low, "n0": [0.9]}), split="held-out")
    row = _row(compare([good, bad], rope=0.01, draws=50).table, "made_up x bad")
    assert row["difference"] == -0.25
    assert (row["low"], row["high"]) == pytest.approx((-0.25 - 1.959964 / 4, -0.25 + 1.959964 / 4), abs=1e-6)
    # Phi(0.96) and Phi(1.04) of the standard normal distribution
    assert row["p_worse"] == pytest.approx(0.831472, abs=1e-6)
    assert row["p_equivalent"] == pytest.approx(0.850830 - 0.831472, abs=1e-6)
    assert row["second_p"] == pytest.approx(0.317311, abs=1e-6)  # z = -1


def test_one_held_out_patient_of_a_class_proves_nothing_equal_or_better(keep: Keep) -> None:
    """One patient has no variance, so that neither an interval nor a probability follows from it."""
    sick = {f"d{i}": [0.8, 0.7] for i in range(5)}
    good = keep("good", _held_out({**sick, "n0": [0.1]}), split="held-out")
    bad = keep("bad", _held_out({**sick, "n0": [0.75]}), split="held-out")
    comparison = compare([good, bad], draws=50)
    row = _row(comparison.table, "made_up x bad")
    assert row["difference"] == -0.5
    assert np.isnan([row[name] for name in ("low", "high", "p_worse", "p_equivalent", "p_better", "second_p")]).all()
    assert comparison.practically_equal == ()
    assert any("One class has 1 patient:" in note for note in comparison.notes)


def test_held_out_sets_of_three_classes_compare_decisions(keep: Keep) -> None:
    rng = np.random.default_rng(0)
    classes = ("a", "b", "c")

    def table(skill: float) -> pd.DataFrame:
        rows = []
        for k, label in enumerate(classes):
            for unit in range(6):
                for cell in range(4):
                    logits = rng.normal(size=3) + skill * (np.arange(3) == k)
                    share = np.exp(logits) / np.exp(logits).sum()
                    rows.append((f"{label}{unit}-{cell}", f"{label}{unit}", label, 0, 0, *share))
        return pd.DataFrame(rows, columns=["cell", "unit", "label", "repeat", "fold", "p_a", "p_b", "p_c"])

    good = keep("good", table(4.0), split="held-out", classes=classes)
    poor = keep("poor", table(0.0), split="held-out", classes=classes)
    comparison = compare([poor, good], draws=200)
    assert comparison.metric == "balanced_accuracy_patient"
    row = _row(comparison.table, "made_up x poor")
    assert row["difference"] < -0.3
    assert row["p"] < 0.01


def test_holm_runs_over_the_declared_family(keep: Keep) -> None:
    experiments = [keep(f"c{i}", _cohort(skill, i)) for i, skill in enumerate((1.6, 1.3, 0.9, 0.2))]
    comparison = compare(experiments, draws=50)
    assert len(comparison.table) == 3
    assert comparison.family == "3 comparisons, all against made_up x c0"
    p = comparison.table["p"].to_numpy()
    order = np.argsort(p)
    by_hand = np.empty(3)
    highest = 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, (3 - place) * p[i]))
        by_hand[i] = highest
    assert comparison.table["p_holm"].to_numpy() == pytest.approx(by_hand, rel=1e-12)
    assert comparison.table["p_holm"].min() == pytest.approx(3 * p.min())
    assert "made_up x c3" not in comparison.indistinguishable


def test_all_pairs_are_a_larger_family_whose_differences_add_up(keep: Keep) -> None:
    experiments = [keep(f"c{i}", _cohort(skill, i)) for i, skill in enumerate((1.6, 1.2, 0.4))]
    comparison = compare(experiments, all_pairs=True, draws=50)
    assert comparison.family == "3 comparisons, all pairs"
    by_pair = comparison.table.set_index(["pipeline", "against"])["difference"].to_dict()
    a, b, c = (f"made_up x c{i}" for i in range(3))
    assert by_pair[c, a] == pytest.approx(by_pair[c, b] + by_pair[b, a], abs=1e-12)
    assert set(comparison.against_reference["other"]) == {b, c}


def test_which_one_is_the_reference_only_turns_the_signs(keep: Keep) -> None:
    first, second = keep("first", _cohort(1.0, 0)), keep("second", _cohort(0.8, 1))
    ours = compare([first, second], against="made_up x first", draws=50).table.iloc[0]
    theirs = compare([first, second], against=second.folder.name, draws=50).table.iloc[0]
    assert ours["difference"] == pytest.approx(-theirs["difference"], abs=1e-15)
    assert (ours["low"], ours["high"]) == pytest.approx((-theirs["high"], -theirs["low"]), abs=1e-12)
    assert ours["p"] == pytest.approx(theirs["p"])
    assert ours["p_worse"] == pytest.approx(theirs["p_better"])
    assert ours["win_rate"] == pytest.approx(1 - theirs["win_rate"])


def test_friedmans_blocks_are_patients(keep: Keep) -> None:
    """By hand: on each of 20 patients the first has more cells right than the second, and that more than the third, so
    that ranks are 1, 2, 3: chi2 = n (k - 1) = 40; Nemenyi: q = 2.343 (Demsar 2006, table 5), times sqrt(2 / 20)."""
    tables = []
    for right in (4, 2, 1):
        table = _cohort(0, 0, cells=4, repeats=2)
        cell = table["cell"].str.partition("-")[2].astype(int)
        sick = table["label"] == "diseased"
        p = np.where((cell < right) == sick, 0.9, 0.1)
        tables.append(table.assign(p_diseased=p, p_normal=1 - p))
    comparison = compare([keep(f"c{i}", table) for i, table in enumerate(tables)], draws=50)
    record = comparison.record()["friedman"]
    assert record["patients"] == 20
    assert record["chi2"] == pytest.approx(40)
    assert record["p"] == pytest.approx(chi2.sf(40, 2))
    assert record["mean_ranks"] == {"made_up x c0": 1, "made_up x c1": 2, "made_up x c2": 3}
    assert record["critical_difference"] == pytest.approx(2.343 * math.sqrt(0.1), abs=5e-4)
    [sentence] = [s for s in describe_tests(comparison) if "Friedman" in s]
    assert "patient (20 split units), never fold" in sentence
    assert "p <0.001; mean ranks are between 1.00 and 3.00" in sentence
    assert compare([keep("a", tables[0]), keep("b", tables[1])], draws=50).friedman is None


def test_ranks_come_from_the_same_patients_for_all(keep: Keep) -> None:
    strong, twin, weak = _cohort(8.0, 0), _cohort(8.0, 0), _cohort(0.0, 2)
    experiments = [keep("strong", strong), keep("twin", twin), keep("weak", weak)]
    standings = compare(experiments, draws=400).standings.set_index("pipeline")
    assert standings.index[-1] == "made_up x weak"
    assert standings.loc["made_up x weak", ["rank", "rank_low", "rank_high", "p_best"]].tolist() == [3, 3, 3, 0]
    for name in ("made_up x strong", "made_up x twin"):
        assert standings.loc[name, ["rank", "rank_low", "rank_high", "p_best"]].tolist() == [1.5, 1.5, 1.5, 0.5]


def test_the_record_is_json_without_nan(keep: Keep) -> None:
    import json  # noqa: PLC0415

    experiments = [keep("first", _cohort(1.0, 0)), keep("second", _cohort(0.8, 1), flags=["BASELINE"])]
    record = compare(experiments, draws=50).record()
    text = json.dumps(record, allow_nan=False)
    assert json.loads(text)["standings"][1]["flags"] == ["BASELINE"]
    assert record["comparisons"][0]["second_p"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rope": 0.0}, "--rope 0"),
        ({"against": "made_up x frist"}, "not one of the compared experiments. Did you mean made_up x first"),
        ({"against": "made_up x first", "all_pairs": True}, "two families"),
    ],
)
def test_invalid_arguments_raise(keep: Keep, options: dict[str, Any], message: str) -> None:
    experiments = [keep("first", _cohort(1.0, 0)), keep("second", _cohort(0.8, 1))]
    with pytest.raises(BenchError, match=message.replace("(", r"\(")):
        compare(experiments, draws=50, **options)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (slice(1, None), "not of the same cells as those of made_up x first"),
        ([0, *range(490)], r"second.*predictions\.parquet: a cell is predicted twice in a repeat"),
    ],
    ids=["a cell less", "a cell twice"],
)
def test_predictions_of_different_cells_raise(keep: Keep, rows: Any, complaint: str) -> None:
    experiments = [keep("first", _cohort(1.0, 0)), keep("second", _cohort(0.8, 1))]
    path = experiments[1].folder / "predictions.parquet"
    pd.read_parquet(path).iloc[rows].to_parquet(path)
    with pytest.raises(BenchError, match=complaint):
        compare(experiments, draws=50)


def test_damaged_predictions_are_named(keep: Keep, kept: Results) -> None:
    experiments = [keep("first", _cohort(1.0, 0)), keep("second", _cohort(0.8, 1))]
    (experiments[1].folder / "predictions.parquet").write_bytes(b"no parquet")
    with pytest.raises(BenchError, match=r"second.*predictions\.parquet: Parquet magic bytes not found"):
        compare(experiments, draws=50)
    _cohort(0.8, 1).assign(p_normal=np.nan, threshold=0.5, patient="p").to_parquet(
        experiments[1].folder / "predictions.parquet"
    )
    with pytest.raises(BenchError, match=r"second.*predictions\.parquet: .*p_normal is nan of cell d0-0"):
        compare(experiments, draws=50)
    changed = _cohort(0.8, 1)
    keep("third", changed)
    third = next(e for e in kept.experiments() if e.folder.name.startswith("third"))
    third.predictions[lambda t: t["unit"] != "d0"].to_parquet(third.folder / "predictions.parquet")
    with pytest.raises(BenchError, match="not of the same cells as those of made_up x first"):
        compare([experiments[0], third], draws=50)


def _kept_with_repeats(keep: Keep, repeats: dict[str, int], skill: dict[str, float]) -> list[ExperimentResult]:
    """Experiments whose numbers of repeats differ; their folds agree in the common ones."""
    five = _cohort(0, 0)
    names = [digest(part[["cell", "fold"]].to_dict(orient="list")) for _, part in five.groupby("repeat", sort=True)]
    return [
        keep(name, _cohort(skill[name], seed, repeats=n), repeat_hashes=names[:n])
        for seed, (name, n) in enumerate(repeats.items())
    ]


def test_pairs_are_compared_on_their_common_repeats(keep: Keep) -> None:
    repeats = {"svm": 5, "knn": 5, "cnn": 1}
    kept = _kept_with_repeats(keep, repeats, {"svm": 1.5, "knn": 0.8, "cnn": 0.5})
    comparison = compare(kept, draws=50)
    knn, cnn = (_row(comparison.table, f"made_up x {name}") for name in ("knn", "cnn"))
    assert (knn["repeats"], cnn["repeats"]) == (5, 1)
    assert knn["unit"] == "fold of patients (25 folds of 5 repeats, 4 split units tested in each)"
    assert cnn["unit"] == "fold of patients (5 folds, 4 split units tested in each)"
    first = _cohort(1.5, 0)
    first = first[first["repeat"] == 0].reset_index(drop=True)
    alone = compare([keep("svm", first, key="b"), keep("cnn", _cohort(0.5, 2, repeats=1), key="b")], draws=50)
    expected = _row(alone.table, "made_up x cnn")
    for name in ("difference", "low", "high", "p", "p_equivalent", "second_p", "win_rate", "effect_size"):
        assert cnn[name] == pytest.approx(expected[name], abs=1e-12), name
    assert np.isnan(knn["second_p"])
    assert comparison.standings.set_index("pipeline")["repeats"].to_dict() == {
        "made_up x svm": 5, "made_up x knn": 5, "made_up x cnn": 1
    }  # fmt: skip
    assert list(comparison.record()["detectable"]) == ["1", "5"]
    assert [row["repeats"] for row in comparison.record()["comparisons"]] == [5, 1]
    notes = " ".join(comparison.notes)
    assert "With one common repeat (1 of 2 comparisons) this test has little power; use --repeats 5" in notes
    assert "each score is a mean over its own repeats" in notes


def test_the_detectable_difference_follows_from_the_corrected_error(keep: Keep) -> None:
    """x = .01 ... .05, ratio 1/4: error .03 / sqrt 8 on 4 degrees of freedom; one comparison, power .8."""
    kept = [keep(name, _folds_with_auroc(x)) for name, x in (("a", [1.0] * 5), ("b", [0.99, 0.98, 0.97, 0.96, 0.95]))]
    row = _row(compare(kept, draws=50).table, "made_up x b")
    shift = TTestPower().solve_power(nobs=5, alpha=0.025, power=0.8, alternative="larger") * math.sqrt(5)
    assert row["detectable"] == pytest.approx(shift * 0.03 / math.sqrt(8), rel=1e-6)
    same = [keep("c", _folds_with_auroc([0.9] * 5)), keep("d", _folds_with_auroc([0.9] * 5))]
    assert np.isnan(compare(same, draws=50).table["detectable"]).all()


def test_more_comparisons_need_larger_differences(keep: Keep) -> None:
    kept = [keep(f"p{seed}", _cohort(1.0, seed)) for seed in range(4)]
    two = compare(kept[:2], draws=50).table.iloc[0]
    against = {str(two["pipeline"]), str(two["against"])}
    rows = compare(kept, all_pairs=True, draws=50).table
    (again,) = [row for row in rows.to_dict(orient="records") if {row["pipeline"], row["against"]} == against]
    assert again["detectable"] > 1.2 * two["detectable"]


def test_too_few_patients_for_any_p_value_detect_nothing(keep: Keep) -> None:
    """Leave one patient out with 2 + 2 patients: the smallest p of the sign flips is 2/16."""
    kept = [keep(name, _alone(shift), split="lopo") for name, shift in (("a", 0.3), ("b", 0.1))]
    comparison = compare(kept, draws=50)
    assert comparison.table["detectable"].tolist() == [math.inf]
    assert any("power of 80%: none, since" in sentence for sentence in verdict(comparison))


def _alone(shift: float) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        (f"{unit}-{cell}", unit, "diseased" if unit[0] == "d" else "normal", 0, fold)
        for fold, unit in enumerate(("d0", "d1", "n0", "n1"))
        for cell in range(10)
    ]
    table = pd.DataFrame(rows, columns=["cell", "unit", "label", "repeat", "fold"])
    p = np.clip(0.5 + np.where(table["label"] == "diseased", shift, -shift) + rng.normal(0, 0.3, len(table)), 0, 1)
    return table.assign(p_diseased=p, p_normal=1 - p)
