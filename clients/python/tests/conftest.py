"""Fixtures: real servers and clients, which end with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.scripted_server import ScriptedServer
from support.server_process import Server

from tickcast import Client, Notice, Options


@pytest.fixture(params=["json", "bincode"])
def encoding(request: pytest.FixtureRequest) -> str:
    """Both encodings, one after the other."""
    return str(request.param)


class World:
    """Starts servers and clients for a test."""

    def __init__(self) -> None:
        self._servers: list[Server] = []
        self._clients: list[Client] = []

    async def server(self, *flags: str, port: int = 0) -> Server:
        server = await Server.start(*flags, port=port)
        self._servers.append(server)
        return server

    def client(self, url: str | list[str], **options: Any) -> Client:
        """It begins to connect at once, and waits hardly between two attempts."""
        client = Client(url, Options(**{"random": lambda: 0.05, **options}))
        client.start()
        self._clients.append(client)
        return client

    async def end(self) -> None:
        for client in self._clients:
            await client.close()
        for server in self._servers:
            await server.kill()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    try:
        yield world
    finally:
        await world.end()


class Stage:
    """A scripted server and a client of it."""

    def __init__(self, server: ScriptedServer, encoding: str) -> None:
        self.server = server
        self.encoding = encoding
        options = Options(encoding=encoding, random=lambda: 0.0)  # type: ignore[arg-type]
        self.client = Client(server.url, options)
        self.notices: list[Notice] = []
        self.client.listen(self.notices.append)
        self.client.start()


@pytest.fixture
async def stage(encoding: str) -> AsyncIterator[Stage]:
    server = ScriptedServer()
    await server.start()
    stage = Stage(server, encoding)
    try:
        yield stage
    finally:
        await stage.client.close()
        await server.stop()
