"""Pretrained weights behind an experiment: their licences, and whether the networks have seen the dataset before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from extractors.networks.foundation.catalogue import foundation_model
from extractors.networks.foundation.pretraining import seen_in_pretraining
from extractors.networks.weights.hub_models import read_config
from extractors.networks.weights.licences import UNKNOWN, weights_licence
from extractors.networks.weights.registry import is_hub_model
from extractors.networks.weights.resolve import SUFFIXES

_FILE = re.compile(rf"weights=[^,\]]*({'|'.join(map(re.escape, SUFFIXES))})")


@dataclass(frozen=True)
class PretrainedWeights:
    """One file of weights.

    Parameters
    ----------
    model : str
        Network with the tag of the weights; for a file that the user names, the selector.
    licence : str
        Licence of the published weights of this name; `unknown` for other files.
    sha256 : str
        SHA-256 of the file.
    """

    model: str
    licence: str
    sha256: str


def weights_of(record: Mapping[str, Any]) -> list[PretrainedWeights]:
    """Return the distinct weights of an experiment, sorted by name; the licences are those of its record."""
    stated = record.get("licences", {})
    return [
        PretrainedWeights(model, str(stated.get(model) or _licence(model, part)), str(part["weights"]))
        for model, part in sorted(_pretrained(record["components"]), key=lambda one: (one[0], str(one[1]["weights"])))
    ]


def licences_of(components: Mapping[str, Any]) -> dict[str, str]:
    """Return the licence of the weights of each network of an experiment, by its name, for the record."""
    networks = sorted(_pretrained(components), key=lambda one: one[0])
    return {model: _configured(model) or _licence(model, part) for model, part in networks}


def seen_before(components: Mapping[str, Any], reader: str) -> bool:
    """Whether pretrained weights of an experiment come from a training on the cells that a dataset reader reads."""
    return any(seen_in_pretraining(str(part.get("model")), reader) for _, part in _pretrained(components))


def licences_text(licences: Mapping[str, str]) -> str:
    """Return licences in one line: `dinobloom_b.1aurent: apache-2.0; ...`."""
    return "; ".join(f"{model}: {licence}" for model, licence in sorted(licences.items()))


def _pretrained(components: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the distinct networks with weights, with their names."""
    parts = {
        (_name(part), str(part["weights"])): part for part in _networks(components) if part.get("weights") is not None
    }
    return [(name, part) for (name, _), part in parts.items()]


def _networks(components: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the networks of the extractors, the classifier and the estimators nested in it."""
    classifier = {"extractor": components.get("classifier")}
    own = {name: components.get(f"classifier_{name}") for name in ("model", "weights")}
    lists = (components.get(name) for name in ("classifier_networks", "members"))
    rest = [one for items in lists if isinstance(items, list) for one in items]
    yield from (one for one in (components.get("features"), {**classifier, **own}, *rest) if isinstance(one, Mapping))


def _name(part: Mapping[str, Any]) -> str:
    extractor = str(part.get("extractor"))
    return extractor if _FILE.search(extractor) else str(part.get("model") or extractor)


def _configured(model: str) -> str | None:
    """Return the licence that the `config.json` of a repository or folder states, if the model is not known by name."""
    if not is_hub_model(model) or foundation_model(model) is not None:
        return None
    with suppress(OSError, ValueError):  # the experiment itself reports a missing or damaged configuration
        return read_config(model)[0].licence
    return None


def _licence(model: str, part: Mapping[str, Any]) -> str:
    """Return the licence; networks that are joined are one file or several of one name."""
    if _FILE.search(str(part.get("extractor"))):
        return UNKNOWN
    licences = dict.fromkeys(weights_licence(name) for name in model.split("+"))
    return ", ".join(licences)
