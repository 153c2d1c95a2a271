"""Images, masks and folders of images."""

from __future__ import annotations

import io
import os
import struct
import zlib
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import tifffile
from PIL import Image

from fuzz import mutations
from fuzz.inputs import QUICK, Command, cells
from fuzz.sandbox import Sandbox

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM")
SUFFIX = {"PNG": "png", "JPEG": "jpg", "TIFF": "tif", "BMP": "bmp", "GIF": "gif", "WEBP": "webp", "PPM": "ppm"}


def image(rng: Random, box: Sandbox, template: Path) -> Command:
    folder = cells(box, template)
    name = _put_image(rng, box, folder, "cell03")
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("cell03.png", name))
    return Command(_image_command(rng), (name, "manifest.csv"))


def mask(rng: Random, box: Sandbox, template: Path) -> Command:
    folder = cells(box, template)
    masks = box.given / "masks"
    masks.mkdir()
    for file in sorted(folder.glob("*.png")):
        (masks / file.name).write_bytes(_encoded(Image.fromarray(_disc(200)), "PNG"))
    (masks / "cell03.png").unlink()
    name = _put_image(rng, box, masks, "cell03")
    option = rng.choice(("--mask", "--mask", "--nucleus-mask"))
    arguments = (*_image_command(rng), option, "masks")
    if rng.random() < 0.3:
        values = rng.choice(("nonzero", "half", "inverted", "1+2", "0", "255", mutations.text(rng)))
        arguments = (*arguments, f"{option}-values={values}")
    return Command(arguments, (name, "cell03", "mask"))


def folder(rng: Random, box: Sandbox, template: Path) -> Command:
    """Class folders with strange names, links, special files and depth."""
    source = cells(box, template)
    root = box.given / "classes"
    for number, file in enumerate(sorted(source.glob("*.png"))):
        place = root / "ab"[number % 2] / f"p{number // 2}_{file.name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
    for _ in range(rng.choice((1, 1, 2, 4))):
        _strange_entry(rng, root, box)
    arguments = ("data", "describe", "classes")
    if rng.random() < 0.8:
        arguments = (*arguments, "--patient-pattern", r"(p\d+)_")
    if rng.random() < 0.15:
        arguments = ("run", "--data", "classes", "--patient-pattern", r"(p\d+)_", *QUICK)
    return Command(arguments, ("classes", "--patient-pattern"))


def cnmc(rng: Random, box: Sandbox, template: Path) -> Command:
    """An archive in the layout of C-NMC, with strange names."""
    source = cells(box, template)
    root = box.given / "C-NMC_training_data"
    for number, file in enumerate(sorted(source.glob("*.png"))):
        label = ("all", "hem")[number % 2]
        patient = f"H{number // 2}" if number % 2 else str(number // 2 + 1)
        name = f"UID_{patient}_{number}_1_{label}.bmp"
        if rng.random() < 0.05:
            name = _file_name(mutations.text(rng)) or name
        elif rng.random() < 0.05:
            name = name.replace("_", rng.choice(("__", "-", "", "_9" * 90)), 1)
        place = root / f"fold_{number % 3}" / label / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(_encoded(Image.open(file), "BMP"))
    for _ in range(rng.choice((0, 1, 2))):
        _strange_entry(rng, root, box)
    return Command(("data", "describe", "C-NMC_training_data"), ("C-NMC_training_data",))


def _image_command(rng: Random) -> tuple[str, ...]:
    how = rng.random()
    if how < 0.62:
        return ("data", "describe", "cells")
    if how < 0.7:
        return ("data", "quality", "cells", "-o", "../own/quality.csv")
    if how < 0.76:
        return ("data", "show", "cells", "-o", "../own/sheet.png")
    if how < 0.84:
        return ("features", "extract", "cells", "-x", "size", "-o", "../own/f.parquet", "--store", "../own/store")
    if how < 0.88:
        return ("audit", "cells", "--jobs", "1")
    return ("run", "--data", "cells", *QUICK, "--skip-unreadable")


def _put_image(rng: Random, box: Sandbox, folder: Path, stem: str) -> str:
    """Write a hostile image; return its name."""
    (folder / f"{stem}.png").unlink(missing_ok=True)
    kind = rng.choice(FORMATS)
    how = rng.random()
    name = f"{stem}.{SUFFIX[kind]}"
    if how < 0.1:
        name, data = f"{stem}.png", _png_claim(rng)
    elif how < 0.2:
        name, data = f"{stem}.tif", _tiff(rng)
    elif how < 0.24:
        name, data = f"{stem}.gif", _many_frames(rng)
    elif how < 0.27:
        _special(rng, folder / name, box)
        return name
    elif how < 0.3:
        name, data = f"{stem}.{rng.choice(sorted(SUFFIX.values()))}", rng.randbytes(rng.choice((0, 1, 16, 5000)))
    else:
        data = _encoded(_picture(rng), kind)
        if rng.random() < 0.8:
            data = mutations.damaged(rng, data)
        if rng.random() < 0.1:
            name = f"{stem}.{rng.choice(sorted(SUFFIX.values()))}"
    (folder / name).write_bytes(data)
    return name


def _disc(level: int = 150, size: int = 24) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return ((np.hypot(y - size / 2, x - size / 2) < size / 3) * level).astype(np.uint8)


def _picture(rng: Random) -> Image.Image:
    size = rng.choice((1, 2, 24, 24, 24, 300))
    grey = _disc(rng.choice((1, 150, 255)), size)
    mode = rng.choice(("RGB", "RGB", "RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "I;16"))
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) * 257)
    return Image.fromarray(grey).convert(mode)


def _encoded(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    try:
        picture.save(buffer, kind)
    except (OSError, ValueError):
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def _png_claim(rng: Random) -> bytes:
    """A small file whose header or chunks promise much."""

    def chunk(name: bytes, data: bytes, length: int | None = None) -> bytes:
        size = len(data) if length is None else length
        return struct.pack(">I", size) + name + data + struct.pack(">I", zlib.crc32(name + data))

    side = rng.choice((0, 1, 24, 20_000, 65_536, 2**31 - 1, 2**32 - 1))
    other = rng.choice((side, 1, 24))
    depth, color = rng.choice(((8, 2), (16, 6), (1, 0), (8, 3), (7, 9)))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, other, depth, color, 0, 0, rng.choice((0, 1, 7))))
    rows = zlib.compress(bytes(rng.choice((10, 100_000, 60_000_000))), 9)
    middle = {
        "text": lambda: chunk(b"tEXt", b"Comment\0" + b"x" * 100_000),
        "profile": lambda: chunk(b"iCCP", b"p\0\0" + _bomb()),
        "compressed": lambda: chunk(b"zTXt", b"c\0\0" + _bomb()),
        "palette": lambda: chunk(b"PLTE", bytes(3 * 256 + 1)),
        "orientation": lambda: chunk(b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0"),
        "length": lambda: chunk(b"tEXt", b"x", 2**31 - 1),
        "animation": lambda: chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)),
        "none": bytes,
    }[rng.choice(("none", "none", "text", "profile", "compressed", "palette", "orientation", "length", "animation"))]()
    return b"\x89PNG\r\n\x1a\n" + head + middle + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@cache
def _bomb() -> bytes:
    """Few bytes that become 200 MB."""
    return zlib.compress(bytes(200_000_000), 9)


def _tiff(rng: Random) -> bytes:
    """A TIFF whose pages, tags or offsets are hostile."""
    buffer = io.BytesIO()
    how = rng.choice(("pages", "loop", "wide", "tiles", "strips", "tag", "floats", "deflate", "damaged"))
    if how == "pages":
        with tifffile.TiffWriter(buffer) as writer:
            for _ in range(rng.choice((2, 500))):
                writer.write(_disc(), contiguous=False)
        return buffer.getvalue()
    if how == "loop":  # one directory that names itself as the next
        data = bytearray(_encoded(Image.fromarray(_disc()), "TIFF"))
        start = struct.unpack_from("<I", data, 4)[0]
        entries = struct.unpack_from("<H", data, start)[0]
        struct.pack_into("<I", data, start + 2 + 12 * entries, start)
        return bytes(data)
    if how == "floats":
        tifffile.imwrite(buffer, np.full((24, 24, 3), np.nan, np.float32))
        return buffer.getvalue()
    if how == "deflate":  # 400 MB of zeros
        tifffile.imwrite(
            buffer, np.zeros((12_000, 12_000, 3), np.uint8), compression="zlib", compressionargs={"level": 9}
        )
        return buffer.getvalue()
    tifffile.imwrite(buffer, np.dstack([_disc(size=32)] * 3), tile=(16, 16) if how == "tiles" else None)
    data = bytearray(buffer.getvalue())
    start = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, start)[0]
    for _ in range(rng.choice((1, 2))):
        entry = start + 2 + 12 * rng.randrange(entries)
        field = rng.choice((0, 2, 4, 8))
        size = 2 if field < 4 else 4
        number = rng.choice((0, 1, 5, 99, 65_535, 2**31 - 1, 2**32 - 1, rng.randrange(2**16)))
        struct.pack_into("<H" if size == 2 else "<I", data, entry + field, number % 2 ** (8 * size))
    return mutations.damaged(rng, bytes(data)) if how == "damaged" else bytes(data)


def _many_frames(rng: Random) -> bytes:
    if rng.random() < 0.5:
        first, *rest = [Image.fromarray(np.full((4, 4), n % 250, np.uint8)) for n in range(rng.choice((2, 300)))]
        buffer = io.BytesIO()
        first.save(buffer, "GIF", save_all=True, append_images=rest)
        return buffer.getvalue()
    side = rng.choice((1, 65_535))
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x4c\x01\x00"
    return head + frame * rng.choice((1, 200_000)) + b";"


def _special(rng: Random, file: Path, box: Sandbox) -> None:
    how = rng.choice(("pipe", "zero", "folder", "sparse", "self", "outside", "missing"))
    if how == "pipe":
        os.mkfifo(file)
    elif how == "zero":
        file.symlink_to("/dev/zero")
    elif how == "folder":
        file.mkdir()
    elif how == "sparse":
        with file.open("wb") as sparse:
            sparse.truncate(5 * 1024**3)
    elif how == "self":
        file.symlink_to(file.name)
    elif how == "outside":
        file.symlink_to(box.secret)


def _file_name(text: str) -> str:
    """A text as a name that the file system takes; empty if it takes none."""
    name = text.replace("/", "_").replace("\0", "_").encode(errors="surrogateescape")[:200].decode(errors="ignore")
    return "" if name in ("", ".", "..") else name


def _strange_entry(rng: Random, root: Path, box: Sandbox) -> None:
    parent = rng.choice([root, *sorted(p for p in root.rglob("*") if p.is_dir() and not p.is_symlink())])
    source = next(p for p in sorted(root.rglob("*")) if p.is_file() and not p.is_symlink())
    name = _file_name(mutations.text(rng)) or "x"
    how = rng.choice(("name", "name", "class", "link", "loop", "pipe", "deep", "hidden", "bytes", "double", "case"))
    place = parent / (name + rng.choice((".png", ".png", ".PNG", "")))
    if place.exists() or place.is_symlink():
        return
    if how == "name":
        place.write_bytes(source.read_bytes())
    elif how == "class":
        place.mkdir()
        (place / source.name).write_bytes(source.read_bytes())
    elif how == "link":
        place.symlink_to(rng.choice((box.secret, box.outside, source, Path("/dev/zero"))))
    elif how == "loop":
        place.symlink_to(root)
    elif how == "pipe":
        os.mkfifo(place)
    elif how == "deep":
        place = parent / "/".join(["d"] * rng.choice((30, 400)))
        place.mkdir(parents=True, exist_ok=True)
        (place / source.name).write_bytes(source.read_bytes())
    elif how == "hidden":
        (parent / f".{name[:50]}.png").write_bytes(b"")
    elif how == "bytes":
        with open(os.fsencode(parent) + b"/p1_\xff\xfe.png", "wb") as file:  # noqa: PTH123 (no text is this name)
            file.write(source.read_bytes())
    elif how == "double":
        (parent / "p9_copy.png").write_bytes(source.read_bytes())
    else:
        (parent / source.name.upper()).write_bytes(source.read_bytes())
