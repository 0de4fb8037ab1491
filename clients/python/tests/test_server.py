"""The client against the real server."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from conftest import World
from support.server_process import Server
from support.waiting import DEADLINE_S, until

from tickcast import (
    Absent,
    Batch,
    Client,
    ClockChanged,
    ConnectionChanged,
    DisconnectedError,
    Draining,
    Event,
    NewUpdate,
    Notice,
    Options,
    Quote,
    Reset,
    ServerError,
    Subscription,
    Trade,
    Update,
    Value,
    connect,
)

QUIET = ("--feed", "none")

VALUES: list[Value] = [
    -0.25,
    float("inf"),
    Trade(Decimal("39432.480"), Decimal("0.000263"), "sell"),
    Trade(Decimal("-0.50"), Decimal("9223372036.854775807")),
    Quote(Decimal("39432.47"), Decimal("39432.49"), Decimal("1.5")),
    Quote(ask=Decimal("1")),
    "zu, ≤ 1 °C",
    bytes([0, 127, 251, 255]),
    Absent("unavailable"),
]


async def batch_of(subscription: Subscription) -> Batch:
    event = await subscription.next()
    assert isinstance(event, Batch), event
    return event


async def test_published_values_come_back_exactly_as_they_were(world: World, encoding: str) -> None:
    server = await world.server(*QUIET)
    client = world.client(server.url, encoding=encoding)
    await client.ready()
    subscription = client.subscribe("lab/#", mode="every")
    await subscription.ready()
    news = [NewUpdate("lab/all", value, number) for number, value in enumerate(VALUES)]
    position = await client.publish_all(news)
    updates: list[Update] = []
    while len(updates) < len(VALUES):
        updates += (await batch_of(subscription)).updates
    assert [update.value for update in updates] == VALUES
    assert [str(update.value) for update in updates] == [str(value) for value in VALUES]
    assert [type(update.value) for update in updates] == [type(value) for value in VALUES]
    assert [update.seq for update in updates] == list(range(1, len(VALUES) + 1))
    assert [update.source_time_ns for update in updates] == list(range(len(VALUES)))
    assert updates[-1].position == position


async def test_a_later_subscriber_gets_the_latest_values_first(world: World, encoding: str) -> None:
    server = await world.server(*QUIET)
    client = world.client(server.url, encoding=encoding)
    await client.ready()
    for text in ("1", "2", "3"):
        await client.publish("lab/note", text)
    for subscription in (
        client.subscribe("lab/+", mode="every"),
        client.subscribe("lab/+", mode="latest"),
    ):
        batch = await batch_of(subscription)
        assert batch.snapshot
        assert [(update.value, update.seq) for update in batch.updates] == [("3", 3)]


async def test_bad_filters_topics_and_rates_are_refused_with_their_codes(
    world: World, encoding: str
) -> None:
    flags = ("--subscribe-allow", "open/#", "--publish-allow", "open/#")
    server = await world.server(*QUIET, *flags)
    client = world.client(server.url, encoding=encoding)
    await client.ready()
    for filter, rate, code in (
        ("open/#/x", None, 200),
        ("secret/#", None, 201),
        ("open/#", -1.0, 204),
    ):
        with pytest.raises(ServerError) as refused:
            await client.subscribe(filter, max_rate_hz=rate).ready()
        assert refused.value.code == code
    for topic, code in (("open/+", 300), ("secret/a", 301)):
        with pytest.raises(ServerError) as refused:
            await client.publish(topic, "")
        assert refused.value.code == code
    good = client.subscribe("open/#")
    await good.ready()
    assert good.state == "live"


async def test_list_and_change_return_the_state_of_the_subscription(
    world: World, encoding: str
) -> None:
    server = await world.server(*QUIET)
    client = world.client(server.url, encoding=encoding)
    await client.ready()
    subscription = client.subscribe("lab/#", max_rate_hz=5)
    granted = await subscription.ready()
    assert granted.mode == "latest"
    assert granted.max_rate_hz is not None
    await client.publish("lab/a", 1)
    assert (await subscription.change("every")).mode == "every"
    (listed,) = await client.list()
    assert (listed.filter, listed.mode, listed.topics) == ("lab/#", "every", 1)
    for text in ("x", "y", "z"):
        await client.publish("lab/b", text)
    texts: list[Value] = []
    while len(texts) < 3:
        updates = (await batch_of(subscription)).updates
        texts += [update.value for update in updates if update.topic == "lab/b"]
    assert texts == ["x", "y", "z"]
    assert client.stats.violations == 0


async def test_history_and_candles_come_in_pages(world: World, encoding: str) -> None:
    server = await world.server(*QUIET)
    client = world.client(server.url, encoding=encoding)
    await client.ready()
    await client.publish_all(NewUpdate("lab/scale", float(number)) for number in range(10))
    newest = await client.history("lab/scale", limit=4)
    assert [update.value for update in newest.updates] == [6.0, 7.0, 8.0, 9.0]
    assert newest.more
    assert newest.info is not None
    assert newest.info.topic == "lab/scale"
    older = await client.history("lab/scale", before=newest.updates[0].position)
    assert [update.value for update in older.updates] == [float(number) for number in range(6)]
    assert not older.more
    assert (await client.history("no/such/topic")).info is None
    candles = await client.candles("lab/scale", "1d", limit=1)
    (row,) = candles.rows
    assert (row.min, row.max, row.sum, row.count) == (0.0, 9.0, 45.0, 10)
    await client.publish("lab/gold", Trade(Decimal("1.50"), Decimal("2")))
    (candle,) = (await client.candles("lab/gold", "1d")).candles
    assert (candle.close, candle.volume, candle.count) == (Decimal("1.50"), Decimal("2"), 1)


async def test_the_client_soon_estimates_the_clock_of_the_server(
    world: World, encoding: str
) -> None:
    server = await world.server(*QUIET)
    client = world.client(server.url, encoding=encoding)
    notices: list[Notice] = []
    client.listen(notices.append)
    await until(lambda: any(isinstance(notice, ClockChanged) for notice in notices))
    clock = client.clock
    assert clock is not None
    assert clock.round_trip_ns > 0
    # Both clocks are the same clock of this machine.
    assert abs(clock.offset_ns) < 5_000_000_000
    assert abs(client.server_now() - client.heard_ns) < 60_000_000_000


async def test_heartbeats_keep_a_quiet_connection_alive(world: World, encoding: str) -> None:
    server = await world.server(*QUIET, "--heartbeat", "200ms")
    client = world.client(server.url, encoding=encoding, clock_interval_s=600)
    other = world.client(server.url, encoding=encoding)
    await client.ready()
    await other.ready()
    client.subscribe("lab/quiet")
    position = await other.publish("lab/loud", "")
    await until(lambda: client.position == position)
    assert client.stats.connections == 1
    assert client.stats.violations == 0


async def test_a_restarted_server_causes_a_reset_and_the_subscription_continues(
    world: World, encoding: str
) -> None:
    server = await world.server(*QUIET)
    client = world.client(server.url, encoding=encoding)
    await client.ready()
    subscription = client.subscribe("lab/#", mode="every")
    await subscription.ready()
    await client.publish("lab/a", "before")
    assert (await batch_of(subscription)).updates[0].value == "before"
    assert client.welcome is not None
    epoch = client.welcome.epoch
    await server.kill()
    await until(lambda: client.end is not None)
    assert client.end is not None
    assert client.end.code == 1006
    await world.server(*QUIET, port=server.port)
    assert await subscription.next() == Reset("epoch_changed")
    assert client.welcome.epoch != epoch
    await client.publish("lab/b", "after")
    assert (await batch_of(subscription)).updates[0].value == "after"
    assert subscription.state == "live"


async def test_a_server_announces_its_end_and_the_client_goes_to_the_next_one(
    world: World, encoding: str
) -> None:
    server = await world.server(*QUIET)
    client = world.client(server.url, encoding=encoding)
    await client.ready()
    notices: list[Notice] = []
    client.listen(notices.append)
    await server.stop()
    await world.server(*QUIET, port=server.port)
    await until(lambda: client.stats.connections == 2)
    assert any(isinstance(notice, Draining) for notice in notices)


async def test_the_server_answers_a_close_code(world: World, encoding: str) -> None:
    server = await world.server(*QUIET)
    client = world.client(server.url, encoding=encoding)
    await client.ready()
    notices: list[Notice] = []
    client.listen(notices.append)
    subscription = client.subscribe("#")
    await subscription.ready()
    await client.close(4321, "enough")
    states = [notice.state for notice in notices if isinstance(notice, ConnectionChanged)]
    assert states == ["closing", "closed"]
    assert (await client.wait_closed()).code == 4321
    assert await subscription.next() is None


async def test_a_slow_program_gets_every_update(world: World, encoding: str) -> None:
    server = await world.server("--sim-rate", "5000")
    client = world.client(server.url, encoding=encoding)
    await client.ready()
    subscription = client.subscribe("market/#", mode="every", max_queued_updates=500)
    seqs: dict[str, int] = {}
    live = 0
    async for event in subscription:
        assert isinstance(event, Batch), event
        for update in event.updates:
            if not event.snapshot and update.topic in seqs:
                assert update.seq == seqs[update.topic] + 1
            seqs[update.topic] = update.seq
        live += 0 if event.snapshot else len(event.updates)
        # From time to time so slow that the queue fills.
        if subscription.queued < 250 and live < 5_000:
            await until(lambda: subscription.state == "paused")
        if live >= 5_000:
            break
    assert subscription.stats.overflows > 0
    assert subscription.stats.violations == 0
    assert subscription.stats.gaps == 0


async def test_callbacks_get_the_same_events_one_at_a_time(world: World, encoding: str) -> None:
    server = await world.server(*QUIET)
    client = world.client(server.url, encoding=encoding)
    await client.ready()
    plain: list[Event] = []
    slow: list[Event] = []
    running = 0

    async def take(event: Event) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        slow.append(event)
        running -= 1

    await client.subscribe("lab/#", plain.append, mode="every").ready()
    await client.subscribe("lab/+", take, mode="every").ready()
    for number in range(20):
        await client.publish("lab/a", number)
    await until(lambda: sum(len(event.updates) for event in slow if isinstance(event, Batch)) == 20)
    flat = [
        [update.value for event in events if isinstance(event, Batch) for update in event.updates]
        for events in (plain, slow)
    ]
    assert flat == [[float(number) for number in range(20)]] * 2


async def test_many_publishes_at_once_wait_for_room(world: World, encoding: str) -> None:
    server = await world.server(*QUIET)
    client = world.client(server.url, encoding=encoding)
    await client.ready()
    publishing = (client.publish("lab/a", number) for number in range(3_000))
    positions = await asyncio.gather(*publishing)
    assert sorted(positions) == list(range(1, 3_001))
    assert client.stats.waits > 0


async def test_a_client_without_a_server_says_why(unused_tcp_port: int) -> None:
    url = f"ws://127.0.0.1:{unused_tcp_port}/ws"
    with pytest.raises(DisconnectedError, match="cannot connect to"):
        async with connect(url, ready_timeout_s=0.5):
            raise AssertionError("there is no server")


async def test_a_client_closes_while_it_waits(unused_tcp_port: int) -> None:
    client = Client(f"ws://127.0.0.1:{unused_tcp_port}/ws")
    client.start()
    await until(lambda: client.state == "waiting")
    await client.close()
    assert client.state == "closed"


async def test_a_missing_page_is_a_reason_that_names_the_status(world: World) -> None:
    server: Server = await world.server(*QUIET)
    with pytest.raises(DisconnectedError, match="status 404"):
        async with connect(server.url.replace("/ws", "/nothing"), ready_timeout_s=2):
            raise AssertionError("there is no such page")


async def test_a_client_may_be_closed_at_any_moment_of_its_beginning(world: World) -> None:
    server = await world.server(*QUIET)
    for steps in range(60):
        client = Client(server.url)
        client.start()
        for _ in range(steps):
            await asyncio.sleep(0.0001 if steps % 2 else 0)
        await asyncio.wait_for(client.close(), DEADLINE_S)
        assert client.state == "closed"


@pytest.mark.parametrize("delay_s", [0.0, 0.001, 0.01, 0.1])
def test_a_program_ends_although_its_clients_are_not_closed(
    unused_tcp_port: int, delay_s: float
) -> None:
    async def program() -> list[Client]:
        options = Options(random=lambda: 0.0)
        clients = [Client(f"ws://127.0.0.1:{unused_tcp_port}/ws", options) for _ in range(20)]
        for client in clients:
            client.start()
        await asyncio.sleep(delay_s)
        return clients

    # `run` cancels all tasks, and waits until they have ended. It has a thread of its own, because
    # it takes away the event loop of its thread.
    with ThreadPoolExecutor(1) as pool:
        clients = pool.submit(asyncio.run, program()).result(DEADLINE_S)
    assert [client.state for client in clients] == ["closed"] * 20
