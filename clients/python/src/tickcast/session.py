"""The life of a client across its connections: connects, reconnects, sends, routes messages."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

from .answers import End, Identity, Welcome
from .backoff import Backoff, may_reconnect
from .connection.clock import Clock
from .connection.connection import (
    ABNORMAL,
    NOT_UNDERSTOOD,
    REASON_MAX_BYTES,
    Connection,
    HandshakeRefusedError,
)
from .connection.pending_requests import PendingRequests
from .connection.tokens import Tokens
from .errors import (
    TOKEN_REFUSED,
    BusyError,
    ClosedError,
    DisconnectedError,
    ServerError,
    TickcastError,
    TooLongError,
)
from .events import (
    ClientState,
    ClockChanged,
    ConnectionChanged,
    Draining,
    Expiring,
    Failure,
    IdentityChanged,
    Notice,
)
from .options import Options, urls_of
from .patience import finish
from .publishing_once import OncePublishes
from .stats import ClientStats
from .subscription.registry import SubscriptionRegistry
from .wire.lineage import Lineage
from .wire.messages import (
    AskTime,
    Authenticate,
    BatchMessage,
    DrainingMessage,
    ErrorMessage,
    ExpiringMessage,
    GapMessage,
    Heartbeat,
    Request,
    StatusMessage,
    TimeAnswer,
    Unsubscribed,
)
from .wire.topic_table import TopicTable

A = TypeVar("A")
Listener: TypeAlias = Callable[[Notice], object]

#: After a connection of at least this length the next wait is short again.
STABLE_S = 5.0
#: The first answers about the clock are requested quickly, so that the offset is soon exact.
QUICK_CLOCK_SAMPLES = 4
QUICK_CLOCK_INTERVAL_S = 1.0
NORMAL = 1000
#: The status of a handshake whose token is refused.
UNAUTHORIZED = 401


class Session:
    """What a ``Client`` does. It belongs to the event loop in which it was started."""

    def __init__(self, url: str | Sequence[str], options: Options) -> None:
        options.check()
        self.urls = urls_of(url)
        #: Which of them this connection uses, or the next one.
        self._place = 0
        self.options = options
        self.stats = ClientStats()
        self.random = options.random
        self.state: ClientState = "connecting"
        self.welcome: Welcome | None = None
        self.position = 0
        self.identity: Identity | None = None
        #: How the last connection ended, or why the last attempt failed.
        self.end: End | None = None
        #: By this program's clock.
        self.heard_ns = 0
        self.listeners: list[Listener] = []
        self.topics = TopicTable(options.topics)
        self.clock = Clock()
        self.registry = SubscriptionRegistry(self)
        self.once = OncePublishes(self)
        self.connection: Connection | None = None
        self.is_closing = False
        self._contexts = [options.tls_context(one) for one in self.urls]
        self._backoff = Backoff(options.random)
        #: The waits until another token is asked for, while the identity is about to expire.
        self._renewals = Backoff(options.random)
        self._tokens = Tokens(options.token_source(), options.now)
        self._requests = PendingRequests()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        #: Requests that wait for room, the oldest first.
        self._waiting: deque[asyncio.Future[None]] = deque()
        #: Whether to connect again after this connection, whatever its close code is.
        self._comes_back = False
        self._task: asyncio.Task[None] | None = None
        #: What `close` interrupts: an attempt to connect, or a wait.
        self._step: asyncio.Task[Any] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[Welcome] | None = None

    def start(self) -> None:
        """Begins to connect, without waiting."""
        if self._task is None:
            loop = asyncio.get_running_loop()
            self._ready = loop.create_future()
            self._task = loop.create_task(self._run())

    async def ready(self) -> Welcome:
        """Waits for the first welcome. Raises if the client is closed before."""
        self.start()
        assert self._ready is not None
        return await asyncio.shield(self._ready)

    async def wait_closed(self) -> None:
        self.start()
        assert self._task is not None
        if self._task is not asyncio.current_task():
            await asyncio.shield(self._task)

    async def close(self, code: int, reason: str) -> None:
        if code != NORMAL and not 3000 <= code <= 4999:
            raise ValueError(f"close code {code} is not allowed: use 1000 or 3000 to 4999")
        length = len(reason.encode())
        if length > REASON_MAX_BYTES:
            raise ValueError(f"the reason has {length} bytes (limit {REASON_MAX_BYTES})")
        self.start()
        if not self.is_closing and self.state != "closed":
            self.is_closing = True
            self.end = End(code, reason)
            self._change(ConnectionChanged("closing"))
            if self.connection is not None:
                self.connection.close(code, reason)
            if self._step is not None:
                self._step.cancel()
        await self.wait_closed()

    def tell(self, notice: Notice) -> None:
        """Tells the listeners of the client."""
        for listener in list(self.listeners):
            try:
                listener(notice)
            except Exception as error:
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a listener of a client failed", "exception": error}
                )

    # Requests.

    def may_request(self) -> bool:
        return self.state == "open"

    async def room(self) -> None:
        """Waits while too much is under way, so that a fast program is slowed down."""
        if not self._is_full():
            return
        self.stats.waits += 1
        while self._is_full():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter

    async def request(self, request: Request, expected: type[A]) -> A:
        """Sends a request and waits for its answer, which is of the expected class."""
        done: asyncio.Future[A] = asyncio.get_running_loop().create_future()

        def resolve(answer: A) -> None:
            if not done.done():
                done.set_result(answer)

        def reject(error: TickcastError) -> None:
            if not done.done():
                done.set_exception(error)

        self.send_request(request, expected, resolve, reject)
        return await done

    def send_request(
        self,
        request: Request,
        expected: type[A],
        resolve: Callable[[A], None],
        reject: Callable[[TickcastError], None],
    ) -> None:
        """Exactly one of the two functions is called, now or later."""
        request.id = self._requests.next_id()
        try:
            if self._requests.is_full:
                raise BusyError("too many requests without an answer: wait for some of them")
            self.send(request)
        except TickcastError as error:
            reject(error)
            return
        self._requests.add(request.id, expected, resolve, reject)

    def send(self, request: Request) -> None:
        """Sends a request. Raises if that is not possible."""
        connection = self.connection
        if connection is None or self.state != "open":
            raise DisconnectedError("not connected at the moment: wait for `ready`, or try later")
        payload = connection.encode(request)
        length = len(payload.encode()) if isinstance(payload, str) else len(payload)
        limit = 0 if self.welcome is None else self.welcome.limits.message_bytes
        if 0 < limit < length:
            raise TooLongError(f"the message has {length} bytes (limit of the server: {limit})")
        connection.send(payload)

    async def authenticate(self, token: str) -> Identity:
        connection = self.connection
        try:
            identity = await self.request(Authenticate(0, token), Identity)
        except ServerError as error:
            if error.code == TOKEN_REFUSED:
                self._tokens.refuse(token, error.reason)
            raise
        if self.connection is connection:
            self._tokens.accepted(token)
        return identity

    def _is_full(self) -> bool:
        if self.connection is None:
            return False
        is_buffer_full = self.connection.buffered > self.options.max_buffered_bytes
        return is_buffer_full or self._requests.is_full

    def _has_room(self) -> None:
        """Wakes the request that has waited longest. It sends before the next one is woken."""
        while self._waiting and not self._is_full():
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                asyncio.get_running_loop().call_soon(self._has_room)
                return

    # Connections.

    @property
    def url(self) -> str:
        return self.urls[self._place]

    async def _run(self) -> None:
        """Connects again and again until the client is closed, or a close code is permanent."""
        error: TickcastError | None = None
        try:
            while not self.is_closing:
                end = await self._visit()
                if self.is_closing:
                    break
                self.end = end
                needs_token = self._tokens.ended(end.code, end.reason)
                if not (self._comes_back or needs_token or may_reconnect(end.code)):
                    text = f"the connection ended with {end.code} {end.reason}".rstrip()
                    error = DisconnectedError(text, end.code)
                    break
                self._comes_back = False
                self._move()
                delay = max(self._backoff.next(), end.retry_after_s)
                self._change(ConnectionChanged("waiting", end, delay))
                await self._interruptible(asyncio.sleep(delay))
        finally:
            self._finish(error)

    def _move(self) -> None:
        """Chooses another URL, at random, if there are several."""
        others = len(self.urls) - 1
        if others > 0:
            step = 1 + min(int(self.random() * others), others - 1)
            self._place = (self._place + step) % len(self.urls)

    async def _visit(self) -> End:
        """One connection, or one attempt."""
        self._change(ConnectionChanged("connecting", self.end))
        try:
            opened = await self._interruptible(self._connect(), self.options.connect_timeout_s)
        except asyncio.TimeoutError:
            return End(ABNORMAL, f"no welcome after {self.options.connect_timeout_s} seconds")
        except DisconnectedError as error:
            code = NOT_UNDERSTOOD if error.code == NOT_UNDERSTOOD else ABNORMAL
            wait = error.retry_after_s if isinstance(error, HandshakeRefusedError) else 0.0
            return End(error.code or code, str(error), wait)
        if opened is None:
            return End(NORMAL, "")
        connection, welcome = opened
        if self.is_closing:
            # It was closed at the very moment at which it was connected.
            connection.close(NORMAL, "")
            return await connection.read(lambda _: None)
        self.connection = connection
        connection.on_room = self._has_room
        connection.on_unknown = self._unknown
        self._welcomed(welcome)
        try:
            return await connection.read(self._receive)
        finally:
            self._disconnected()

    async def _connect(self) -> tuple[Connection, Welcome]:
        try:
            token, refusal = await self._tokens.for_attempt()
        except Exception as error:
            self.tell(Failure(error))
            raise DisconnectedError(f"there is no token: {error!r}") from error
        if refusal is not None:
            raise DisconnectedError(f"{refusal}; there is no other token yet")
        try:
            context = self._contexts[self._place]
            opened = await Connection.open(self.url, self.options, context, token, self.topics)
        except HandshakeRefusedError as error:
            if error.status == UNAUTHORIZED and token is not None:
                self._tokens.refuse(token, str(error))
                self.tell(Failure(error))
            raise
        if token is not None:
            self._tokens.accepted(token)
        return opened

    async def _interruptible(
        self, step: Coroutine[Any, Any, A], timeout_s: float | None = None
    ) -> A | None:
        """Awaits a step that `close` may end early: then the result is None."""
        task = self._step = asyncio.get_running_loop().create_task(step)
        if self.is_closing:
            task.cancel()
        try:
            return await finish(task, timeout_s)
        except asyncio.CancelledError:
            if self.is_closing and task.cancelled():
                return None
            raise
        finally:
            self._step = None

    def _welcomed(self, welcome: Welcome) -> None:
        self.stats.connections += 1
        self.welcome = welcome
        self.heard_ns = self.options.now()
        self.position = welcome.position
        lineage = Lineage(welcome.epoch, welcome.continues)
        self.topics.enter(lineage)
        self.clock.clear()
        self.identity = None
        self._set_timer("stable", self._backoff.reset, STABLE_S)
        self._change(ConnectionChanged("open"))
        self.registry.connected(lineage)
        self.once.connected()
        self._ask_time()
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(welcome)

    def _disconnected(self) -> None:
        self.connection = None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._renewing is not None:
            self._renewing.cancel()
            self._renewing = None
        if not self.is_closing:
            self.state = "connecting"
        self._requests.reject_all(DisconnectedError("the connection ended before the answer"))
        self.registry.disconnected()
        self._has_room()

    def _finish(self, error: TickcastError | None) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(error or ClosedError("the client was closed"))
            # A program that does not wait for it gets the error from its subscriptions.
            self._ready.exception()
        self.is_closing = True
        self.registry.ended(error)
        self.once.ended(error)
        self._change(ConnectionChanged("closed", self.end))

    def _unknown(self) -> None:
        self.stats.unknown_messages += 1

    def _receive(self, message: Any) -> None:
        self.heard_ns = self.options.now()
        if isinstance(message, BatchMessage):
            self.registry.batch(message)
        elif isinstance(message, Heartbeat):
            self.position = message.position
            self.registry.heartbeat(message)
        elif isinstance(message, GapMessage):
            self.registry.gap(message)
        elif isinstance(message, StatusMessage):
            self.registry.status(message)
        elif isinstance(message, ErrorMessage):
            self._refused(message)
        elif isinstance(message, DrainingMessage):
            self._drain(message.reconnect_within_ms)
        elif isinstance(message, ExpiringMessage):
            if self._tokens.are_used:
                self._renew(is_first=True)
            self.tell(Expiring(message.expires_ns))
        elif isinstance(message, Unsubscribed) and message.id is None:
            self.registry.forbidden(message)
        else:
            if isinstance(message, Identity):
                self.identity = message
                self.tell(IdentityChanged(message))
            if message.id is not None:
                self._requests.resolve(message.id, message)
            self._has_room()

    def _refused(self, message: ErrorMessage) -> None:
        error = ServerError(
            message.code,
            message.reason,
            temporary=message.temporary,
            retry_after_ms=message.retry_after_ms,
        )
        if message.id is None or not self._requests.reject(message.id, error):
            self.tell(Failure(error))
        self._has_room()

    def _drain(self, window_ms: int) -> None:
        """Many clients get this message at the same time, so each closes at a random time."""
        self._comes_back = True
        connection = self.connection
        if connection is not None:
            delay = self.random() * window_ms / 1_000
            self._set_timer("drain", lambda: connection.close(NORMAL, "draining"), delay)
        self.tell(Draining(window_ms))

    def _ask_time(self) -> None:
        def resolve(answer: TimeAnswer) -> None:
            self.clock.add(answer, self.options.now())
            best = self.clock.best
            if best is not None:
                self.tell(ClockChanged(best))

        request = AskTime(0, self.options.now())
        # After a refusal the next request follows anyway.
        self.send_request(request, TimeAnswer, resolve, lambda _: None)
        is_quick = self.clock.samples < QUICK_CLOCK_SAMPLES
        interval = QUICK_CLOCK_INTERVAL_S if is_quick else self.options.clock_interval_s
        self._set_timer("clock", self._ask_time, interval)

    def _renew(self, is_first: bool) -> None:
        """Shows the server another token, because the one of this connection expires soon.

        Without one it asks again later, until the connection ends. ``is_first`` is true for the
        first attempt after the server's warning.
        """

        async def renew() -> None:
            try:
                token = await self._tokens.another()
                if token is not None:
                    await self.authenticate(token)
                    self._renewals.reset()
                    return
                if is_first:
                    text = "the token is about to expire, and there is no other one yet"
                    self.tell(Failure(TickcastError(text)))
            except DisconnectedError:
                return
            except Exception as error:
                self.tell(Failure(error))
            self._set_timer("renew", lambda: self._renew(is_first=False), self._renewals.next())

        if self._renewing is not None:
            self._renewing.cancel()
        self._renewing = asyncio.get_running_loop().create_task(renew())

    def _set_timer(self, name: str, action: Callable[[], object], delay_s: float) -> None:
        if (timer := self._timers.get(name)) is not None:
            timer.cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(delay_s, action)

    def _change(self, notice: ConnectionChanged) -> None:
        self.state = notice.state
        self.tell(notice)
