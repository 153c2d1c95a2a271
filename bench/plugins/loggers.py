"""Resolve `--logger`, the import path of a Lightning logger with its parameters, and check it before a run."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

from bench.errors import BenchError
from bench.plugins.importing import check_import_path, load_class
from bench.plugins.selectors import Selector, check_parameters, parse
from extractors.networks.training.logger_spec import LoggerSpec, Scalar

EXAMPLE = "pytorch_lightning.loggers.CSVLogger[save_dir=logs]"

SET_FOR_EACH_FIT = ("name", "version")
"""Parameters that the user does not set."""


def logger_spec(text: str) -> LoggerSpec:
    """Resolve and check a logger; it is built once, without `name` and `version`, and logs nothing.

    Parameters that are folders become absolute paths.

    Parameters
    ----------
    text : str
        Import path and parameters, such as `pytorch_lightning.loggers.CSVLogger[save_dir=logs]`.

    Raises
    ------
    BenchError
        The class cannot be imported or is not a subclass of `pytorch_lightning.loggers.Logger`, it does not take a
        parameter, a package that it needs is missing, or a folder cannot be written.
    """
    selector = parse(text)
    cls = _logger_class(selector.name)
    _check_names(selector, cls)
    spec = LoggerSpec(
        target=_target(selector.name), params={k: _scalar(k, v, text) for k, v in selector.params.items()}
    )
    try:
        spec.build()
    except Exception as error:  # a logger may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise BenchError(f"--logger {selector.name} cannot be used ({reason}); correct it, or leave it out") from error
    return spec


def is_folder(name: str) -> bool:
    """Whether a parameter of a logger is a folder, such as `save_dir`."""
    return name == "dir" or name.endswith("_dir")


def is_local(path: str) -> bool:
    """Whether a folder is in the file system, not a URL of a remote one."""
    return "://" not in path


def _target(name: str) -> str:
    return ":".join(name.rsplit(".", 1))


def _logger_class(name: str) -> type:
    """Import the class."""
    if "." not in name:
        raise BenchError(f"--logger {name} is not the import path of a class; write one such as {EXAMPLE}")
    check_import_path(name, "a Lightning logger")
    cls = load_class(_target(name))
    from pytorch_lightning.loggers import Logger  # noqa: PLC0415 - heavy

    if not issubclass(cls, Logger):
        raise BenchError(
            f"--logger {name} is not a logger: it is not derived from pytorch_lightning.loggers.Logger; use one such "
            f"as {EXAMPLE}"
        )
    return cls


def _check_names(selector: Selector, cls: type) -> None:
    """Check the names of the parameters; a class with `**kwargs` takes further ones."""
    parameters = inspect.signature(cls).parameters.values()
    for name in SET_FOR_EACH_FIT:
        if name in selector.params:
            raise BenchError(f"--logger {selector}: {name} is set for each fit; leave it out")
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    known = [p.name for p in named if p.name not in SET_FOR_EACH_FIT]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        check_parameters(selector, known)
    missing = [p.name for p in named if p.default is p.empty and p.name in known and p.name not in selector.params]
    if missing:
        raise BenchError(
            f"--logger {selector.name} needs {', '.join(missing)}: write {selector.name}[{missing[0]}=...]"
        )


def _scalar(name: str, value: object, text: str) -> Scalar:
    """Return a number, a word or None; of a folder, the absolute path, which must be writable."""
    if not isinstance(value, Scalar):
        raise BenchError(f"--logger {text}: {name} is a number or a word, not a list or a selector")
    if not (isinstance(value, str) and is_folder(name) and is_local(value)):
        return value
    path = Path(os.path.abspath(value))  # noqa: PTH100 (keeps links, drops dots)
    nearest = next(p for p in (path, *path.parents) if p.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise BenchError(f"{path}: cannot be written ({nearest}); choose another folder with {name} of --logger")
    return str(path)
