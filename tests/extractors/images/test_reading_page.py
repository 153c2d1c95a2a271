"""The tables of docs/reading.md list every kind of file that the tests write; run as a script, this updates them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import test_image_kinds as images
import test_mask_values as masks

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reading.md"


def image_rows() -> Iterable[tuple[str, str]]:
    for kind, (_, _, tolerance) in images.KINDS.items():
        yield kind, "exact" if tolerance == 0 else f"within {tolerance} of 255"
    for kind, (_, message) in images.REFUSED.items():
        yield kind, f"refused: {message}"


def mask_rows() -> Iterable[tuple[str, str]]:
    for kind, (_, tolerance) in masks.READ.items():
        yield kind, "exact" if tolerance == 0 else f"wrong pixels below {tolerance:.0%} of the cell"
    for kind, (_, message) in masks.REFUSED.items():
        plain = message.replace(r"\d+", "n").replace("\\", "").replace(" .*", " ...").replace(".*", "...")
        yield kind, f"refused: {plain}"
    for kind, (_, values, _) in masks.STATED.items():
        yield kind, f"read with `--mask-values {values}`"


def table(head: str, rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join([f"| {head} | result |", "| --- | --- |", *(f"| {kind} | {result} |" for kind, result in rows)])


TABLES = {"images": table("image", image_rows()), "masks": table("mask", mask_rows())}


@pytest.mark.parametrize("name", TABLES)
def test_the_page_holds_the_table(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"<!-- {name} -->\n{TABLES[name]}\n<!-- end -->" in text, "run this file as a script to update the page"


def main() -> None:
    """Write the tables into the page and print them."""
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in TABLES.items():
        before, _, rest = text.partition(f"<!-- {name} -->\n")
        text = f"{before}<!-- {name} -->\n{rows}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
        sys.stdout.write(f"{rows}\n\n")
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
