"""A proxy that harms a connection at a chosen moment, which it recognises by the messages."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tickcast.wire.codec import decode_bincode, decode_json
from tickcast.wire.messages import (
    SERVER,
    Accepted,
    BatchMessage,
    GapMessage,
    Heartbeat,
    Published,
    Subscribed,
)
from tickcast.wire.topic_table import TopicTable

#: What passes the proxy when it strikes: a part of the handshake, or a message.
Moment: TypeAlias = Literal[
    "request",
    "response",
    "welcome",
    "subscribe",
    "accepted",
    "snapshot",
    "more_snapshot",
    "live",
    "resumed",
    "catch_up",
    "gap",
    "gap_snapshot",
    "heartbeat",
    "published",
]
#: Delays the bytes; sends them one by one; or sends a part of them and then resets the connection,
#: closes it, or sends nothing more. `away` cuts, and holds the next connection until the tape has
#: forgotten.
How: TypeAlias = Literal["delay", "slice", "cut", "end", "stop", "away"]
Part: TypeAlias = Literal["nothing", "one", "half", "all_but_one", "all"]

DELAY_S = 0.05
#: At most this many bytes are sent one by one: more of them prove no more.
SLICED_MAX_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Step:
    moment: Moment
    how: How
    part: Part = "all"

    def bytes_of(self, length: int) -> int:
        parts = {"nothing": 0, "one": 1, "half": length // 2, "all_but_one": length - 1}
        return parts.get(self.part, length)


class _EndedError(Exception):
    """A harm has ended the connection."""


class HostileProxy:
    """Follows a plan, whose steps happen once each and in order."""

    def __init__(
        self, port: int, encoding: str, plan: list[Step], forget: Callable[[], Awaitable[None]]
    ) -> None:
        """``forget`` returns when the tape has forgotten all updates that are on it now."""
        self._to = port
        self._encoding = encoding
        self._forget = forget
        self._is_away = False
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self.left = deque(plan)
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._passing):
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._pass(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _pass(self, near: StreamReader, to_near: StreamWriter) -> None:
        if self._is_away:
            self._is_away = False
            await self._forget()
        writers = [to_near]
        ways: list[asyncio.Task[None]] = []
        try:
            far, to_far = await asyncio.open_connection("127.0.0.1", self._to)
            writers.append(to_far)
            ways = [
                asyncio.ensure_future(self._requests(near, to_far)),
                asyncio.ensure_future(self._answers(far, to_near)),
            ]
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            how = self._how_of(done)
            if how == "stop":
                # Both sides stay connected and silent until the end of the test.
                await asyncio.gather(*ways, return_exceptions=True)
                await asyncio.Event().wait()
            if how in ("cut", "away"):
                for writer in writers:
                    its_socket: socket.socket = writer.get_extra_info("socket")
                    with suppress(OSError):
                        linger = struct.pack("ii", 1, 0)
                        its_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    writer.transport.abort()
        except OSError:
            # The server is not there, or a side is gone.
            pass
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for writer in writers:
                writer.close()

    @staticmethod
    def _how_of(done: set[asyncio.Task[None]]) -> str | None:
        for way in done:
            error = way.exception()
            if isinstance(error, _EndedError):
                return str(error)
            if error is not None and not isinstance(error, OSError | EOFError):
                raise error
        return None

    async def _requests(self, near: StreamReader, to_far: StreamWriter) -> None:
        await self._forward(await near.readuntil(b"\r\n\r\n"), to_far, {"request"})
        while True:
            # Only the first frame after the handshake finds this moment planned.
            await self._forward((await _frame(near))[1], to_far, {"subscribe"})

    async def _answers(self, far: StreamReader, to_near: StreamWriter) -> None:
        await self._forward(await far.readuntil(b"\r\n\r\n"), to_near, {"response"})
        progress = _Progress(self._encoding)
        while True:
            start, frame = await _frame(far)
            moments = progress.moments(frame[start:]) if frame[0] & 0x0F <= 2 else set()
            await self._forward(frame, to_near, moments)

    async def _forward(self, data: bytes, to: StreamWriter, moments: set[Moment]) -> None:
        step = self.left[0] if self.left and self.left[0].moment in moments else None
        if step is None:
            to.write(data)
            await to.drain()
            return
        self.left.popleft()
        if step.how == "delay":
            await asyncio.sleep(DELAY_S)
            to.write(data)
        elif step.how == "slice":
            for at in range(min(len(data), SLICED_MAX_BYTES)):
                to.write(data[at : at + 1])
                await asyncio.sleep(0)
            to.write(data[SLICED_MAX_BYTES:])
        else:
            to.write(data[: step.bytes_of(len(data))])
            self._is_away = step.how == "away"
            if step.how == "end":
                await to.drain()
            raise _EndedError(step.how)
        await to.drain()


async def _frame(reader: StreamReader) -> tuple[int, bytes]:
    """The offset of a frame's payload, and the frame."""
    head = await reader.readexactly(2)
    length = head[1] & 0x7F
    more = await reader.readexactly({126: 2, 127: 8}.get(length, 0))
    mask = await reader.readexactly(4 if head[1] & 0x80 else 0)
    if more:
        length = int.from_bytes(more, "big")
    start = head + more + mask
    return len(start), start + await reader.readexactly(length)


class _Progress:
    """Which moments the messages of a connection are."""

    def __init__(self, encoding: str) -> None:
        self._is_json = encoding == "json"
        self._topics = TopicTable()
        self._has_snapshot = self._has_resumed = self._has_gap = self._is_live = False

    def moments(self, payload: bytes) -> set[Moment]:
        if self._is_json:
            message = decode_json(SERVER, payload.decode(), self._topics)
        else:
            message = decode_bincode(SERVER, payload, self._topics)
        if isinstance(message, Subscribed):
            result = message.results[0]
            assert isinstance(result, Accepted)
            self._has_resumed = self._has_resumed or result.start == "resumed"
            return {"resumed" if result.start == "resumed" else "accepted"}
        if isinstance(message, BatchMessage):
            return self._batch(message)
        if isinstance(message, GapMessage):
            self._has_gap = True
            return {"gap"}
        if isinstance(message, Heartbeat):
            return {"heartbeat"}
        if isinstance(message, Published):
            return {"published"}
        return {"welcome"} if type(message).__name__ == "Welcome" else set()

    def _batch(self, batch: BatchMessage) -> set[Moment]:
        if batch.snapshot:
            if self._has_gap:
                return {"gap_snapshot"}
            is_first, self._has_snapshot = not self._has_snapshot, True
            return {"snapshot" if is_first else "more_snapshot"}
        is_first, self._is_live = not self._is_live, True
        return {"live", "catch_up"} if is_first and self._has_resumed else {"live"}
