"""Values: what an update carries."""

from __future__ import annotations

from typing import Any

from ..errors import MalformedError
from ..values import Absent, Quote, Trade, Unknown, Value
from .bincode import Reader, Writer
from .composites import choice, optional, struct, variant
from .topic_table import TopicTable
from .types import Type, decimal, octets, reading, string, wrong

SIDES = ("buy", "sell")

trade: Type[Trade] = struct(Trade, decimal, decimal, optional(choice(*SIDES)))
quote: Type[Quote] = struct(Quote, *(optional(decimal) for _ in Quote._fields))
absent: Type[Absent] = Type(
    read=lambda reader: Absent(reader.string()),
    write=lambda writer, value: string.write(writer, value.word),
    from_json=lambda json, topics: Absent(string.from_json(json, topics)),
    to_json=lambda value: string.to_json(value.word),
)

#: The name of each kind in JSON, in the order of their numbers in bincode.
KINDS: tuple[tuple[str, Type[Any]], ...] = (
    ("reading", reading),
    ("trade", trade),
    ("quote", quote),
    ("text", string),
    ("bytes", octets),
    ("absent", absent),
)
_BY_NAME = dict(KINDS)


def _number_of(value: object) -> int:
    if isinstance(value, bool):
        raise MalformedError(f"{value} is no value: publish a number, or a text")
    if isinstance(value, float | int):
        return 0
    if isinstance(value, Trade):
        return 1
    if isinstance(value, Quote):
        return 2
    if isinstance(value, str):
        return 3
    if isinstance(value, bytes):
        return 4
    if isinstance(value, Absent):
        return 5
    raise wrong("a float, str, bytes, Trade, Quote or Absent", value)


def read(reader: Reader) -> Value:
    value: Value = KINDS[variant(reader, len(KINDS))][1].read(reader)
    return value


def _write(writer: Writer, value: Value) -> None:
    number = _number_of(value)
    writer.unsigned(number)
    KINDS[number][1].write(writer, value)


def _from_json(json: Any, topics: TopicTable) -> Value:
    if not isinstance(json, dict) or len(json) != 1:
        raise wrong("an object with one key", json)
    ((name, content),) = json.items()
    kind = _BY_NAME.get(name)
    if kind is None:
        return Unknown(name, content)
    value: Value = kind.from_json(content, topics)
    return value


def _to_json(value: Value) -> dict[str, Any]:
    name, kind = KINDS[_number_of(value)]
    return {name: kind.to_json(value)}


value: Type[Value] = Type(read, _write, _from_json, _to_json)
