"""The rows of an SQLite table read from its pages one by one, whatever has become of the pages that lead to them.

After the file format's description (https://www.sqlite.org/fileformat2.html). SQLite itself goes from page to page, and
gives up where one of them is damaged. What is misread here does no harm: an event carries its own hash.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_MAGIC = b"SQLite format 3\x00"
_PAGE_SIZE = 4096
"""SQLite's own choice, for a file whose first page is gone."""
_LEAF = 0x0D
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_MOST_BYTES = 2**26
_WAL_HEADER = 32
_FRAME_HEADER = 24

Value = int | float | str | bytes | None


def rows_in(database: Path, wal: Path, columns: int) -> Iterator[tuple[int, list[Value]]]:
    """The row id and the values of every row with so many columns, in no order, some perhaps twice."""
    content = database.read_bytes() if database.exists() else b""
    size = _page_size(content)
    main = {index + 1: content[index * size : (index + 1) * size] for index in range(-(-len(content) // size))}
    newer = _committed_pages(wal.read_bytes(), size) if wal.exists() else {}
    for pages in (main, {**main, **newer}):
        for number, page in pages.items():
            if pages is main or number in newer:
                yield from _rows_on(number, page, pages, columns)


def _page_size(content: bytes) -> int:
    if not content.startswith(_MAGIC):
        return _PAGE_SIZE
    size = int.from_bytes(content[16:18], "big")
    return size if size >= 512 and size & (size - 1) == 0 else _PAGE_SIZE


def _committed_pages(wal: bytes, size: int) -> dict[int, bytes]:
    """The newest of each page in a write-ahead log, up to the last commit."""
    committed: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    for at in range(_WAL_HEADER, len(wal) - _FRAME_HEADER - size + 1, _FRAME_HEADER + size):
        number, is_commit = struct.unpack(">II", wal[at : at + 8])
        if wal[at + 8 : at + 16] != wal[16:24]:
            break  # Of an earlier round.
        pending[number] = wal[at + _FRAME_HEADER : at + _FRAME_HEADER + size]
        if is_commit:
            committed |= pending
            pending = {}
    return committed


def _rows_on(number: int, page: bytes, pages: dict[int, bytes], columns: int) -> Iterator[tuple[int, list[Value]]]:
    head = 100 if number == 1 else 0
    if len(page) < head + 8 or page[head] != _LEAF:
        return
    cells = int.from_bytes(page[head + 3 : head + 5], "big")
    for cell in range(cells):
        pointer = head + 8 + 2 * cell
        try:
            at = int.from_bytes(page[pointer : pointer + 2], "big")
            length, at = _varint(page, at)
            row_id, at = _varint(page, at)
            values = _record(_payload(page, at, length, pages), columns)
        except (IndexError, ValueError, struct.error):
            continue
        if values is not None:
            yield row_id, values


def _payload(page: bytes, at: int, length: int, pages: dict[int, bytes]) -> bytes:
    """A cell's contents, of which what is too long for the page lies on others."""
    usable = len(page)
    if length > _MOST_BYTES:
        raise ValueError("too long to be true")
    most = usable - 35
    if length <= most:
        return page[at : at + length]
    least = (usable - 12) * 32 // 255 - 23
    local = least + (length - least) % (usable - 4)
    local = local if local <= most else least
    found = bytearray(page[at : at + local])
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    while len(found) < length:
        more = pages.get(following, b"")
        if len(more) < 4:
            raise ValueError("its rest is gone")
        found += more[4 : 4 + length - len(found)]
        following = int.from_bytes(more[:4], "big")
    return bytes(found)


def _record(payload: bytes, columns: int) -> list[Value] | None:
    header, at = _varint(payload, 0)
    kinds = []
    while at < header:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if len(kinds) != columns:
        return None
    values: list[Value] = []
    for kind in kinds:
        value, at = _value(payload, at, kind)
        values.append(value)
    return values


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return None, at
    if kind in (8, 9):
        return kind - 8, at
    if kind == 7:
        return float(struct.unpack(">d", payload[at : at + 8])[0]), at + 8
    if kind in _INTEGER_BYTES:
        end = at + _INTEGER_BYTES[kind]
        return int.from_bytes(payload[at:end], "big", signed=True), end
    if kind < 12:
        raise ValueError("no such kind")
    end = at + (kind - 12) // 2
    if end > len(payload):
        raise ValueError("cut off")
    return (payload[at:end].decode("utf-8", errors="replace") if kind % 2 else payload[at:end]), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for count in range(8):
        byte = data[at + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + count + 1
    return value << 8 | data[at + 8], at + 9
