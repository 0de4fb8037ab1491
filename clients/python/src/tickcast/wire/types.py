"""The types of the fields of messages.

Each has four functions: ``read`` and ``write`` for bincode, ``from_json`` and ``to_json``. In a
program, integers and times are int, epochs and publishers are str of 16 hexadecimal digits,
decimals are Decimal, and a missing value is None, which JSON leaves out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

from ..errors import MalformedError
from . import decimals
from .bincode import U16_MAX, U32_MAX, U64_MAX, Reader, Writer
from .topic_table import TopicTable

T = TypeVar("T")

_HEX_DIGITS = re.compile(r"[0-9a-f]{16}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
#: Of a wrong value, in the text of an error.
_SHOWN_CHARS = 100


@dataclass(frozen=True, slots=True)
class Type(Generic[T]):
    """How a field is read and written."""

    read: Callable[[Reader], T]
    write: Callable[[Writer, T], None]
    from_json: Callable[[Any, TopicTable], T]
    to_json: Callable[[T], Any]
    #: The value of a field that JSON leaves out; without it the field must be there.
    missing: Callable[[], T] | None = None


def wrong(expected: str, value: object) -> MalformedError:
    """The error for a value of another type or range."""
    return MalformedError(f"expected {expected}, got {repr(value)[:_SHOWN_CHARS]}")


def _unsigned(name: str, limit: int) -> Type[int]:
    def check(value: object) -> int:
        if type(value) is not int or not 0 <= value <= limit:
            raise wrong(name, value)
        return value

    return Type(
        read=lambda reader: reader.unsigned(limit),
        write=lambda writer, value: writer.unsigned(check(value)),
        from_json=lambda json, _: check(json),
        to_json=check,
    )


u16 = _unsigned("a u16", U16_MAX)
u32 = _unsigned("a u32", U32_MAX)
u64 = _unsigned("a u64", U64_MAX)


def _in_text(
    name: str,
    least: int,
    limit: int,
    read: Callable[[Reader], int],
    write: Callable[[Writer, int], None],
) -> Type[int]:
    """An integer of 64 bits that JSON has as a text."""

    def check(value: object) -> int:
        if type(value) is not int or not least <= value <= limit:
            raise wrong(name, value)
        return value

    def from_json(json: Any, _: TopicTable) -> int:
        if not isinstance(json, str) or not _INTEGER.fullmatch(json):
            raise wrong(f"{name} as a text", json)
        return check(int(json))

    return Type(
        read=read,
        write=lambda writer, value: write(writer, check(value)),
        from_json=from_json,
        to_json=lambda value: str(check(value)),
    )


#: Nanoseconds since 1970.
time = _in_text("a time", -(2**63), 2**63 - 1, Reader.i64, Writer.i64)
#: An amount that may exceed 2^53.
amount = _in_text("an amount", 0, U64_MAX, lambda reader: reader.unsigned(U64_MAX), Writer.unsigned)


def _check_hex(value: object) -> str:
    if not isinstance(value, str) or not _HEX_DIGITS.fullmatch(value):
        raise wrong("16 hexadecimal digits", value)
    return value


#: Of an epoch or a publisher.
hex_digits: Type[str] = Type(
    read=lambda reader: f"{reader.unsigned(U64_MAX):016x}",
    write=lambda writer, value: writer.unsigned(int(_check_hex(value), 16)),
    from_json=lambda json, _: _check_hex(json),
    to_json=_check_hex,
)


def _check_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise wrong("true or false", value)
    return value


boolean: Type[bool] = Type(
    read=Reader.bool,
    write=lambda writer, value: writer.bool(_check_bool(value)),
    from_json=lambda json, _: _check_bool(json),
    to_json=_check_bool,
)


def check_string(value: object) -> str:
    if not isinstance(value, str):
        raise wrong("a text", value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise wrong("a text that UTF-8 can hold", value) from None
    return value


string: Type[str] = Type(
    read=Reader.string,
    write=lambda writer, value: writer.string(check_string(value)),
    from_json=lambda json, _: check_string(json),
    to_json=check_string,
)


def check_number(value: object) -> float:
    """A float from a number of any kind that is one exactly or nearly."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong("a number", value)
    try:
        return float(value)
    except OverflowError:
        raise wrong("a number that a float can hold", value) from None


def _finite(value: object) -> float:
    number = check_number(value)
    if number - number != 0:
        raise wrong("a finite number", value)
    return number


#: A finite number.
f64: Type[float] = Type(
    read=Reader.f64,
    write=lambda writer, value: writer.f64(check_number(value)),
    from_json=lambda json, _: check_number(json),
    to_json=_finite,
)


def _reading_from_json(json: Any, _: TopicTable) -> float:
    if isinstance(json, str) and json in _NOT_FINITE:
        return _NOT_FINITE[json]
    return check_number(json)


def _reading_to_json(value: float) -> float | str:
    number = check_number(value)
    if number - number == 0:
        return number
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


#: Any number. JSON has no number for NaN and the infinities, so they are texts there.
reading: Type[float] = Type(f64.read, f64.write, _reading_from_json, _reading_to_json)


def _write_decimal(writer: Writer, value: Decimal) -> None:
    mantissa, scale = decimals.to_parts(value)
    writer.i64(mantissa)
    writer.u8(scale)


decimal: Type[Decimal] = Type(
    read=lambda reader: decimals.from_parts(reader.i64(), reader.u8()),
    write=_write_decimal,
    from_json=lambda json, _: decimals.from_text(json),
    to_json=decimals.to_text,
)


def _bytes_from_json(json: Any, _: TopicTable) -> bytes:
    try:
        return base64.b64decode(check_string(json), validate=True)
    except ValueError:
        raise wrong("bytes in base64", json) from None


octets: Type[bytes] = Type(
    read=Reader.bytes,
    write=Writer.bytes,
    from_json=_bytes_from_json,
    to_json=lambda value: base64.b64encode(value).decode(),
)
