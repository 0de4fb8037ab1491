"""Publishes that are sent again on each connection until they are answered.

The server puts each of them on the tape once. ``docs/protocol.md`` says why ("Publishing once").
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .errors import (
    BusyError,
    ClosedError,
    DisconnectedError,
    ServerError,
    TickcastError,
    UncertainError,
)
from .values import NewUpdate
from .wire.messages import Published, PublishOnce

#: The server knows the last this many publishes of a publisher, so as many wait for their answers.
PUBLISHER_WINDOW = 64
#: Error code: the server does not know any more whether a publish is on the tape.
NUMBER_TOO_OLD = 305
#: After how long a refused publish is sent again, if the server does not say.
RETRY_AFTER_MS = 1_000


class Host(Protocol):
    """What is needed of a session."""

    def may_request(self) -> bool: ...

    def send_request(
        self,
        request: PublishOnce,
        expected: type[Published],
        resolve: Callable[[Published], None],
        reject: Callable[[TickcastError], None],
    ) -> None: ...


@dataclass(slots=True, eq=False)
class _Waiting:
    updates: list[NewUpdate]
    done: asyncio.Future[int]
    #: Under which number of which publisher it was sent.
    number: tuple[str, int] | None = None
    #: To be sent; sent on this connection; or refused for now.
    place: Literal["here", "sent", "refused"] = "here"
    #: Whether a connection was lost before its answer: it may be on the tape.
    is_doubtful: bool = False


class OncePublishes:
    """The publishes of a client that wait for their answers, the oldest first."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._waiting: list[_Waiting] = []
        #: Publishes that wait for room, the oldest first.
        self._queue: deque[asyncio.Future[None]] = deque()
        self._end: TickcastError | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._begin()

    def _begin(self) -> None:
        """Goes on as another publisher, which the server must be told first."""
        self._publisher = secrets.token_hex(8)
        #: The last number that was given to a publish. The first one tells of the publisher.
        self._number = 1
        self._stage: Literal["unknown", "told", "refused", "known"] = "unknown"

    async def publish(self, updates: list[NewUpdate]) -> int:
        """Returns the position of the last update. Waits while as many wait as may."""
        while len(self._waiting) >= PUBLISHER_WINDOW and self._end is None:
            room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._queue.append(room)
            try:
                await room
            except asyncio.CancelledError:
                if room.done() and not room.cancelled():
                    # It was woken before it was cancelled: its room is for the next one.
                    self._wake()
                raise
        if self._end is not None:
            raise self._end
        one = _Waiting(updates, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        self._send()
        try:
            return await one.done
        finally:
            # It is still there if the caller does not wait any more.
            self._remove(one)

    def connected(self) -> None:
        """What is not answered is sent again."""
        self._send()

    def ended(self, error: TickcastError | None) -> None:
        """No connection follows."""
        self._end = error or ClosedError("the client was closed")
        if self._retry is not None:
            self._retry.cancel()
        for one in list(self._waiting):
            self._fail(one, self._end)
        while self._queue:
            self._wake()

    def _send(self) -> None:
        for one in list(self._waiting):
            if not self._host.may_request():
                return
            if one.place != "here":
                continue
            if one.number is None:
                if self._stage != "known":
                    self._tell_publisher()
                    continue
                self._number += 1
                one.number = (self._publisher, self._number)
            one.place = "sent"
            self._request(one.number, one.updates, self._published(one), self._refused(one))

    def _tell_publisher(self) -> None:
        if self._stage != "unknown":
            return
        publisher = self._publisher
        self._stage = "told"

        def known(_: Published) -> None:
            if publisher == self._publisher:
                self._stage = "known"
                self._send()

        def refused(error: TickcastError) -> None:
            if publisher != self._publisher:
                return
            self._stage = "unknown"
            if _is_temporary(error):
                self._stage = "refused"
                self._retry_later(error)
            elif not isinstance(error, DisconnectedError):
                for one in [one for one in self._waiting if one.number is None]:
                    self._fail(one, error)

        self._request((publisher, 1), [], known, refused)

    def _request(
        self,
        number: tuple[str, int],
        updates: list[NewUpdate],
        resolve: Callable[[Published], None],
        reject: Callable[[TickcastError], None],
    ) -> None:
        self._host.send_request(PublishOnce(0, *number, updates), Published, resolve, reject)

    def _published(self, one: _Waiting) -> Callable[[Published], None]:
        def published(answer: Published) -> None:
            self._remove(one)
            if not one.done.done():
                one.done.set_result(answer.position)

        return published

    def _refused(self, one: _Waiting) -> Callable[[TickcastError], None]:
        def refused(error: TickcastError) -> None:
            if isinstance(error, DisconnectedError):
                one.place = "here"
                one.is_doubtful = True
            elif _is_temporary(error):
                one.place = "refused"
                self._retry_later(error)
            elif isinstance(error, ServerError) and error.code == NUMBER_TOO_OLD:
                self._forgotten(one, error)
            else:
                self._fail(one, error)

        return refused

    def _forgotten(self, one: _Waiting, error: ServerError) -> None:
        """The server has forgotten the publisher."""
        if one.number is not None and one.number[0] == self._publisher:
            self._begin()
        if one.is_doubtful:
            self._fail(one, error)
        else:
            # It was sent only once, so it is not on the tape.
            one.number = None
            one.place = "here"
        self._send()

    def _retry_later(self, error: TickcastError) -> None:
        if self._retry is not None:
            self._retry.cancel()
        after_ms = error.retry_after_ms if isinstance(error, ServerError) else None
        delay_s = (RETRY_AFTER_MS if after_ms is None else after_ms) / 1_000
        self._retry = asyncio.get_running_loop().call_later(delay_s, self._retry_now)

    def _retry_now(self) -> None:
        self._retry = None
        if self._stage == "refused":
            self._stage = "unknown"
        for one in self._waiting:
            if one.place == "refused":
                one.place = "here"
        self._send()

    def _fail(self, one: _Waiting, error: TickcastError) -> None:
        self._remove(one)
        if one.done.done():
            return
        if one.is_doubtful:
            text = f"it is unknown whether the updates are on the tape: {error}"
            uncertain = UncertainError(text)
            uncertain.__cause__ = error
            error = uncertain
        one.done.set_exception(error)

    def _remove(self, one: _Waiting) -> None:
        if one in self._waiting:
            self._waiting.remove(one)
            self._wake()

    def _wake(self) -> None:
        while self._queue:
            room = self._queue.popleft()
            if not room.done():
                room.set_result(None)
                return


def _is_temporary(error: Any) -> bool:
    return isinstance(error, BusyError) or (isinstance(error, ServerError) and error.temporary)
