"""The client: a connection to a server, or to any node of a cluster, that reconnects by itself."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from .answers import (
    Candles,
    ClockEstimate,
    End,
    History,
    Identity,
    Interval,
    Listed,
    Welcome,
)
from .errors import ClosedError, DisconnectedError
from .events import ClientState
from .options import OptionKeywords, Options
from .patience import at_most
from .session import NORMAL, Listener, Session
from .stats import ClientStats
from .subscription.delivery import Callback
from .subscription.subscription import Subscription
from .values import Mode, NewUpdate, Token, Topics, Value
from .wire.messages import (
    AskCandles,
    AskHistory,
    AskList,
    CandlesAnswer,
    HistoryAnswer,
    Publish,
    Published,
    Subscriptions,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


def connect(
    url: str | Sequence[str],
    listener: Listener | None = None,
    **options: Unpack[OptionKeywords],
) -> Client:
    """A client for ``async with``, which waits until it is connected.

    ``url`` is such as ``ws://localhost:7400/ws``. Of several, which are nodes of a cluster, the
    client begins with the first, and goes on at another one after each connection and each failed
    attempt. ``listener`` is called with each notice. The keywords are the fields of ``Options``.
    """
    return Client(url, Options(**options), listener)


class Client:
    """A connection to a server that reconnects by itself, and the subscriptions on it.

    It belongs to the event loop in which it is started: by ``async with``, by ``start``, or by the
    first subscription.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        options: Options | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._session = Session(url, Options() if options is None else options)
        if listener is not None:
            self.listen(listener)

    # Life.

    def start(self) -> None:
        """Begins to connect, without waiting."""
        self._session.start()

    async def ready(self) -> Welcome:
        """Waits for the first welcome. Raises if the client is closed before."""
        return await self._session.ready()

    async def __aenter__(self) -> Client:
        timeout = self._session.options.ready_timeout_s
        try:
            await at_most(self.ready(), timeout)
        except asyncio.TimeoutError:
            end = self._session.end
            reason = "there is no answer" if end is None else end.reason
            await self.close()
            text = f"not connected after {timeout} seconds: {reason}"
            raise DisconnectedError(text) from None
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Closes the client and waits until it is closed.

        The code is 1000 or 3000 to 4999, and the reason has at most 123 bytes.
        """
        await self._session.close(code, reason)

    async def wait_closed(self) -> End:
        """Waits until the client does not reconnect any more. Returns how it ended."""
        await self._session.wait_closed()
        return self._session.end or End(NORMAL, "")

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls a function with each notice. Returns a function that ends this."""
        listeners = self._session.listeners
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    # What is known.

    @property
    def url(self) -> str:
        return self._session.url

    @property
    def state(self) -> ClientState:
        """``open`` from the welcome on."""
        return self._session.state

    @property
    def end(self) -> End | None:
        """How the last connection ended, or why the last attempt to connect failed."""
        return self._session.end

    @property
    def stats(self) -> ClientStats:
        """Counts of all subscriptions since the client was created."""
        return self._session.stats

    @property
    def welcome(self) -> Welcome | None:
        """The newest welcome."""
        return self._session.welcome

    @property
    def position(self) -> int:
        """The newest position of the tape that the server sent."""
        return self._session.position

    @property
    def identity(self) -> Identity | None:
        """What the server says that this client may do."""
        return self._session.identity

    @property
    def topics(self) -> Topics:
        """The topics of this epoch. In bincode a later client needs them with its tokens."""
        return self._session.topics.save()

    @property
    def clock(self) -> ClockEstimate | None:
        """The estimate of the server's clock; None before the first answer."""
        return self._session.clock.best

    @property
    def heard_ns(self) -> int:
        """When the newest message of the server came, by the server's clock, estimated."""
        return self._session.heard_ns + self._offset_ns()

    @property
    def buffered(self) -> int:
        """Bytes that wait for the network."""
        connection = self._session.connection
        return 0 if connection is None else connection.buffered

    def server_now(self) -> int:
        """The server's time, estimated. ``server_now() - update.ingest_time_ns`` is an age."""
        return self._session.options.now() + self._offset_ns()

    def _offset_ns(self) -> int:
        best = self._session.clock.best
        return 0 if best is None else best.offset_ns

    # Subscriptions and requests.

    def subscribe(
        self,
        filter: str,
        callback: Callback | None = None,
        *,
        mode: Mode = "latest",
        max_rate_hz: float | None = None,
        resume: Token | None = None,
        max_queued_updates: int | None = None,
    ) -> Subscription:
        """Subscribes to a filter, now and on every later connection.

        Without a callback, iterate over the result. ``resume`` is the token of an earlier
        subscription; in bincode it needs the ``topics`` of that client.
        """
        session = self._session
        session.start()
        if session.is_closing:
            raise ClosedError("the client is closed: subscribe with another one")
        options, limit = session.options, max_queued_updates
        # Without the topics of its epoch a token leads to ids without a name.
        is_json = options.encoding == "json"
        is_usable = resume is None or is_json or session.topics.covers(resume.epoch)
        return session.registry.open(
            filter,
            mode,
            max_rate_hz,
            callback=callback,
            resume=resume if is_usable else None,
            reset_reason=None if is_usable else "topics_not_kept",
            max_queued_updates=options.max_queued_updates if limit is None else limit,
        )

    async def publish(self, topic: str, value: Value, source_time_ns: int | None = None) -> int:
        """Publishes one update. Returns its position on the tape."""
        return await self.publish_all([NewUpdate(topic, value, source_time_ns)])

    async def publish_all(self, updates: Iterable[NewUpdate]) -> int:
        """Publishes updates, all or none. Returns the position of the last one.

        It waits while too much is under way. The client never repeats updates: if the connection
        ends before the answer, it is unknown whether they are on the tape.
        """
        await self._session.room()
        answer = await self._session.request(Publish(0, [*updates]), Published)
        return answer.position

    async def publish_once(
        self, topic: str, value: Value, source_time_ns: int | None = None
    ) -> int:
        """As ``publish``, and sends it again on each new connection until it is answered.

        The server puts it on the tape once, also if the client goes on at another node.
        """
        return await self.publish_all_once([NewUpdate(topic, value, source_time_ns)])

    async def publish_all_once(self, updates: Iterable[NewUpdate]) -> int:
        """As ``publish_all``, and sends them again on each new connection until it is answered.

        The server puts them on the tape once, also if the client goes on at another node. It waits
        without a connection, while the server refuses for now, and while 64 others wait. Raises
        ``UncertainError`` if the server has forgotten whether they are on the tape.
        """
        self._session.start()
        return await self._session.once.publish([*updates])

    async def publish_unacknowledged(self, updates: Iterable[NewUpdate]) -> None:
        """As ``publish_all``, without an answer. Listeners are told a refusal (``Failure``)."""
        await self._session.room()
        self._session.send(Publish(None, [*updates]))

    async def history(
        self, topic: str, *, limit: int | None = None, before: int | None = None
    ) -> History:
        """A topic's past updates that the server still holds.

        The newest ones, or the newest before a position. Raises a ``ServerError`` with code 304 if
        the server keeps no history.
        """
        answer = await self._session.request(AskHistory(0, topic, limit, before), HistoryAnswer)
        return History(answer.updates, answer.more, next(iter(answer.topics), None))

    async def candles(
        self,
        topic: str,
        interval: Interval,
        *,
        limit: int | None = None,
        from_ns: int | None = None,
        before_ns: int | None = None,
    ) -> Candles:
        """Candles of a topic's trades, or rows of its readings, which the server keeps for days.

        The newest ones, or the newest of a range of times. Raises a ``ServerError`` with code 304
        if the server keeps none.
        """
        request = AskCandles(0, topic, interval, limit, from_ns, before_ns)
        answer = await self._session.request(request, CandlesAnswer)
        info = next(iter(answer.topics), None)
        return Candles(answer.position, answer.candles, answer.rows, answer.more, info)

    async def list(self) -> builtins.list[Listed]:
        """The subscriptions of this connection according to the server."""
        answer = await self._session.request(AskList(0), Subscriptions)
        return answer.subscriptions

    async def authenticate(self, token: str) -> Identity:
        """Proves an identity, or renews it. Raises a ``ServerError`` (501) if it is refused."""
        return await self._session.authenticate(token)
