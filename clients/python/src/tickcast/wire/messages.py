"""Every message of docs/protocol.md: its fields, and how they are read and written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..answers import Candle, Identity, Interval, Limits, Listed, Row, Welcome
from ..events import StatusOfTopic
from ..values import EndedEpoch, Mode, NewUpdate, Token, TopicInfo, Update
from .bincode import Reader, Writer
from .composites import choice, list_of, optional, struct, unless_empty, variant, with_default
from .topic_table import TopicTable
from .types import (
    Type,
    amount,
    boolean,
    decimal,
    f64,
    hex_digits,
    reading,
    string,
    time,
    u16,
    u32,
    u64,
)
from .updates import topic_name, updates
from .value import value

# Messages of the client.


@dataclass(slots=True)
class FilterRequest:
    filter: str
    resume: Token | None = None


@dataclass(slots=True)
class Subscribe:
    id: int
    filters: list[FilterRequest]
    mode: Mode
    max_rate_hz: float | None


@dataclass(slots=True)
class Unsubscribe:
    id: int
    channels: list[int]


@dataclass(slots=True)
class Publish:
    id: int | None
    updates: list[NewUpdate]


@dataclass(slots=True)
class AskTime:
    id: int
    client_time_ns: int


@dataclass(slots=True)
class AskList:
    id: int


@dataclass(slots=True)
class Change:
    id: int
    channel: int
    mode: Mode
    max_rate_hz: float | None


@dataclass(slots=True)
class AskHistory:
    id: int
    topic: str
    limit: int | None
    before: int | None


@dataclass(slots=True)
class AskCandles:
    id: int
    topic: str
    interval: Interval
    limit: int | None
    from_ns: int | None
    before_ns: int | None


@dataclass(slots=True)
class Authenticate:
    id: int
    token: str


@dataclass(slots=True)
class PublishOnce:
    id: int
    publisher: str
    number: int
    updates: list[NewUpdate]


Request: TypeAlias = (
    Subscribe
    | Unsubscribe
    | Publish
    | AskTime
    | AskList
    | Change
    | AskHistory
    | AskCandles
    | Authenticate
    | PublishOnce
)

# Messages of the server. `Welcome` and `Identity` (authenticated) are what the program sees too.


@dataclass(slots=True)
class Accepted:
    filter: str
    channel: int
    mode: Mode
    max_rate_hz: float | None
    epoch: str
    position: int
    count: int
    snapshot: int | None
    start: str
    lost: int | None = None


@dataclass(slots=True)
class Refused:
    filter: str
    code: int
    reason: str


@dataclass(slots=True)
class Subscribed:
    id: int
    results: list[Accepted | Refused]


@dataclass(slots=True)
class BatchMessage:
    channel: int
    from_: int
    to: int
    snapshot: bool
    topics: list[TopicInfo]
    updates: list[Update]
    #: Whether it has a topic id that was never introduced. Not on the wire.
    has_unknown_topic: bool = False


@dataclass(slots=True)
class GapMessage:
    channel: int
    from_: int
    to: int
    lost: int | None
    snapshot: int


@dataclass(slots=True)
class ChannelPosition:
    channel: int
    position: int


@dataclass(slots=True)
class Heartbeat:
    server_time_ns: int
    position: int
    channels: list[ChannelPosition]


@dataclass(slots=True)
class Unsubscribed:
    id: int | None
    channels: list[int]
    position: int | None
    reason: str | None


@dataclass(slots=True)
class Published:
    id: int
    position: int


@dataclass(slots=True)
class TimeAnswer:
    id: int
    client_time_ns: int
    receive_time_ns: int
    send_time_ns: int


@dataclass(slots=True)
class ErrorMessage:
    id: int | None
    code: int
    reason: str
    temporary: bool
    retry_after_ms: int | None


@dataclass(slots=True)
class DrainingMessage:
    reconnect_within_ms: int


@dataclass(slots=True)
class Subscriptions:
    id: int
    subscriptions: list[Listed]


@dataclass(slots=True)
class Changed:
    id: int
    previous: int
    channel: int
    mode: Mode
    max_rate_hz: float | None
    position: int
    count: int


@dataclass(slots=True)
class StatusMessage:
    channel: int
    topics: list[TopicInfo]
    statuses: list[StatusOfTopic]
    #: As in a batch.
    has_unknown_topic: bool = False


@dataclass(slots=True)
class HistoryAnswer:
    id: int
    topics: list[TopicInfo]
    updates: list[Update]
    more: bool


@dataclass(slots=True)
class CandlesAnswer:
    id: int
    topics: list[TopicInfo]
    interval: Interval
    position: int
    candles: list[Candle]
    rows: list[Row]
    more: bool


@dataclass(slots=True)
class ExpiringMessage:
    expires_ns: int


Answer: TypeAlias = (
    Subscribed
    | Published
    | TimeAnswer
    | Subscriptions
    | Changed
    | HistoryAnswer
    | CandlesAnswer
    | Unsubscribed
    | Identity
)
ServerMessage: TypeAlias = (
    Answer
    | Welcome
    | BatchMessage
    | GapMessage
    | Heartbeat
    | ErrorMessage
    | DrainingMessage
    | StatusMessage
    | ExpiringMessage
)

_mode = choice("every", "latest")
_mode_or_latest = with_default(_mode, lambda: "latest")
_request_id = with_default(u32, lambda: 0)
_rate = optional(f64)

_filter_fields: Type[FilterRequest] = struct(
    FilterRequest, string, optional(struct(Token, hex_digits, u64, optional(u64), optional(u64)))
)


def _filter_from_json(json: Any, topics: TopicTable) -> FilterRequest:
    """A filter without a token may be just a text."""
    if isinstance(json, str):
        return FilterRequest(json)
    return _filter_fields.from_json(json, topics)


def _filter_to_json(request: FilterRequest) -> Any:
    return request.filter if request.resume is None else _filter_fields.to_json(request)


_filter_request = dataclasses.replace(
    _filter_fields, from_json=_filter_from_json, to_json=_filter_to_json
)

_accepted: Type[Accepted] = struct(
    Accepted,
    string,
    u32,
    _mode,
    _rate,
    hex_digits,
    u64,
    u64,
    optional(u64),
    choice("fresh", "resumed", "epoch_changed", "position_ahead", "existing", "truncated"),
    optional(u64),
)
_refused: Type[Refused] = struct(Refused, string, u16, string)


def _write_result(writer: Writer, result: Accepted | Refused) -> None:
    writer.unsigned(1 if isinstance(result, Refused) else 0)
    if isinstance(result, Refused):
        _refused.write(writer, result)
    else:
        _accepted.write(writer, result)


def _result_from_json(json: Any, topics: TopicTable) -> Accepted | Refused:
    """A result with a code is a refusal."""
    if isinstance(json, dict) and "code" in json:
        return _refused.from_json(json, topics)
    return _accepted.from_json(json, topics)


_result: Type[Accepted | Refused] = Type(
    read=lambda r: _accepted.read(r) if variant(r, 2) == 0 else _refused.read(r),
    write=_write_result,
    from_json=_result_from_json,
    to_json=lambda result: (
        _refused.to_json(result) if isinstance(result, Refused) else _accepted.to_json(result)
    ),
)

_info_fields: Type[TopicInfo] = struct(
    TopicInfo, u32, string, optional(string), optional(string), optional(string)
)


def _read_info(reader: Reader) -> TopicInfo:
    """The table learns a topic at once, because updates of the same message need it."""
    info = _info_fields.read(reader)
    reader.topics.learn(info)
    return info


def _write_info(writer: Writer, info: TopicInfo) -> None:
    writer.topics.learn(info)
    _info_fields.write(writer, info)


def _info_from_json(json: Any, topics: TopicTable) -> TopicInfo:
    info = _info_fields.from_json(json, topics)
    topics.learn(info)
    return info


_infos = unless_empty(list_of(Type(_read_info, _write_info, _info_from_json, _info_fields.to_json)))
_continues = unless_empty(list_of(struct(EndedEpoch, hex_digits, u64)))
_interval = choice("1s", "5s", "15s", "1m", "5m", "15m", "1h", "4h", "1d")
_state = choice("complete", "open", "incomplete")
_candle: Type[Candle] = struct(
    Candle, time, _state, decimal, decimal, decimal, decimal, optional(decimal), u64
)
_row: Type[Row] = struct(Row, time, _state, reading, reading, reading, reading, reading, u64)
_limits: Type[Limits] = struct(
    Limits, u32, u32, u32, u32, u32, u32, amount, f64, f64, u32, u32, u32, u32
)
_listed: Type[Listed] = struct(Listed, u32, string, _mode, _rate, u64, u32)
_status: Type[StatusOfTopic] = struct(
    StatusOfTopic, topic_name, choice("live", "stale", "dead"), time
)
_new_update: Type[NewUpdate] = struct(NewUpdate, string, value, optional(time))
_names = list_of(string)
_candles = unless_empty(list_of(_candle))
_rows = unless_empty(list_of(_row))


@dataclass(frozen=True, slots=True)
class Side:
    """The messages that one side sends: name, class and type, in the order of their numbers."""

    messages: tuple[tuple[str, type, Type[Any]], ...]
    by_name: dict[str, Type[Any]]
    #: Number, name and type of each class.
    by_class: dict[type, tuple[int, str, Type[Any]]]


def _side(*messages: tuple[str, Callable[..., Any], tuple[Type[Any], ...]]) -> Side:
    made = tuple((name, cls, struct(cls, *kinds)) for name, cls, kinds in messages)
    return Side(
        messages=made,  # type: ignore[arg-type]
        by_name={name: kind for name, _, kind in made},
        by_class={
            cls: (number, name, kind)  # type: ignore[misc]
            for number, (name, cls, kind) in enumerate(made)
        },
    )


CLIENT = _side(
    ("subscribe", Subscribe, (_request_id, list_of(_filter_request), _mode_or_latest, _rate)),
    ("unsubscribe", Unsubscribe, (_request_id, list_of(u32))),
    ("publish", Publish, (optional(u32), list_of(_new_update))),
    ("time", AskTime, (_request_id, time)),
    ("list", AskList, (_request_id,)),
    ("change", Change, (_request_id, u32, _mode_or_latest, _rate)),
    ("history", AskHistory, (_request_id, string, optional(u32), optional(u64))),
    (
        "candles",
        AskCandles,
        (_request_id, string, _interval, optional(u32), optional(time), optional(time)),
    ),
    ("authenticate", Authenticate, (_request_id, string)),
    ("publish_once", PublishOnce, (_request_id, hex_digits, u64, list_of(_new_update))),
)

SERVER = _side(
    ("welcome", Welcome, (string, hex_digits, u64, time, u32, _limits, _continues)),
    ("subscribed", Subscribed, (u32, list_of(_result))),
    ("batch", BatchMessage, (u32, u64, u64, boolean, _infos, updates)),
    ("gap", GapMessage, (u32, u64, u64, optional(u64), u64)),
    ("heartbeat", Heartbeat, (time, u64, list_of(struct(ChannelPosition, u32, u64)))),
    (
        "unsubscribed",
        Unsubscribed,
        (optional(u32), list_of(u32), optional(u64), optional(string)),
    ),
    ("published", Published, (u32, u64)),
    ("time", TimeAnswer, (u32, time, time, time)),
    ("error", ErrorMessage, (optional(u32), u16, string, boolean, optional(u32))),
    ("draining", DrainingMessage, (u32,)),
    ("subscriptions", Subscriptions, (u32, list_of(_listed))),
    ("changed", Changed, (u32, u32, u32, _mode, _rate, u64, u64)),
    ("status", StatusMessage, (u32, _infos, list_of(_status))),
    ("history", HistoryAnswer, (u32, _infos, updates, boolean)),
    (
        "candles",
        CandlesAnswer,
        (
            u32,
            _infos,
            _interval,
            u64,
            unless_empty(list_of(_candle)),
            unless_empty(list_of(_row)),
            boolean,
        ),
    ),
    (
        "authenticated",
        Identity,
        (optional(u32), string, string, optional(time), _names, _names, _names, _rate),
    ),
    ("expiring", ExpiringMessage, (time,)),
)
