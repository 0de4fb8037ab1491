"""What the server says about itself, and its answers to requests. Times are nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from .values import EndedEpoch, Mode, TopicInfo, Update

Interval: TypeAlias = Literal["1s", "5s", "15s", "1m", "5m", "15m", "1h", "4h", "1d"]
#: Whether all updates of an interval are counted: ``open`` has not ended, and of ``incomplete``
#: some are missing.
CandleState: TypeAlias = Literal["complete", "open", "incomplete"]


@dataclass(slots=True)
class Limits:
    """What a connection may do; 0 means "no limit"."""

    message_bytes: int
    topic_bytes: int
    subscriptions: int
    requests_per_s: int
    request_burst: int
    write_timeout_ms: int
    tape_bytes: int
    rate_min_hz: float
    rate_max_hz: float
    publish_updates_per_s: int
    publish_bytes_per_s: int
    new_topics_per_s: int
    new_topics_burst: int


@dataclass(slots=True)
class Welcome:
    """The first message of a connection."""

    server: str
    epoch: str
    position: int
    server_time_ns: int
    heartbeat_ms: int
    limits: Limits
    #: The earlier epochs that this one continues, oldest first.
    continues: list[EndedEpoch] = field(default_factory=list)


@dataclass(slots=True)
class Identity:
    """What the server says that a client may do. The lists are filters."""

    id: int | None
    #: Empty for a client without a token.
    subject: str
    role: str
    expires_ns: int | None
    subscribe: list[str]
    history: list[str]
    publish: list[str]
    max_rate_hz: float | None = None


@dataclass(slots=True)
class Granted:
    """What the server has granted to a subscription."""

    mode: Mode
    max_rate_hz: float | None


@dataclass(slots=True)
class Listed:
    """A subscription of this connection according to the server."""

    channel: int
    filter: str
    mode: Mode
    max_rate_hz: float | None
    position: int
    topics: int


@dataclass(slots=True)
class ClockEstimate:
    """How far the server's clock is ahead of this program's."""

    #: Exact to half the round trip.
    offset_ns: int
    round_trip_ns: int


@dataclass(slots=True)
class Candle:
    """The trades of one interval."""

    start_ns: int
    state: CandleState
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    #: None if no decimal holds it.
    volume: Decimal | None
    count: int


@dataclass(slots=True)
class Row:
    """The readings of one interval, or the middles of its quotes."""

    start_ns: int
    state: CandleState
    first: float
    max: float
    min: float
    last: float
    #: Divided by the count it is the mean.
    sum: float
    count: int


@dataclass(slots=True)
class History:
    """A topic's past updates, oldest first, with consecutive seqs."""

    updates: list[Update]
    #: The server holds older ones: ask with the first position as ``before``.
    more: bool
    #: What is known about the topic; None if the server does not know it.
    info: TopicInfo | None


@dataclass(slots=True)
class Candles:
    """Candles of a topic's trades, or rows of its readings: oldest first, without empty ones."""

    #: Updates up to this position are counted, and none after it.
    position: int
    candles: list[Candle]
    rows: list[Row]
    #: The server holds older ones: ask with the first start as ``before_ns``.
    more: bool
    info: TopicInfo | None


@dataclass(slots=True)
class End:
    """How a connection ended."""

    #: The close code; 1006 if there was no close frame.
    code: int
    reason: str
    #: What the server asks to wait at least, in seconds.
    retry_after_s: float = 0.0
