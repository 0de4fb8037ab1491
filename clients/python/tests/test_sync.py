"""The client without asyncio, against the real server."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from conftest import World

from tickcast import Batch, ClosedError, DisconnectedError, NewUpdate, ServerError, Trade, sync
from tickcast.values import Encoding


async def in_thread(work: object) -> None:
    """Runs a test's work beside the event loop that reads what the server prints."""
    import asyncio

    assert callable(work)
    await asyncio.get_running_loop().run_in_executor(None, work)


async def test_a_script_subscribes_publishes_and_reads_history(
    world: World, encoding: Encoding
) -> None:
    server = await world.server("--feed", "none")

    def work() -> None:
        before = threading.active_count()
        with sync.connect(server.url, encoding=encoding) as client:
            assert client.state == "open"
            with client.subscribe("lab/#", mode="every") as subscription:
                trade = Trade(Decimal("1.50"), Decimal("2"), "buy")
                assert client.publish("lab/gold", trade) == 1
                assert client.publish_all(NewUpdate("lab/n", float(n)) for n in range(3)) == 4
                updates = subscription.updates()
                assert [next(updates).value for _ in range(4)] == [trade, 0.0, 1.0, 2.0]
                with pytest.raises(TimeoutError, match="no event after"):
                    subscription.next(0.05)
                client.publish("lab/n", 3.0)
                event = subscription.next(60)
                assert isinstance(event, Batch)
                assert event.updates[0].value == 3.0
                assert subscription.token is not None
                assert [listed.filter for listed in client.list()] == ["lab/#"]
                assert subscription.change().mode == "latest"
            assert subscription.state == "closed"
            assert [update.value for update in client.history("lab/n", limit=2).updates] == [2, 3]
            assert client.candles("lab/gold", "1d").candles[0].close == Decimal("1.50")
            assert client.server_now() > 0
            assert client.topics.topics[0].topic == "lab/gold"
            with pytest.raises(ServerError):
                client.subscribe("lab/#/x")
        assert threading.active_count() == before
        with pytest.raises(ClosedError):
            client.list()
        client.close()

    await in_thread(work)


async def test_a_script_resumes_where_an_earlier_one_ended(world: World) -> None:
    server = await world.server("--feed", "none")

    def work() -> None:
        with sync.connect(server.url) as client:
            subscription = client.subscribe("lab/#", mode="every")
            client.publish("lab/a", 1.0)
            assert isinstance(subscription.next(60), Batch)
            with pytest.raises(TimeoutError):
                # Asking for the next one says that the one before is handled.
                subscription.next(0.05)
            token, topics = subscription.token, client.topics
            client.publish("lab/a", 2.0)
        with sync.connect(server.url, topics=topics) as client:
            event = client.subscribe("lab/#", mode="every", resume=token).next(60)
            assert isinstance(event, Batch)
            assert not event.snapshot
            assert [update.value for update in event.updates] == [2.0]

    await in_thread(work)


async def test_a_script_without_a_server_is_told_so(unused_tcp_port: int) -> None:
    def work() -> None:
        before = threading.active_count()
        with pytest.raises(DisconnectedError, match="cannot connect"):
            sync.connect(f"ws://127.0.0.1:{unused_tcp_port}/ws", ready_timeout_s=0.2)
        assert threading.active_count() == before

    await in_thread(work)
