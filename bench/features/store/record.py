"""Schema of the record of a stored entry, which may come from a stranger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bench.errors import shortened
from bench.plugins.fitted_network import NetworkRecord
from bench.plugins.training_record import MOST_ROWS

MAX_DEPTH = 8
"""Largest depth of the components of a key."""

Count = Annotated[int, Field(ge=0, lt=2**53)]
Amount = Annotated[float, Field(ge=0, le=1e15)]
Seconds = Annotated[float, Field(ge=0, le=1e10)]
"""At most 300 years, so that sums are finite."""
Number = Annotated[float, Field(ge=-1e300, le=1e300)] | None


def _shallow(components: dict[str, Any]) -> dict[str, Any]:
    level: list[Any] = [components]
    for _ in range(MAX_DEPTH):
        containers = [value for value in level if isinstance(value, dict | list)]
        level = [item for one in containers for item in (one.values() if isinstance(one, dict) else one)]
    if level:
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    return components


class _FittedOn(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    patients: list[str]
    units: list[str]
    cells: Count


class _Epoch(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    stage: str
    epoch: Count
    size: Count
    training_loss: Number
    validation_loss: Number
    validation_auroc: Number
    learning_rate: Number
    seconds: Number


class _FinderStep(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    learning_rate: Number
    loss: Number


class _Training(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    curves: Annotated[list[_Epoch], Field(max_length=MOST_ROWS)]
    finder: Annotated[list[_FinderStep], Field(max_length=MOST_ROWS)]
    summary: dict[str, bool | int | str | Number]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    components: Annotated[dict[str, Any], AfterValidator(_shallow)]
    cells: Count
    names: list[str]
    status: bool
    checksums_sha256: str
    written: str
    environment: dict[str, str]
    seconds: Seconds
    wall_s: Seconds
    cells_per_s: Amount
    extracted: Count
    reused: Count
    notices: list[str]
    threads: Count
    jobs: Count
    selector: str = ""
    fitted_on: _FittedOn | None = None
    training: _Training | None = None
    network: NetworkRecord | None = None


def record_problem(record: Mapping[str, Any]) -> str:
    """Describe the first field of a record that is missing or has another type or range; empty where all are right."""
    try:
        _Record.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        return shortened(f"{'.'.join(map(str, first['loc']))!r}: {first['msg']}", 200)
    return ""
