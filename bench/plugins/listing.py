"""List installed plugins without importing them, the models of timm and torchvision, and own architectures."""

from __future__ import annotations

import ast
from contextlib import suppress
from pathlib import Path

from bench.errors import BenchError
from bench.plugins.importing import Kind, installed, load_class, owner

_ROOT = Path(__file__).resolve().parents[2]


def plugins_of(kind: Kind) -> list[tuple[str, str, str]]:
    """Return name, docstring summary and distribution of each plugin of a kind.

    The summary is read from the source file; it is empty for third-party plugins.
    """
    rows = []
    for name, point in installed(kind).items():
        distribution = owner(point)
        rows.append((name, _summary(point.module, point.attr) if distribution == "cytobench" else "", distribution))
    return rows


def dataset_facts() -> dict[str, tuple[str, str, str]]:
    """Return licence, `yes` or `none` for patient ids, and address of each reader of a public dataset, by its name.

    A reader states them as the attribute `facts`; others, and readers that cannot be imported, are left out.
    """
    facts = {}
    for name, point in installed("datasets").items():
        with suppress(BenchError):
            stated = getattr(load_class(point.value), "facts", None)
            if stated is not None:
                facts[name] = (str(stated.licence), "yes" if stated.patients else "none", str(stated.address))
    return facts


def models_with_licences() -> list[tuple[str, str]]:
    """Return name and licence of the default weights of each timm or torchvision model or own architecture, sorted.

    The licence is `unknown` where the library states none, and `no weights` for a model without published weights.
    """
    from extractors.networks.weights.licences import weights_licence  # noqa: PLC0415 (may import timm)
    from extractors.networks.weights.registry import model_entry, model_names  # noqa: PLC0415 (may import timm)

    tags = {name: model_entry(name).default_tag for name in model_names()}
    return [(name, "no weights" if tag is None else weights_licence(f"{name}.{tag}")) for name, tag in tags.items()]


def foundation_models() -> list[tuple[str, str]]:
    """Return name and licence of each foundation model, in the order of the catalogue; `gated` where access is."""
    from extractors.networks.foundation.catalogue import FOUNDATION  # noqa: PLC0415 (with the other networks)
    from extractors.networks.weights.licences import weights_licence  # noqa: PLC0415 (with the other networks)

    return [(name, weights_licence(name) + ("; gated" if model.gated else "")) for name, model in FOUNDATION.items()]


def own_architectures() -> list[str]:
    """Return the names of the network architectures that this project defines, sorted."""
    from extractors.networks.architectures.catalogue import ARCHITECTURES  # noqa: PLC0415 (with the other networks)

    return sorted(ARCHITECTURES)


def _summary(module: str, attribute: str) -> str:
    path = _ROOT.joinpath(*module.split(".")).with_suffix(".py")
    if not path.is_file():
        return ""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.ClassDef) and node.name == attribute:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
