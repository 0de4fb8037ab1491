"""Tokens that are renewed, narrowed, refused and missing, and TLS, with the real server."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from conftest import World
from support.certificates import secure_listener
from support.identities import Identities
from support.waiting import until

from tickcast import (
    Batch,
    Client,
    DisconnectedError,
    Event,
    Expiring,
    Failure,
    ForbiddenError,
    IdentityChanged,
    Notice,
    connect,
)
from tickcast.values import Encoding

ROLES = '[roles.trader]\nsubscribe = ["eu/#"]\nhistory = ["eu/#"]\npublish = ["eu/#"]\n'


class Newest:
    """Where a client takes its tokens from."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.error: Exception | None = None
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.token


async def follow(client: Client, filter: str) -> list[Event]:
    events: list[Event] = []
    await client.subscribe(filter, events.append, mode="every").ready()
    return events


def numbers(events: list[Event]) -> list[object]:
    assert all(isinstance(event, Batch) for event in events), events
    return [
        update.value for event in events if isinstance(event, Batch) for update in event.updates
    ]


def failures(notices: list[Notice]) -> str:
    return "; ".join(str(notice.error) for notice in notices if isinstance(notice, Failure))


async def test_a_token_that_expires_is_renewed_and_the_subscriptions_stay(
    world: World, encoding: Encoding, tmp_path: Path
) -> None:
    identities = Identities(tmp_path, ROLES)
    server = await world.server("--feed", "none", "--identities", str(identities.path))
    newest = Newest(identities.sign("alice", "trader", 6))
    notices: list[Notice] = []
    client = world.client(server.url, encoding=encoding, token=newest)
    client.listen(notices.append)
    await client.ready()
    events = await follow(client, "eu/#")
    await client.publish("eu/de", 1.0)
    await until(lambda: any(isinstance(notice, Expiring) for notice in notices))
    # Nothing new yet: that is told, and asked again.
    await until(lambda: "no other one yet" in failures(notices))
    newest.token = identities.sign("alice", "trader", 600)
    changes = sum(isinstance(notice, IdentityChanged) for notice in notices)
    await until(lambda: sum(isinstance(notice, IdentityChanged) for notice in notices) > changes)
    await client.publish("eu/fr", 2.0)
    await until(lambda: numbers(events) == [1.0, 2.0])
    assert client.stats.connections == 1
    assert not any("eyJ" in line for line in server.printed)


async def test_after_a_token_has_expired_a_client_waits_for_another_one_and_resumes(
    world: World, encoding: Encoding, tmp_path: Path
) -> None:
    identities = Identities(tmp_path, ROLES)
    server = await world.server("--feed", "none", "--identities", str(identities.path))
    newest = Newest(identities.sign("alice", "trader", 3))
    notices: list[Notice] = []
    client = world.client(server.url, encoding=encoding, token=newest)
    client.listen(notices.append)
    await client.ready()
    events = await follow(client, "eu/#")
    await client.publish("eu/de", 1.0)
    await until(lambda: client.end is not None and client.end.code == 4002)
    await until(lambda: client.end is not None and "no other token yet" in client.end.reason)
    newest.error = RuntimeError("the login service is away")
    await until(lambda: "the login service is away" in failures(notices))
    newest.error = None
    newest.token = identities.sign("alice", "trader", 600)
    await until(lambda: client.stats.connections == 2 and client.state == "open")
    await client.publish("eu/de", 2.0)
    await until(lambda: numbers(events) == [1.0, 2.0])
    assert client.stats.resets == 0


async def test_what_is_no_longer_allowed_ends_with_reason_and_position(
    world: World, encoding: Encoding, tmp_path: Path
) -> None:
    identities = Identities(tmp_path, ROLES)
    token = identities.list("tct_listed_token_of_bob", "bob", "trader")
    identities.write(ROLES)
    server = await world.server("--feed", "none", "--identities", str(identities.path))
    client = world.client(server.url, encoding=encoding, token=token)
    await client.ready()
    wide = client.subscribe("eu/fr", mode="every")
    narrow = client.subscribe("eu/de", mode="every")
    await wide.ready()
    await narrow.ready()
    position = await client.publish("eu/fr", 1.0)
    identities.write(ROLES.replace('subscribe = ["eu/#"]', 'subscribe = ["eu/de"]'))
    server.reload()
    await until(lambda: wide.state == "closed")
    assert isinstance(wide.error, ForbiddenError)
    assert wide.error.position >= position
    # What came before is still there to take.
    event = await wide.next()
    assert isinstance(event, Batch)
    with pytest.raises(ForbiddenError, match='allowed: "eu/de"'):
        await wide.next()
    assert client.identity is not None
    assert client.identity.subscribe == ["eu/de"]
    assert narrow.state == "live"


async def test_a_refused_token_is_told_and_another_one_is_taken_without_a_new_client(
    world: World, encoding: Encoding, tmp_path: Path
) -> None:
    identities = Identities(tmp_path, ROLES)
    server = await world.server("--feed", "none", "--identities", str(identities.path))
    newest = Newest(identities.sign("alice", "trader", 600) + "x")
    notices: list[Notice] = []
    client = world.client(server.url, encoding=encoding, token=newest)
    client.listen(notices.append)
    await until(lambda: "status 401" in failures(notices))
    # It is not shown again, however often the client looks for another one.
    await until(lambda: newest.asked > 3)
    assert failures(notices).count("status 401") == 1
    newest.token = identities.sign("alice", "trader", 600)
    await client.ready()
    await until(lambda: client.identity is not None)
    assert client.identity is not None
    assert client.identity.subject == "alice"


async def test_a_client_trusts_an_authority_of_its_own_and_no_unknown_one(
    world: World, encoding: Encoding, tmp_path: Path
) -> None:
    ca, config = await secure_listener(tmp_path)
    server = await world.server("--feed", "none", "--config", str(config))
    context = ssl.create_default_context(cafile=ca)
    for trust in ({"ca": ca}, {"ssl": context}):
        async with connect(server.secure_url, encoding=encoding, **trust) as client:
            await client.publish("lab/secure", "x" * 40_000)
            event = await client.subscribe("lab/secure").next()
            assert isinstance(event, Batch)
            assert event.updates[0].value == "x" * 40_000
    with pytest.raises(DisconnectedError, match="certificate verify failed"):
        async with connect(server.secure_url, encoding=encoding, ready_timeout_s=1):
            raise AssertionError("the authority is unknown")


async def test_wrong_options_are_refused_at_once() -> None:
    for options, text in (
        ({"encoding": "xml"}, "use bincode or json"),
        ({"ca": "ca.pem"}, "use wss://"),
        ({"max_queued_updates": 0}, "at least 1"),
        ({"max_buffered_bytes": 0}, "at least 1"),
    ):
        with pytest.raises(ValueError, match=text):
            connect("ws://localhost:1/ws", **options)
    with pytest.raises(ValueError, match="give one of them"):
        connect("wss://localhost:1/ws", ca="ca.pem", ssl=ssl.create_default_context())
