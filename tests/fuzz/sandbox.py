"""Folders of one input: what it may read, what it may write, and what must stay as it is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Listing = dict[str, tuple[object, ...]]


@dataclass(frozen=True)
class Sandbox:
    """The folders of one input.

    `given` holds the files of a stranger and is the working directory, `own` the results and exports of the user,
    `cache` the user's cache, `plugins` what the user has installed. Nothing may change in `given`, `home`, `tmp` and
    `outside`.
    """

    base: Path

    @property
    def given(self) -> Path:
        return self.base / "given"

    @property
    def own(self) -> Path:
        return self.base / "own"

    @property
    def outside(self) -> Path:
        return self.base / "outside"

    @property
    def plugins(self) -> Path:
        return self.base / "plugins"

    @property
    def cache(self) -> Path:
        return self.base / "cache"

    @property
    def mark(self) -> Path:
        """File that an attack tries to create."""
        return self.outside / "mark"

    @property
    def secret(self) -> Path:
        """A file that links lead to. No input leads to a file of the machine: a fault could destroy it."""
        return self.outside / "precious.txt"

    @property
    def folder(self) -> Path:
        """A folder that links lead to."""
        return self.outside / "folder"

    @property
    def writable(self) -> tuple[Path, ...]:
        """Folders that a command may write; temporary files must be gone at its end."""
        return self.own, self.cache, self.base / "tmp"

    @property
    def watched(self) -> tuple[Path, ...]:
        return self.given, self.base / "home", self.base / "tmp", self.outside, self.plugins

    def create(self) -> None:
        for name in ("given", "own", "cache", "home", "tmp", "outside", "plugins"):
            (self.base / name).mkdir(parents=True)
        self.secret.write_text("must stay as it is")
        (self.folder / "deep").mkdir(parents=True)
        for name in ("entry.json", "experiment.json", "manifest.csv", "deep/values.npy"):
            (self.folder / name).write_text("of another")

    def environment(self) -> dict[str, str]:
        home = self.base / "home"
        return {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home / ".local"),
            "TMPDIR": str(self.base / "tmp"),
            "CYTOBENCH_CACHE": str(self.cache),
            "HF_HUB_OFFLINE": "1",
            "COLUMNS": "400",
        }

    def listing(self) -> Listing:
        """Type, size, times and target of every watched file; nothing is opened."""
        return {
            os.fspath(path.relative_to(self.base)): _state(path)
            for folder in self.watched
            for path in (folder, *_below(folder))
        }


def differences(before: Listing, after: Listing) -> list[str]:
    """What was created, removed or changed."""
    created = [f"created {name}" for name in sorted(after.keys() - before.keys())]
    removed = [f"removed {name}" for name in sorted(before.keys() - after.keys())]
    # A folder changes its time with each temporary file in it; what remains in it counts.
    same = before.keys() & after.keys()
    changed = [f"changed {n}" for n in sorted(same) if before[n] != after[n] and before[n][0] != "folder"]
    return created + removed + changed


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(parent, name)


def _state(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode):
        return ("folder",)
    target = str(path.readlink()) if stat.S_ISLNK(status.st_mode) else ""
    return stat.S_IFMT(status.st_mode), status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, target
