"""Tables of cells, folds and links, as CSV and Parquet."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fuzz import mutations
from fuzz.inputs import FEW_FOLDS, QUICK, Command, cells
from fuzz.sandbox import Sandbox

OPTIONAL = {
    "fold": ("1", "2"),
    "set": ("train", "held-out"),
    "um_per_px": ("0.1", "1e-3"),
    "cell": ("c1", "c2"),
    "sha256": ("0" * 64, "f" * 64),
    "mask": ("", "cell00.png"),
    "nucleus": ("", "cell01.png"),
}
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "utf-7")


def manifest_csv(rng: Random, box: Sandbox, template: Path) -> Command:
    folder = cells(box, template)
    rows = _rows((folder / "manifest.csv").read_text())
    for name in rng.sample(sorted(OPTIONAL), rng.choice((0, 0, 1, 2))):
        rows = [[*row, name if not index else rng.choice(OPTIONAL[name])] for index, row in enumerate(rows)]
    file = folder / "manifest.csv"
    file.write_bytes(_csv_bytes(rng, mutations.table(rng, rows)))
    _replace_by_special(rng, file)
    return Command(_data_command(rng, "cells"), ("manifest.csv", "cells", "cell0", "cell1"))


def manifest_parquet(rng: Random, box: Sandbox, template: Path) -> Command:
    folder = cells(box, template)
    rows = _rows((folder / "manifest.csv").read_text())
    (folder / "manifest.csv").unlink()
    columns = {name: [row[index] for row in rows[1:]] for index, name in enumerate(rows[0])}
    for name in rng.sample(sorted(OPTIONAL), rng.choice((0, 1))):
        columns[name] = [rng.choice(OPTIONAL[name]) for _ in rows[1:]]
    file = folder / "manifest.parquet"
    _write_parquet(rng, file, columns)
    if rng.random() < 0.45:
        file.write_bytes(mutations.damaged(rng, file.read_bytes()))
    _replace_by_special(rng, file)
    return Command(_data_command(rng, "cells"), ("manifest.parquet", "cells", "cell0", "cell1"))


def folds(rng: Random, box: Sandbox, template: Path) -> Command:
    cells(box, template)
    rows = _rows(next((template / "results" / "folds").iterdir()).read_text())
    file = box.given / "folds.csv"
    file.write_bytes(_csv_bytes(rng, mutations.table(rng, rows)))
    _replace_by_special(rng, file)
    arguments = ("folds", "cells", "--folds-file", "folds.csv")
    if rng.random() < 0.2:
        arguments = ("run", "--data", "cells", *QUICK, "--folds-file", "folds.csv")
    return Command(arguments, ("folds.csv", "folds-file"))


def links(rng: Random, box: Sandbox, template: Path) -> Command:
    cells(box, template)
    rows = [["patient_a", "patient_b"], ["p0", "p1"], ["p3", "p4"]]
    file = box.given / "links.csv"
    file.write_bytes(_csv_bytes(rng, mutations.table(rng, rows)))
    _replace_by_special(rng, file)
    return Command(("data", "describe", "cells", "--links", "links.csv"), ("links.csv", "--links"))


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return list(csv.reader(lines))


def _csv_bytes(rng: Random, rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    quoting = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_MINIMAL))
    if rng.random() < 0.75:
        csv.writer(
            out, delimiter=rng.choice(",,,;\t"), quoting=quoting, lineterminator=rng.choice(("\n", "\r\n", "\r"))
        ).writerows(rows)
    else:
        out.write("\n".join(",".join(row) for row in rows))
    text = out.getvalue()
    how = rng.random()
    if how < 0.05:
        text = '"' + text
    elif how < 0.1:
        text = text.replace("\n", "\n#" + "x" * 1000 + "\n", 3)
    elif how < 0.13:
        text = "," * rng.choice((1000, 1_000_000)) + "\n" + text
    elif how < 0.16:
        text += '"' * rng.choice((1, 3, 100_001))
    elif how < 0.18:
        text += ("p" * 131_073 + ",") * 3
    elif how < 0.2:
        text = text[:1] + "\x00" * 500_000 + text
    data = text.encode(rng.choice(ENCODINGS), errors="replace")
    return mutations.damaged(rng, data) if rng.random() < 0.15 else data


def _write_parquet(rng: Random, file: Path, columns: dict[str, list[str]]) -> None:
    arrays: dict[str, pa.Array] = {name: pa.array(values) for name, values in columns.items()}
    count = len(columns["path"])
    name = rng.choice(sorted(arrays))
    strange = {
        "integers": pa.array(range(count)),
        "floats": pa.array([np.nan, np.inf, *range(count - 2)], type=pa.float64()),
        "nulls": pa.nulls(count),
        "lists": pa.array([["a"]] * count),
        "structures": pa.array([{"a": {"b": 1}}] * count),
        "bytes": pa.array([b"\xff\xfe"] * count),
        "dates": pa.array([0] * count, type=pa.timestamp("ns", tz="UTC")),
        "late": pa.array([2**62] * count, type=pa.timestamp("us")),
        "decimals": pa.array([1] * count).cast(pa.decimal128(30, 5)),
        "dictionary": pa.array(["x"] * count).dictionary_encode(),
        "hostile": pa.array([mutations.text(rng) for _ in range(count)]),
        "booleans": pa.array([True] * count),
        "unchanged": arrays[name],
    }
    arrays[name] = strange[rng.choice(sorted(strange))]
    if rng.random() < 0.15:
        arrays[mutations.text(rng)] = pa.array(range(count))
    table = pa.table(arrays)
    how = rng.random()
    if how < 0.06:  # a few bytes that become gigabytes
        one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2_000_000, np.int8)), pa.array(["x" * 2000]))
        table = pa.table(dict.fromkeys(columns, one))
    elif how < 0.1:
        table = pa.concat_tables([table] * 20_000)
    elif how < 0.14:
        table = table.slice(0, 0)
    elif how < 0.18:
        table = table.append_column("path", table["path"]) if "path" in table.column_names else table
    elif how < 0.22:
        table = table.replace_schema_metadata({b"pandas": mutations.json_text(rng, {"columns": mutations.value(rng)})})
    # Without the schema of Arrow a reader does not know that the values are repeated, and expands them.
    pq.write_table(table, file, compression=rng.choice(("snappy", "zstd", "gzip", "none")), store_schema=how > 0.06)


def _replace_by_special(rng: Random, file: Path) -> None:
    """Replace the file by something that is not one, rarely."""
    how = rng.random()
    if how > 0.06:
        return
    file.unlink()
    if how < 0.015:
        os.mkfifo(file)
    elif how < 0.025:
        file.symlink_to("/dev/zero")
    elif how < 0.035:
        file.symlink_to("/dev/stdin")
    elif how < 0.045:
        file.mkdir()
    elif how < 0.05:
        file.symlink_to(file.name)
    else:
        with file.open("wb") as sparse:
            sparse.truncate(3 * 1024**3)


def _data_command(rng: Random, data: str) -> tuple[str, ...]:
    how = rng.random()
    if how < 0.7:
        return ("data", "describe", data)
    if how < 0.8:
        return ("folds", data, *FEW_FOLDS[:2], "-o", "../own/folds.csv")
    if how < 0.87:
        return ("audit", data, "--jobs", "1")
    return ("run", "--data", data, *QUICK)
