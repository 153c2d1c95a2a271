"""What differs between the classes: each factor moves its own attributes, and the former mixture is one name."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from bench.datasets.phantom.appearance import CellAppearance
from bench.datasets.phantom.mixtures import ATTRIBUTES, MIXTURES
from bench.datasets.phantom.patients import (
    DISEASED,
    NORMAL,
    PhantomPatient,
    PhantomSpec,
    cell_appearance,
    patients_of,
    random_stream,
)
from bench.datasets.phantom.rendering import draw_cell
from bench.datasets.phantom.selector import phantom_spec
from bench.errors import BenchError

NONE = {"clefts": 0.0, "roundness": 0.0, "chromatin": 0.0, "size_effect": 0.0, "stain_effect": 0.0}
MOVED = {
    "clefts": {"n_clefts", "cleft_depth"},
    "roundness": {"elongation", "skew"},
    "chromatin": {"grain_px"},
    "size_effect": {"nucleus_radius_px", "nc_ratio"},
    "stain_effect": {"nucleus_rgb"},
}

FORMER = {
    "n_clefts": [0, 0, 1, 0],
    "cleft_depth": [0.16779024773237403, 0.24072670896134557, 0.20327519296483437, 0.17815530210225208],
    "elongation": [0.12804815638698724, 0.09282486532060391, 0.08385189594106575, 0.11401693344843777],
    "skew": [0.004832597306760786, 0.023437671307125454, 0.006309854715536888, 0.012367026366337333],
    "nucleus_radius_px": [51.5821440946606, 64.2700531259116, 64.32080091251997, 59.73572799937543],
    "nc_ratio": [0.7928185565350776, 0.7228781635185355, 0.7047416722573037, 0.7869840146556097],
    "grain_px": [5.934002535164874, 5.0782357122105575, 8.383589746548612, 4.857215977378691],
    "contrast": [0.10563086590241899, 0.09534885124259132, 0.10214858744893975, 0.09890888566536221],
    "nucleus_green": [25.632096854748507, 27.432063243878837, 26.867546436444837, 27.576956830813277],
}
"""Fourth cell of the first four patients of the default before there were mixtures."""


def appearance(spec: PhantomSpec, patient: PhantomPatient, number: int = 0) -> CellAppearance:
    return cell_appearance(spec, patient, random_stream(spec, patient.index, number))


def differing(spec: PhantomSpec) -> set[str]:
    """Names of the attributes that differ between the same cell of a diseased and of a normal patient."""
    names: set[str] = set()
    for patient in patients_of(spec):
        ill, well = (asdict(appearance(spec, replace(patient, label=label))) for label in (DISEASED, NORMAL))
        names |= {name for name in ill if ill[name] != well[name]}
    return names


def class_auroc(spec: PhantomSpec, name: str) -> float:
    patients = patients_of(spec)
    values = [float(getattr(appearance(spec, p), name)) for p in patients]
    return float(roc_auc_score([p.label == DISEASED for p in patients], values))


@pytest.mark.parametrize("mixture", list(MIXTURES))
def test_every_factor_at_zero_leaves_no_difference(mixture: str) -> None:
    spec = PhantomSpec(patients=3, size=64, mixture=mixture, **NONE)
    for patient in patients_of(spec):
        images = []
        for label in (DISEASED, NORMAL):
            rng = random_stream(spec, patient.index, 0)
            look = cell_appearance(spec, replace(patient, label=label), rng)
            images.append(draw_cell(look, size=spec.size, rng=rng).image.tobytes())
        assert images[0] == images[1]


@pytest.mark.parametrize("name", list(NONE))
def test_each_factor_moves_its_own_attributes_only(name: str) -> None:
    spec = PhantomSpec(patients=20, **{**NONE, name: 1.0})
    assert differing(spec) == MOVED[name]
    assert differing(replace(spec, effect=0)) == set()


def test_effect_multiplies_every_factor() -> None:
    doubled = PhantomSpec(patients=10, **dict.fromkeys(NONE, 2.0))
    by_effect = PhantomSpec(patients=10, effect=2)
    assert [appearance(doubled, p) for p in patients_of(doubled)] == [
        appearance(by_effect, p) for p in patients_of(by_effect)
    ]


def test_default_classes_differ_in_shape_and_chromatin_and_hardly_in_size_and_stain() -> None:
    spec = PhantomSpec(patients=800, cells=1, spread=0)
    assert 0.58 < class_auroc(spec, "n_clefts") < 0.7
    assert 0.55 < class_auroc(spec, "elongation") < 0.7
    assert class_auroc(spec, "grain_px") < 0.1
    assert class_auroc(spec, "nucleus_radius_px") == pytest.approx(0.5, abs=0.06)
    assert class_auroc(spec, "nc_ratio") == pytest.approx(0.5, abs=0.06)
    densities = [sum(appearance(spec, p).nucleus_rgb) for p in patients_of(spec)]
    assert roc_auc_score([p.label == DISEASED for p in patients_of(spec)], densities) == pytest.approx(0.5, abs=0.05)


def test_most_normal_nuclei_are_smooth_and_nearly_half_of_the_diseased_have_clefts() -> None:
    spec = PhantomSpec(patients=800, cells=1, spread=0)
    clefts = np.array([appearance(spec, p).n_clefts for p in patients_of(spec)])
    ill = np.array([p.label == DISEASED for p in patients_of(spec)])
    # P(Z > 0.8) of normal patients; of diseased ones P(Z > 0.8 - 0.65).
    assert np.mean(clefts[~ill] > 0) == pytest.approx(norm.sf(0.8), abs=0.04)
    assert np.mean(clefts[ill] > 0) == pytest.approx(norm.sf(0.15), abs=0.05)


def test_shifts_are_declared_for_every_attribute_and_factor() -> None:
    assert set(ATTRIBUTES.values()) == set(NONE)
    assert all(set(mixture.shifts) == set(ATTRIBUTES) for mixture in MIXTURES.values())


def test_size_mixture_is_the_former_default() -> None:
    spec = PhantomSpec(mixture="size")
    cells = [appearance(spec, p, 3) for p in patients_of(spec)[:4]]
    assert [each.n_clefts for each in cells] == FORMER["n_clefts"]
    for name in ("cleft_depth", "elongation", "skew", "nucleus_radius_px", "nc_ratio", "grain_px", "contrast"):
        assert [getattr(each, name) for each in cells] == pytest.approx(FORMER[name], rel=1e-12), name
    assert [each.nucleus_rgb[1] for each in cells] == pytest.approx(FORMER["nucleus_green"], rel=1e-12)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("phantom[mixture=shpe]", "mixture is 'shpe'. Did you mean shape.*shape, size"),
        ("phantom[mixture=1]", "mixture must be a name"),
        ("phantom[mixture=true]", "mixture must be a name"),
        ("phantom[cleft=1]", "Did you mean clefts"),
        ("phantom[size_efect=1]", "Did you mean size_effect"),
        ("phantom[clefts=-1]", "clefts is -1"),
        ("phantom[roundness=11]", "roundness is 11"),
        ("phantom[chromatin=fine]", "chromatin must be a number"),
        ("phantom[stain_effect=true]", "stain_effect must be a number"),
        ("phantom[size_effect=null]", "size_effect must be a number"),
    ],
)
def test_wrong_parameter_is_refused_with_its_name(selector: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        phantom_spec(selector)


def test_selector_sets_mixture_and_factors() -> None:
    spec = phantom_spec("phantom[mixture=size,clefts=0,size_effect=0.5]")
    assert spec == PhantomSpec(mixture="size", clefts=0, size_effect=0.5)
