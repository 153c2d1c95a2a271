"""Licences of the packages that a run needs: the dependencies of pyproject.toml, and theirs.

Read from the metadata of the installed distributions: `License-Expression`, then `License` where it is a name, then the
classifiers. Libraries inside a wheel are not read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from email.message import Message
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]

ALLOWED = frozenset(
    {
        *("0BSD", "2-clause BSD", "BSD", "BSD 3-Clause License", "BSD License", "BSD-2-Clause", "BSD-3-Clause"),
        *("Apache 2.0", "Apache Software License", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"),
        *("BSL-1.0", "CC0-1.0", "ISC", "ISC License", "MIT", "MIT License", "MIT-CMU", "Zlib"),
        *("PSF-2.0", "Python Software Foundation License"),
        "MPL-2.0",  # copyleft by file: the files are used unchanged
    }
)
"""SPDX identifiers and the names that distributions use instead of them."""

PROPRIETARY = frozenset(
    {
        *("nvidia-cublas", "nvidia-cuda-cccl", "nvidia-cuda-cupti", "nvidia-cuda-nvrtc", "nvidia-cuda-runtime"),
        *("nvidia-cudnn-cu13", "nvidia-cufft", "nvidia-cufile", "nvidia-cusolver", "nvidia-cusparse"),
        *("nvidia-cusparselt-cu13", "nvidia-nccl-cu12", "nvidia-nccl-cu13", "nvidia-nvjitlink", "nvidia-nvshmem-cu13"),
        "nvidia-nvtx",
    }
)
"""CUDA libraries that torch and xgboost require on Linux, under NVIDIA's licence."""

NVIDIA = frozenset({"LicenseRef-NVIDIA-Proprietary", "NVIDIA Proprietary Software"})


class Stated(NamedTuple):
    """Licence of a distribution whose metadata state none."""

    versions: str
    licence: str
    where: str


UNSTATED = {
    "cuda-toolkit": Stated(
        ">=13,<14",
        "LicenseRef-NVIDIA-Proprietary",
        "contains no file besides its metadata: it requires packages of NVIDIA, which state this licence",
    )
}


def runtime_dependencies() -> dict[str, Message]:
    """Metadata by name of the dependencies, theirs and so on, for this platform and without development tools."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    visited: set[tuple[str, str]] = set()
    todo = list(map(Requirement, project["dependencies"]))
    while todo:
        requirement = todo.pop()
        for extra in {"", *requirement.extras}:
            if (requirement.name, extra) in visited:
                continue
            visited.add((requirement.name, extra))
            further = map(Requirement, distribution(requirement.name).requires or ())
            todo += [one for one in further if one.marker is None or one.marker.evaluate({"extra": extra})]
    names = {canonicalize_name(name) for name, _ in visited}
    return {name: distribution(name).metadata for name in sorted(names)}


def stated_licences(metadata: Message) -> list[str]:
    """Names of the licences; those of an expression are all of them, whether joined by AND or by OR."""
    if expression := metadata.get("License-Expression"):
        return re.split(r"\s+(?:AND|OR)\s+", re.sub(r"[()]", "", expression))
    field = (metadata.get("License") or "").strip().removeprefix("OSI Approved :: ")
    if field and "\n" not in field and len(field) <= 40:
        return re.split(r"\s+(?:AND|OR)\s+", field)
    classifiers = [one for one in metadata.get_all("Classifier") or () if one.startswith("License :: ")]
    return [one.rpartition(" :: ")[2] for one in classifiers if one != "License :: OSI Approved"]


def objections(metadata: Message) -> Iterator[str]:
    """What forbids a distribution at run time."""
    name, version = canonicalize_name(metadata["Name"]), metadata["Version"]
    licences = stated_licences(metadata)
    if not licences:
        known = UNSTATED.get(name)
        if known is None or version not in SpecifierSet(known.versions):
            yield f"{name} {version}: states no licence; find it and add it to UNSTATED with its place and versions"
            return
        licences = [known.licence]
    for licence in licences:
        if licence in ALLOWED:
            continue
        if licence in NVIDIA and (name in PROPRIETARY or name in UNSTATED):
            continue
        kind = "GPL" if re.search(r"GPL|General Public", licence) else "unknown"
        yield f"{name} {version}: {kind} licence {licence!r}; use another library, or add it to the lists with a reason"


def problems(distributions: Iterable[Message]) -> list[str]:
    return [text for metadata in distributions for text in objections(metadata)]


def test_every_runtime_dependency_has_an_allowed_licence() -> None:
    found = runtime_dependencies()
    assert {"torch", "pytorch-lightning", "markupsafe"} <= found.keys()
    assert not {"pytest", "sphinx", "docutils", "hypothesis", "seaborn"} & found.keys()
    assert problems(found.values()) == []


def test_runtime_dependencies_are_installed_in_the_locked_versions() -> None:
    lines = re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    locked: dict[str, set[str]] = {}
    for name, version in lines:
        locked.setdefault(name, set()).add(version)
    installed = {name: metadata["Version"] for name, metadata in runtime_dependencies().items()}
    assert {name: v for name, v in installed.items() if v not in locked.get(name, ())} == {}


def _metadata(name: str, version: str = "1.0", *, classifiers: Iterable[str] = (), **fields: str) -> Message:
    message = Message()
    message["Name"], message["Version"] = name, version
    for field, value in fields.items():
        message[field.replace("_", "-")] = value
    for text in classifiers:
        message["Classifier"] = text
    return message


REFUSED = {
    "GPL expression": (_metadata("a", License_Expression="MIT AND GPL-3.0-or-later"), "GPL licence 'GPL-3.0-or-later'"),
    "AGPL expression": (_metadata("a", License_Expression="(AGPL-3.0-only)"), "GPL licence 'AGPL-3.0-only'"),
    "GPL by choice": (_metadata("a", License_Expression="MIT OR GPL-2.0-only"), "GPL licence 'GPL-2.0-only'"),
    "GPL field": (_metadata("a", License="GPLv3"), "GPL licence 'GPLv3'"),
    "GPL classifier": (
        _metadata("a", classifiers=["License :: OSI Approved :: GNU General Public License v2 (GPLv2)"]),
        "GPL licence 'GNU General Public License v2",
    ),
    "expression before classifier": (
        _metadata("a", License_Expression="GPL-2.0-only", classifiers=["License :: OSI Approved :: MIT License"]),
        "GPL licence 'GPL-2.0-only'",
    ),
    "LGPL": (_metadata("a", License="LGPL"), "GPL licence 'LGPL'"),
    "NVIDIA of another": (_metadata("a", License_Expression="LicenseRef-NVIDIA-Proprietary"), "unknown licence"),
    "unknown": (_metadata("a", License_Expression="LicenseRef-Own"), "unknown licence 'LicenseRef-Own'"),
    "nothing": (_metadata("a"), "states no licence"),
    "a text and no classifier": (_metadata("a", License="Copyright\nDo what is right."), "states no licence"),
    "OSI approved alone": (_metadata("a", classifiers=["License :: OSI Approved"]), "states no licence"),
    "table of another version": (_metadata("cuda-toolkit", "14.0"), "states no licence"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_licences_are_refused(case: str) -> None:
    metadata, message = REFUSED[case]
    (problem,) = problems([metadata])
    assert message in problem


def test_allowed_licences_pass() -> None:
    allowed = [
        _metadata("a", License_Expression="(MIT OR Apache-2.0) AND BSD-3-Clause"),
        _metadata("a", License="Copyright\nMIT", classifiers=["License :: OSI Approved :: MIT License"]),
        _metadata("cuda-toolkit", "13.2.2"),
        _metadata("nvidia-cublas", License_Expression="LicenseRef-NVIDIA-Proprietary"),
    ]
    assert problems(allowed) == []
