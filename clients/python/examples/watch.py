"""Prints the newest values of a filter, and what happens to the connection.

python examples/watch.py [FILTER] [URL]
"""

from __future__ import annotations

import asyncio
import sys

import tickcast


async def main(filter: str, url: str) -> None:
    async with (
        tickcast.connect(url, listener=print) as client,
        client.subscribe(filter, max_rate_hz=2) as subscription,
    ):
        async for update in subscription.updates():
            age_ms = (client.server_now() - update.ingest_time_ns) / 1e6
            print(f"{update.topic:40} {update.value!r} ({age_ms:.1f} ms old)")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    filter = arguments[0] if arguments else "#"
    url = arguments[1] if len(arguments) > 1 else "ws://localhost:7400/ws"
    try:
        asyncio.run(main(filter, url))
    except KeyboardInterrupt:
        print("stopped")
