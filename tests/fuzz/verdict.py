"""The criteria that every input must meet."""

from __future__ import annotations

import builtins
import csv
import re
import signal
from dataclasses import dataclass, field

from fuzz.child import CPU_S, Ending
from fuzz.inputs import Command
from fuzz.sandbox import Sandbox

MEMORY = 2 * 1024**3
OUTPUT = 200_000
"""Characters that a command prints at most."""

MESSAGE = 8_000
"""Characters of a refusal at most."""

MAY_FAIL = ("matrix", "reproduce", "report", "score", "compare", "audit", "check", "features gc", "features path")
"""Commands that document the exit code 1."""

EXCEPTIONS = [
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, BaseException) and name not in ("Exception", "Warning")
]
LIBRARIES = [
    "ArrowInvalid",
    "JSONDecodeError",
    "ValidationError",
    "SafetensorError",
    "BrokenProcessPool",
    "UnpicklingError",
]
EXCEPTION = re.compile(rf"\b(?:{'|'.join((*EXCEPTIONS, *LIBRARIES))})\b")
"""Names of exceptions, which tell a user nothing."""

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]")
"""Control characters other than tab and line feed, and those that reorder text."""

FORMULA = re.compile(r"[=@\t\r]|[+-](?![0-9.]|inf|nan)")


@dataclass
class Observation:
    """What was seen from outside while an input ran."""

    ending: Ending | None
    signal: int
    killed: str
    cpu_s: float
    memory: int
    leftover: list[str]
    stdout: str
    stderr: str
    changes: list[str] = field(default_factory=list)


def problems_of(command: Command, seen: Observation, box: Sandbox, *, allows_requests: bool = False) -> list[str]:
    """Every criterion that the input violates."""
    problems = [*_resources(seen), *_effects(seen, allows_requests=allows_requests)]
    if seen.ending is None:
        if not problems:
            problems.append(f"the process ended by signal {seen.signal} or without an exit code")
        return problems
    return problems + _exit(command, seen, seen.ending) + _output(seen, box)


def _resources(seen: Observation) -> list[str]:
    problems = [seen.killed] if seen.killed else []
    if seen.signal == signal.SIGXCPU or seen.cpu_s > CPU_S:
        problems.append(f"more than {CPU_S} s of CPU")
    if seen.memory > MEMORY and not seen.killed:
        problems.append(f"{seen.memory >> 20} MB of memory")
    if seen.leftover:
        problems.append(f"left processes: {seen.leftover[:3]}")
    return problems


def _effects(seen: Observation, *, allows_requests: bool) -> list[str]:
    problems = [f"outside its folder: {change}" for change in seen.changes[:5]]
    if seen.ending is not None:
        problems += [f"executed: {one}" for one in seen.ending.executed[:3]]
        problems += [f"wrote outside its folder: {one}" for one in seen.ending.written[:3]]
        if not allows_requests:
            problems += [f"network: {one}" for one in seen.ending.requested[:2]]
    return problems


def _exit(command: Command, seen: Observation, ending: Ending) -> list[str]:
    problems = []
    if ending.trace:
        return [f"traceback: {ending.error}"]
    if "Traceback (most recent call last)" in seen.stderr + seen.stdout:
        problems.append("printed a traceback")
    if ending.error:
        problems.append(ending.error)
    may_fail = " ".join(command.arguments[:2]).startswith(MAY_FAIL)
    if ending.code not in (0, 1, 2) or (ending.code == 1 and not may_fail):
        problems.append(f"exit code {ending.code}")
    if ending.code == 2:
        problems += _refusal(command, seen.stderr)
    return problems


def _refusal(command: Command, message: str) -> list[str]:
    problems = []
    plain = re.sub(r"\s+", " ", message.replace("\u2502", " "))
    if not any(name in plain for name in command.names):
        problems.append("the refusal names neither file nor option")
    if len(plain.strip()) < 25:
        problems.append("the refusal gives no cause")
    if not command.plugin and (named := EXCEPTION.search(message)):
        problems.append(f"the refusal names the exception {named[0]}")
    if len(message) > MESSAGE:
        problems.append(f"the refusal has {len(message)} characters")
    return problems


def _output(seen: Observation, box: Sandbox) -> list[str]:
    problems = []
    for name, text in (("stdout", seen.stdout), ("stderr", seen.stderr)):
        if len(text) > OUTPUT:
            problems.append(f"{len(text)} characters on {name}")
        if control := CONTROLS.search(text):
            problems.append(f"{control[0]!a} on {name}")
    for page in box.own.rglob("*.html"):
        text = page.read_text(errors="replace")
        if "<script>document.title" in text or "<img src=x" in text:
            problems.append(f"{page.name} contains markup of the input")
        if control := CONTROLS.search(text):
            problems.append(f"{page.name} contains {control[0]!a}")
    for table in box.own.glob("*.csv"):
        with table.open(newline="", errors="replace") as file:
            lines = (line for line in file if not line.startswith("#"))
            if cell := next((c for row in csv.reader(lines) for c in row if FORMULA.match(c)), None):
                problems.append(f"{table.name} contains the formula {cell[:30]!a}")
    return problems
