"""All subscriptions of a client: sends their requests, and routes messages by channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from ..answers import Granted
from ..errors import (
    BusyError,
    DisconnectedError,
    ForbiddenError,
    ServerError,
    TickcastError,
    TooLongError,
)
from ..events import Notice
from ..stats import ClientStats
from ..values import Mode, Token
from ..wire.lineage import Lineage
from ..wire.messages import (
    Accepted,
    BatchMessage,
    Change,
    Changed,
    FilterRequest,
    GapMessage,
    Heartbeat,
    Refused,
    Request,
    StatusMessage,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
)
from .delivery import Callback
from .subscription import Subscription

A = TypeVar("A")

#: Channels in one request, which keeps it far below the server's limit for a message.
CHANNELS_PER_REQUEST = 1_000
#: Filters in one request, which keeps request and answer readable in a debugger.
FILTERS_PER_REQUEST = 256
#: The wait before another attempt if the server names none.
RETRY_S = 1.0


class Requester(Protocol):
    """The client, as the registry sees it."""

    stats: ClientStats
    random: Callable[[], float]

    def may_request(self) -> bool: ...

    def tell(self, notice: Notice) -> None: ...

    def send_request(
        self,
        request: Request,
        expected: type[A],
        resolve: Callable[[A], None],
        reject: Callable[[TickcastError], None],
    ) -> None:
        """Exactly one of the two functions is called, now or later."""


class SubscriptionRegistry:
    """The host of all subscriptions. It belongs to one event loop."""

    def __init__(self, client: Requester) -> None:
        self.stats = client.stats
        self.random = client.random
        self._client = client
        self._subscriptions: set[Subscription] = set()
        self._channels: dict[int, Subscription] = {}
        #: Channels to unsubscribe with the next flush, and then what to subscribe.
        self._unsubscribing: list[int] = []
        self._subscribing: dict[Subscription, None] = {}
        self._is_flush_due = False
        self._connections = 0
        #: Of the connection.
        self._lineage = Lineage("")

    def open(
        self,
        filter: str,
        mode: Mode,
        max_rate_hz: float | None,
        *,
        callback: Callback | None,
        resume: Token | None,
        reset_reason: str | None,
        max_queued_updates: int,
    ) -> Subscription:
        """Adds a subscription and subscribes it as soon as possible."""
        self._require_new(filter, mode, max_rate_hz)
        subscription = Subscription(
            self,
            filter,
            mode,
            max_rate_hz,
            callback=callback,
            resume=resume,
            reset_reason=reset_reason,
            max_queued_updates=max_queued_updates,
        )
        self._subscriptions.add(subscription)
        self.subscribe_soon(subscription)
        return subscription

    def connected(self, lineage: Lineage) -> None:
        """A new connection is open."""
        self._lineage = lineage
        self._connections += 1
        for subscription in list(self._subscriptions):
            subscription.connected()
        self._flush()

    def disconnected(self) -> None:
        self._channels.clear()
        self._subscribing.clear()
        self._unsubscribing.clear()
        for subscription in list(self._subscriptions):
            subscription.disconnected()

    def ended(self, error: TickcastError | None) -> None:
        """The client has ended; None if the program closed it."""
        for subscription in list(self._subscriptions):
            subscription.ended(error)

    def batch(self, batch: BatchMessage) -> None:
        subscription = self._channels.get(batch.channel)
        if subscription is not None:
            subscription.batch(batch)
            return
        self.stats.ignored_batches += 1
        self.stats.ignored_updates += len(batch.updates)

    def gap(self, gap: GapMessage) -> None:
        if (subscription := self._channels.get(gap.channel)) is not None:
            subscription.gap(gap)

    def status(self, message: StatusMessage) -> None:
        if (subscription := self._channels.get(message.channel)) is not None:
            subscription.status(message)

    def forbidden(self, message: Unsubscribed) -> None:
        """The server has ended subscriptions that are no longer allowed."""
        error = ForbiddenError(message.reason or "no longer allowed", message.position or 0)
        for channel in message.channels:
            subscription = self._channels.pop(channel, None)
            if subscription is not None:
                subscription.ended(error)

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        for told in heartbeat.channels:
            if (subscription := self._channels.get(told.channel)) is not None:
                subscription.heartbeat(told.position)

    # What a subscription uses.

    def tell(self, notice: Notice) -> None:
        self._client.tell(notice)

    def call_later(self, delay_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay_s, action)

    def remove(self, subscription: Subscription) -> None:
        self._subscribing.pop(subscription, None)
        self._subscriptions.discard(subscription)

    def subscribe_soon(self, subscription: Subscription) -> None:
        self._subscribing[subscription] = None
        self._flush_soon()

    def unsubscribe_soon(self, channel: int) -> None:
        self._channels.pop(channel, None)
        self._unsubscribing.append(channel)
        self._flush_soon()

    async def change(
        self, subscription: Subscription, channel: int, mode: Mode, max_rate_hz: float | None
    ) -> Granted:
        self._require_new(subscription.filter, mode, max_rate_hz)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def resolve(answer: Changed) -> None:
            # At once: the next message may be a batch on the new channel.
            self._channels.pop(answer.previous, None)
            if subscription.state == "live":
                self._channels[answer.channel] = subscription
                subscription.changed(answer, mode, max_rate_hz)
            else:
                self.unsubscribe_soon(answer.channel)
            if not done.done():
                done.set_result(None)

        def reject(error: TickcastError) -> None:
            if not done.done():
                done.set_exception(error)

        request = Change(0, channel, mode, max_rate_hz)
        self._client.send_request(request, Changed, resolve, reject)
        await done
        return subscription.granted or Granted(mode, max_rate_hz)

    def _require_new(self, filter: str, mode: Mode, max_rate_hz: float | None) -> None:
        """The server would answer two of the same with one channel."""
        wanted = (filter, mode, max_rate_hz)
        for other in self._subscriptions:
            if (other.filter, other.mode, other.max_rate_hz) == wanted:
                raise ValueError(f"{filter} is subscribed already in this mode and rate")

    def _flush_soon(self) -> None:
        """Everything that the program does in one step becomes as few requests as possible."""
        if not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._is_flush_due = False
        self._flush()

    def _flush(self) -> None:
        if not self._client.may_request():
            return
        while self._unsubscribing:
            channels = self._unsubscribing[:CHANNELS_PER_REQUEST]
            del self._unsubscribing[:CHANNELS_PER_REQUEST]
            self._unsubscribe(channels)
        groups: dict[tuple[Mode, float | None], list[Subscription]] = {}
        for subscription in self._subscribing:
            key = (subscription.mode, subscription.max_rate_hz)
            groups.setdefault(key, []).append(subscription)
        self._subscribing.clear()
        for group in groups.values():
            for at in range(0, len(group), FILTERS_PER_REQUEST):
                self._subscribe(group[at : at + FILTERS_PER_REQUEST])

    def _unsubscribe(self, channels: list[int]) -> None:
        connection = self._connections

        def again() -> None:
            # The channels of an earlier connection mean nothing on this one.
            if self._connections == connection:
                self._unsubscribing.extend(channels)
                self._flush_soon()

        def reject(error: TickcastError) -> None:
            if isinstance(error, ServerError) and error.temporary:
                self.call_later(_wait_of(error, RETRY_S), again)

        request = Unsubscribe(0, channels)
        self._client.send_request(request, Unsubscribed, lambda _: None, reject)

    def _subscribe(self, group: list[Subscription]) -> None:
        first = group[0]
        filters = [FilterRequest(some.filter, some.resume) for some in group]

        def resolve(answer: Subscribed) -> None:
            for index, subscription in enumerate(group):
                if index < len(answer.results):
                    self._answered(subscription, answer.results[index])
                else:
                    subscription.refused(TickcastError("the answer has no result for this filter"))

        self._client.send_request(
            Subscribe(0, filters, first.mode, first.max_rate_hz),
            Subscribed,
            resolve,
            lambda error: self._not_subscribed(group, error),
        )

    def _not_subscribed(self, group: list[Subscription], error: TickcastError) -> None:
        # The next connection subscribes everything again.
        if not self._client.may_request():
            return
        if isinstance(error, TooLongError) and len(group) > 1:
            half = (len(group) + 1) // 2
            self._subscribe(group[:half])
            self._subscribe(group[half:])
            return
        is_temporary = isinstance(error, BusyError | DisconnectedError)
        if isinstance(error, ServerError):
            is_temporary = error.temporary
        for subscription in group:
            if subscription.state == "closed":
                continue
            if is_temporary:
                subscription.retry_after(_wait_of(error, 0.0))
            else:
                subscription.refused(error)

    def _answered(self, subscription: Subscription, result: Accepted | Refused) -> None:
        is_closed = subscription.state == "closed"
        if isinstance(result, Refused):
            error = ServerError(result.code, result.reason)
            if is_closed:
                return
            if error.temporary:
                subscription.retry_after(0)
            else:
                subscription.refused(error)
            return
        owner = self._channels.get(result.channel)
        if owner is not None:
            if not is_closed:
                text = f"the server granted the channel of {owner.filter}, which is subscribed"
                subscription.refused(TickcastError(text))
            return
        if is_closed:
            self.unsubscribe_soon(result.channel)
        elif result.start == "existing":
            # It was unsubscribed a moment ago and is still there. Its position is unknown by now.
            self.unsubscribe_soon(result.channel)
            subscription.retry_after(0)
        else:
            self._channels[result.channel] = subscription
            subscription.accepted(result, self._lineage)


def _wait_of(error: TickcastError, default_s: float) -> float:
    if isinstance(error, ServerError) and error.retry_after_ms is not None:
        return error.retry_after_ms / 1_000
    return default_s
