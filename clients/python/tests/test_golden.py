"""Every message of the protocol, in both encodings and both directions."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from tickcast.errors import MalformedError
from tickcast.values import TopicInfo
from tickcast.wire.bincode import Reader, Writer
from tickcast.wire.codec import decode_bincode, decode_json, encode_bincode, encode_json
from tickcast.wire.messages import CLIENT, SERVER, Side
from tickcast.wire.topic_table import TopicTable
from tickcast.wire.updates import updates, updates_by_table

DOCS = Path(__file__).parents[3] / "docs"
GOLDEN = DOCS / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))

#: Enough to find a decoder that fails in another way than it should.
MUTATIONS_PER_FILE = 300


def introduced() -> TopicTable:
    """The topics that golden files use without introducing them."""
    topics = TopicTable()
    topics.learn(TopicInfo(7, "market/BTC-USDT/trade"))
    topics.learn(TopicInfo(300, "home/kitchen/temperature"))
    return topics


def side_of(name: str) -> Side:
    return CLIENT if name.startswith("client-") else SERVER


def text_of(name: str) -> str:
    return (GOLDEN / f"{name}.json").read_text(encoding="utf-8")


def bytes_of(name: str) -> bytes:
    return bytes.fromhex((GOLDEN / f"{name}.hex").read_text(encoding="ascii"))


def without_nulls(content: Any) -> Any:
    """A null field is a missing field."""
    if isinstance(content, dict):
        return {key: without_nulls(value) for key, value in content.items() if value is not None}
    if isinstance(content, list):
        return [without_nulls(item) for item in content]
    return content


def test_every_golden_file_belongs_to_a_pair() -> None:
    assert NAMES
    files = sorted(path.name for path in GOLDEN.iterdir())
    assert files == sorted(f"{name}.{end}" for name in NAMES for end in ("hex", "json"))


def test_every_message_of_this_client_has_a_golden_file() -> None:
    seen: dict[str, set[str]] = {"client": set(), "server": set()}
    for name in NAMES:
        seen[name.split("-")[0]].add(json.loads(text_of(name))["type"])
    assert seen["client"] == set(CLIENT.by_name)
    assert seen["server"] == set(SERVER.by_name)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same_message_in_both_encodings_and_both_directions(name: str) -> None:
    side, text, payload = side_of(name), text_of(name), bytes_of(name)
    message = decode_json(side, text, introduced())
    assert message is not None
    assert decode_bincode(side, payload, introduced()) == message
    assert encode_bincode(side, message, introduced()) == payload
    assert json.loads(encode_json(side, message)) == without_nulls(json.loads(text))


def test_the_transcripts_of_the_document_survive_both_encodings() -> None:
    document = (DOCS / "protocol.md").read_text(encoding="utf-8")
    lines = re.findall(r"^[<>] \{.*$", document, re.MULTILINE)
    assert len(lines) > 20
    topics = introduced()
    for line in lines:
        side = CLIENT if line.startswith(">") else SERVER
        message = decode_json(side, line[2:], topics)
        assert decode_json(side, encode_json(side, message), topics) == message
        assert decode_bincode(side, encode_bincode(side, message, topics), topics) == message


def mutated(random_: random.Random, original: bytes) -> bytes:
    damaged = bytearray(original)
    for _ in range(random_.randint(1, 3)):
        damaged[random_.randrange(len(damaged))] = random_.randrange(256)
    if random_.randrange(4) == 0:
        del damaged[random_.randrange(len(damaged)) :]
    return bytes(damaged)


@pytest.mark.parametrize("encoding", ["json", "bincode"])
def test_damaged_messages_are_decoded_or_refused_without_another_error(encoding: str) -> None:
    random_ = random.Random(1)
    refused = 0
    for name in NAMES:
        side = side_of(name)
        original = text_of(name).encode() if encoding == "json" else bytes_of(name)
        for _ in range(MUTATIONS_PER_FILE):
            damaged = mutated(random_, original)
            try:
                if encoding == "json":
                    decode_json(side, damaged.decode(errors="replace"), introduced())
                else:
                    decode_bincode(side, damaged, introduced())
            except MalformedError:
                refused += 1
    assert refused > len(NAMES)


def read_list(payload: bytes, is_fast: bool) -> object:
    reader = Reader(payload, introduced())
    kind = updates if is_fast else updates_by_table
    try:
        return repr(kind.read(reader)), reader.at, reader.has_unknown_topic
    except MalformedError:
        return "refused"


def test_the_fast_reader_of_updates_reads_what_the_table_says() -> None:
    random_ = random.Random(2)
    seen = set()
    for name in NAMES:
        if not name.startswith("server-batch"):
            continue
        message = decode_bincode(SERVER, bytes_of(name), introduced())
        writer = Writer(introduced())
        updates_by_table.write(writer, message.updates * 3)
        for attempt in range(4 * MUTATIONS_PER_FILE):
            base = bytes(writer.buffer)
            damaged = base if attempt == 0 else mutated(random_, base)
            fast = read_list(damaged, is_fast=True)
            assert fast == read_list(damaged, is_fast=False), damaged.hex()
            seen.add(fast == "refused")
    assert seen == {True, False}
