"""Files beside the images of public datasets: archives, annotations, lists of patients and labels."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import cv2
import numpy as np

from fuzz import mutations
from fuzz.inputs import Command
from fuzz.sandbox import Sandbox


def archive(rng: Random, box: Sandbox, template: Path) -> Command:
    arrays: dict[str, object] = {}
    for part, count in (("train", 6), ("val", 2), ("test", 4)):
        pixels = np.random.default_rng(rng.randrange(2**32)).integers(1, 255, (count, 9, 8, 3), dtype=np.uint8)
        arrays[f"{part}_images"] = pixels
        arrays[f"{part}_labels"] = np.arange(count, dtype=np.uint8).reshape(-1, 1) % 2
    name = rng.choice(sorted(arrays))
    strange = (
        np.zeros((2, 2), dtype=object),
        np.zeros((6, 9, 8, 3), dtype=np.float32),
        np.zeros((0, 9, 8, 3), dtype=np.uint8),
        np.zeros((6, 0, 8), dtype=np.uint8),
        np.asfortranarray(np.zeros((6, 9, 8, 3), dtype=np.uint8)),
        np.array([[2**63]] * 6, dtype=np.uint64),
        np.array(mutations.text(rng)[:50].replace("\0", "")),
        arrays[name],
    )
    arrays[name] = rng.choice(strange)
    with zipfile.ZipFile(box.given / "bloodmnist.npz", "w", rng.choice((0, 8, 12, 14))) as target:
        for key, array in arrays.items():
            stream = io.BytesIO()
            np.save(stream, array, allow_pickle=True)  # type: ignore[arg-type]
            content = stream.getvalue()
            if key == name and rng.random() < 0.5:
                content = content.replace(b"(6,", b"(9" + b"9" * rng.randrange(12) + b",")
            target.writestr(f"{key}.npy", mutations.damaged(rng, content) if rng.random() < 0.1 else content)
    if rng.random() < 0.3:
        file = box.given / "bloodmnist.npz"
        file.write_bytes(mutations.damaged(rng, file.read_bytes()))
    return _described("bloodmnist.npz", "bloodmnist", rng)


def annotations(rng: Random, box: Sandbox, template: Path) -> Command:
    numbers = ("3", "9", "-4", "1e9", "9" * 30, "0", "12.0", mutations.text(rng))
    objects = "".join(
        f"<object><name>{rng.choice(('WBC', 'RBC', 'RBC', mutations.text(rng)))}</name><bndbox>"
        + "".join(f"<{edge}>{rng.choice(numbers[: rng.choice((2, 8))])}</{edge}>" for edge in _EDGES)
        + "</bndbox></object>"
        for _ in range(4)
    )
    head = rng.choice(("", "<!DOCTYPE a [<!ENTITY b 'c'>]>", '<?xml version="1.0" encoding="utf-7"?>', "<a>" * 50_000))
    text = f"{head}<annotation><size><width>20</width><height>16</height></size>{objects}</annotation>"
    for number in range(2):
        _image(box.given / f"BCCD/JPEGImages/BloodImage_{number}.png", 16, 20, 90 * number)
        file = box.given / f"BCCD/Annotations/BloodImage_{number}.xml"
        file.parent.mkdir(exist_ok=True)
        data = text.encode(rng.choice(("utf-8", "utf-8", "utf-16")), errors="replace")
        file.write_bytes(mutations.damaged(rng, data) if rng.random() < 0.3 else data)
    return _described("BCCD", "BloodImage", rng)


def side_files(rng: Random, box: Sandbox, template: Path) -> Command:
    return rng.choice(_SIDE_FILES)(rng, box.given)


def _malaria(rng: Random, given: Path) -> Command:
    names = [f"C{n}P{n}thinF_IMG_1_cell_{n}.png" for n in range(4)]
    for number, name in enumerate(names):
        _image(given / f"cells/{('Parasitized', 'Uninfected')[number % 2]}/{name}", 12, 12, 50 + number)
    for kind, listed in (("parasitized", names[::2]), ("uninfected", names[1::2])):
        rows = [
            [f"C{number}", f"['{name}'", "]", rng.choice(("", mutations.text(rng)))]
            for number, name in enumerate(listed)
        ]
        text = "\n".join(",".join(row) for row in rows)
        data = text.encode(rng.choice(("utf-8", "utf-8", "utf-16")), errors="replace")
        file = given / f"cells/patientid_cellmapping_{kind}.csv"
        file.write_bytes(mutations.damaged(rng, data) if rng.random() < 0.4 else data)
    return _described("cells", "patientid_cellmapping", rng)


def _raabin(rng: Random, given: Path) -> Command:
    codes = {f"{n}.png": 1 + n % 2 for n in range(4)}
    for name in codes:
        _image(given / f"cells/Train/{name}", 12, 12, 50 + int(name[0]))
    (given / "cells/Train.json").write_bytes(mutations.json_text(rng, mutations.document(rng, codes, 1)))
    return _described("cells", "Train.json", rng)


def _imagefolder(rng: Random, given: Path) -> Command:
    rows = [["file_name", "label", rng.choice(("patient", "subject", "x"))]]
    for number in range(4):
        _image(given / f"cells/{number}.png", 12, 12, 50 + number)
        rows.append([f"{number}.png", "ab"[number % 2], f"P{number}"])
    changed = mutations.table(rng, rows)
    (given / "cells/metadata.csv").write_bytes("\n".join(map(",".join, changed)).encode("utf-8", errors="replace"))
    return _described("cells", "metadata.csv", rng)


def _centroids(rng: Random, given: Path) -> Command:
    for number, label in ((1, 1), (2, 1), (3, 0)):
        _image(given / f"cells/im/Im00{number}_{label}.jpg", 12, 12, 50 * number)
        file = given / f"cells/xyc/Im00{number}_{label}.xyc"
        file.parent.mkdir(exist_ok=True)
        data = b"1 2\n3 4\n" if label else b"\n"
        file.write_bytes(mutations.damaged(rng, data) if rng.random() < 0.6 else data)
    return _described("cells", "Im00", rng)


_EDGES = ("xmin", "ymin", "xmax", "ymax")
_SIDE_FILES: tuple[Callable[[Random, Path], Command], ...] = (_malaria, _raabin, _imagefolder, _centroids)


def _image(file: Path, height: int, width: int, value: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.random.default_rng(value).integers(1, 255, (height, width, 3), dtype=np.uint8))


def _described(data: str, name: str, rng: Random) -> Command:
    pattern = rng.choice(((), (), ("--unit-pattern", "(.)"), ("--unit-pattern", "([0-9]+)")))
    return Command(("data", "describe", data, "--mask", "whole", *pattern), (name, data, "--unit-pattern"))
