"""Classes differ only by the effect, patients only by the signature."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import f_oneway
from sklearn.metrics import roc_auc_score

from bench.datasets.phantom.appearance import CellAppearance
from bench.datasets.phantom.patients import (
    DISEASED,
    NORMAL,
    SIGNATURE,
    PhantomPatient,
    PhantomSpec,
    cell_appearance,
    patients_of,
    random_stream,
)
from bench.datasets.phantom.rendering import DrawnCell, draw_cell
from bench.errors import BenchError

Floats = npt.NDArray[np.float64]


def appearance(spec: PhantomSpec, patient: PhantomPatient, number: int = 0) -> CellAppearance:
    return cell_appearance(spec, patient, random_stream(spec, patient.index, number))


def drawn(spec: PhantomSpec, patient: PhantomPatient, number: int) -> DrawnCell:
    rng = random_stream(spec, patient.index, number)
    return draw_cell(cell_appearance(spec, patient, rng), size=spec.size, rng=rng)


def measured(cell: DrawnCell) -> Floats:
    """Stain, contrast, grain, noise and blur measured in the image of a cell: 10 numbers."""
    edge = cv2.distanceTransform(cell.cell.astype(np.uint8), cv2.DIST_L2, 5)
    depth = cv2.distanceTransform(cell.nucleus.astype(np.uint8), cv2.DIST_L2, 5)
    away = np.minimum(edge, cv2.distanceTransform((~cell.nucleus).astype(np.uint8), cv2.DIST_L2, 5))
    nucleus, ring = depth > 5, away > 0.7 * away.max()
    grey = cell.image.astype(np.float64).mean(axis=2)
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.5)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_64F, 1, 0), cv2.Sobel(smooth, cv2.CV_64F, 0, 1))
    contrast = smooth[nucleus].std()
    rim = grey[(edge > 0) & (edge < 1.5)]
    return np.array(
        [
            *np.log(cell.image[nucleus].mean(axis=0)),
            *np.log(cell.image[ring].mean(axis=0)),
            np.log(contrast / smooth[nucleus].mean()),
            np.log(slope[nucleus].mean() / contrast),
            np.log((grey - cv2.GaussianBlur(grey, (0, 0), 1.0))[nucleus].std()),
            np.log(rim.mean() / grey[ring].mean()),
        ]
    )


def measured_table(spec: PhantomSpec) -> Floats:
    """Shape (patients, cells, 10)."""
    return np.array([[measured(drawn(spec, p, k)) for k in range(p.n_cells)] for p in patients_of(spec)])


def icc(values: Floats) -> Floats:
    """ICC(1) of each measured dimension from the one-way table (patients, cells, dimensions)."""
    n_cells = values.shape[1]
    between = n_cells * values.mean(axis=1).var(axis=0, ddof=1)
    within = values.var(axis=1, ddof=1).mean(axis=0)
    return np.asarray((between - within) / (between + (n_cells - 1) * within))


FEW = PhantomSpec(patients=15, cells=6, spread=0, effect=0, signature=0, debris=0)


def test_without_effect_no_pixel_depends_on_the_class() -> None:
    spec = PhantomSpec(patients=3, effect=0)
    for patient in patients_of(spec):
        images = [drawn(spec, replace(patient, label=label), 0).image for label in (DISEASED, NORMAL)]
        assert images[0].tobytes() == images[1].tobytes()


def test_without_effect_the_truth_does_not_separate_the_classes() -> None:
    spec = replace(FEW, patients=150, cells=2)
    appearances = [(p.label == DISEASED, appearance(spec, p, k)) for p in patients_of(spec) for k in range(2)]
    ill = [label for label, _ in appearances]
    for name in ("n_clefts", "cleft_depth", "grain_px", "nucleus_radius_px", "nc_ratio"):
        assert roc_auc_score(ill, [getattr(each, name) for _, each in appearances]) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    ("name", "sign"),
    [("n_clefts", 1), ("cleft_depth", 1), ("grain_px", -1), ("nucleus_radius_px", 1), ("nc_ratio", 1)],
)
def test_effect_moves_each_attribute_and_more_effect_moves_it_further(name: str, sign: int) -> None:
    aurocs = []
    for effect in (0.3, 1.0, 2.0):
        spec = replace(FEW, patients=100, effect=effect, mixture="size")
        patients = patients_of(spec)
        values = [sign * float(getattr(appearance(spec, p), name)) for p in patients]
        aurocs.append(roc_auc_score([p.label == DISEASED for p in patients], values))
    assert 0.5 < aurocs[0] < aurocs[1] < aurocs[2]
    assert aurocs[1] < 0.97


def test_patients_of_a_class_differ_in_severity() -> None:
    spec = PhantomSpec(patients=30, effect=1, signature=0, mixture="size")
    radii = [
        [appearance(spec, p, k).nucleus_radius_px for k in range(30)] for p in patients_of(spec) if p.label == DISEASED
    ]
    assert f_oneway(*radii).pvalue < 1e-4


def test_without_signature_patients_do_not_differ() -> None:
    values = measured_table(FEW)
    assert np.abs(icc(values)).mean() < 0.08
    assert np.all(f_oneway(*values).pvalue > 1e-3)


def test_strong_signature_is_recognisable_in_six_independent_dimensions() -> None:
    values = measured_table(replace(FEW, signature=3))
    strong = icc(values) > 0.8
    assert strong.sum() >= 6
    means = values.mean(axis=1)[:, strong]
    shares = np.linalg.eigvalsh(np.corrcoef(means.T)) / strong.sum()
    assert np.sum(shares > 0.02) >= 6


def test_signature_is_drawn_independently_in_each_dimension() -> None:
    positions = np.array([p.signature for p in patients_of(PhantomSpec(patients=300))])
    assert positions.shape == (600, len(SIGNATURE))
    assert positions.var(axis=0) == pytest.approx(np.ones(len(SIGNATURE)), abs=0.15)
    correlation = np.corrcoef(positions.T) - np.eye(len(SIGNATURE))
    assert np.abs(correlation).max() < 0.17


def test_classes_are_balanced_and_independent_of_id_order_and_count() -> None:
    patients = patients_of(PhantomSpec(patients=200))
    ill = np.array([p.label == DISEASED for p in patients])
    assert ill.sum() == 200
    assert len({p.id for p in patients}) == 400
    assert roc_auc_score(ill, np.arange(400) % 2) == pytest.approx(0.5, abs=0.1)
    assert roc_auc_score(ill, [p.n_cells for p in patients]) == pytest.approx(0.5, abs=0.1)


def test_larger_set_begins_with_the_smaller_one() -> None:
    small, large = PhantomSpec(patients=3), PhantomSpec(patients=9, debris=0.2)
    for a, b in zip(patients_of(small), patients_of(large), strict=False):
        assert (a.id, a.label, a.n_cells) == (b.id, b.label, b.n_cells)
        assert appearance(small, a, 4) == appearance(large, b, 4)


def test_number_of_cells_is_log_normal_with_its_mean() -> None:
    counts = np.array([p.n_cells for p in patients_of(PhantomSpec(patients=1000, cells=200, spread=0.5))])
    assert counts.mean() == pytest.approx(200, rel=0.05)
    assert np.log(counts).std() == pytest.approx(0.5, rel=0.05)
    assert {p.n_cells for p in patients_of(PhantomSpec(cells=10, spread=0))} == {10}
    assert min(p.n_cells for p in patients_of(PhantomSpec(cells=1, spread=2))) == 1


def test_default_has_24_patients_and_about_600_cells() -> None:
    patients = patients_of(PhantomSpec())
    assert len(patients) == 24
    assert 550 <= sum(p.n_cells for p in patients) <= 650


def test_share_of_cells_with_debris() -> None:
    spec = PhantomSpec(debris=0.4)
    kinds = [appearance(spec, p, k).debris for p in patients_of(spec) for k in range(40)]
    assert kinds.count("none") / len(kinds) == pytest.approx(0.6, abs=0.05)
    assert kinds.count("loose") / len(kinds) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("size", [48, 300])
def test_strongest_settings_still_fit_the_frame(size: int) -> None:
    spec = PhantomSpec(patients=10, effect=10, signature=10, size=size, debris=1)
    for patient in patients_of(spec):
        image = drawn(spec, patient, 0).image
        border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert np.mean(border.any(axis=1)) < 0.1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patients", 0),
        ("patients", 2.5),
        ("cells", 0),
        ("spread", -0.1),
        ("effect", float("nan")),
        ("signature", float("inf")),
        ("size", 20),
        ("debris", 1.5),
        ("seed", -1),
    ],
)
def test_value_out_of_range_is_named(name: str, value: float) -> None:
    with pytest.raises(BenchError, match=f"{name} is {value}"):
        PhantomSpec(**{name: value})  # type: ignore[arg-type]  # wrong on purpose
