"""Recipe files of published systems."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import yaml

from fuzz import mutations
from fuzz.inputs import Command, cells, shell
from fuzz.kinds.documents import TAGS
from fuzz.kinds.selectors import HOLDERS, attacks
from fuzz.sandbox import Sandbox

RECIPE: dict[str, Any] = {
    "name": "mine",
    "title": "One neighbour",
    "source": "none",
    "stated": "a neighbour",
    "variants": [
        {
            "label": "",
            "prepare": "none",
            "extractors": ["size"],
            "classifiers": ["knn[n_neighbors=1,weights=uniform]"],
            "tune": 0,
            "sampler": "tpe",
            "published": [{"metric": "accuracy[threshold=0.5]", "value": 0.9, "part": "validation", "text": "Table 2"}],
        }
    ],
    "protocol": {
        "split": "image",
        "validation": 0.5,
        "stratified": True,
        "seed": 1,
        "copies": {"label": "negative", "per_cell": 1},
        "chosen_on_scored": ["threshold"],
        "threshold": "balanced",
        "text": "half of the images",
    },
    "open": [{"what": "scaling", "chosen": "z-scores"}],
    "inconsistent": ["a sum"],
}


def recipe(rng: Random, box: Sandbox, template: Path) -> Command:
    cells(box, template)
    (box.given / "mine.yaml").write_bytes(_content(rng, box))
    options = ("--folds", "2", "--inner-folds", "2", "--jobs", "1")
    places = ("--out", "../own/results", "--store", "../own/store")
    waterfall = ("--waterfall",) if rng.random() < 0.2 else ()
    arguments = ("reproduce", "./mine.yaml", "--data", "cells", *options, *places, *waterfall)
    return Command(arguments, ("mine.yaml", "cells"))


def _content(rng: Random, box: Sandbox) -> bytes:
    how = rng.random()
    text = yaml.safe_dump(RECIPE)
    if how < 0.5:
        try:
            return yaml.safe_dump(mutations.document(rng, RECIPE), allow_unicode=True).encode(errors="surrogateescape")
        except (RecursionError, yaml.YAMLError):
            return b"variants: " + b"[" * 3000
    if how < 0.6:
        return (text + f"data: {rng.choice(TAGS).format(shell=shell(box))}\n").encode()
    if how < 0.8:
        holder, key = rng.choice(HOLDERS)
        target = rng.choice(attacks(box))
        place = rng.choice(("classifiers", "extractors"))
        value = rng.choice((target, f"{holder}[{key}={target}]", f"handcrafted[families={target}]"))
        return yaml.safe_dump({**RECIPE, "variants": [{**RECIPE["variants"][0], place: [value]}]}).encode()
    if how < 0.9:
        place = rng.choice(("prepare", "mask", "label"))
        value = rng.choice((str(box.outside), "/dev/zero", "../../outside", mutations.text(rng)))
        return yaml.safe_dump({**RECIPE, "variants": [{**RECIPE["variants"][0], place: value}]}).encode()
    return mutations.damaged(rng, text.encode())
