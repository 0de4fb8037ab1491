"""The official client of Socket.IO for Python against the real server."""

from __future__ import annotations

import asyncio
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import socketio
from aiohttp import ClientSession
from conftest import World
from support.server_process import ROOT
from support.waiting import until
from test_examples import output_until

QUIET = ("--feed", "none", "--shards", "2")
CUTS = 20
TOPICS = ("load/a", "load/b", "other")


class Wire:
    """A proxy that a test can cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: set[StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(4_096):
                writer.write(data)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()


class Program:
    """A client that keeps its offset, as docs/socketio.md says."""

    def __init__(self, url: str, transports: list[str] | None = None) -> None:
        self.updates: list[dict[str, Any]] = []
        self.gaps: list[dict[str, Any]] = []
        self.connected = 0
        self._url = url
        self._transports = transports
        self._place: dict[str, str] = {}
        # Sessions of its own the library can lose: one that it makes while the last one closes.
        self._http = ClientSession()
        self.socket = socketio.AsyncClient(
            reconnection_delay=0.01, reconnection_delay_max=0.02, http_session=self._http
        )
        self.socket.on("connect", self._connect)
        self.socket.on("batch", self._batch)
        self.socket.on("gap", self._gap)

    async def start(self) -> None:
        await self.socket.connect(self._url, auth=lambda: self._place, transports=self._transports)

    async def stop(self) -> None:
        await self.socket.shutdown()
        await self._http.close()

    async def _connect(self) -> None:
        self.connected += 1
        await self.socket.emit("subscribe", {"filters": ["load/+", "other"], "mode": "every"})

    async def _batch(self, message: dict[str, Any], offset: str) -> None:
        if not message["snapshot"]:
            self.updates += message["updates"]
        self._place["offset"] = offset

    async def _gap(self, message: dict[str, Any], offset: str) -> None:
        self.gaps.append(message)
        self._place["offset"] = offset

    def values(self, topic: str) -> list[float]:
        of_topic = [update for update in self.updates if update["topic"] == topic]
        return [update["value"]["reading"] for update in of_topic]


def reading(topic: str, value: float) -> dict[str, Any]:
    return {"topic": topic, "value": {"reading": value}}


@pytest.fixture
async def programs() -> AsyncIterator[list[Program]]:
    started: list[Program] = []
    yield started
    for program in started:
        await program.stop()


@pytest.mark.parametrize("transports", [None, ["websocket"], ["polling"]])
async def test_subscribes_and_publishes(
    world: World, programs: list[Program], transports: list[str] | None
) -> None:
    server = await world.server(*QUIET)
    program = Program(f"http://127.0.0.1:{server.port}", transports)
    programs.append(program)
    await program.start()
    listed = await program.socket.call("list", {})
    assert [one["filter"] for one in listed["subscriptions"]] == ["load/+", "other"]
    published = await program.socket.call("publish", [reading("load/a", 0.25)])
    assert published["type"] == "published"
    await until(lambda: len(program.updates) == 1)
    assert program.updates[0]["position"] == published["position"]
    refused = await program.socket.call("subscribe", "a/#/b")
    assert refused["results"][0]["code"] == 200


@pytest.mark.parametrize("transports", [None, ["websocket"]])
async def test_loses_and_doubles_nothing_when_it_is_cut_20_times(
    world: World, programs: list[Program], transports: list[str] | None
) -> None:
    server = await world.server(*QUIET)
    wire = Wire(server.port)
    await wire.start()
    publisher = Program(f"http://127.0.0.1:{server.port}", ["websocket"])
    program = Program(f"http://127.0.0.1:{wire.port}", transports)
    programs += [publisher, program]
    await publisher.start()
    await program.start()
    await program.socket.call("list", {})
    sent = 0
    is_over = False

    async def publish() -> None:
        nonlocal sent
        while not is_over:
            sent += 1
            await publisher.socket.call("publish", [reading(topic, sent) for topic in TOPICS])

    publishing = asyncio.create_task(publish())
    for cut in range(1, CUTS + 1):
        count = len(program.updates)
        await until(lambda count=count: len(program.updates) > count + 20)  # type: ignore[misc]
        wire.cut()
        await until(lambda cut=cut: program.connected > cut)  # type: ignore[misc]
    is_over = True
    await publishing
    await until(lambda: len(program.updates) >= len(TOPICS) * sent)
    assert program.gaps == []
    for topic in TOPICS:
        assert program.values(topic) == [float(value) for value in range(1, sent + 1)]
    await wire.stop()


async def test_the_example_of_the_document_runs(world: World) -> None:
    server = await world.server()
    text = (ROOT / "docs/socketio.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    code = block.replace("http://127.0.0.1:7400", f"http://127.0.0.1:{server.port}")
    await output_until(r"^market/\S+/trade [\d.]+$", "-u", "-c", code)
