"""Every harm at every moment of a connection: nothing is lost uncounted, nothing is repeated."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import get_args

from conftest import World
from support.hostile_proxy import HostileProxy, Moment, Part, Step
from support.tracked import Tracked
from support.truth import Source, Truth
from support.waiting import until

from tickcast import Client, Subscription

#: After this many updates a tape of 64 KiB has forgotten all earlier ones, with a margin.
TAPE = ("--tape", "64KiB")
TAPE_UPDATES = 3_000
PER_INTERVAL = 8
#: Short, because silence takes four of them to notice.
HEARTBEAT = ("--heartbeat", "150ms")

PARTS: tuple[Part, ...] = get_args(Part)
#: After a harm that lets a whole message pass, its moment may not come again.
CUT_PARTS = PARTS[:-1]


def all_harms(moment: Moment) -> list[Step]:
    """Each harm at a moment. A connection that survives one is cut later, and begins again."""
    later: list[Step] = []
    if moment in ("request", "response"):
        later = [Step("welcome", "cut", "nothing")]
    elif moment in ("welcome", "subscribe", "resumed", "live", "catch_up"):
        later = [Step("live", "cut", "one")]
    return [
        *(Step(moment, "cut", part) for part in PARTS),
        *(Step(moment, "end", part) for part in PARTS),
        Step(moment, "stop", "half"),
        Step(moment, "delay"),
        *later,
        Step(moment, "slice"),
        *later,
    ]


def plans() -> list[tuple[str, list[Step]]]:
    """Plans for one client each, with its filter. The harms of a plan follow each other."""
    moments: tuple[Moment, ...] = ("request", "response", "welcome", "subscribe")
    all_plans = [("m/+/2", all_harms(moment)) for moment in moments]
    # While no answer has come whole, each connection begins afresh.
    fresh = [Step("accepted", "cut", part) for part in CUT_PARTS]
    fresh += [Step("accepted", "end", part) for part in CUT_PARTS]
    all_plans.append(
        ("m/+/2", [*fresh, Step("accepted", "stop", "one"), Step("accepted", "slice")])
    )
    moments = ("resumed", "live", "catch_up")
    begun = Step("accepted", "cut", "all")
    all_plans += [("m/4/#", [begun, *all_harms(moment)]) for moment in moments]
    moments = ("gap", "gap_snapshot")
    for moment in moments:
        away = [(Step("live", "away"), harm) for harm in all_harms(moment)]
        all_plans.append(("m/+/2", [step for steps in away for step in steps]))
    quiet = [step for step in all_harms("heartbeat") if step.part in ("half", "all")]
    all_plans.append(("rare", quiet))
    # A snapshot ends, so that a client meets few harms of one.
    snapshots = [all_harms("snapshot"), all_harms("more_snapshot")]
    short = [harms[at : at + 4] for harms in snapshots for at in range(0, len(harms), 4)]
    return all_plans + [("bulk/#", steps) for steps in short]


async def follow(subscription: Subscription, tracked: Tracked) -> None:
    while (event := await subscription.next()) is not None:
        tracked.take(event, subscription.token)


async def test_nothing_is_lost_or_repeated_with_any_harm_at_any_moment(world: World) -> None:
    server = await world.server("--feed", "none", *TAPE, *HEARTBEAT)
    truth = Truth()
    source = Source(server.url, truth, PER_INTERVAL)
    await source.start()
    proxies: list[HostileProxy] = []
    clients: list[Client] = []
    followers: list[tuple[Tracked, asyncio.Task[None]]] = []
    try:
        for encoding, (filter, plan) in product(("json", "bincode"), plans()):
            proxy = HostileProxy(
                server.port, encoding, plan, forget=lambda: source.burst(TAPE_UPDATES)
            )
            await proxy.start()
            proxies.append(proxy)
            client = world.client(
                proxy.url, encoding=encoding, random=lambda: 0.0, connect_timeout_s=1.0
            )
            clients.append(client)
            tracked = Tracked(lambda _: truth, filter, "every")
            subscription = client.subscribe(filter, mode="every")
            followers.append((tracked, asyncio.create_task(follow(subscription, tracked))))

        def check() -> None:
            for _, task in followers:
                if task.done():
                    task.result()

        def all_plans_are_done() -> bool:
            check()
            return not any(proxy.left for proxy in proxies)

        def left() -> str:
            return str([proxy.left[0] for proxy in proxies if proxy.left])

        try:
            await until(all_plans_are_done)
        except AssertionError as error:
            raise AssertionError(f"{error}; what comes next: {left()}") from error
        last = await source.stop()

        def all_have_everything() -> bool:
            check()
            welcomes = [client.welcome for client in clients]
            return all(
                welcome is not None and tracked.has_all(welcome.epoch, last)
                for welcome, (tracked, _) in zip(welcomes, followers, strict=True)
            )

        await until(all_have_everything, "each client has everything")
    finally:
        for _, task in followers:
            task.cancel()
        await asyncio.gather(*(task for _, task in followers), return_exceptions=True)
        for proxy in proxies:
            await proxy.close()
    for client in clients:
        stats = client.stats
        assert (stats.violations, stats.resets, stats.overflows) == (0, 0, 0)
    assert sum(tracked.seen.gaps for tracked, _ in followers) >= len(PARTS)
