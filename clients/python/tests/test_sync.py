"""The client without asyncio, against the real server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from conftest import World

from tickcast import (
    Batch,
    ClosedError,
    DisconnectedError,
    NewUpdate,
    ServerError,
    TickcastError,
    Trade,
    sync,
)
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


async def test_wrong_options_leave_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="unknown encoding"):
        sync.connect("ws://127.0.0.1:1/ws", encoding="xml")  # type: ignore[arg-type]
    assert threading.active_count() == before


async def test_the_thread_of_a_client_does_not_wait_for_itself(world: World) -> None:
    server = await world.server("--feed", "none")

    def work() -> None:
        told: list[BaseException] = []

        def publish(_: object) -> None:
            try:
                clients[0].publish("lab/a", 1.0)
            except BaseException as error:
                told.append(error)

        clients: list[sync.Client] = []
        with sync.connect(server.url) as client:
            clients.append(client)
            client._do(lambda: client._client.listen(publish))
            client.subscribe("lab/#")
            assert client.publish("lab/a", 2.0) == 1
        assert {type(error) for error in told} == {RuntimeError}
        assert "use another thread" in str(told[0])

    await in_thread(work)


async def test_a_thread_that_waits_for_an_event_ends_with_the_client(world: World) -> None:
    server = await world.server("--feed", "none")

    def work() -> None:
        client = sync.connect(server.url)
        subscription = client.subscribe("lab/#", mode="every")
        updates = subscription.updates()
        client.publish("lab/a", 1.0)
        assert next(updates).value == 1.0
        rest: list[object] = []
        thread = threading.Thread(target=lambda: rest.append(list(updates)))
        thread.start()
        client.close()
        thread.join()
        assert rest == [[]]
        assert subscription.next() is None

    await in_thread(work)


async def test_what_another_thread_asks_for_while_the_client_ends_is_refused(world: World) -> None:
    server = await world.server("--feed", "none")

    def work() -> None:
        client = sync.connect(server.url)
        loop, end = client._loop, client._end
        call, has_called, may_go_on = (
            loop.call_soon_threadsafe,
            threading.Event(),
            threading.Event(),
        )
        told: list[type[Exception]] = []

        def ask() -> None:
            try:
                client.publish("lab/a", 1.0)
            except TickcastError as error:
                told.append(type(error))

        thread = threading.Thread(target=ask, daemon=True)

        def watched(action: Callable[..., object], *args: object, **options: Any) -> object:
            handle = call(action, *args, **options)
            has_called.set()
            if action == loop.stop:
                may_go_on.set()
            return handle

        def end_late() -> None:
            # The loop takes the call of the other thread, and then its end, in one turn.
            call(may_go_on.wait)
            loop.call_soon_threadsafe = watched  # type: ignore[method-assign, assignment]
            thread.start()
            has_called.wait()
            end()

        client._end = end_late  # type: ignore[method-assign]
        client.close()
        thread.join(60)
        assert told == [DisconnectedError]
        with pytest.raises(ClosedError):
            client.publish("lab/a", 2.0)

    await in_thread(work)
