from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import ClassVar

import pytest

from extractors.component import Component, choice_field, component, number_field


@dataclass(frozen=True)
class Blur(Component):
    name: ClassVar[str] = "blur"
    radius: float = number_field(1.5, low=0, high=8)
    times: int = number_field(1, low=1, high=9)
    edge: str = choice_field("reflect", "zero")
    fast: bool = False


KNOWN = {"blur": Blur}


def test_numbers_take_the_type_of_their_default() -> None:
    blur = Blur(radius=3, times=2.0)  # type: ignore[arg-type] # a selector gives any number
    assert (type(blur.radius), type(blur.times)) == (float, int)
    assert blur == Blur(radius=3.0, times=2)
    assert str(blur) == "blur[radius=3.0,times=2,edge=reflect,fast=false]"
    assert pickle.loads(pickle.dumps(blur)) == blur  # noqa: S301 - ours


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"radius": 9}, "radius is from 0 to 8 (given: 9.0)"),
        ({"times": 1.5}, "times is an integer (given: 1.5)"),
        ({"times": True}, "times is an integer (given: True)"),
        ({"edge": "wrap"}, "edge is one of reflect, zero (given: wrap)"),
        ({"fast": 1}, "fast is true or false (given: 1)"),
    ],
)
def test_wrong_parameters_are_named(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        Blur(**parameters)  # type: ignore[arg-type] # wrong on purpose


def test_a_component_by_name_or_as_it_is() -> None:
    assert component("blur", KNOWN, "augment") == Blur()
    assert component(Blur(times=3), KNOWN, "augment").times == 3
    with pytest.raises(ValueError, match=r"augment=blurr is not known. Did you mean blur\? It is one of blur."):
        component("blurr", KNOWN, "augment")
    with pytest.raises(ValueError, match="augment=3 is not known"):
        component(3, KNOWN, "augment")  # type: ignore[type-var] # wrong on purpose
