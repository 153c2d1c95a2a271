"""Parsing of `--prepare`: canonical forms and error messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.plugins.preparation import MAX_STEPS, canonical, parse_prepare, preparation_code
from bench.storage.fingerprints import code_digest
from extractors.preparation.geometry import CentreCrop, Crop, PadSquare
from extractors.preparation.intensity import Clahe, Equalise
from extractors.preparation.macenko import Macenko
from extractors.preparation.reinhard import Reinhard
from extractors.preparation.step import Step


def test_steps_in_the_order_of_the_text() -> None:
    text = "crop[margin=4]+equalise[channels=rgb] + clahe[tiles=4,clip=3]+ macenko+pad_square"
    assert parse_prepare(text) == (Crop(4), Equalise("rgb"), Clahe(3.0, 4), Macenko(), PadSquare())
    assert parse_prepare("none") == ()
    assert parse_prepare("reinhard+crop") != parse_prepare("crop+reinhard")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", "none"),
        (" crop ", "crop[margin=0]"),
        ("crop+clahe[clip=2]", "crop[margin=0]+clahe[clip=2.0,tiles=8]"),
        ("crop[margin=0.0]+clahe", "crop[margin=0]+clahe[clip=2.0,tiles=8]"),
        ("clahe[tiles=8,clip=2e0]", "clahe[clip=2.0,tiles=8]"),
        ("mask[to=mean]", "mask[to=mean]"),
        ('mask[to="mean"]', "mask[to=mean]"),
        ("mask[to=leave]", "none"),
        ("crop+mask[to=leave]+macenko", "crop[margin=0]+macenko"),
    ],
)
def test_equivalent_texts_have_one_canonical_form(text: str, expected: str) -> None:
    assert canonical(parse_prepare(text)) == expected
    assert canonical(parse_prepare(expected)) == expected


steps = st.one_of(
    st.builds(Crop, st.integers(0, 8192)),
    st.builds(CentreCrop, st.integers(1, 8192)),
    st.builds(Clahe, st.floats(0.01, 256), st.integers(1, 64)),
    st.just(Reinhard()),
)


@given(st.lists(steps, max_size=MAX_STEPS))
def test_the_canonical_text_is_read_back_to_the_same_steps(drawn_steps: list[Step]) -> None:
    assert parse_prepare(canonical(drawn_steps)) == tuple(drawn_steps)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected steps such as"),
        ("crop+", "expected steps such as"),
        ("+crop", "expected steps such as"),
        ("crop++mask", "expected steps such as"),
        ("crop,mask", "is not a selector"),
        ("crp", r"no step is called 'crp'\. Did you mean crop\? The steps are crop, centre_crop, .*, macenko"),
        ("crop+center_crop", r"no step is called 'center_crop'\. Did you mean centre_crop"),
        ("crop+none", "none cannot be combined"),
        ("crop[margn=2]", r"crop has no parameter 'margn'\. Did you mean margin\? It takes margin\."),
        ("macenko[alpha=1]", r"macenko has no parameter 'alpha'\. It takes no parameters\."),
        ("crop[margin=-1]", r"crop: margin is from 0 to 8192 \(given: -1\)"),
        ("centre_crop[size=null]", r"centre_crop: size is an integer \(given: None\)"),
        ("centre_crop[size=10+20]", r"centre_crop: size is an integer"),
        ("mask[to=white]", r"mask: to is one of black, mean, leave \(given: white\)"),
        ("clahe[clip=high]", r"clahe: clip is a number \(given: 'high'\)"),
        ("clahe[clip=1e999]", r"clahe: clip is a number"),
        ("crop[margin=3", "the brackets are not closed"),
        ("+".join(["crop"] * 17), "17 steps; at most 16"),
    ],
)
def test_invalid_texts_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        parse_prepare(text)


def test_the_code_of_the_steps_is_part_of_what_identifies_features() -> None:
    assert preparation_code(()) is None
    geometry, macenko = "extractors.preparation.geometry", "extractors.preparation.macenko"
    both = preparation_code(parse_prepare("macenko+crop+pad_square"))
    assert both == code_digest(geometry, macenko)
    assert both != preparation_code(parse_prepare("crop"))
