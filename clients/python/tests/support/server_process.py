"""The real server as a process. Build it with ``cargo build -p tickcast-server``."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from pathlib import Path

from .waiting import DEADLINE_S

ROOT = Path(__file__).parents[4]
BINARY = Path(os.environ.get("TICKCAST_SERVER", ROOT / "target/debug/tickcast-server"))

_PLAIN = re.compile(r"\bws://[\d.]+:(\d+)/ws")
_SECURE = re.compile(r"\bwss://[\d.]+:(\d+)/ws")


class Server:
    """A server on a port that the kernel chooses."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._reading: asyncio.Task[None] | None = None
        #: What it has printed.
        self.printed: list[str] = []
        self.port = 0
        self.secure_port = 0

    @classmethod
    async def start(cls, *flags: str, port: int = 0) -> Server:
        """With ``--config`` the file has a listener with TLS."""
        if not BINARY.exists():
            raise FileNotFoundError(f"{BINARY} does not exist: run cargo build -p tickcast-server")
        process = await asyncio.create_subprocess_exec(
            BINARY,
            "--listen",
            f"127.0.0.1:{port}",
            *flags,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        server = cls(process)
        try:
            await asyncio.wait_for(server._listens(has_secure="--config" in flags), DEADLINE_S)
        except BaseException:
            await server.kill()
            raise
        server._reading = asyncio.create_task(server._read())
        return server

    async def _line(self) -> str:
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode()
        if line:
            self.printed.append(line)
        return line

    async def _listens(self, has_secure: bool) -> None:
        while not self.port or (has_secure and not self.secure_port):
            line = await self._line()
            if not line:
                raise AssertionError(f"the server has ended:\n{''.join(self.printed)}")
            if found := _SECURE.search(line):
                self.secure_port = int(found[1])
            if found := _PLAIN.search(line):
                self.port = int(found[1])

    async def _read(self) -> None:
        while await self._line():
            pass

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def secure_url(self) -> str:
        return f"wss://localhost:{self.secure_port}/ws"

    def reload(self) -> None:
        """Makes it read its identities again."""
        self._process.send_signal(signal.SIGHUP)

    async def kill(self) -> None:
        """Ends it like a crash."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ends it as a supervisor would."""
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        if self._process.returncode is None:
            self._process.send_signal(how)
        await asyncio.wait_for(self._process.wait(), DEADLINE_S)
        if self._reading is not None:
            await self._reading
