"""Sizes of the pages of a Parquet file as their own headers state them: those that the decoder allocates.

The footer states sizes too, but nothing compares it with the pages before they are decompressed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

_TRUE, _FALSE, _BYTE, _INT16, _INT32, _INT64, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 12
"""Types of Thrift's compact protocol."""

MAX_PAGES = 200_000

_WINDOWS = (1024, 16 * 1024**2)
"""Bytes that are read for a header: at first, and at most, which is the limit of pyarrow."""

_MAX_FIELD = 100
_MAX_DEPTH = 8
_MAX_SIZE = 2**31 - 1
_UNPACKED, _PACKED = 2, 3
"""Fields of a header."""


def unpacked_size(file: BinaryIO, footer: FileMetaData, columns: Collection[str] | None = None) -> int:
    """Return the bytes of all pages of some columns when decompressed, as the headers of the pages state them.

    Raises
    ------
    ValueError
        A header is damaged, or there are more than `MAX_PAGES` pages.
    """
    total = pages = 0
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for column in map(group.column, range(footer.num_columns)):
            if column.num_values > 0 and (columns is None or column.path_in_schema in columns):
                first = column.data_page_offset
                if column.has_dictionary_page and 0 < column.dictionary_page_offset < first:
                    first = column.dictionary_page_offset
                for size in _page_sizes(file, first, first + column.total_compressed_size):
                    total, pages = total + size, pages + 1
                    if pages > MAX_PAGES:
                        raise ValueError(f"more than {MAX_PAGES} pages")
    return total


def _page_sizes(file: BinaryIO, at: int, end: int) -> Iterator[int]:
    """Yield the decompressed size of each page between two places of a file."""
    while 0 <= at < end:
        for window in _WINDOWS:
            file.seek(at)
            try:
                numbers, length = _header(file.read(window))
                break
            except IndexError:
                continue
        else:
            raise ValueError("a header of a page is damaged")
        unpacked, packed = numbers.get(_UNPACKED, -1), numbers.get(_PACKED, -1)
        if not (0 <= unpacked <= _MAX_SIZE and 0 <= packed <= _MAX_SIZE):
            raise ValueError("a header of a page states no size")
        yield unpacked
        at += length + packed


def _header(data: bytes) -> tuple[dict[int, int], int]:
    """Parse a struct of Thrift's compact protocol: its numbers of 32 bits by field, and its length.

    Raises
    ------
    IndexError
        It is longer than `data`.
    ValueError
        It has a type that headers of pages do not have.
    """
    numbers: dict[int, int] = {}
    field, at, outer = 0, 0, list[int]()
    while True:
        byte, at = data[at], at + 1
        kind = byte & 15
        if byte == 0:  # the end of a struct
            if not outer:
                return numbers, at
            field = outer.pop()
            continue
        if byte >> 4:
            field += byte >> 4
        else:
            field, at = _number(data, at)
        if not 0 <= field <= _MAX_FIELD:
            raise ValueError("a header of a page has an unknown field")
        if kind in (_INT16, _INT32, _INT64):
            value, at = _number(data, at)
            if kind == _INT32 and not outer:
                numbers[field] = value
        elif kind == _BINARY:
            size, at = _number(data, at, signed=False)
            at += size
        elif kind == _STRUCT and len(outer) < _MAX_DEPTH:
            outer.append(field)
            field = 0
        elif kind in (_BYTE, _DOUBLE):
            at += 1 if kind == _BYTE else 8
        elif kind not in (_TRUE, _FALSE):  # the value of a boolean is its type
            raise ValueError("a header of a page has an unknown type")


def _number(data: bytes, at: int, *, signed: bool = True) -> tuple[int, int]:
    """Return a number of variable length, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        if not byte & 128:
            return ((value >> 1) ^ -(value & 1)) if signed else value, at
    raise ValueError("a header of a page has a number of more than 64 bits")
