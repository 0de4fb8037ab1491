"""Delivers the events of one subscription, one at a time, and knows which are handled."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import TypeAlias

from ..events import Event
from ..values import Token

#: Takes an event. If it returns an awaitable, the event is handled when that is done.
Callback: TypeAlias = Callable[[Event], Awaitable[object] | object]


@dataclass(slots=True)
class _Item:
    event: Event
    cost: int
    #: Continues after this event.
    token: Token


class Delivery:
    """The queue between the connection and the program. It belongs to one event loop."""

    def __init__(
        self,
        callback: Callback | None,
        limit: int,
        token: Token | None,
        on_handled: Callable[[], None],
    ) -> None:
        """A queue of at most ``limit`` updates.

        ``token`` is that of the last event that the program has handled already. ``on_handled`` is
        called when an event was handled: the queue may have space again.
        """
        self._callback = callback
        self._limit = limit
        self._on_handled = on_handled
        self._queue: deque[_Item] = deque()
        #: The event that the program is handling.
        self._current: _Item | None = None
        self._waiting: asyncio.Future[Event | None] | None = None
        self._task: asyncio.Future[object] | None = None
        self._is_finished = False
        self._error: Exception | None = None
        #: Continues after the last handled event.
        self.token = token
        #: Updates in the queue and in the current event.
        self.queued = 0

    def fits(self, updates: int) -> bool:
        """Whether an event with this many updates fits. An empty queue takes one of any size."""
        return self.queued == 0 or self.queued + max(updates, 1) <= self._limit

    @property
    def has_space(self) -> bool:
        """Whether half of the queue is free, so that resuming is worthwhile."""
        return self.queued * 2 <= self._limit

    def push(self, event: Event, updates: int, token: Token) -> None:
        """Adds an event. Events without updates take the space of one."""
        cost = max(updates, 1)
        self._queue.append(_Item(event, cost, token))
        self.queued += cost
        self._deliver()

    def set_token(self, token: Token) -> None:
        """The position has changed without an event."""
        if self._queue:
            self._queue[-1].token = token
        elif self._current is not None:
            self._current.token = token
        else:
            self.token = token

    def finish(self, error: Exception | None = None) -> None:
        """No event follows those in the queue."""
        if not self._is_finished:
            self._is_finished, self._error = True, error
        self._deliver()

    def discard(self) -> int:
        """The program wants no further event. Returns the updates that were discarded."""
        discarded = self.queued - (self._current.cost if self._current else 0)
        self._queue.clear()
        self.queued -= discarded
        self.finish()
        return discarded

    async def next(self) -> Event | None:
        """The next event; None after the last one. It marks the event before as handled."""
        if self._callback is not None:
            raise TypeError("this subscription has a callback: it cannot be iterated as well")
        if self._waiting is not None:
            raise RuntimeError("another task waits for the next event of this subscription")
        self._handled()
        if self._queue:
            return self._take()
        if not self._is_finished:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                # It is woken without an event, so that a cancelled wait cannot take one along.
                await self._waiting
            finally:
                self._waiting = None
            if self._queue:
                return self._take()
        if self._error is not None:
            raise self._error
        return None

    def _take(self) -> Event:
        self._current = self._queue.popleft()
        return self._current.event

    def _deliver(self) -> None:
        if self._callback is not None:
            self._call(self._callback)
        elif self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _call(self, callback: Callback) -> None:
        while self._current is None and self._queue:
            event = self._take()
            try:
                result = callback(event)
            except Exception as error:
                _report(error)
                result = None
            if isawaitable(result):
                self._task = asyncio.ensure_future(result)
                self._task.add_done_callback(self._called)
                return
            self._handled()

    def _called(self, task: asyncio.Future[object]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _report(error)
        self._handled()
        self._deliver()

    def _handled(self) -> None:
        if self._current is None:
            return
        self.token = self._current.token
        self.queued -= self._current.cost
        self._current = None
        self._on_handled()


def _report(error: BaseException) -> None:
    """An error of the program must not end the delivery, and must not be lost either."""
    asyncio.get_running_loop().call_exception_handler(
        {"message": "a callback of a subscription failed", "exception": error}
    )
