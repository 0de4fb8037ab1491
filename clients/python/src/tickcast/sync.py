"""A client without asyncio, for scripts and notebooks. It runs an event loop in a thread.

with tickcast.sync.connect("ws://localhost:7400/ws") as client:
    for update in client.subscribe("market/#").updates():
        print(update.topic, update.value)
"""

from __future__ import annotations

import asyncio
import builtins
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from .answers import (
    Candles,
    ClockEstimate,
    Granted,
    History,
    Identity,
    Interval,
    Listed,
    Welcome,
)
from .client import Client as AsyncClient
from .errors import ClosedError
from .events import Batch, ClientState, Event, SubscriptionState, TopicStatus
from .options import OptionKeywords, Options
from .patience import at_most
from .session import Listener
from .stats import ClientStats, SubscriptionStats
from .subscription.subscription import Subscription as AsyncSubscription
from .values import Mode, NewUpdate, Token, Topics, Update, Value

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")

#: Time for what other threads have asked for while the client was closed. It is closed now, so
#: nothing of it waits for a server.
LATE_S = 1.0


def connect(
    url: str | Sequence[str],
    listener: Listener | None = None,
    **options: Unpack[OptionKeywords],
) -> Client:
    """A client that is connected. See ``tickcast.connect``.

    Listeners run in the thread of the client.
    """
    return Client(url, Options(**options), listener)


class Client:
    """As ``tickcast.Client``. Its methods wait, and any thread may call them."""

    def __init__(
        self,
        url: str | Sequence[str],
        options: Options | None = None,
        listener: Listener | None = None,
    ) -> None:
        # First, so that wrong options leave no thread.
        self._client = AsyncClient(url, options, listener)
        self._loop = asyncio.new_event_loop()
        #: For `_takes_calls`: whether the loop will run what it is given.
        self._lock = threading.Lock()
        self._takes_calls = True
        self._thread = threading.Thread(target=self._run, name="tickcast", daemon=True)
        self._thread.start()
        try:
            self._wait(self._client.__aenter__())
        except BaseException:
            self._end()
            raise

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(_settle(asyncio.all_tasks(self._loop)))
        self._loop.close()

    def _wait(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        if threading.current_thread() is self._thread:
            coroutine.close()
            text = "listeners and token functions run in the thread of the client"
            raise RuntimeError(f"{text}, which cannot wait for itself: use another thread")
        with self._lock:
            if not self._takes_calls:
                coroutine.close()
                raise ClosedError("the client is closed: connect again")
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout)
        except CancelledError:
            raise ClosedError("the client was closed meanwhile: connect again") from None
        except BaseException:
            # Such as Ctrl+C in the thread that waits.
            future.cancel()
            raise

    def _do(self, action: Callable[[], T]) -> T:
        """Runs a function in the thread of the client."""

        async def run() -> T:
            return action()

        return self._wait(run())

    def _end(self) -> None:
        with self._lock:
            if self._takes_calls:
                self._takes_calls = False
                self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the client, and ends its thread."""
        # It may be closed already, by another thread a moment ago.
        with suppress(ClosedError):
            self._wait(self._client.close(code, reason))
        self._end()

    @property
    def state(self) -> ClientState:
        return self._client.state

    @property
    def stats(self) -> ClientStats:
        return self._client.stats

    @property
    def welcome(self) -> Welcome | None:
        return self._client.welcome

    @property
    def position(self) -> int:
        return self._client.position

    @property
    def identity(self) -> Identity | None:
        return self._client.identity

    @property
    def topics(self) -> Topics:
        return self._do(lambda: self._client.topics)

    @property
    def clock(self) -> ClockEstimate | None:
        return self._do(lambda: self._client.clock)

    def server_now(self) -> int:
        """The server's time, estimated."""
        return self._do(self._client.server_now)

    def subscribe(
        self,
        filter: str,
        *,
        mode: Mode = "latest",
        max_rate_hz: float | None = None,
        resume: Token | None = None,
        max_queued_updates: int | None = None,
    ) -> Subscription:
        """Subscribes to a filter. Raises if the server refuses."""

        async def subscribe() -> AsyncSubscription:
            subscription = self._client.subscribe(
                filter,
                mode=mode,
                max_rate_hz=max_rate_hz,
                resume=resume,
                max_queued_updates=max_queued_updates,
            )
            await subscription.ready()
            return subscription

        return Subscription(self._wait(subscribe()), self._wait)

    def publish(self, topic: str, value: Value, source_time_ns: int | None = None) -> int:
        """Publishes one update. Returns its position on the tape."""
        return self._wait(self._client.publish(topic, value, source_time_ns))

    def publish_all(self, updates: Iterable[NewUpdate]) -> int:
        """Publishes updates, all or none. Returns the position of the last one."""
        return self._wait(self._client.publish_all(updates))

    def publish_once(self, topic: str, value: Value, source_time_ns: int | None = None) -> int:
        """As ``publish``, and sends it again until it is answered. It is on the tape once."""
        return self._wait(self._client.publish_once(topic, value, source_time_ns))

    def publish_all_once(self, updates: Iterable[NewUpdate]) -> int:
        """As ``publish_all``, and sends them again until they are answered."""
        return self._wait(self._client.publish_all_once(updates))

    def history(
        self, topic: str, *, limit: int | None = None, before: int | None = None
    ) -> History:
        """A topic's past updates that the server still holds."""
        return self._wait(self._client.history(topic, limit=limit, before=before))

    def candles(
        self,
        topic: str,
        interval: Interval,
        *,
        limit: int | None = None,
        from_ns: int | None = None,
        before_ns: int | None = None,
    ) -> Candles:
        """Candles of a topic's trades, or rows of its readings."""
        asked = self._client.candles(
            topic, interval, limit=limit, from_ns=from_ns, before_ns=before_ns
        )
        return self._wait(asked)

    def list(self) -> builtins.list[Listed]:
        """The subscriptions of this connection according to the server."""
        return self._wait(self._client.list())

    def authenticate(self, token: str) -> Identity:
        """Proves an identity, or renews it."""
        return self._wait(self._client.authenticate(token))


async def _settle(tasks: set[asyncio.Task[Any]]) -> None:
    """Lets tasks end, so that no thread waits for one for ever."""
    late = tasks
    if late:
        _, late = await asyncio.wait(late, timeout=LATE_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


class Subscription:
    """As ``tickcast.Subscription``: an iterator of events, which waits for the next one."""

    def __init__(
        self,
        subscription: AsyncSubscription,
        wait: Callable[..., Any],
    ) -> None:
        self._subscription = subscription
        self._wait = wait

    @property
    def filter(self) -> str:
        return self._subscription.filter

    @property
    def state(self) -> SubscriptionState:
        return self._subscription.state

    @property
    def granted(self) -> Granted | None:
        return self._subscription.granted

    @property
    def stats(self) -> SubscriptionStats:
        return self._subscription.stats

    @property
    def token(self) -> Token | None:
        """Continues after all handled events."""
        return self._subscription.token

    @property
    def queued(self) -> int:
        """Updates that wait for the program."""
        return self._subscription.queued

    def status_of(self, topic: str) -> TopicStatus:
        return self._subscription.status_of(topic)

    def next(self, timeout_s: float | None = None) -> Event | None:
        """The next event; None after the last one. Raises ``TimeoutError`` if none comes in time.

        It marks the event before as handled.
        """

        async def take() -> Event | None:
            try:
                return await at_most(self._subscription.next(), timeout_s)
            except asyncio.TimeoutError:
                raise TimeoutError(f"no event after {timeout_s} seconds") from None

        try:
            event: Event | None = self._wait(take())
        except ClosedError:
            # As for a thread that was waiting when another one closed the client.
            if self._subscription.error is not None:
                raise self._subscription.error from None
            return None
        return event

    def __iter__(self) -> Iterator[Event]:
        while (event := self.next()) is not None:
            yield event

    def updates(self) -> Iterator[Update]:
        """The updates alone, of snapshots and live ones. Gaps and resets are in ``stats``."""
        for event in self:
            if isinstance(event, Batch):
                yield from event.updates

    def change(self, mode: Mode = "latest", max_rate_hz: float | None = None) -> Granted:
        """Changes mode and rate without losing an update."""
        granted: Granted = self._wait(self._subscription.change(mode, max_rate_hz))
        return granted

    def close(self) -> None:
        """Ends the subscription. Events that wait for the program are discarded."""

        async def close() -> None:
            self._subscription.close()

        self._wait(close())

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
