"""The wire format of protocol buffers: enough to find one's way in a message without its schema.

A message is a sequence of fields. Each begins with a key, a variable-length integer (varint: seven bits per
byte, least significant first, the top bit says that another byte follows). Its lowest three bits are the wire
type, the rest is the number of the field:

    0  a varint          1  eight bytes          2  a length (varint), then that many bytes          5  four
    bytes

Types 3 and 4 are the groups of an older time, 6 and 7 do not exist: all are refused. A sub-message, a string
and a packed array all are type 2; only the schema tells them apart. Every length is compared with what is
left before anything is taken, and what is taken is a view: no byte is copied.
"""

from __future__ import annotations

from collections.abc import Iterator

from nst.errors import NstError

VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5


def varint(data: memoryview, start: int) -> tuple[int, int]:
    """Return `(value, position after it)`; at most ten bytes, as 64 bits need."""
    value = 0
    for index in range(10):
        if start + index >= len(data):
            raise NstError("it is cut short in the middle of a number")
        byte = data[start + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, start + index + 1
    raise NstError("a number in it is longer than ten bytes")


def fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield `(number, wire type, value)` for each field of a message; a value is an int or a view."""
    position = 0
    while position < len(data):
        key, position = varint(data, position)
        number, kind = key >> 3, key & 7
        if number == 0 or kind not in (VARINT, EIGHT, BYTES, FOUR):
            raise NstError(f"at byte {position} there is no field of a protocol buffer")
        if kind == VARINT:
            value, position = varint(data, position)
        else:
            length = {EIGHT: 8, FOUR: 4}.get(kind)
            if length is None:
                length, position = varint(data, position)
            if length > len(data) - position:
                left = len(data) - position
                raise NstError(f"field {number} declares {length} bytes, {left} are left: it is cut short")
            value, position = data[position : position + length], position + length
        yield number, kind, value


def varints(data: memoryview) -> list[int]:
    """Return the numbers of a packed repeated field."""
    found, position = [], 0
    while position < len(data):
        value, position = varint(data, position)
        found.append(value)
    return found
