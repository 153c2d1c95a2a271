"""Nonsense values of every parameter of a training: a sentence that names the parameter, before anything is trained."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from bench.errors import BenchError
from bench.plugins.registry import classifier, extractor
from classifiers.cnn import Cnn
from extractors.finetune import Finetune

OWNED = ("cv", "random_state", "weights_dir", "checkpoint_dir", "on_epoch", "device", "threads", "logger")
OWNED += ("gpus_per_fit", "gpu_strategy")
PARAMETERS = sorted(
    {(cls, field.name) for cls in (Cnn, Finetune) for field in fields(cls) if field.name not in OWNED},
    key=lambda pair: (pair[0].__name__, pair[1]),
)
OBJECTS = (True, "x", -1, 1e9, 10**9, [1, 2], [], None, 0.5, float("nan"), "", {"a": 1}, b"x", "all:3+x:2")
TEXTS = ("true", "x", "-1", "1e9", "1+2", "null", "0.5", "svm[C=2]", "mlp[width=0]", "flips[p=2]", "1.0")


@pytest.mark.parametrize(("cls", "name"), PARAMETERS)
def test_an_object_is_valid_or_named(cls: Any, name: str) -> None:
    for value in OBJECTS:
        model = cls(**{name: value})
        try:
            model.validate_parameters()
        except ValueError as error:
            assert name in str(error), value


@pytest.mark.parametrize(("cls", "name"), PARAMETERS)
def test_a_selector_is_valid_or_named(cls: Any, name: str) -> None:
    plugin, resolve = ("cnn", classifier) if cls is Cnn else ("finetune", extractor)
    for text in TEXTS:
        try:
            model: Any = resolve(f"{plugin}[{name}={text}]").build()
            model.validate_parameters()
            model.spec()
        except BenchError as error:
            assert name in str(error).replace(f"[{name}=", "["), text


def test_a_list_in_brackets_is_refused_with_the_form_of_lists() -> None:
    with pytest.raises(BenchError, match=r"'cnn\[stages=\[1,2\]\]': \[1,2\] is not a value; a list is joined by \+"):
        classifier("cnn[stages=[1,2]]")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"accumulate": None}, "accumulate=None is not valid; it is a whole number from 1"),
        ({"mixup": None}, "mixup=None is not valid; it is a number from 0"),
        ({"lora": None}, "lora=None is not valid"),
        ({"decay_norms": 1.0}, "decay_norms=1.0 is not known; it is one of True, False"),
        ({"preset": [1, 2]}, r"preset=\[1, 2\] is not known"),
        ({"optimiser": ["sgd"]}, r"optimiser=\['sgd'\] is not known; it is one of adam"),
        ({"stages": 3}, "stages=3 is not of the form head:EPOCHS, all:EPOCHS or groups-N:EPOCHS"),
        ({"sizes": True}, "sizes=True is not of the form PIXELS:EPOCHS"),
        ({"pool": 0.5}, "pool=0.5 is not known; it is default, one of avg"),
        ({"weights": None}, "weights=None is not known; it is default, random, a tag"),
        ({"arch": 3}, "arch=3 names no network; it is a name such as resnet18"),
        ({"arch": ()}, r"arch=\(\) names no network"),
        ({"size": 64.0}, "size=64.0 is not valid; it is the side of the input"),
        ({"threads": "2"}, "threads must be at least 1 and a whole number; it is 2"),
        ({"arch": "unnithan", "size": 8}, "unnithan rejects images of 8 x 8 pixels; it takes 16 or more"),
        ({"sizes": "8:1+64:1"}, "small rejects images of 8 x 8 pixels; it takes 16 or more; size=default is 64"),
        ({"average": "swa", "patience": 3, "select": "last"}, "it needs patience=0 and select=last"),
        ({"stages": "head:2", "sizes": "32:1"}, "stages has 2 epochs and sizes has 1"),
    ],
)
def test_the_message_of_an_invalid_parameter(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cnn(**parameters).validate_parameters()


def test_the_backbone_of_an_extractor_is_named_by_its_parameter() -> None:
    with pytest.raises(ValueError, match="backbone=3 names no network"):
        Finetune(backbone=3).validate_parameters()


@pytest.mark.parametrize(
    "text", ["resnet18[weights=true]", "resnet18[size=5]", "resnet18[pool=3]", "resnet18[layer=x]"]
)
def test_parameters_of_a_frozen_network_are_checked_where_the_row_is_planned(text: str) -> None:
    name = text.partition("[")[2].partition("=")[0]
    with pytest.raises(BenchError, match=f"{name}=.* is not (known|valid)"):
        extractor(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("learning_rate=1", "learning_rate=1.0"), ("learning_rate=1e-3+1", "learning_rate=0.001+1.0")]
    + [(f"{name}=1", f"{name}=1.0") for name in ("weight_decay", "epochs", "minutes", "patience", "mixup")],
)
def test_equal_numbers_have_one_identity(one: str, other: str) -> None:
    assert classifier(f"cnn[{one}]") == classifier(f"cnn[{other}]")
    assert extractor(f"finetune[{one}]") == extractor(f"finetune[{other}]")
