"""Random lives of clients: they subscribe, are killed in every way, and come back.

In the end they must have seen exactly what was published, or know how much they lost.
``TICKCAST_HISTORIES`` sets their number, and ``TICKCAST_SEED`` chooses other ones.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Literal, cast

from conftest import World
from support.tracked import Seen, Tracked
from support.truth import FILTERS, Source, Truth
from support.waiting import DEADLINE_S, until

from tickcast import Client, Options, Subscription, Token, Topics
from tickcast.values import Encoding, Mode

#: The test command runs some of the thousand: see the package's README.
HISTORIES = int(os.environ.get("TICKCAST_HISTORIES", "100"))
SEED = int(os.environ.get("TICKCAST_SEED", "1"))

#: Clients that come and go at the same time. They mostly wait.
GUESTS = 24
#: Longest time of a visit: there may be few events.
VISIT_MAX_S = 0.5
#: Longest time for which a client is away or does not read.
PAUSE_MAX_S = 0.08
#: After this many updates a tape of 64 KiB has forgotten all earlier ones, with a margin.
TAPE = "64KiB"
TAPE_UPDATES = 3_000
#: In each interval of 10 ms.
PER_INTERVAL = 15

#: How a connection ends: in order, without a close frame, or by a reset.
Kill = Literal["close", "end", "reset"]
KILLS: tuple[Kill, ...] = ("close", "end", "reset")


def transport_of(client: Client) -> asyncio.Transport | None:
    connection = client._session.connection
    return None if connection is None else connection._socket.transport


def sever(client: Client, kill: Kill) -> None:
    """Ends the connection of a client without its knowledge."""
    transport = transport_of(client)
    if transport is None or transport.is_closing():
        return
    if kill == "reset":
        its_socket: socket.socket = transport.get_extra_info("socket")
        its_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


@dataclass(slots=True)
class Live:
    """A subscription of the client that lives now."""

    tracked: Tracked
    subscription: Subscription


class History:
    """One program with some subscriptions, over all its lives."""

    def __init__(self, number: int, url: str, truth: Truth, kills: Counter[str]) -> None:
        self.random = random.Random(number)
        self.encoding: Encoding = "bincode" if number % 2 else "json"
        self.url = url
        self.truth = truth
        self.kills = kills
        self.topics: Topics | None = None
        self.plan: list[tuple[Tracked, float | None]] = []
        for _ in range(self.random.randint(1, 3)):
            # The filters that select very many updates are chosen less often.
            some = FILTERS if self.random.random() < 0.1 else FILTERS[:7]
            filter, mode = self.random.choice(some), self.random.choice(("every", "latest"))
            if all((other.filter, other.mode) != (filter, mode) for other, _ in self.plan):
                is_paced = mode == "latest" and self.random.random() < 0.5
                rate = self.random.uniform(5, 100) if is_paced else None
                self.plan.append((Tracked(lambda _: truth, filter, mode), rate))

    def seen(self) -> Seen:
        total = Seen()
        for tracked, _ in self.plan:
            total.add(tracked.seen)
        return total

    async def live(self) -> None:
        visits = self.random.randint(2, 5)
        for nth in range(1, visits + 1):
            await self.visit(is_last=nth == visits)
            if nth == visits:
                return
            if self.random.random() < 0.1:
                back_at = self.truth.head + TAPE_UPDATES
                await self.truth.reaches(back_at)
            elif self.random.random() < 0.7:
                await asyncio.sleep(self.random.uniform(0, PAUSE_MAX_S))

    async def visit(self, is_last: bool) -> None:
        """One life of the program."""
        steps_back = self.random.randint(1, 3) if self.random.random() < 0.3 else 0
        tokens: list[Token | None] = [tracked.go_back(steps_back) for tracked, _ in self.plan]
        options = Options(
            encoding=self.encoding,
            topics=self.topics,
            random=lambda: 0.01,
            # Some programs are so slow that their queue fills.
            max_queued_updates=self.random.choice((20, 100_000)),
        )
        client = Client(self.url, options)
        lives = []
        for (tracked, rate), token in zip(self.plan, tokens, strict=True):
            mode = cast("Mode", tracked.mode)
            subscription = client.subscribe(
                tracked.filter, mode=mode, max_rate_hz=rate, resume=token
            )
            lives.append(Live(tracked, subscription))
        kill = self.random.choice(KILLS)
        try:
            if is_last:
                await asyncio.wait_for(self.stay(client, lives), DEADLINE_S)
            else:
                await self.stay_a_while(client, lives)
        finally:
            self.kills[kill] += 1
            if kill != "close":
                sever(client, kill)
            self.topics = client.topics
            await client.close()
        assert client.stats.violations == 0
        assert client.stats.resets == 0

    async def stay_a_while(self, client: Client, lives: list[Live]) -> None:
        """Takes some events. Meanwhile the connection may be cut."""
        if self.random.random() < 0.2:
            await asyncio.sleep(self.random.uniform(0, PAUSE_MAX_S))
        events = self.random.randrange(12)
        cut_at = self.random.randrange(12) if self.random.random() < 0.5 else None

        async def take(live: Live) -> None:
            for nth in range(events):
                if nth == cut_at:
                    sever(client, self.random.choice(KILLS[1:]))
                    self.kills["cut"] += 1
                await take_one(live)

        takers = [asyncio.ensure_future(take(live)) for live in lives]
        done, pending = await asyncio.wait(takers, timeout=VISIT_MAX_S)
        for taker in pending:
            taker.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for taker in done:
            taker.result()

    async def stay(self, client: Client, lives: list[Live]) -> None:
        """Takes events until nothing is missing of what is published by now."""
        last = self.truth.head
        welcome = await client.ready()

        async def take(live: Live) -> None:
            while not live.tracked.has_all(welcome.epoch, last):
                await take_one(live)

        await asyncio.gather(*(take(live) for live in lives))


async def take_one(live: Live) -> None:
    event = await live.subscription.next()
    assert event is not None, live.subscription.error
    live.tracked.take(event, live.subscription.token)


async def test_clients_that_come_and_go_see_each_update_once_or_counted_as_lost(
    world: World,
) -> None:
    flags = ("--feed", "none", "--shards", "2", "--tape", TAPE, "--heartbeat", "100ms")
    server = await world.server(*flags)
    truth = Truth()
    source = Source(server.url, truth, PER_INTERVAL)
    await source.start()
    seen, kills = Seen(), Counter[str]()
    numbers = iter(range(SEED * 1_000_000, SEED * 1_000_000 + HISTORIES))

    async def guest() -> None:
        for number in numbers:
            history = History(number, server.url, truth, kills)
            try:
                await history.live()
            except Exception as error:
                raise AssertionError(f"history {number} failed") from error
            seen.add(history.seen())

    await asyncio.gather(*(guest() for _ in range(GUESTS)))
    await source.stop()
    what = f"{seen}, {dict(kills)}, {truth.head} updates"
    print(what)  # noqa: T201 - pytest shows it with -s, and when the test fails
    # Every kind of trouble has happened.
    assert seen.gaps > 0, what
    assert seen.lost > 0, what
    assert seen.resumed > HISTORIES, what
    assert seen.resumed_in_snapshot > 0, what
    assert all(kills[kill] > 0 for kill in (*KILLS, "cut")), what


async def test_clients_of_a_server_that_is_killed_again_and_again_start_afresh_each_time(
    world: World,
) -> None:
    lives, clients = 4, 6
    flags = ("--feed", "none", "--heartbeat", "100ms")
    server = await world.server(*flags)
    port = server.port
    truths: dict[str, Truth] = {}
    followers: list[tuple[Tracked, Subscription]] = []
    for number in range(clients):
        encoding = "bincode" if number % 2 else "json"
        client = world.client(f"ws://127.0.0.1:{port}/ws", encoding=encoding)
        await client.ready()
        for filter, mode in (("m/+/2", "every"), ("m/4/#", "latest"), ("bulk/#", "every")):
            subscription = client.subscribe(filter, mode=cast("Mode", mode))
            followers.append((Tracked(truths.__getitem__, filter, mode), subscription))
    tasks = []

    async def follow(tracked: Tracked, subscription: Subscription) -> None:
        while (event := await subscription.next()) is not None:
            tracked.take(event, subscription.token)

    for life in range(lives):
        truth = Truth(life)
        source = Source(server.url, truth, PER_INTERVAL)
        await source.connect()
        epoch = source.epoch
        truths[epoch] = truth
        if life == 0:
            tasks = [asyncio.create_task(follow(*follower)) for follower in followers]
        await source.start()
        await truth.reaches(1_000)
        last = await source.stop()

        for tracked, _ in followers:
            await until(partial(tracked.has_all, epoch, last), "it has everything")
        await server.kill()
        if life + 1 < lives:
            server = await world.server(*flags, port=port)
    for tracked, subscription in followers:
        assert tracked.seen.resets == lives - 1, tracked.seen
        subscription.close()
    # Here it shows if one has seen something wrong.
    await asyncio.gather(*tasks)
