"""The parts that need no connection."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import pytest

from tickcast import (
    Batch,
    Client,
    EndedEpoch,
    Event,
    MalformedError,
    NewUpdate,
    Options,
    TickcastError,
    Token,
    TopicInfo,
    Topics,
)
from tickcast.backoff import Backoff, may_reconnect
from tickcast.connection.clock import SAMPLES_MAX, Clock
from tickcast.connection.connection import REASON_MAX_BYTES, fit_reason
from tickcast.connection.tokens import REFUSED_REST_NS, Tokens
from tickcast.options import OptionKeywords
from tickcast.publishing_once import PUBLISHER_WINDOW, OncePublishes
from tickcast.subscription.delivery import Delivery
from tickcast.wire import topic_table
from tickcast.wire.decimals import from_parts, from_text, to_parts, to_text
from tickcast.wire.lineage import Lineage
from tickcast.wire.messages import Published, PublishOnce, TimeAnswer
from tickcast.wire.topic_table import TopicTable


def test_waits_double_up_to_half_a_minute_and_get_short_again() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    for _ in range(2_000):
        assert backoff.next() == 30
    backoff.reset()
    assert backoff.next() == 0.5
    assert Backoff(lambda: 0.25).next() == 0.125


def test_the_close_codes_after_which_to_reconnect() -> None:
    codes = {code for code in range(900, 5_100) if may_reconnect(code)}
    assert codes == {1001, 1005, 1006, *range(1011, 1016), *range(4000, 4500)}


def test_the_answer_with_the_shortest_round_trip_tells_the_offset() -> None:
    clock = Clock()
    assert clock.best is None
    # Asked at 1,000; the server is 50,000 ahead; 100 on the way there, 300 on the way back.
    clock.add(TimeAnswer(1, 1_000, 51_100, 51_150), 1_450)
    assert clock.best is not None
    assert (clock.best.offset_ns, clock.best.round_trip_ns) == (49_900, 400)
    clock.add(TimeAnswer(2, 2_000, 52_010, 52_010), 2_020)
    assert (clock.best.offset_ns, clock.best.round_trip_ns) == (50_000, 20)
    for number in range(SAMPLES_MAX):
        clock.add(TimeAnswer(3, number, number + 1_000, number + 1_000), number + 600)
    # Old answers are forgotten, because clocks drift.
    assert clock.best.round_trip_ns == 600


@pytest.mark.parametrize(
    ("text", "mantissa", "scale"),
    [
        ("39432.480", 39_432_480, 3),
        ("-0.50", -50, 2),
        ("0", 0, 0),
        ("0.000000000000000001", 1, 18),
        ("9223372036854775807", 2**63 - 1, 0),
        ("-9.223372036854775808", -(2**63), 18),
    ],
)
def test_decimals_are_exact_in_any_context(text: str, mantissa: int, scale: int) -> None:
    with localcontext() as context:
        context.prec = 2
        value = from_text(text)
        assert format(value, "f") == text
        assert to_parts(value) == (mantissa, scale)
        assert to_text(value) == text
        assert from_parts(mantissa, scale).as_tuple() == value.as_tuple()


def test_other_forms_of_a_decimal_are_read_or_refused() -> None:
    assert to_text(from_text("007")) == "7"
    assert to_text(from_text("-0.0")) == "0.0"
    assert to_text(Decimal("1E+3")) == "1000"
    assert to_text(Decimal("-0E+999")) == "0"
    for text in (".5", "5.", "+1", "1e3", "", "1_0", "٣", "9223372036854775808", "1" * 300, 1.5):
        with pytest.raises(MalformedError):
            from_text(text)
    for value in ("NaN", "Infinity", "1E-19", "1E+19", "9223372036854775808"):
        with pytest.raises(MalformedError):
            to_parts(Decimal(value))
    with pytest.raises(MalformedError, match="too many"):
        from_parts(1, 19)


def test_a_table_of_topics_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_table, "TOPICS_MAX", 2)
    table = TopicTable(Topics("e", [TopicInfo(1, "a"), TopicInfo(2, "b")]))
    table.learn(TopicInfo(2, "b", unit="V"))
    with pytest.raises(MalformedError, match="more topics than 2"):
        table.learn(TopicInfo(3, "c"))
    assert table.save().topics[1].unit == "V"
    table.enter(Lineage("e"))
    assert table.names == {1: "a", 2: "b"}
    table.enter(Lineage("f", [EndedEpoch("e", 7)]))
    assert table.save() == ("f", [TopicInfo(1, "a"), TopicInfo(2, "b", unit="V")])
    assert (table.covers("e"), table.covers("g")) == (True, False)
    table.enter(Lineage("f"))
    assert table.names == {1: "a", 2: "b"}
    table.enter(Lineage("g"))
    assert table.save() == ("g", [])


def test_what_is_left_of_an_epoch_ends_where_it_or_a_later_one_has_ended() -> None:
    lineage = Lineage("n", [EndedEpoch("a", 100), EndedEpoch("b", 300), EndedEpoch("c", 200)])
    kept = [lineage.kept(epoch) for epoch in ("n", "a", "b", "c", "d", None)]
    assert kept == [math.inf, 100, 200, 200, None, None]


async def test_a_refused_token_rests_for_a_minute() -> None:
    now = 0
    newest = "old"
    tokens = Tokens(lambda: newest, lambda: now)
    assert await tokens.for_attempt() == ("old", None)
    tokens.accepted("old")
    assert await tokens.another() is None
    assert tokens.ended(4002, "it has expired")
    assert await tokens.for_attempt() == (None, "it has expired")
    newest = "new"
    assert await tokens.another() == "new"
    newest = "old"
    now = REFUSED_REST_NS
    assert await tokens.for_attempt() == ("old", None)
    assert not tokens.ended(1006, "")
    assert not Tokens(None, lambda: 0).ended(4002, "")


def token_at(position: int) -> Token:
    return Token("e", position)


def event_at(position: int) -> Event:
    return Batch(snapshot=False, from_=position - 1, to=position, updates=[])


async def test_a_cancelled_wait_takes_no_event_along() -> None:
    delivery = Delivery(None, 10, None, lambda: None)
    waiting = asyncio.ensure_future(delivery.next())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another task waits"):
        await delivery.next()
    delivery.push(event_at(1), 1, token_at(1))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await delivery.next() == event_at(1)
    assert delivery.token is None
    delivery.finish()
    assert await delivery.next() is None
    assert delivery.token == token_at(1)


async def test_a_callback_that_fails_is_reported_and_the_next_event_follows() -> None:
    reports: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reports.append(context["exception"]))
    seen: list[Event] = []

    async def fail_later(event: Event) -> None:
        seen.append(event)
        await asyncio.sleep(0)
        raise ValueError("later")

    def fail_now(event: Event) -> None:
        seen.append(event)
        raise ValueError("now")

    for callback in (fail_now, fail_later):
        delivery = Delivery(callback, 10, None, lambda: None)
        for position in (1, 2):
            delivery.push(event_at(position), 1, token_at(position))
        while delivery.queued:
            await asyncio.sleep(0)
        assert delivery.token == token_at(2)
    assert seen == [event_at(1), event_at(2)] * 2
    assert [str(report) for report in reports] == ["now", "now", "later", "later"]


def test_a_reason_is_shortened_between_two_characters() -> None:
    assert fit_reason("é" * 100) == "é" * (REASON_MAX_BYTES // 2)
    assert fit_reason("short") == "short"


def test_type_checkers_know_all_options() -> None:
    names = [field.name for field in dataclasses.fields(Options)]
    assert list(OptionKeywords.__annotations__) == names


@pytest.mark.parametrize(
    "wrong", ["", "localhost:7400", "http://a/ws", "ws://", "ws://a:99999/ws", "ws://a/ws#b"]
)
def test_a_wrong_url_is_refused_at_once(wrong: str) -> None:
    for urls in (wrong, ["ws://a/ws", wrong]):
        with pytest.raises(ValueError, match="is no URL of a server: use one such as ws://"):
            Client(urls)


@pytest.mark.parametrize("wrong", [None, 5, ["ws://a/ws", None]])
def test_what_is_no_text_is_no_url(wrong: Any) -> None:
    with pytest.raises(TypeError, match="is no URL"):
        Client(wrong)


def test_a_token_is_a_text_or_a_function_and_is_not_shown() -> None:
    with pytest.raises(TypeError, match="type bytes: pass a str") as told:
        Client("ws://a/ws", Options(token=b"secret"))  # type: ignore[arg-type]
    assert "secret" not in str(told.value)


async def test_the_room_of_a_publish_that_is_cancelled_goes_to_the_next_one() -> None:
    sent: list[tuple[PublishOnce, Callable[[Published], None]]] = []

    class Host:
        def may_request(self) -> bool:
            return True

        def send_request(
            self,
            request: PublishOnce,
            expected: type[Published],
            resolve: Callable[[Published], None],
            reject: Callable[[TickcastError], None],
        ) -> None:
            sent.append((request, resolve))

    once = OncePublishes(Host())

    def publish(number: int) -> asyncio.Task[int]:
        update = NewUpdate("lab/a", float(number), None)
        return asyncio.create_task(once.publish([update]))

    publishes = [publish(number) for number in range(PUBLISHER_WINDOW + 2)]
    await asyncio.sleep(0)
    sent[0][1](Published(0, 1))
    assert len(sent) == 1 + PUBLISHER_WINDOW
    # The first one makes room for the one after the window, which is cancelled at this moment.
    sent[1][1](Published(0, 2))
    assert publishes[PUBLISHER_WINDOW].cancel()
    await asyncio.wait([publishes[PUBLISHER_WINDOW]])
    await asyncio.sleep(0)
    assert [update.value for update in sent[-1][0].updates] == [PUBLISHER_WINDOW + 1.0]
    once.ended(None)
    await asyncio.gather(*publishes, return_exceptions=True)
