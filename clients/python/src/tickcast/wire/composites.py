"""Types that are made of other types."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import MalformedError
from .bincode import U32_MAX, U64_MAX, Reader, Writer
from .topic_table import TopicTable
from .types import Type, check_string, wrong

T = TypeVar("T")


def list_of(kind: Type[T]) -> Type[list[T]]:
    read_one, write_one = kind.read, kind.write

    def read(reader: Reader) -> list[T]:
        items: list[T] = []
        left = reader.unsigned(U64_MAX)
        # A wrong length finds the end of the message soon: each item has a byte or more.
        while left > 0:
            items.append(read_one(reader))
            left -= 1
        return items

    def write(writer: Writer, items: list[T]) -> None:
        writer.unsigned(len(items))
        for item in items:
            write_one(writer, item)

    def from_json(json: Any, topics: TopicTable) -> list[T]:
        if not isinstance(json, list):
            raise wrong("a list", json)
        return [kind.from_json(item, topics) for item in json]

    return Type(read, write, from_json, lambda items: [kind.to_json(item) for item in items])


def optional(kind: Type[T]) -> Type[T | None]:
    """In bincode 0, or 1 and the value."""

    def write(writer: Writer, value: T | None) -> None:
        writer.bool(value is not None)
        if value is not None:
            kind.write(writer, value)

    return Type(
        read=lambda reader: kind.read(reader) if reader.bool() else None,
        write=write,
        from_json=kind.from_json,
        to_json=lambda value: None if value is None else kind.to_json(value),
        missing=lambda: None,
    )


def with_default(kind: Type[T], default: Callable[[], T]) -> Type[T]:
    """Always there in bincode; JSON may leave it out."""
    return dataclasses.replace(kind, missing=default)


def unless_empty(kind: Type[list[T]]) -> Type[list[T]]:
    """A list that JSON leaves out while it is empty."""
    some = with_default(kind, list)
    return dataclasses.replace(some, to_json=lambda items: kind.to_json(items) if items else None)


def choice(*names: str) -> Type[Any]:
    """One of a few names. In JSON another name is passed on: it is one of a later version."""
    numbers = {name: number for number, name in enumerate(names)}

    def check(name: Any) -> str:
        if name not in numbers:
            raise wrong(" or ".join(names), name)
        return str(name)

    return Type(
        read=lambda reader: names[variant(reader, len(names))],
        write=lambda writer, name: writer.unsigned(numbers[check(name)]),
        from_json=lambda json, _: check_string(json),
        to_json=check,
    )


def variant(reader: Reader, count: int) -> int:
    """The number of a variant."""
    number = reader.unsigned(U32_MAX)
    if number >= count:
        raise MalformedError(f"unknown variant {number}, expected less than {count}")
    return number


def names_of(made: type) -> tuple[str, ...]:
    """The names of the fields of a dataclass or named tuple, in their order."""
    if dataclasses.is_dataclass(made):
        return tuple(field.name for field in dataclasses.fields(made))
    names: tuple[str, ...] = made._fields  # type: ignore[attr-defined]
    return names


def struct(made: Callable[..., T], *kinds: Type[Any]) -> Type[T]:
    """A dataclass or named tuple, whose first fields have these types.

    A name that is a word of Python has an underscore at its end, which JSON does not have.
    """
    names = names_of(made)[: len(kinds)]  # type: ignore[arg-type]
    assert len(names) == len(kinds), made
    reads = tuple(kind.read for kind in kinds)
    fields = tuple(zip(names, (name.rstrip("_") for name in names), kinds, strict=True))

    def read(reader: Reader) -> T:
        return made(*[read_field(reader) for read_field in reads])

    def write(writer: Writer, value: T) -> None:
        for name, _, kind in fields:
            kind.write(writer, getattr(value, name))

    def from_json(json: Any, topics: TopicTable) -> T:
        if not isinstance(json, dict):
            raise wrong("an object", json)
        values = []
        for _, name, kind in fields:
            found = json.get(name)
            if found is not None:
                values.append(kind.from_json(found, topics))
            elif kind.missing is not None:
                values.append(kind.missing())
            else:
                raise MalformedError(f"the field {name} is missing")
        return made(*values)

    def to_json(value: T) -> dict[str, Any]:
        pairs = ((name, kind.to_json(getattr(value, field))) for field, name, kind in fields)
        return {name: json for name, json in pairs if json is not None}

    return Type(read, write, from_json, to_json)
