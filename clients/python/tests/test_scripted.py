"""Subscriptions against a server that does what a real one never does."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from conftest import Stage
from support.scripted_server import EPOCH, WELCOME, ScriptedServer, batch, update
from support.waiting import until

from tickcast import (
    Batch,
    Client,
    DisconnectedError,
    EndedEpoch,
    Failure,
    Gap,
    MalformedError,
    Options,
    Reset,
    ServerError,
    Status,
    StatusOfTopic,
    Subscription,
    Token,
    TooLongError,
    TopicInfo,
    Trade,
    Truncated,
    Violation,
)
from tickcast.wire.messages import (
    Accepted,
    BatchMessage,
    Changed,
    ChannelPosition,
    DrainingMessage,
    ErrorMessage,
    FilterRequest,
    GapMessage,
    Heartbeat,
    Published,
    Refused,
    StatusMessage,
    Subscribed,
    Unsubscribe,
)

#: Another epoch than that of the welcome.
OTHER = "18c504b200c0ffee"


async def cut_after(stage: Stage, *positions: int) -> Subscription:
    """A subscription that has a batch of these positions, and then no connection."""
    subscription = stage.client.subscribe("a/#", mode="every")
    peer = await stage.server.welcome()
    await peer.grant()
    await peer.send(batch(100, positions[-1], *positions))
    assert isinstance(await subscription.next(), Batch)
    peer.terminate()
    return subscription


async def test_a_snapshot_and_then_live_batches_come_in_order(stage: Stage) -> None:
    subscription = stage.client.subscribe("a/#", mode="every")
    peer = await stage.server.welcome()
    await peer.grant(snapshot=0)
    await peer.send(batch(0, 50, 50, snapshot=True))
    await peer.send(batch(50, 100, snapshot=True))
    await peer.send(batch(100, 102, 101, 102))
    infos = [TopicInfo(5, "a/b")]
    assert await subscription.next() == Batch(True, 0, 50, [update(50)], infos)
    assert subscription.token == Token(EPOCH, 100, 10, 0)
    assert await subscription.next() == Batch(True, 50, 100, [], infos)
    assert await subscription.next() == Batch(False, 100, 102, [update(101), update(102)], infos)
    # It moves when the event is handled, not when it comes.
    assert subscription.token == Token(EPOCH, 100, 10, None)
    assert subscription.count == 12
    assert stage.client.topics.topics == infos


async def test_a_lost_connection_is_resumed_where_it_ended_with_the_topics_known_before(
    stage: Stage,
) -> None:
    subscription = await cut_after(stage, 101)
    second = await stage.server.welcome()
    request = await second.grant(position=101, count=11, start="resumed")
    assert request.filters == [FilterRequest("a/#", Token(EPOCH, 101, 11))]
    await second.send(batch(101, 102, 102, topics=[]))
    assert await subscription.next() == Batch(False, 101, 102, [update(102)])
    assert (stage.client.stats.connections, stage.client.stats.resets) == (2, 0)


async def test_with_several_urls_it_goes_on_at_another_one(encoding: str) -> None:
    servers = [ScriptedServer(), ScriptedServer()]
    for server in servers:
        await server.start()
    options = Options(encoding=encoding, random=lambda: 0.0)  # type: ignore[arg-type]
    async with contextlib.AsyncExitStack() as stack:
        for server in servers:
            stack.push_async_callback(server.stop)
        client = Client([server.url for server in servers], options)
        stack.push_async_callback(client.close)
        subscription = client.subscribe("a/#", mode="every")
        peer = await servers[0].welcome()
        await peer.grant()
        await peer.send(batch(100, 101, 101))
        assert isinstance(await subscription.next(), Batch)
        peer.terminate()
        other = await servers[1].welcome()
        request = await other.grant(position=101, count=11, start="resumed")
        assert request.filters == [FilterRequest("a/#", Token(EPOCH, 101, 11))]
        assert client.url == servers[1].url
        other.terminate()
        await servers[0].welcome()
    with pytest.raises(ValueError, match="there is no URL"):
        Client([])


async def test_a_snapshot_that_was_cut_off_is_resumed_too(stage: Stage) -> None:
    subscription = stage.client.subscribe("a/#", mode="every")
    first = await stage.server.welcome()
    await first.grant(snapshot=0)
    await first.send(batch(0, 50, 50, snapshot=True))
    assert isinstance(await subscription.next(), Batch)
    first.terminate()
    request = await (await stage.server.welcome()).grant(snapshot=50, start="resumed")
    assert request.filters[0].resume == Token(EPOCH, 100, 10, 50)


async def test_another_epoch_is_a_reset_and_clears_the_topics(stage: Stage) -> None:
    subscription = stage.client.subscribe("a/#", mode="every")
    first = await stage.server.welcome()
    await first.grant()
    await first.send(batch(100, 101, 101))
    assert isinstance(await subscription.next(), Batch)
    await first.close(1012, "restart")
    second = await stage.server.welcome(replace(WELCOME, epoch=OTHER))
    await second.grant(epoch=OTHER, position=7, count=3, snapshot=0, start="epoch_changed")
    assert await subscription.next() == Reset("epoch_changed")
    infos = [TopicInfo(5, "other")]
    news = batch(0, 7, snapshot=True, topics=infos, updates=[update(7, "other")])
    await second.send(news)
    assert await subscription.next() == Batch(True, 0, 7, [update(7, "other")], infos)
    assert stage.client.topics == (OTHER, infos)


async def test_an_epoch_that_continues_the_last_one_is_resumed_with_its_topics(
    stage: Stage,
) -> None:
    subscription = await cut_after(stage, 101)
    continues = [EndedEpoch(EPOCH, 101)]
    second = await stage.server.welcome(replace(WELCOME, epoch=OTHER, continues=continues))
    request = await second.grant(epoch=OTHER, position=101, count=11, snapshot=0, start="resumed")
    assert request.filters == [FilterRequest("a/#", Token(EPOCH, 101, 11))]
    await second.send(batch(0, 101, 101, snapshot=True, topics=[]))
    await second.send(batch(101, 102, 102, topics=[]))
    assert await subscription.next() == Batch(True, 0, 101, [update(101)])
    assert await subscription.next() == Batch(False, 101, 102, [update(102)])
    assert subscription.token == Token(OTHER, 101, 11)
    assert (stage.client.stats.resets, stage.client.stats.violations) == (0, 0)


async def test_updates_that_the_server_has_lost_are_told_once(stage: Stage) -> None:
    subscription = await cut_after(stage, 101, 102, 105)
    continues = [EndedEpoch(EPOCH, 102)]
    welcome = replace(WELCOME, epoch=OTHER, continues=continues)
    second = await stage.server.welcome(welcome)
    request = await second.grant(
        epoch=OTHER, position=102, count=12, snapshot=0, start="truncated", lost=1
    )
    assert request.filters == [FilterRequest("a/#", Token(EPOCH, 105, 13))]
    assert await subscription.next() == Truncated(102, 105, 1)
    await second.send(batch(0, 102, 102, snapshot=True))
    assert isinstance(await subscription.next(), Batch)
    second.terminate()
    third = await stage.server.welcome(welcome)
    request = await third.grant(epoch=OTHER, position=102, count=12, start="resumed")
    assert request.filters == [FilterRequest("a/#", Token(OTHER, 102, 12))]
    await third.send(batch(102, 103, 103, topics=[]))
    assert await subscription.next() == Batch(False, 102, 103, [update(103)])
    stats = stage.client.stats
    assert (stats.truncations, stats.resets, stats.lost, stats.violations) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"position": 103, "count": 12, "snapshot": 0, "start": "truncated"},
        {"position": 102, "count": 12, "snapshot": 5, "start": "truncated"},
        {"position": 102, "count": 12, "start": "truncated"},
        {"position": 102, "count": 12, "snapshot": 0, "start": "truncated", "lost": 2},
        {"position": 105, "count": 13, "snapshot": 0, "start": "resumed"},
    ],
)
async def test_a_server_that_says_something_else_about_an_earlier_epoch_is_not_believed(
    stage: Stage, wrong: dict[str, Any]
) -> None:
    subscription = await cut_after(stage, 101, 102, 105)
    continues = [EndedEpoch(EPOCH, 102)]
    second = await stage.server.welcome(replace(WELCOME, epoch=OTHER, continues=continues))
    await second.grant(epoch=OTHER, **wrong)
    assert isinstance(await second.next(), Unsubscribe)
    request = await second.grant(channel=2, epoch=OTHER, position=1, count=1)
    assert request.filters == [FilterRequest("a/#")]
    assert await subscription.next() == Reset("not_resumable")
    assert stage.client.stats.violations == 1


async def test_a_gap_is_an_event_and_is_counted(stage: Stage) -> None:
    subscription = stage.client.subscribe("a/#", mode="every")
    peer = await stage.server.welcome()
    await peer.grant()
    await peer.send(GapMessage(1, 100, 900, 33, 100))
    assert await subscription.next() == Gap(100, 900, 33)
    await peer.send(batch(100, 900, 800, snapshot=True))
    assert isinstance(await subscription.next(), Batch)
    assert (subscription.stats.lost, subscription.count) == (33, 43)
    await peer.send(GapMessage(1, 900, 950, None, 900))
    assert await subscription.next() == Gap(900, 950, None)
    assert (subscription.stats.gaps_uncounted, subscription.count) == (1, None)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (batch(105, 106, 106), "at the position 100"),
        (batch(100, 101, 102), "an update at 102"),
        (batch(100, 99), "back to 99"),
        (batch(0, 50, snapshot=True), "not announced"),
        (Heartbeat(0, 105, [ChannelPosition(1, 105)]), "at the position 100"),
        (GapMessage(1, 105, 106, 1, 105), "at the position 100"),
        (GapMessage(1, 100, 106, 1, 101), "begins at 101"),
    ],
)
async def test_a_break_of_the_chain_is_a_violation_and_what_is_missing_is_requested_again(
    stage: Stage, broken: object, reason: str
) -> None:
    subscription = stage.client.subscribe("a/#", mode="every")
    peer = await stage.server.welcome()
    await peer.grant()
    await peer.send(broken)
    unsubscribe = await peer.next()
    assert isinstance(unsubscribe, Unsubscribe)
    assert unsubscribe.channels == [1]
    told = [notice for notice in stage.notices if isinstance(notice, Violation)]
    assert [reason in violation.reason for violation in told] == [True]
    # From the old channel, so it must be ignored.
    await peer.send(batch(106, 107, 107))
    request = await peer.grant(channel=2, start="resumed")
    assert request.filters[0].resume == Token(EPOCH, 100, 10)
    await peer.send(batch(100, 107, 106, 107, channel=2))
    event = await subscription.next()
    assert isinstance(event, Batch)
    assert event.updates == [update(106), update(107)]
    stats = stage.client.stats
    assert (stats.violations, stats.ignored_batches, stats.ignored_updates) == (1, 1, 1)


async def test_a_live_batch_before_the_end_of_a_snapshot_is_a_violation(stage: Stage) -> None:
    stage.client.subscribe("a/#", mode="every")
    peer = await stage.server.welcome()
    await peer.grant(snapshot=0)
    await peer.send(batch(100, 101, 101))
    assert isinstance(await peer.next(), Unsubscribe)
    request = await peer.grant(channel=2)
    assert request.filters[0].resume == Token(EPOCH, 100, 10, 0)


async def test_a_server_that_resumes_with_another_count_causes_a_reset(stage: Stage) -> None:
    subscription = await cut_after(stage, 101)
    second = await stage.server.welcome()
    await second.grant(position=101, count=12, start="resumed")
    assert isinstance(await second.next(), Unsubscribe)
    request = await second.grant(channel=2, snapshot=0)
    assert request.filters == [FilterRequest("a/#")]
    assert await subscription.next() == Reset("not_resumable")


# In JSON every update has its name, so nothing can be unknown.
@pytest.mark.parametrize("encoding", ["bincode"])
async def test_an_id_that_was_never_introduced_starts_the_subscription_again(stage: Stage) -> None:
    subscription = stage.client.subscribe("a/#", mode="every")
    peer = await stage.server.welcome()
    await peer.grant()
    await peer.send(batch(100, 101, 101))
    assert isinstance(await subscription.next(), Batch)
    # A batch of one reading whose topic has the id 9.
    await peer.send_raw(bytes([2, 1, 101, 102, 0, 0, 1, 9, 102, 1, 0, 2, 0, 0, *bytes(8)]))
    assert isinstance(await peer.next(), Unsubscribe)
    request = await peer.grant(channel=2, snapshot=0)
    assert request.filters == [FilterRequest("a/#")]
    assert await subscription.next() == Reset("unknown_topic")


async def test_what_does_not_fit_into_the_queue_of_a_slow_program_is_requested_again_later(
    stage: Stage,
) -> None:
    subscription = stage.client.subscribe("a/#", mode="every", max_queued_updates=4)
    peer = await stage.server.welcome()
    await peer.grant()
    await peer.send(batch(100, 102, 101, 102))
    await peer.send(batch(102, 104, 103, 104))
    await peer.send(batch(104, 105, 105))
    assert isinstance(await peer.next(), Unsubscribe)
    assert (subscription.state, subscription.queued) == ("paused", 4)
    assert (stage.client.stats.overflows, stage.client.stats.discarded) == (1, 1)
    for _ in range(2):
        assert isinstance(await subscription.next(), Batch)
    request = await peer.grant(channel=2, position=104, count=14, start="resumed")
    assert request.filters[0].resume == Token(EPOCH, 104, 14)
    await peer.send(batch(104, 105, 105, channel=2))
    event = await subscription.next()
    assert isinstance(event, Batch)
    assert event.to == 105
    assert stage.client.stats.violations == 0


async def test_filters_are_requested_together_and_answered_one_by_one(stage: Stage) -> None:
    good = stage.client.subscribe("good", max_rate_hz=2)
    bad = stage.client.subscribe("bad", max_rate_hz=2)
    other = stage.client.subscribe("good", mode="every")
    with pytest.raises(ValueError, match="subscribed already"):
        stage.client.subscribe("good", max_rate_hz=2)
    peer = await stage.server.welcome()
    request = await peer.next()
    assert request.filters == [FilterRequest("good"), FilterRequest("bad")]
    granted = Accepted("good", 1, "latest", 1.5, EPOCH, 0, 0, None, "fresh")
    refused = Refused("bad", 201, "not allowed")
    await peer.send(Subscribed(request.id, [granted, refused]))
    await peer.grant(channel=2)
    assert (await good.ready()).max_rate_hz == 1.5
    with pytest.raises(ServerError, match="not allowed"):
        await bad.ready()
    with pytest.raises(ServerError, match="not allowed"):
        await bad.next()
    await other.ready()
    with pytest.raises(ValueError, match="subscribed already"):
        await other.change("latest", 2)


async def test_a_channel_that_exists_still_is_left_and_subscribed_again(stage: Stage) -> None:
    subscription = stage.client.subscribe("a/#", mode="every")
    peer = await stage.server.welcome()
    await peer.grant(start="existing")
    unsubscribe = await peer.next()
    assert unsubscribe.channels == [1]
    await peer.grant(channel=2)
    await subscription.ready()
    assert subscription.state == "live"


async def test_a_temporary_refusal_is_retried(stage: Stage) -> None:
    subscription = stage.client.subscribe("a/#", mode="every")
    peer = await stage.server.welcome()
    request = await peer.next()
    await peer.send(ErrorMessage(request.id, 102, "slower", True, 20))
    await peer.grant()
    await subscription.ready()
    assert subscription.state == "live"


async def test_a_subscription_changes_its_mode_without_losing_its_position(stage: Stage) -> None:
    subscription = stage.client.subscribe("a/#")
    peer = await stage.server.welcome()
    await peer.grant()
    await subscription.ready()
    change = asyncio.ensure_future(subscription.change("every"))
    request = await peer.next()
    await peer.send(batch(100, 103, 103))
    await peer.send(Changed(request.id, 1, 9, "every", None, 102, 77))
    await peer.send(batch(102, 104, 104, channel=9))
    assert (await change).mode == "every"
    for to in (103, 104):
        event = await subscription.next()
        assert isinstance(event, Batch)
        assert event.to == to
    assert (subscription.count, subscription.mode) == (78, "every")


async def test_statuses_come_in_order_and_all_topics_are_live_on_a_new_connection(
    stage: Stage,
) -> None:
    subscription = stage.client.subscribe("a/#", mode="every")
    first = await stage.server.welcome()
    await first.grant()
    await first.send(batch(100, 101, 101))
    dead = [StatusOfTopic("a/b", "dead", 7)]
    await first.send(StatusMessage(1, [], dead))
    assert isinstance(await subscription.next(), Batch)
    assert await subscription.next() == Status(dead)
    assert subscription.status_of("a/b") == "dead"
    first.terminate()
    second = await stage.server.welcome()
    await second.grant(position=101, count=11, start="resumed")
    assert await subscription.next() == Status([StatusOfTopic("a/b", "live", None)])
    assert subscription.status_of("a/b") == "live"


async def test_a_closed_subscription_is_unsubscribed_also_before_its_answer(stage: Stage) -> None:
    early = stage.client.subscribe("early")
    peer = await stage.server.welcome()
    request = await peer.next()
    early.close()
    granted = Accepted("early", 4, "latest", None, EPOCH, 0, 0, None, "fresh")
    await peer.send(Subscribed(request.id, [granted]))
    assert (await peer.next()).channels == [4]
    async with stage.client.subscribe("late") as late:
        await peer.grant(channel=5)
        await late.ready()
    assert (await peer.next()).channels == [5]
    assert await late.next() is None


async def test_publishing_returns_a_position_or_raises_the_reason(stage: Stage) -> None:
    client = stage.client
    with pytest.raises(DisconnectedError, match="not connected"):
        await client.publish("a", "too early")
    peer = await stage.server.welcome()
    await client.ready()
    trade = Trade(Decimal("39432.480"), Decimal("0.000263"), "sell")
    publishing = asyncio.ensure_future(client.publish("a", trade, 5))
    request = await peer.next()
    assert request.updates == [("a", trade, 5)]
    await peer.send(Published(request.id, 4711))
    assert await publishing == 4711

    refused = asyncio.ensure_future(client.publish("a/+", ""))
    await peer.send(ErrorMessage((await peer.next()).id, 300, "bad topic", False, None))
    with pytest.raises(ServerError) as error:
        await refused
    assert (error.value.code, error.value.temporary) == (300, False)

    await client.publish_unacknowledged([])
    assert (await peer.next()).id is None
    await peer.send(ErrorMessage(None, 301, "not allowed", False, None))
    await until(lambda: any(isinstance(notice, Failure) for notice in stage.notices))

    half_exact = Trade(1.5, Decimal("1"))  # type: ignore[arg-type]
    for wrong in (True, None, object(), Decimal("1"), half_exact):
        with pytest.raises(MalformedError):
            await client.publish("a", wrong)  # type: ignore[arg-type]
    with pytest.raises(TooLongError, match="limit of the server: 65536"):
        await client.publish("a", "x" * 70_000)
    lost = asyncio.ensure_future(client.publish("a", ""))
    await peer.next()
    peer.terminate()
    with pytest.raises(DisconnectedError, match="before the answer"):
        await lost


@pytest.mark.parametrize("kind", ["wrong kind", "rubbish", "second welcome", "wrong answer"])
async def test_what_the_client_cannot_understand_closes_it_for_good(
    stage: Stage, kind: str
) -> None:
    peer = await stage.server.welcome()
    await stage.client.ready()
    is_json = stage.encoding == "json"
    if kind == "wrong kind":
        await peer.send_raw(b"\x09" if is_json else '{"type":"draining"}')
    elif kind == "rubbish":
        await peer.send_raw("{" if is_json else b"\x02\x01")
    elif kind == "second welcome":
        await peer.send(WELCOME)
    else:
        asking = asyncio.ensure_future(stage.client.list())
        await peer.send(Published((await peer.next()).id, 1))
        with pytest.raises(MalformedError, match="answers a request for"):
            await asking
    assert await peer.closed() == 4999
    assert (await stage.client.wait_closed()).code == 4999
    assert stage.client.state == "closed"


async def test_messages_of_a_later_version_are_skipped_and_counted(stage: Stage) -> None:
    peer = await stage.server.welcome()
    await stage.client.ready()
    await peer.send_raw('{"type":"later"}' if stage.encoding == "json" else b"\xc8\x01")
    await until(lambda: stage.client.stats.unknown_messages == 1)
    assert stage.client.state == "open"


@pytest.mark.parametrize("code", [1000, 1002, 1008, 4500, 4503])
async def test_a_permanent_close_code_ends_the_client_with_this_code(
    stage: Stage, code: int
) -> None:
    subscription = stage.client.subscribe("a/#")
    peer = await stage.server.welcome()
    await peer.close(code, "because")
    end = await stage.client.wait_closed()
    assert (end.code, end.reason) == (code, "because")
    with pytest.raises(DisconnectedError, match=f"{code} because"):
        await subscription.next()


async def test_a_silent_connection_counts_as_dead_and_another_one_is_made(stage: Stage) -> None:
    await stage.server.welcome(replace(WELCOME, heartbeat_ms=30))
    await until(lambda: stage.client.end is not None)
    assert stage.client.end is not None
    assert "heartbeat" in stage.client.end.reason
    await stage.server.welcome()
    await until(lambda: stage.client.stats.connections == 2)


async def test_the_client_leaves_a_draining_server_and_comes_back(stage: Stage) -> None:
    peer = await stage.server.welcome()
    await stage.client.ready()
    await peer.send(DrainingMessage(3_000))
    # Within the window; at its beginning, because this client's random number is 0.
    assert await peer.closed() == 1000
    await stage.server.welcome()
    await until(lambda: stage.client.stats.connections == 2)


async def test_a_batch_message_is_what_the_program_gets(stage: Stage) -> None:
    events: list[object] = []
    failing = stage.client.subscribe("a/#", events.append, mode="every")
    peer = await stage.server.welcome()
    await peer.grant()
    message: BatchMessage = batch(100, 101, 101)
    await peer.send(message)
    await until(lambda: len(events) == 1)
    assert failing.token == Token(EPOCH, 101, 11)
    with pytest.raises(TypeError, match="has a callback"):
        await failing.next()
