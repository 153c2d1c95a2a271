"""Metadata of one option, from which its validation and its command-line form are derived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from bench.errors import BenchError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

Stage = Literal["run", "matrix", "cells", "links", "folds", "features", "work", "decision"]
"""Stage of a run that uses an option; a command takes the options of some stages."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """Metadata of a field of `Options`, placed in its `Annotated` type.

    pydantic is imported only when values are validated, so that `bench --help` does not load it.

    Parameters
    ----------
    help : str
        Help text; names in backticks are highlighted.
    panel : {"Matrix", "Data", "Protocol", "Machine"}
        Panel of the help page.
    stage : Stage
        Stage of a run that uses the option.
    shown : str, optional
        Default shown in the help where the field's default is None or empty.
    metavar : str, optional
        Placeholder of the value in the help.
    flags : tuple of str
        Further command-line names, such as `--clfs`.
    aliases : tuple of str
        Further names in YAML and Python.
    saved : {"value", "path"}, optional
        How an experiment stores the option to reload its data: as it is, or as an absolute path. None: not stored.
        No place that is written, and none from which weights are loaded, is stored, because a record may come from a
        stranger.
    bounds : mapping
        Constraints of `pydantic.Field`, such as `{"ge": 2}`.
    parse : callable, optional
        Converts and checks a value; raises BenchError. None: pydantic validates the annotated type.
    """

    help: str
    panel: Literal["Matrix", "Data", "Protocol", "Machine"]
    stage: Stage
    shown: str | None = None
    metavar: str | None = None
    flags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    saved: Literal["value", "path"] | None = None
    bounds: Mapping[str, float] = field(default_factory=dict)
    parse: Callable[[object], object] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the validation schema of the annotated type."""
        from pydantic import Field  # noqa: PLC0415 (only validation needs pydantic)
        from pydantic_core import core_schema  # noqa: PLC0415

        if self.parse is not None:
            return core_schema.no_info_plain_validator_function(self._parsed)
        bounds: dict[str, Any] = dict(self.bounds)
        return handler(Annotated[source, Field(**bounds)] if bounds else source)

    def _parsed(self, value: object) -> object:
        from pydantic_core import PydanticCustomError  # noqa: PLC0415

        assert self.parse is not None  # noqa: S101 (the schema calls this only where there is a parser)
        try:
            return self.parse(value)
        except BenchError as error:
            raise PydanticCustomError("option", "{why}", {"why": str(error)}) from error
