"""bincode 2 in its standard configuration: only the types that Tickcast's messages use."""

from __future__ import annotations

import struct

from ..errors import MalformedError
from .topic_table import TopicTable

U16_MAX = 0xFFFF
U32_MAX = 0xFFFF_FFFF
U64_MAX = 0xFFFF_FFFF_FFFF_FFFF

unpack_u16 = struct.Struct("<H").unpack_from
unpack_u32 = struct.Struct("<I").unpack_from
unpack_u64 = struct.Struct("<Q").unpack_from
unpack_f64 = struct.Struct("<d").unpack_from
_pack_u16 = struct.Struct("<BH").pack
_pack_u32 = struct.Struct("<BI").pack
_pack_u64 = struct.Struct("<BQ").pack
_pack_f64 = struct.Struct("<d").pack

#: What a message raises that ends before its last field.
TOO_SHORT = (IndexError, struct.error)


def integer(buffer: bytes, at: int) -> tuple[int, int]:
    """An unsigned integer, and where it ends. Raises one of ``TOO_SHORT``."""
    first = buffer[at]
    if first < 251:
        return first, at + 1
    if first == 253:
        return unpack_u64(buffer, at + 1)[0], at + 9
    if first == 252:
        return unpack_u32(buffer, at + 1)[0], at + 5
    if first == 251:
        return unpack_u16(buffer, at + 1)[0], at + 3
    raise MalformedError(f"an integer begins with {first}")


def too_short(buffer: bytes) -> MalformedError:
    """The error for a message that ends before its last field."""
    return MalformedError(f"the message ends too early, after {len(buffer)} bytes")


class Reader:
    """Reads one message from its start to its end."""

    __slots__ = ("at", "buffer", "has_unknown_topic", "topics")

    def __init__(self, buffer: bytes, topics: TopicTable) -> None:
        self.buffer = buffer
        self.at = 0
        self.topics = topics
        #: Whether an id was read that was never introduced.
        self.has_unknown_topic = False

    def end(self) -> None:
        """Raises if bytes are left."""
        rest = len(self.buffer) - self.at
        if rest > 0:
            raise MalformedError(f"{rest} trailing bytes after the message")

    def unsigned(self, limit: int) -> int:
        """An unsigned integer of at most ``limit``."""
        try:
            value, self.at = integer(self.buffer, self.at)
        except TOO_SHORT:
            raise too_short(self.buffer) from None
        if value > limit:
            raise MalformedError(f"expected at most {limit}, got {value}")
        return value

    def i64(self) -> int:
        zigzag = self.unsigned(U64_MAX)
        return (zigzag >> 1) ^ -(zigzag & 1)

    def u8(self) -> int:
        try:
            value = self.buffer[self.at]
        except IndexError:
            raise too_short(self.buffer) from None
        self.at += 1
        return value

    def bool(self) -> bool:
        byte = self.u8()
        if byte > 1:
            raise MalformedError(f"expected 0 or 1 for a boolean, got {byte}")
        return byte == 1

    def f64(self) -> float:
        try:
            (value,) = unpack_f64(self.buffer, self.at)
        except struct.error:
            raise too_short(self.buffer) from None
        self.at += 8
        return float(value)

    def bytes(self) -> bytes:
        end = self.unsigned(U64_MAX) + self.at
        if end > len(self.buffer):
            raise too_short(self.buffer)
        piece = self.buffer[self.at : end]
        self.at = end
        return piece

    def string(self) -> str:
        try:
            return self.bytes().decode()
        except UnicodeDecodeError:
            raise MalformedError("a string is not UTF-8") from None


class Writer:
    """Writes one message. The caller has checked the ranges of its numbers."""

    __slots__ = ("buffer", "topics")

    def __init__(self, topics: TopicTable) -> None:
        self.buffer = bytearray()
        self.topics = topics

    def u8(self, value: int) -> None:
        self.buffer.append(value)

    def bool(self, value: bool) -> None:
        self.buffer.append(1 if value else 0)

    def f64(self, value: float) -> None:
        self.buffer += _pack_f64(value)

    def unsigned(self, value: int) -> None:
        if value < 251:
            self.buffer.append(value)
        elif value <= U16_MAX:
            self.buffer += _pack_u16(251, value)
        elif value <= U32_MAX:
            self.buffer += _pack_u32(252, value)
        else:
            self.buffer += _pack_u64(253, value)

    def i64(self, value: int) -> None:
        self.unsigned(((value << 1) ^ (value >> 63)) & U64_MAX)

    def bytes(self, value: bytes) -> None:
        self.unsigned(len(value))
        self.buffer += value

    def string(self, value: str) -> None:
        self.bytes(value.encode())
