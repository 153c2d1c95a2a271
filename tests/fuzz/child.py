"""One input inside a forked process: limits, watching, the command line, and how it ended."""

from __future__ import annotations

import atexit
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
import weakref
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from bench.errors import BenchError
from fuzz.inputs import Command
from fuzz.sandbox import Sandbox

CPU_S = 20
"""Seconds of CPU of one process."""

WRITES = frozenset(
    {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown"}
)
FOLDERS = frozenset({"os.remove", "os.mkdir", "os.rmdir"})
"""Events whose last value is the open folder to which a path is relative, or -1."""

RUNS = frozenset({"os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pty.spawn"})
HARMLESS = frozenset({"lscpu", "uname", "ldconfig", "gcc", "cc", "ld", "objdump", "nvidia-smi", "rocminfo", "getconf"})
"""Programs with which libraries look at the machine."""

REQUESTS = frozenset({"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"})
DEFECTS = (AttributeError, NameError, AssertionError, IndexError, ZeroDivisionError, RecursionError, MemoryError)
"""Exceptions that a message must not be made of, wherever they were raised in our own code."""


@dataclass
class Ending:
    """How a command ended; written by the process itself."""

    code: int
    error: str = ""
    trace: str = ""
    executed: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)


def run_child(command: Command, box: Sandbox, root: Path) -> NoReturn:
    """Call the command line, write its output and its ending beside the sandbox's folders, and exit."""
    os.setsid()
    _forget_exit_functions()
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 * 1024**3, 8 * 1024**3))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in ((1, "stdout"), (2, "stderr")):
        target = os.open(box.base / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(target, number)
        os.close(target)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.environ.update(box.environment(), PYTHONPATH=os.pathsep.join((str(root), str(box.plugins))))
    sys.path[:] = [entry for entry in sys.path if entry] + [str(box.plugins)]
    tempfile.tempdir = None
    os.chdir(box.given)
    sys.argv = ["bench", *command.arguments]
    ending = Ending(code=-1)
    _watch(ending, box)
    _call(ending)
    atexit._run_exitfuncs()  # libraries remove their temporary files there
    sys.stdout.flush()
    sys.stderr.flush()
    (box.base / "ending.json").write_text(json.dumps(asdict(ending)))
    os._exit(0)


def _forget_exit_functions() -> None:
    """Drop what the parent does at its own exit, such as removing its temporary folder."""
    atexit._clear()
    weakref.finalize._registry.clear()  # type: ignore[attr-defined]
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]


def _call(ending: Ending) -> None:
    from bench.cli.app import main  # noqa: PLC0415 (loaded before the fork)

    try:
        main()
        ending.code = 0
    except SystemExit as stop:
        ending.code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        ending.error = _hidden_defect(stop) if ending.code else ""
    except BaseException as error:
        ending.code, ending.error = 70, type(error).__name__
        ending.trace = "".join(traceback.format_exception(error)[-12:])[-6000:]


def _hidden_defect(stop: SystemExit) -> str:
    """What a catch-all turned into a message: the name of an exception that no user can correct; else empty."""
    error: BaseException | None = stop.__context__
    if stop.code == 2 and error is not None and not _is_documented(error):
        return f"{type(error).__name__} became a message"
    while error is not None:
        looked_up = isinstance(getattr(error, "obj", None), ModuleType)  # an import path that names nothing
        if isinstance(error, DEFECTS) and _is_ours(error) and not looked_up:
            return f"{type(error).__name__} became a message"
        error = error.__cause__ or error.__context__
    return ""


def _is_documented(error: BaseException) -> bool:
    """Whether an exception is a refusal: ours, or one of the parser of the command line, with its own Click."""
    return isinstance(error, BenchError | SystemExit) or type(error).__module__.partition(".")[0] in ("click", "typer")


def _is_ours(error: BaseException) -> bool:
    """Whether it was raised in our code, and not by what a plugin or library promises to raise."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and any(f"/{name}/" in frames[-1].filename for name in ("bench", "extractors", "reports"))


def _watch(ending: Ending, box: Sandbox) -> None:
    """Note what the process executes, writes and requests, by Python's audit events."""
    allowed = tuple(f"{folder}{os.sep}" for folder in box.writable)
    foreign = tuple(f"{folder}{os.sep}" for folder in (box.given, box.outside))
    own = os.getpid()

    def note(kind: list[str], text: str) -> None:
        if os.getpid() == own and len(kind) < 20 and text not in kind:
            kind.append(text[:300])

    def hook(event: str, values: tuple[Any, ...]) -> None:
        if event == "open" or event in WRITES:
            paths = values[:2] if event in ("os.rename", "os.link", "os.symlink") else values[:1]
            if event == "open" and not _opens_to_write(values[1], values[2]):
                return
            for path in paths if event != "os.symlink" else values[1:2]:
                place = _absolute(path, values[-1] if event in FOLDERS else -1)
                if place and not f"{place}/".startswith((*allowed, "/dev/", "/proc/")) and not _is_cache(place):
                    note(ending.written, f"{event} {place}")
        elif event in RUNS:
            program = values[0] if values else ""
            program = program[0] if isinstance(program, list | tuple) and program else program
            if Path(os.fsdecode(program)).name not in HARMLESS and not _is_own_program(values):
                note(ending.executed, f"{event} {values[:2]!r}")
        elif event == "exec":
            place = getattr(values[0], "co_filename", "")
            if place.startswith(foreign):
                note(ending.executed, f"exec {place}")
        elif event in REQUESTS:
            note(ending.requested, f"{event} {values[-1]!r}")

    sys.addaudithook(hook)


def _is_own_program(values: tuple[Any, ...]) -> bool:
    """Whether a process is a worker or the search for a pattern: this Python with a constant program."""
    from bench.datasets.readers import limited_search  # noqa: PLC0415 (loaded before the fork)
    from bench.executors import worker_process  # noqa: PLC0415 (as above)

    arguments = values[1] if len(values) > 1 and isinstance(values[1], list) else []
    programs = (limited_search._SEARCH, worker_process._PROGRAM)
    return values[:1] == (sys.executable,) and any(program in arguments for program in programs)


def _opens_to_write(mode: object, flags: object) -> bool:
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))


def _absolute(path: object, folder: int) -> str:
    if not isinstance(path, str | bytes | os.PathLike):
        return ""
    text = os.fsdecode(path)
    try:
        place = Path(f"/proc/self/fd/{folder}").readlink() / text if folder >= 0 else Path(text).absolute()
        return str(place.parent.resolve() / place.name)
    except (OSError, ValueError, RuntimeError):  # a null character, a loop of links, a folder that is gone
        return ""


def _is_cache(place: str) -> bool:
    """Whether it is machine code that Numba or Python keeps beside its source."""
    return "/__pycache__" in place
