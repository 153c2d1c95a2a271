"""YAML files, results folders, their records and tables, reports of them, and feature stores."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from random import Random

import pandas as pd
import yaml

from fuzz import mutations
from fuzz.inputs import QUICK, Command, cells, records, results, shell
from fuzz.kinds.selectors import HOLDERS, attacks
from fuzz.sandbox import Sandbox

CONFIG = {
    "data": "cells",
    "extractors": ["size"],
    "classifiers": ["knn", "prior"],
    "folds": 2,
    "inner-folds": 2,
    "repeats": 1,
    "baselines": False,
    "jobs": 1,
    "threshold": "balanced",
    "seed": 3,
}
TAGS = (
    '!!python/object/apply:os.system ["{shell}"]',
    '!!python/object/new:subprocess.Popen [["sh", "-c", "{shell}"]]',
    "!!python/name:os.system",
    "!!python/module:mark_module",
    '!!binary "gIGC"',
    "!!set {{a, b}}",
    "!!timestamp 2001-01-01",
    "!!float .nan",
    "0o17",
    "1:30",
    "2026-01-01",
    "yes",
    "~",
    "&a [*a]",
    "*unknown",
    "<<: {{folds: 3}}",
    "? [1, 2]\n: 3",
)
REFITS = ("leakage", "significance")
READERS = ("report", "compare", "score", *REFITS, "plan")


def yaml_file(rng: Random, box: Sandbox, template: Path) -> Command:
    cells(box, template)
    file = box.given / "matrix.yaml"
    file.write_bytes(_yaml(rng, box))
    if rng.random() < 0.04:
        file.unlink()
        if rng.random() < 0.5:
            os.mkfifo(file)
        else:
            file.symlink_to("/dev/zero")
    verb = "plan" if rng.random() < 0.85 else "matrix"
    arguments = (verb, "--config", "matrix.yaml", "--out", "../own/results", "--store", "../own/store")
    return Command(arguments, ("matrix.yaml", *CONFIG, "cells"))


def results_folder(rng: Random, box: Sandbox, template: Path) -> Command:
    """A results folder in which files are missing, damaged, replaced or links."""
    folder = results(box, template)
    for _ in range(rng.choice((1, 1, 2, 4))):
        entries = sorted(p for p in folder.rglob("*") if p.exists() and not p.is_symlink())
        if entries:
            _strange_file(rng, rng.choice(entries), box)
    return _reading(rng)


def record(rng: Random, box: Sandbox, template: Path) -> Command:
    """An experiment.json in which values are replaced, in part by targets that must not be called."""
    folder = results(box, template)
    file = rng.choice(records(folder))
    content = json.loads(file.read_text())
    if rng.random() < 0.5:
        file.write_text(json.dumps(_attack(rng, box, content)))
    else:
        file.write_bytes(mutations.json_text(rng, mutations.document(rng, content)))
    return _reading(rng, f"../own/results/experiments/{file.parent.name}")


def failure(rng: Random, box: Sandbox, template: Path) -> Command:
    """Records of failures, logs of accesses and marks of the folder."""
    folder = results(box, template)
    source = json.loads(rng.choice(records(folder)).read_text())
    content = {**source, "reason": mutations.text(rng)}
    if rng.random() < 0.6:
        content = mutations.document(rng, content)
    place = rng.choice(("failures/one.json", "failures/one.json", "held_out.json", "cytobench.json", "audit.json"))
    (folder / place).parent.mkdir(exist_ok=True)
    log = content if place.startswith("failures") else mutations.document(rng, [content, {"format": 1}])
    (folder / place).write_bytes(mutations.json_text(rng, log))
    return _reading(rng)


def predictions(rng: Random, box: Sandbox, template: Path) -> Command:
    """Parquet files of an experiment with other columns, types, values or bytes."""
    folder = results(box, template)
    file = rng.choice(sorted(rng.choice(records(folder)).parent.glob("*.parquet")))
    if rng.random() < 0.25:
        file.write_bytes(mutations.damaged(rng, file.read_bytes()))
        return _reading(rng)
    table = pd.read_parquet(file)
    for _ in range(rng.choice((1, 1, 2))):
        table = _changed_table(rng, table)
    try:
        table.to_parquet(file)
    except (ValueError, TypeError, OverflowError, KeyError):  # a mixture that no Parquet file can hold
        pd.DataFrame({"cell": [mutations.text(rng)]}).to_parquet(file)
    return _reading(rng)


def report(rng: Random, box: Sandbox, template: Path) -> Command:
    """Hostile labels, ids, names and reasons on their way to a page, a table and the terminal."""
    folder = results(box, template)
    for file in records(folder):
        content = json.loads(file.read_text())
        content["data"]["name"] = mutations.text(rng)
        content["data"]["notices"] = [mutations.text(rng)]
        content["fold_notices"] = [mutations.text(rng)]
        if rng.random() < 0.3:
            content["classifier"] = mutations.text(rng)
        file.write_text(json.dumps(content))
        for name in ("predictions", "inner"):
            path = file.parent / f"{name}.parquet"
            table = pd.read_parquet(path)
            changes = {
                patient: mutations.text(rng)[:5000] + str(i)
                for i, patient in enumerate(sorted(table["patient"].unique()))
            }
            for column in ("patient", "unit"):
                table[column] = table[column].map(changes).fillna(table[column])
            table["cell"] = [mutations.text(rng)[:500] + str(i) for i in range(len(table))]
            table.to_parquet(path)
    reason = folder / "failures" / "one.json"
    reason.parent.mkdir(exist_ok=True)
    content["classifier"] = "other"
    reason.write_text(json.dumps({**content, "reason": mutations.text(rng)}))
    how = rng.random()
    if how < 0.7:
        return Command(("report", "../own/results", "-o", "../own/page.html"), ("experiment.json", "results"))
    return Command(("score", "../own/results", "-o", "../own/scores.csv"), ("experiment.json", "results"))


def store(rng: Random, box: Sandbox, template: Path) -> Command:
    """A shared feature store in which files are damaged, replaced or links."""
    results(box, template)
    folder = box.own / "store"
    for _ in range(rng.choice((1, 2, 4))):
        entries = sorted(p for p in folder.rglob("*") if p.exists() and not p.is_symlink())
        if not entries:
            break
        chosen = rng.choice(entries)
        if chosen.suffix == ".json" and chosen.stat().st_size < 1_000_000 and rng.random() < 0.7:
            chosen.write_bytes(
                mutations.json_text(rng, mutations.document(rng, json.loads(chosen.read_bytes() or b"{}")))
            )
        else:
            _strange_file(rng, chosen, box)
    entry = next((p.name for p in sorted(folder.glob("features/*/*")) if p.suffix != ".lock"), "x")
    arguments = rng.choice(
        (
            ("features", "list", "--store", "../own/store"),
            ("features", "show", entry, "--store", "../own/store"),
            ("features", "gc", "--store", "../own/store"),
            ("features", "gc", "--older-than", "0", "--store", "../own/store"),
            ("features", "gc", "--check", "--store", "../own/store"),
            ("features", "why", "cells", "size", "--store", "../own/store"),
            ("run", "--data", "cells", *QUICK),
        )
    )
    return Command(arguments, ("store", "entry.json", entry))


def _yaml(rng: Random, box: Sandbox) -> bytes:  # noqa: PLR0911 (one line for each kind of file)
    how = rng.random()
    if how < 0.45:
        content = mutations.document(rng, CONFIG)
        try:
            return yaml.safe_dump(content, allow_unicode=rng.random() < 0.5).encode(errors="surrogateescape")
        except (RecursionError, yaml.YAMLError):
            return b"data: " + b"[" * 3000
    text = yaml.safe_dump(CONFIG)
    if how < 0.65:
        line = rng.choice((*CONFIG, "new", "storage", "out", "store"))
        return (text + f"{line}: {rng.choice(TAGS).format(shell=shell(box))}\n").encode()
    if how < 0.72:  # aliases that expand without end
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, rng.choice((3, 12, 40)))]
        return ("\n".join(lines) + f"\nextractors: *a{len(lines) - 1}\n").encode()
    if how < 0.78:
        depth = rng.choice((100, 5000, 200_000))
        return text.encode() + b"extractors: " + rng.choice((b"[", b"{a: ", b"- ")) * depth
    if how < 0.83:
        return text.encode() + b"data: " + b"x" * rng.choice((1_000, 900_000, 1_100_000))
    if how < 0.88:
        holder, key = rng.choice(HOLDERS)
        target = f"{holder}[{key}={rng.choice(attacks(box))}]"
        return yaml.safe_dump({**CONFIG, "classifiers": [target]}).encode()
    if how < 0.92:
        return (text + "\n---\n" + text).encode(rng.choice(("utf-8", "utf-16", "utf-32")))
    return mutations.damaged(rng, text.encode())


def _reading(rng: Random, experiment: str = "") -> Command:
    """A command that reads the results folder, or one experiment of it."""
    verb = rng.choice((*READERS, *REFITS) if experiment else READERS)
    names = ("experiment.json", "results", "parquet", "--name", ".json", "size x", " x knn", " x prior")
    if verb == "plan":
        return Command(("plan", "--data", "cells", *QUICK, "--no-baselines"), names)
    if verb == "report":
        return Command(("report", "../own/results", "-o", "../own/page.html"), names)
    if verb == "score":
        return Command(("score", "../own/results", "--calibrate", rng.choice(("none", "sigmoid"))), names)
    if verb == "compare":
        return Command(("compare", "../own/results"), names)
    name = rng.choice(("size x knn", "pixels x prior"))
    chosen = (experiment,) if experiment else ("../own/results", "--name", name)
    return Command((verb, *chosen, "--permutations", "2", "--jobs", "1"), names)


def _attack(rng: Random, box: Sandbox, content: dict[str, object]) -> dict[str, object]:
    """Replace what names code, files or places in a record."""
    content = json.loads(json.dumps(content))
    options: dict[str, object] = content["options"]  # type: ignore[assignment]
    target = rng.choice(attacks(box))
    holder, key = rng.choice(HOLDERS)
    how = rng.randrange(9)
    if how == 0:
        content["classifier"] = f"{holder}[{key}={target}]"
    elif how == 1:
        content["classifier"] = target
    elif how == 2:
        content["extractor"] = f"handcrafted[families={target}]"
    elif how == 3:
        options["storage"] = f"sqlite:///{box.mark}"
        content["protocol"]["storage"] = f"sqlite:///{box.mark}"  # type: ignore[index]
        content["protocol"]["tune"] = 1  # type: ignore[index]
    elif how == 4:
        options["store"] = rng.choice((str(box.outside), "../../outside"))
    elif how == 5:
        options["out"] = content["protocol"]["out"] = str(box.outside)  # type: ignore[index]
    elif how == 6:
        options["data"] = rng.choice(("/dev/zero", str(box.outside), "phantom[patients=1000000]", target))
    elif how == 7:
        options["weights_dir"] = str(box.outside)
        options["held_out"] = str(box.outside)
    else:
        place = rng.choice(("/dev/zero", str(box.secret), str(box.outside)))
        options["links"] = options["folds_file"] = options["mask"] = place
    return content


def _strange_file(rng: Random, path: Path, box: Sandbox) -> None:
    """Replace one entry of a folder by something else."""
    how = rng.choice(("remove", "damage", "damage", "empty", "link", "away", "pipe", "zero", "folder", "huge", "copy"))
    if how == "copy" and path.is_dir():
        shutil.copytree(path, path.with_name((path.name + "-copy")[:100]), symlinks=True, dirs_exist_ok=True)
        return
    if how == "damage" and path.is_file() and path.stat().st_size < 1_000_000:
        path.write_bytes(mutations.damaged(rng, path.read_bytes()))
        return
    size = path.stat().st_size
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    if how == "empty":
        path.write_bytes(b"")
    elif how == "link":
        path.symlink_to(rng.choice((box.outside, box.secret, box.mark)))
    elif how == "away":
        path.symlink_to(rng.choice((box.folder, box.secret, "missing")))
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "zero":
        path.symlink_to("/dev/zero")
    elif how == "folder":
        (path / "x").mkdir(parents=True)
    elif how == "huge":
        with path.open("wb") as sparse:
            sparse.truncate(max(size, 4 * 1024**3))


def _changed_table(rng: Random, table: pd.DataFrame) -> pd.DataFrame:  # noqa: PLR0911 (one for each change)
    if table.empty or not len(table.columns):
        return pd.DataFrame({mutations.text(rng): [1]})
    column = rng.choice(list(table.columns))
    how = rng.choice(("drop", "rename", "value", "type", "constant", "rows", "double", "many", "empty", "order"))
    if how == "drop":
        return table.drop(columns=column)
    if how == "rename":
        return table.rename(columns={column: mutations.text(rng)})
    if how == "value":
        values = table[column].astype(object).tolist()
        values[rng.randrange(len(values))] = rng.choice((None, float("nan"), float("inf"), -1.0, 2.0, 1e308, "text"))
        same = all(isinstance(v, int | float) or v is None for v in values)
        return table.assign(**{column: values if same else [str(v) for v in values]})
    if how == "type":
        return table.assign(**{column: table[column].astype(str)})
    if how == "constant":
        return table.assign(**{column: rng.choice((0, -1, 2.5, float("nan"), mutations.text(rng), True, 2**62))})
    if how == "rows":
        return table.iloc[: rng.randrange(len(table))]
    if how == "double":
        return pd.concat([table, table])
    if how == "many":
        return pd.concat([table] * 3000)
    if how == "empty":
        return table.iloc[:0]
    return table.iloc[::-1]
