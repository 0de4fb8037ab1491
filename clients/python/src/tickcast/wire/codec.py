"""Messages to the payloads of frames, and back."""

from __future__ import annotations

import json
from typing import Any

from ..errors import MalformedError
from .bincode import U32_MAX, Reader, Writer
from .messages import BatchMessage, Side, StatusMessage
from .topic_table import TopicTable


def decode_json(side: Side, text: str, topics: TopicTable) -> Any:
    """The message of a text frame. None for an unknown type, which is one of a later version.

    ``topics`` learns the topics of the message. Raises ``MalformedError``.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedError("the text is not JSON") from None
    name = found.get("type") if isinstance(found, dict) else None
    if not isinstance(name, str):
        raise MalformedError("expected a JSON object with a type")
    kind = side.by_name.get(name)
    return None if kind is None else kind.from_json(found, topics)


def encode_json(side: Side, message: object) -> str:
    """The payload of a text frame."""
    _, name, kind = side.by_class[type(message)]
    content = {"type": name, **kind.to_json(message)}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def decode_bincode(side: Side, payload: bytes, topics: TopicTable) -> Any:
    """As ``decode_json``, from the payload of a binary frame."""
    reader = Reader(payload, topics)
    number = reader.unsigned(U32_MAX)
    if number >= len(side.messages):
        return None
    message = side.messages[number][2].read(reader)
    reader.end()
    if reader.has_unknown_topic:
        if not isinstance(message, BatchMessage | StatusMessage):
            raise MalformedError("a topic id that was never introduced")
        message.has_unknown_topic = True
    return message


def encode_bincode(side: Side, message: object, topics: TopicTable) -> bytes:
    """The payload of a binary frame."""
    number, _, kind = side.by_class[type(message)]
    writer = Writer(topics)
    writer.unsigned(number)
    kind.write(writer, message)
    return bytes(writer.buffer)
