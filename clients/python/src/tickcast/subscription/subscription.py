"""One filter, across all connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType

from ..answers import Granted
from ..backoff import Backoff
from ..errors import ClosedError, DisconnectedError, TickcastError
from ..events import (
    Batch,
    Event,
    Gap,
    Reset,
    Status,
    StatusOfTopic,
    SubscriptionChanged,
    SubscriptionState,
    TopicStatus,
    Truncated,
    Violation,
)
from ..stats import SubscriptionStats, count
from ..values import Mode, Token, Update
from ..wire.lineage import Lineage
from ..wire.messages import Accepted, BatchMessage, Changed, GapMessage, StatusMessage
from .chain import Chain
from .delivery import Callback, Delivery
from .host import Host

_UNKNOWN_TOPIC = "a topic id that was never introduced"


class Subscription:
    """The updates of one filter.

    Events go to the callback or, without one, to the iterator. An event is handled when the
    callback returns (or its awaitable is done), or when the iterator is asked for the next event.
    The methods after ``change`` are for the registry.
    """

    def __init__(
        self,
        host: Host,
        filter: str,
        mode: Mode,
        max_rate_hz: float | None,
        *,
        callback: Callback | None,
        resume: Token | None,
        reset_reason: str | None,
        max_queued_updates: int,
    ) -> None:
        self.filter = filter
        #: As requested; ``granted`` is the server's answer.
        self.mode: Mode = mode
        self.max_rate_hz = max_rate_hz
        self.granted: Granted | None = None
        self.state: SubscriptionState = "pending"
        #: Why it is closed, such as a ``ForbiddenError``; None if the program has closed it.
        self.error: TickcastError | None = None
        self.stats = SubscriptionStats()
        self._host = host
        #: Topics that are not live.
        self._not_live: dict[str, TopicStatus] = {}
        self._channel: int | None = None
        self._chain = Chain()
        self._delivery = Delivery(callback, max_queued_updates, resume, self._handled)
        self._backoff = Backoff(host.random)
        self._retry: asyncio.TimerHandle | None = None
        #: The token for the next subscribe request.
        self.resume = resume
        #: Why the next request cannot resume, although the program has handled updates.
        self._reset_reason = reset_reason
        self._ready: asyncio.Future[Granted] = asyncio.get_running_loop().create_future()

    async def ready(self) -> Granted:
        """Waits until the server first accepts. Raises if it refuses or the client is closed."""
        return await asyncio.shield(self._ready)

    @property
    def token(self) -> Token | None:
        """Continues after all handled events. None before the first acceptance."""
        return self._delivery.token

    @property
    def queued(self) -> int:
        """Updates that wait for the program."""
        return self._delivery.queued

    @property
    def position(self) -> int:
        """Up to here everything has come, handled or not."""
        return self._chain.position

    @property
    def count(self) -> int | None:
        """Updates of its topics in this epoch up to its position, in mode ``every``."""
        return self._chain.count

    def status_of(self, topic: str) -> TopicStatus:
        """According to the newest status from the server."""
        return self._not_live.get(topic, "live")

    async def next(self) -> Event | None:
        """The next event; None after the last one. It marks the event before as handled."""
        return await self._delivery.next()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        event = await self._delivery.next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def updates(self) -> AsyncGenerator[Update, None]:
        """The updates alone, of snapshots and live ones. Gaps and resets are in ``stats``."""
        while (event := await self._delivery.next()) is not None:
            if isinstance(event, Batch):
                for update in event.updates:
                    yield update

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the subscription. Events that wait for the program are discarded."""
        if self.state == "closed":
            return
        self._unsubscribe()
        self._finish(None)
        self._settle(ClosedError("the subscription was closed"))
        self._add("discarded", self._delivery.discard())

    async def change(self, mode: Mode = "latest", max_rate_hz: float | None = None) -> Granted:
        """Changes mode and rate without losing an update."""
        if self._channel is None:
            raise DisconnectedError(f"{self.filter} is not subscribed at the moment: try later")
        return await self._host.change(self, self._channel, mode, max_rate_hz)

    def connected(self) -> None:
        """A new connection is open."""
        if self.state == "pending":
            self._subscribe()

    def disconnected(self) -> None:
        """The connection ended. Events that wait for the program stay."""
        self._stop_retry()
        if self._channel is None:
            return
        self.resume = self._chain.token
        self._channel = None
        self._set_state("pending")

    def accepted(self, result: Accepted, lineage: Lineage) -> None:
        self._channel = result.channel
        resume = self.resume
        continued = resume if result.start in ("resumed", "truncated") else None
        if continued is not None:
            reason = Chain.check_resumed(result, continued, lineage)
            if reason is not None:
                self._violation(reason, "not_resumable")
                return
        reset = None
        if continued is None and (resume is not None or self._reset_reason is not None):
            reset = self._reset_reason or result.start
        self.resume = None
        self._reset_reason = None
        self._chain.accepted(result)
        self.granted = Granted(result.mode, result.max_rate_hz)
        if reset is not None:
            self._add("resets", 1)
            self._delivery.push(Reset(reset), 0, self._chain.token)
        elif continued is not None and result.start == "truncated":
            self._add("truncations", 1)
            kept = int(lineage.kept(continued.epoch) or 0)
            event = Truncated(kept, continued.position, result.lost)
            self._delivery.push(event, 0, self._chain.token)
        else:
            self._delivery.set_token(self._chain.token)
        self._clear_statuses()
        if not self._ready.done():
            self._ready.set_result(self.granted)
        if self._channel is not None:
            self._set_state("live")

    def refused(self, error: TickcastError) -> None:
        """The server refused, and will always refuse."""
        self._unsubscribe()
        self._end(error)

    def ended(self, error: TickcastError | None) -> None:
        """The server has ended it, or the client is closed (None: by the program).

        The program can still take the events that wait.
        """
        self._channel = None
        self._stop_retry()
        self._end(error)

    def retry_after(self, delay_s: float) -> None:
        """The server refused for the moment."""
        self._stop_retry()
        wait = max(delay_s, self._backoff.next())
        self._retry = self._host.call_later(wait, self._subscribe)

    def batch(self, batch: BatchMessage) -> None:
        if batch.has_unknown_topic:
            self._violation(_UNKNOWN_TOPIC, "unknown_topic")
            return
        reason = self._chain.check_batch(batch)
        if reason is not None:
            self._violation(reason)
            return
        updates = batch.updates
        if not self._delivery.fits(len(updates)):
            self._overflow(len(updates))
            return
        self._chain.batch(batch)
        self._backoff.reset()
        self._add("batches", 1)
        self._add("updates", len(updates))
        event = Batch(batch.snapshot, batch.from_, batch.to, updates, batch.topics)
        self._delivery.push(event, len(updates), self._chain.token)

    def gap(self, gap: GapMessage) -> None:
        reason = self._chain.check_gap(gap)
        if reason is not None:
            self._violation(reason)
            return
        if not self._delivery.fits(0):
            self._overflow(0)
            return
        self._chain.gap(gap)
        self._add("gaps", 1)
        if gap.lost is None:
            self._add("gaps_uncounted", 1)
        else:
            self._add("lost", gap.lost)
        self._delivery.push(Gap(gap.from_, gap.to, gap.lost), 0, self._chain.token)

    def status(self, message: StatusMessage) -> None:
        if message.has_unknown_topic:
            self._violation(_UNKNOWN_TOPIC, "unknown_topic")
            return
        statuses = message.statuses
        if not self._delivery.fits(len(statuses)):
            self._overflow(0)
            return
        for status in statuses:
            if status.status == "live":
                self._not_live.pop(status.topic, None)
            else:
                self._not_live[status.topic] = status.status
        self._delivery.push(Status(statuses, message.topics), len(statuses), self._chain.token)

    def heartbeat(self, position: int) -> None:
        reason = self._chain.check_heartbeat(position)
        if reason is not None:
            self._violation(reason)

    def changed(self, changed: Changed, mode: Mode, max_rate_hz: float | None) -> None:
        """The server has changed mode and rate to what the program requested, or near it."""
        self._channel = changed.channel
        self.mode, self.max_rate_hz = mode, max_rate_hz
        self.granted = Granted(changed.mode, changed.max_rate_hz)
        reason = self._chain.check_changed(changed)
        if reason is not None:
            self._violation(reason)
            return
        self._chain.changed(changed)
        self._delivery.set_token(self._chain.token)

    def _clear_statuses(self) -> None:
        """On a new channel all topics count as live. The server names those that are not."""
        if not self._not_live or self._channel is None:
            return
        statuses = [StatusOfTopic(topic, "live", None) for topic in self._not_live]
        self._not_live.clear()
        self._delivery.push(Status(statuses), 0, self._chain.token)

    def _violation(self, reason: str, reset_reason: str | None = None) -> None:
        """Updates are lost, or the server is broken.

        Subscribes again from the last proven position, or from the beginning if there is a reason
        why the token is useless.
        """
        self._add("violations", 1)
        self._unsubscribe()
        if reset_reason is not None:
            self.resume, self._reset_reason = None, reset_reason
        else:
            self.resume = self._chain.token
        self._set_state("pending")
        self.retry_after(0)
        self._host.tell(Violation(self.filter, reason))

    def _overflow(self, updates: int) -> None:
        """The program is too slow: the subscription ends until the program has caught up.

        Meanwhile the server's tape holds the updates; a gap will count those that it has dropped.
        """
        self._add("overflows", 1)
        self._add("discarded", updates)
        self.resume = self._chain.token
        self._unsubscribe()
        self._set_state("paused")

    def _handled(self) -> None:
        if self.state == "paused" and self._delivery.has_space:
            self._set_state("pending")
            self._subscribe()

    def _subscribe(self) -> None:
        self._stop_retry()
        self._host.subscribe_soon(self)

    def _unsubscribe(self) -> None:
        self._stop_retry()
        if self._channel is not None:
            self._host.unsubscribe_soon(self._channel)
        self._channel = None

    def _end(self, error: TickcastError | None) -> None:
        self._finish(error)
        self._settle(error or ClosedError("the client was closed"))
        self._delivery.finish(error)

    def _finish(self, error: TickcastError | None) -> None:
        self.error = error
        self._set_state("closed")
        self._host.remove(self)

    def _settle(self, error: TickcastError) -> None:
        if not self._ready.done():
            self._ready.set_exception(error)
            # A program that does not wait gets the error from the iterator or from `error`.
            self._ready.exception()

    def _stop_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _add(self, name: str, number: int) -> None:
        count(number, name, self.stats, self._host.stats)

    def _set_state(self, state: SubscriptionState) -> None:
        if state != self.state:
            self.state = state
            self._host.tell(SubscriptionChanged(self.filter, state, self.error))
