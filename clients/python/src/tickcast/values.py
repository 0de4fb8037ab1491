"""Values, updates and what is known about topics, as a program sees them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

Mode: TypeAlias = Literal["every", "latest"]
Encoding: TypeAlias = Literal["bincode", "json"]
Side: TypeAlias = Literal["buy", "sell"]
Quality: TypeAlias = Literal["live", "retained", "stale", "historical"]


class Trade(NamedTuple):
    """A trade. Price and size are exact."""

    price: Decimal
    size: Decimal
    #: The side of the taker, who accepted an existing offer.
    side: Side | None = None


class Quote(NamedTuple):
    """The best offers. All are exact, and each may be missing."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None


class Absent(NamedTuple):
    """No value at present, as the source itself says. Show a gap, not the value before it."""

    #: The source's word, such as ``unavailable``; or empty.
    word: str = ""


class Unknown(NamedTuple):
    """A value of a kind that only a later version of the protocol has."""

    kind: str
    content: object


#: A reading is a float, a text a str, and anything else bytes.
Value: TypeAlias = float | str | bytes | Trade | Quote | Absent | Unknown


class Update(NamedTuple):
    """One new value of one topic. Times are nanoseconds since 1970."""

    topic: str
    position: int
    #: Sequence number within its topic, from 1.
    seq: int
    #: By the source's clock.
    source_time_ns: int | None
    #: By the server's clock.
    ingest_time_ns: int
    quality: Quality
    value: Value


class NewUpdate(NamedTuple):
    """An update to publish."""

    topic: str
    value: Value
    source_time_ns: int | None = None


class TopicInfo(NamedTuple):
    """What is known about a topic besides its values."""

    id: int
    topic: str
    unit: str | None = None
    #: For people.
    name: str | None = None
    #: What its readings add up to, in the words of Home Assistant.
    state_class: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A resume token: where a subscription is. ``dataclasses.asdict`` makes plain data.

    It has nothing to do with the token of an identity, which is a text.
    """

    epoch: str
    position: int
    count: int | None = None
    snapshot: int | None = None


@dataclass(frozen=True, slots=True)
class EndedEpoch:
    """An earlier epoch whose updates the current one still has, up to a position."""

    epoch: str
    last: int


class Topics(NamedTuple):
    """The topics of an epoch by their id, as a later client needs them. Plain data for JSON."""

    epoch: str | None
    topics: list[TopicInfo]
