"""A server that a test controls, over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tickcast import Limits, TopicInfo, Update, Welcome
from tickcast.wire.codec import decode_bincode, decode_json, encode_bincode, encode_json
from tickcast.wire.messages import (
    CLIENT,
    SERVER,
    Accepted,
    AskTime,
    BatchMessage,
    Subscribe,
    Subscribed,
)
from tickcast.wire.topic_table import TopicTable

from .waiting import DEADLINE_S

EPOCH = "18c504b1f00d0001"
WELCOME = Welcome(
    "scripted", EPOCH, 100, 0, 60_000,
    Limits(65_536, 256, 1_024, 20, 100, 10_000, 67_108_864, 0.01, 1_000.0, 0, 0, 0, 0),
)  # fmt: skip


class Peer:
    """One connection."""

    def __init__(self, socket: ServerConnection, topics: TopicTable) -> None:
        self._socket = socket
        self._topics = topics
        self._is_json = socket.subprotocol == "tickcast.v1.json"
        self._received: asyncio.Queue[Any] = asyncio.Queue()

    async def read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                data = await self._socket.recv()
                if isinstance(data, str):
                    message = decode_json(CLIENT, data, self._topics)
                else:
                    message = decode_bincode(CLIENT, data, self._topics)
                if not isinstance(message, AskTime):
                    self._received.put_nowait(message)

    async def next(self) -> Any:
        """The next message of the client, except for those about its clock."""
        return await asyncio.wait_for(self._received.get(), DEADLINE_S)

    async def send(self, message: object) -> None:
        if self._is_json:
            await self._socket.send(encode_json(SERVER, message))
        else:
            await self._socket.send(encode_bincode(SERVER, message, self._topics))

    async def send_raw(self, data: str | bytes) -> None:
        """Sends a payload as it is."""
        await self._socket.send(data)

    async def grant(self, **fields: Any) -> Subscribe:
        """Accepts the next request to subscribe."""
        request = await self.next()
        assert isinstance(request, Subscribe), request
        results = []
        for index, wanted in enumerate(request.filters):
            accepted = Accepted(
                wanted.filter, index + 1, request.mode, None, EPOCH, 100, 10, None, "fresh"
            )
            results.append(replace(accepted, **fields))
        await self.send(Subscribed(request.id, [*results]))
        return request

    async def close(self, code: int, reason: str = "") -> None:
        await self._socket.close(code, reason)

    def terminate(self) -> None:
        self._socket.transport.abort()

    async def closed(self) -> int | None:
        """The close code of the client."""
        await asyncio.wait_for(self._socket.wait_closed(), DEADLINE_S)
        return self._socket.close_code


class ScriptedServer:
    """All connections have one epoch, so they share their topics."""

    def __init__(self) -> None:
        self._server: Server | None = None
        self._topics = TopicTable()
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self.url = ""

    async def start(self) -> None:
        protocols = [Subprotocol("tickcast.v1.json"), Subprotocol("tickcast.v1.bincode")]
        self._server = await serve(
            self._handle, "127.0.0.1", 0, subprotocols=protocols, ping_interval=None
        )
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}/ws"

    async def _handle(self, socket: ServerConnection) -> None:
        peer = Peer(socket, self._topics)
        self._peers.put_nowait(peer)
        await peer.read()

    async def accept(self) -> Peer:
        """The next connection, before its welcome."""
        return await asyncio.wait_for(self._peers.get(), DEADLINE_S)

    async def welcome(self, welcome: Welcome = WELCOME) -> Peer:
        """The next connection, after its welcome."""
        peer = await self.accept()
        await peer.send(welcome)
        return peer

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


def update(position: int, topic: str = "a/b") -> Update:
    ingest = 1_610_064_000_278_450_001
    return Update(topic, position, position, None, ingest, "live", float(position))


def batch(from_: int, to: int, *positions: int, channel: int = 1, **fields: Any) -> BatchMessage:
    updates = [update(position) for position in positions]
    message = BatchMessage(channel, from_, to, False, [TopicInfo(5, "a/b")], updates)
    return replace(message, **fields)
