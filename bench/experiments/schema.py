"""Schema of the files of an experiment, which may be damaged or come from a stranger: its record and its times."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from bench.errors import BenchError
from bench.plugins.selectors import Selector, parse, split_list
from bench.scores.decisions import Decision
from bench.storage.fingerprints import digest
from bench.storage.json_files import MAX_JSON, read_json

MAX_DEPTH = 8
"""Largest depth of the components of a key."""

KEY_DIGITS = 12
"""Digits of the key at the end of a folder's name."""

_SLUG = re.compile(rf"-([0-9a-f]{{{KEY_DIGITS}}})\Z")


class DamagedError(BenchError):
    """A file of an experiment is damaged; the message names it."""


Count = Annotated[int, Field(ge=0, lt=2**53)]
Positive = Annotated[int, Field(ge=1, lt=2**53)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Counts(_Model):
    cells: Count
    patients: Count
    split_units: Count


class _HeldOut(_Counts):
    digest: str


class _Data(_Counts):
    name: str
    digest: str
    classes: Annotated[list[str], Field(min_length=1, max_length=1000)]
    positive: str | None
    reader: str
    grouping: Literal["patient", "unit", "block"] = "patient"
    notices: list[str]
    per_class: dict[str, _Counts]
    held_out: _HeldOut | None = None

    @model_validator(mode="after")
    def _consistent(self) -> _Data:
        if len(set(self.classes)) < len(self.classes) or self.positive not in (None, *self.classes):
            raise ValueError("the classes are not distinct, or the positive one is not among them")
        return self


class _Protocol(_Model):
    split: Literal["patient", "image", "official", "official-linked", "lopo", "held-out"]
    folds: Positive
    repeats: Positive
    inner_folds: Positive
    tune: Count
    tune_hours: Seconds
    sampler: Literal["tpe", "gp", "random", "grid"]
    calibrate: str
    threshold: str
    aggregate: str
    seed: int
    threads: Positive

    @model_validator(mode="after")
    def _decision(self) -> _Protocol:
        try:
            Decision(self.calibrate, self.threshold, self.aggregate)
        except BenchError as error:
            raise ValueError(str(error)) from error
        return self


class _Family(_Model):
    name: str
    columns: Count
    mostly_missing: Count
    share: Share
    reason: str


class _Difference(_Model):
    family: str
    columns: Count
    reason: str
    shares: dict[str, Share]


class _Dropped(_Model):
    columns: Count
    folds: Count
    of: Count


class _Missing(_Model):
    cells: Count
    columns: Count
    mostly_missing: Count
    cells_without_values: Count
    reason: str
    families: list[_Family]
    class_differences: list[_Difference]
    dropped: _Dropped | None = None


class _Components(_Model):
    classifier: str = ""
    classifier_libraries: dict[str, str] = {}
    features: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _shallow(cls, value: Any) -> Any:
        level = [value]
        for _ in range(MAX_DEPTH):
            level = [item for one in level if isinstance(one, dict | list) for item in _items(one)]
        if level:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")
        return value


class _Environment(_Model):
    python: str
    machine: str


class _Record(_Model):
    key: str
    prepare: str
    extractor: str
    classifier: str
    folds_hash: str
    flags: list[str]
    violations: list[str]
    data: _Data
    protocol: _Protocol
    components: _Components
    options: dict[str, Any]
    environment: _Environment
    repeat_hashes: list[str] | None = None
    fold_notices: list[str] = []
    missing: _Missing | dict[str, None] = {}
    licences: dict[str, str] = {}
    reason: str = ""


_TIMES: TypeAdapter[Any] = TypeAdapter(dict[str, Seconds | dict[str, Seconds]])


def read_record(path: Path) -> Mapping[str, Any]:
    """Read the record of a finished or failed experiment.

    Raises
    ------
    DamagedError
        It is not a file of at most `MAX_JSON` bytes with a JSON object; a field is missing or has another type or
        range; its key is not the digest of its components, or they differ from its fields; or its folder has the name
        of another experiment.
    """
    target = path.parent if path.name == "experiment.json" else path
    record, remedy = _read(path), f"delete {target} and run the experiment again"
    try:
        _Record.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        name, *inner = map(str, first["loc"])
        why = ": ".join([*filter(None, [".".join(inner)]), first["msg"]])[:300]
        raise DamagedError(f"{path}: {name!r} is missing or damaged ({why}); {remedy}") from error
    components, differs = record["components"], _differing(record)
    if digest(components) != record["key"]:
        raise DamagedError(f"{path}: 'key' is not that of the record's components; {remedy}")
    if differs:
        raise DamagedError(f"{path}: {differs!r} is not that of the record's key; {remedy}")
    slug = _SLUG.search(target.name.removesuffix(".json"))
    if slug is not None and slug[1] != record["key"][:KEY_DIGITS]:
        raise DamagedError(f"{path}: this is the record of another experiment than its folder's; {remedy}")
    return record


def read_times(path: Path) -> Mapping[str, Any]:
    """Read wall times in seconds, by fold and step.

    Raises
    ------
    DamagedError
        They are not finite numbers of at least 0.
    """
    times = _read(path)
    try:
        _TIMES.validate_python(times)
    except ValidationError as error:
        raise DamagedError(f"{path}: a time is not a number of seconds; delete this file") from error
    return times


def check_file(path: Path, largest: int) -> None:
    """Check that a file of an experiment is a regular file, not a link, of a limited size.

    Raises
    ------
    DamagedError
        It is not.
    """
    try:
        status = path.lstat()
    except OSError as error:
        raise DamagedError(f"{path}: cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(status.st_mode):
        raise DamagedError(f"{path}: cannot be read (not a regular file)")
    if status.st_size > largest:
        size, most = (f"{number / 1024**2:.0f} MiB" for number in (status.st_size, largest))
        raise DamagedError(f"{path}: cannot be read ({size}; at most {most} are)")


def _read(path: Path) -> dict[str, Any]:
    check_file(path, MAX_JSON)
    try:
        return read_json(path)
    except BenchError as error:
        raise DamagedError(str(error)) from error


def _items(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _differing(record: Mapping[str, Any]) -> str:
    """Return the name of a field that differs from the record's components; empty without one."""
    data = record["data"]
    fields = {"protocol": record["protocol"], "folds": record["folds_hash"]}
    fields |= {"data": data["digest"], "positive": data["positive"]}
    components = record["components"]
    differing = [name for name, value in fields.items() if components.get(name, value) != value]
    features = components.get("features", {})
    full = {
        "classifier": components.get("classifier"),
        **{name: features.get(name) for name in ("extractor", "prepare")},
    }
    differing += [name for name, text in full.items() if text and not _agree(record[name], str(text))]
    return differing[0] if differing else ""


def _agree(short: str, canonical: str) -> bool:
    """Whether a selector names what a canonical one does; nested selectors, lists and objects are not compared."""
    if short == canonical or "(" in short.partition("[")[0]:
        return True
    try:
        steps = [_parts(text) for text in (short, canonical)]
    except BenchError:
        return False
    return len(steps[0]) == len(steps[1]) and all(map(_is_part, *steps))


def _parts(text: str) -> list[Selector]:
    """Return the selector of an extractor or classifier, or those of the steps of a preparation."""
    return [parse(step) for step in split_list(text, "+")]


def _is_part(short: Selector, full: Selector) -> bool:
    """Whether two selectors agree in name and plain values; a name may stand for a nested selector."""
    pairs = [(value, full.params.get(key, value)) for key, value in short.params.items()]
    plain = [pair for pair in pairs if not any(isinstance(value, Selector | tuple) for value in pair)]
    return short.name == full.name and all(a == b for a, b in plain)
