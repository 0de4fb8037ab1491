"""One WebSocket from its handshake to its end, and the messages on it."""

from __future__ import annotations

import asyncio
import ssl as tls
from collections import deque
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from ..answers import End, Welcome
from ..errors import DisconnectedError, MalformedError
from ..options import Options
from ..wire.codec import decode_bincode, decode_json, encode_bincode, encode_json
from ..wire.messages import CLIENT, SERVER, Request
from ..wire.topic_table import TopicTable

#: After this many heartbeat intervals without any message the connection counts as dead.
SILENT_INTERVALS = 3
#: The server's time to answer a close frame.
CLOSE_TIMEOUT_S = 5.0
#: Sent for a message that this client cannot decode. The client does not reconnect after it.
NOT_UNDERSTOOD = 4999
#: The code of a connection that ends without a close frame.
ABNORMAL = 1006
#: Bytes of a close frame's reason (RFC 6455, section 5.5).
REASON_MAX_BYTES = 123
#: Longest message of a server (docs/protocol.md, limits).
MESSAGE_MAX_BYTES = 16 * 1024 * 1024
#: Frames that may wait between the socket and the decoder, which is done with them at once. Then
#: reading stops, and TCP slows the server down.
FRAMES_MAX = 64
#: The longest time that a server's Retry-After is obeyed, as long as a back-off gets.
RETRY_AFTER_MAX_S = 30.0


class HandshakeRefusedError(DisconnectedError):
    """The server answered the handshake with another status than 101."""

    def __init__(self, status: int, text: str, retry_after_s: float) -> None:
        super().__init__(f"the server refused the handshake with status {status}: {text}")
        self.status = status
        self.retry_after_s = retry_after_s


class Connection:
    """An open WebSocket. It has a task that writes; ``read`` is to be awaited once."""

    def __init__(self, socket: ClientConnection, is_json: bool, topics: TopicTable) -> None:
        self._socket = socket
        self._is_json = is_json
        self._topics = topics
        self._heartbeat_s = 0.0
        self._silent_intervals = 0
        self._silence: asyncio.TimerHandle | None = None
        self._outgoing: deque[str | bytes] = deque()
        self._has_outgoing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._closer: asyncio.Task[None] | None = None
        #: Why this side ended the connection without waiting for the other.
        self._own_end: End | None = None
        #: Bytes that wait for the network.
        self.buffered = 0
        #: Called when fewer bytes wait than before.
        self.on_room: Callable[[], None] = lambda: None
        #: Called for a message of a later version.
        self.on_unknown: Callable[[], None] = lambda: None

    @classmethod
    async def open(
        cls,
        url: str,
        options: Options,
        context: tls.SSLContext | None,
        token: str | None,
        topics: TopicTable,
    ) -> tuple[Connection, Welcome]:
        """Connects and waits for the welcome. Raises ``DisconnectedError``."""
        protocol = f"tickcast.v1.{options.encoding}"
        headers = dict(options.headers)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            socket = await connect(
                url,
                subprotocols=[Subprotocol(protocol)],
                compression=None,
                max_size=MESSAGE_MAX_BYTES,
                max_queue=FRAMES_MAX,
                ping_interval=None,
                open_timeout=None,
                close_timeout=CLOSE_TIMEOUT_S,
                additional_headers=headers,
                proxy=options.proxy,  # type: ignore[arg-type]
                ssl=context,
            )
        except InvalidStatus as error:
            raise _refused(error) from None
        except Exception as error:
            raise DisconnectedError(f"cannot connect to {url}: {error}") from error
        connection = cls(socket, options.encoding == "json", topics)
        try:
            if socket.subprotocol != protocol:
                raise MalformedError(f"the server chose another subprotocol than {protocol}")
            welcome = connection._decode(await socket.recv())
            if not isinstance(welcome, Welcome):
                raise MalformedError(f"{type(welcome).__name__} before Welcome")
        except MalformedError as error:
            await connection.not_understood(str(error))
            raise DisconnectedError(str(error), NOT_UNDERSTOOD) from error
        except ConnectionClosed:
            end = connection._end()
            text = f"the connection ended with {end.code} {end.reason}".rstrip()
            raise DisconnectedError(text, end.code) from None
        except BaseException:
            # Such as a timeout: without waiting, because a dead connection takes long to close.
            socket.transport.abort()
            raise
        connection._writer = asyncio.get_running_loop().create_task(connection._write())
        connection._watch(welcome.heartbeat_ms / 1_000)
        return connection, welcome

    async def read(self, receive: Callable[[Any], None]) -> End:
        """Hands each message to ``receive`` until the connection ends."""
        try:
            while True:
                data = await self._socket.recv()
                self._silent_intervals = 0
                try:
                    message = self._decode(data)
                    if isinstance(message, Welcome):
                        raise MalformedError("a second welcome")
                    if message is None:
                        self.on_unknown()
                    else:
                        receive(message)
                except MalformedError as error:
                    await self.not_understood(str(error))
                    break
        except ConnectionClosed:
            pass
        finally:
            await self._stop()
        return self._end()

    def _decode(self, data: str | bytes) -> Any:
        if self._is_json:
            if isinstance(data, str):
                return decode_json(SERVER, data, self._topics)
        elif isinstance(data, bytes):
            return decode_bincode(SERVER, data, self._topics)
        raise MalformedError("a frame of the wrong kind for this encoding")

    def encode(self, message: Request) -> str | bytes:
        """The payload of a frame."""
        if self._is_json:
            return encode_json(CLIENT, message)
        return encode_bincode(CLIENT, message, self._topics)

    def send(self, payload: str | bytes) -> None:
        """Sends a payload from ``encode``, after those before it."""
        self._outgoing.append(payload)
        self.buffered += len(payload)
        self._has_outgoing.set()

    def close(self, code: int, reason: str) -> None:
        """Begins the closing handshake. ``read`` returns, even if the server does not answer."""
        if self._closer is None:
            loop = asyncio.get_running_loop()
            self._closer = loop.create_task(self._socket.close(code, reason))

    async def not_understood(self, reason: str) -> None:
        """Closes the connection because of what the server has sent."""
        self._own_end = End(NOT_UNDERSTOOD, reason)
        await self._socket.close(NOT_UNDERSTOOD, fit_reason(reason))

    async def _write(self) -> None:
        try:
            while True:
                while self._outgoing:
                    payload = self._outgoing[0]
                    await self._socket.send(payload)
                    self._outgoing.popleft()
                    self.buffered -= len(payload)
                    self.on_room()
                self._has_outgoing.clear()
                await self._has_outgoing.wait()
        except ConnectionClosed:
            # `read` learns how it ended.
            pass

    def _watch(self, heartbeat_s: float) -> None:
        """Counts intervals instead of reading a clock.

        A computer that was asleep counts one interval, not hours of silence.
        """
        if heartbeat_s > 0:
            self._heartbeat_s = heartbeat_s
            loop = asyncio.get_running_loop()
            self._silence = loop.call_later(heartbeat_s, self._interval)

    def _interval(self) -> None:
        self._silent_intervals += 1
        if self._silent_intervals <= SILENT_INTERVALS:
            self._watch(self._heartbeat_s)
            return
        reason = f"no message for {SILENT_INTERVALS} heartbeat intervals"
        self._own_end = End(ABNORMAL, reason)
        # Without waiting, because a dead connection takes long to close.
        self._socket.transport.abort()

    async def _stop(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        for task in (self._writer, self._closer):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._socket.transport.abort()

    def _end(self) -> End:
        if self._own_end is not None:
            return self._own_end
        code = self._socket.close_code
        return End(ABNORMAL if code is None else code, self._socket.close_reason or "")


def fit_reason(reason: str) -> str:
    """Shortens a reason until a close frame can hold it."""
    return reason.encode()[:REASON_MAX_BYTES].decode(errors="ignore")


def _refused(error: InvalidStatus) -> HandshakeRefusedError:
    response = error.response
    body = (response.body or b"").decode(errors="replace").strip()
    text = body[:REASON_MAX_BYTES] or response.reason_phrase
    after = response.headers.get("Retry-After", "0")
    wait = min(float(after), RETRY_AFTER_MAX_S) if after.isascii() and after.isdigit() else 0.0
    return HandshakeRefusedError(response.status_code, text, wait)
