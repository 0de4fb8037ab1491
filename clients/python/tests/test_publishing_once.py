"""Publishes that are sent again: whatever happens to their answers, they are on the tape once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from conftest import Stage, World
from support.hostile_proxy import HostileProxy, Step
from support.scripted_server import Peer
from support.server_process import Server
from support.waiting import DEADLINE_S

from tickcast import ClosedError, NewUpdate, ServerError, UncertainError
from tickcast.publishing_once import NUMBER_TOO_OLD, PUBLISHER_WINDOW
from tickcast.wire.messages import ErrorMessage, Published, PublishOnce

QUIET = ("--feed", "none")


async def values_of(world: World, server: Server, count: int) -> list[tuple[object, int]]:
    """The updates on the tape with their positions, of which there should be as many."""
    client = world.client(server.url)
    await client.ready()
    info = await client.history("lab/a", limit=2 * count)
    return [(update.value, update.position) for update in info.updates]


async def never() -> None:
    raise AssertionError("no step of these plans waits for the tape")


async def test_answers_that_are_cut_off_do_not_double_anything(world: World, encoding: str) -> None:
    server = await world.server(*QUIET)
    # The first answers are about the publisher.
    plan = [Step("published", "cut", "nothing"), Step("published", "delay")]
    plan += [
        Step("published", how, part)
        for how in ("cut", "end")
        for part in ("nothing", "half", "all_but_one", "all")
    ]
    proxy = HostileProxy(server.port, encoding, plan, forget=never)
    await proxy.start()
    try:
        client = world.client(proxy.url, encoding=encoding)
        publishes = [client.publish_once("lab/a", float(number)) for number in range(100)]
        positions = await asyncio.wait_for(asyncio.gather(*publishes), DEADLINE_S)
        # Then one after the other, so that each meets the rest of the plan.
        for number in range(100, 120):
            publish = client.publish_all_once([NewUpdate("lab/a", float(number))])
            positions.append(await asyncio.wait_for(publish, DEADLINE_S))
        assert not proxy.left
    finally:
        await proxy.close()
    expected = [(float(number), position) for number, position in enumerate(positions)]
    assert await values_of(world, server, len(expected)) == expected


async def test_what_another_server_cannot_know_is_uncertain_and_not_doubled(world: World) -> None:
    first, other = await world.server(*QUIET), await world.server(*QUIET)
    plan = [Step("published", "delay"), Step("published", "cut", "nothing")]
    proxy = HostileProxy(first.port, "bincode", plan, forget=never)
    await proxy.start()
    try:
        client = world.client([proxy.url, other.url])
        with pytest.raises(UncertainError) as uncertain:
            await asyncio.wait_for(client.publish_once("lab/a", 1.0), DEADLINE_S)
        assert isinstance(uncertain.value.__cause__, ServerError)
        assert uncertain.value.__cause__.code == NUMBER_TOO_OLD
        # The publisher is told to this server as well.
        assert await asyncio.wait_for(client.publish_once("lab/a", 2.0), DEADLINE_S) == 1
    finally:
        await proxy.close()
    assert await values_of(world, first, 1) == [(1.0, 1)]
    assert await values_of(world, other, 1) == [(2.0, 1)]


async def next_of(peer: Peer) -> PublishOnce:
    request = await peer.next()
    assert isinstance(request, PublishOnce), request
    return request


async def know(peer: Peer) -> str:
    """The server gets to know the publisher."""
    first = await next_of(peer)
    assert (first.number, first.updates) == (1, [])
    await peer.send(Published(first.id, 100))
    return first.publisher


async def test_a_refusal_for_now_is_repeated_under_the_same_number(stage: Stage) -> None:
    publish = asyncio.ensure_future(stage.client.publish_once("lab/a", 1.0))
    peer = await stage.server.welcome()
    first = await next_of(peer)
    await peer.send(ErrorMessage(first.id, 401, "the disk is full", True, 1))
    assert await know(peer) == first.publisher
    second = await next_of(peer)
    assert second.number == 2
    await peer.send(ErrorMessage(second.id, 102, "too many new topics", True, 1))
    third = await next_of(peer)
    assert replace(third, id=second.id) == second
    await peer.send(Published(third.id, 101))
    assert await publish == 101


async def test_a_publish_that_was_sent_once_to_a_server_that_has_forgotten_is_renumbered(
    stage: Stage,
) -> None:
    publish = asyncio.ensure_future(stage.client.publish_once("lab/a", 1.0))
    peer = await stage.server.welcome()
    publisher = await know(peer)
    second = await next_of(peer)
    await peer.send(ErrorMessage(second.id, 305, "forgotten", False, None))
    assert await know(peer) != publisher
    third = await next_of(peer)
    assert (third.number, third.updates) == (2, second.updates)
    await peer.send(Published(third.id, 101))
    assert await publish == 101


async def test_a_publish_that_is_refused_for_good_raises(stage: Stage) -> None:
    publish = asyncio.ensure_future(stage.client.publish_once("lab/+", 1.0))
    peer = await stage.server.welcome()
    await know(peer)
    second = await next_of(peer)
    await peer.send(ErrorMessage(second.id, 300, "bad topic", False, None))
    with pytest.raises(ServerError) as refused:
        await publish
    assert refused.value.code == 300


async def test_as_many_wait_as_the_server_can_tell_apart_and_all_are_told_at_the_end(
    stage: Stage,
) -> None:
    publishes = [
        asyncio.ensure_future(stage.client.publish_once("lab/a", float(number)))
        for number in range(PUBLISHER_WINDOW + 2)
    ]
    peer = await stage.server.welcome()
    await know(peer)
    numbers = [(await next_of(peer)).number for _ in range(PUBLISHER_WINDOW)]
    assert numbers == list(range(2, PUBLISHER_WINDOW + 2))
    # A caller that does not wait any more makes room for another one.
    publishes[0].cancel()
    assert (await next_of(peer)).number == PUBLISHER_WINDOW + 2
    await stage.client.close()
    results = await asyncio.gather(*publishes[1:], return_exceptions=True)
    uncertain = [result for result in results if isinstance(result, UncertainError)]
    assert len(uncertain) == PUBLISHER_WINDOW
    assert isinstance(results[-1], ClosedError)
