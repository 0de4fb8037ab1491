"""Publishes a reading once a second, and says what became of it.

python examples/publish.py TOPIC [URL]
"""

from __future__ import annotations

import asyncio
import math
import sys
import time

import tickcast


async def main(topic: str, url: str) -> None:
    async with tickcast.connect(url) as client:
        for number in range(1_000_000):
            value = 20 + 5 * math.sin(number / 10)
            try:
                position = await client.publish(topic, value, source_time_ns=time.time_ns())
                print(f"{topic} {value:.2f} at position {position}", flush=True)
            except tickcast.DisconnectedError as error:
                # It is unknown whether the value is on the tape, so the next one is a new one.
                print(f"not confirmed: {error}")
                await client.ready()
            except tickcast.ServerError as error:
                print(f"refused: {error}")
                if not error.temporary:
                    return
            await asyncio.sleep(1)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    url = sys.argv[2] if len(sys.argv) > 2 else "ws://localhost:7400/ws"
    try:
        asyncio.run(main(sys.argv[1], url))
    except KeyboardInterrupt:
        print("stopped")
