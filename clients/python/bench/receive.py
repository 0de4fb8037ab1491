"""How many updates a second one process receives, and what decoding costs beside `json.loads`.

    python bench/receive.py [--server PROGRAM] [--rate UPDATES_PER_SECOND] [--seconds SECONDS]

The server's simulated market publishes at the rate. One client subscribes to all of it in bincode
and counts. In the end no update may be lost, and the delay of the newest must be short. The cost of
decoding is measured alone, with the same 10,000 updates in both encodings.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path

from tickcast import Batch, Client, Options, TopicInfo, Trade, Update, Value
from tickcast.wire.codec import decode_bincode, decode_json, encode_bincode, encode_json
from tickcast.wire.messages import SERVER, BatchMessage
from tickcast.wire.topic_table import TopicTable

ROOT = Path(__file__).parents[3]
UPDATES = 10_000
TURNS = 15
WARM_UP_S = 2.0


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def start_server(program: str, rate: int) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        program,
        *("--listen", "127.0.0.1:0", "--shards", "1", "--sim-rate", str(rate)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    while line := (await process.stdout.readline()).decode():
        if found := re.search(r"\bws://[\d.]+:\d+/ws", line):
            return process, found[0]
    raise SystemExit(f"{program} has ended before it listened")


async def receive(program: str, rate: int, seconds: float) -> None:
    """Prints what a client receives."""
    process, url = await start_server(program, rate)
    try:
        async with Client(url, Options()) as client:
            subscription = client.subscribe("#", mode="every", max_queued_updates=1_000_000)
            count, begun_at, cpu = 0, 0.0, 0.0
            end = time.monotonic() + WARM_UP_S
            delays: list[int] = []
            async for event in subscription:
                if not isinstance(event, Batch) or event.snapshot or not event.updates:
                    continue
                now = time.monotonic()
                if not begun_at and now >= end:
                    begun_at, end, cpu = now, now + seconds, cpu_s()
                elif begun_at:
                    count += len(event.updates)
                    delays.append(client.server_now() - event.updates[-1].ingest_time_ns)
                    if now >= end:
                        break
            took, used = time.monotonic() - begun_at, cpu_s() - cpu
            stats = client.stats
            print(f"received {count / took:,.0f} updates/s for {took:.1f} s, asked for {rate:,}/s")
            print(f"CPU {used / took:.0%} of a core, {used / count * 1e6:.2f} us an update")
            median = statistics.median(delays) / 1e6
            print(f"newest update in the program {median:.1f} ms after the server had it (median)")
            print(f"gaps {stats.gaps}, violations {stats.violations}, pauses {stats.overflows}")
    finally:
        process.kill()
        await process.wait()


def sample(kind: str) -> BatchMessage:
    """A batch like those of the simulated market, or of sensors."""
    infos = [TopicInfo(number, f"market/SYM-{number}/trade") for number in range(200)]
    first, now = 3_000_000, 1_610_064_000_278_450_001

    def update(number: int) -> Update:
        price = Decimal(3_943_248 + number % 97).scaleb(-2)
        trade = Trade(price, Decimal(26_300 + number % 89).scaleb(-6), "buy")
        value: Value = trade if kind == "trades" else 20 + number / 7
        topic = infos[number % len(infos)].topic
        position = first + number
        return Update(topic, position, 15_000 + number // 200, None, now + number, "live", value)

    updates = [update(number) for number in range(1, UPDATES + 1)]
    return BatchMessage(3, first, first + UPDATES, False, infos, updates)


def ns_each(action: Callable[[], object]) -> float:
    """The best of some turns, per update: other programs only make it slower."""
    turns = []
    for _ in range(TURNS):
        start = time.perf_counter_ns()
        action()
        turns.append(time.perf_counter_ns() - start)
    return min(turns) / UPDATES


def decode() -> None:
    """Prints what decoding costs."""
    print(f"Python {sys.version.split()[0]}, {UPDATES:,} updates in a batch, best of {TURNS}:")
    for kind in ("trades", "readings"):
        message = sample(kind)
        table = TopicTable()
        binary = encode_bincode(SERVER, message, table)
        text = encode_json(SERVER, message)
        bincode = ns_each(partial(decode_bincode, SERVER, binary, table))
        loads = ns_each(partial(json.loads, text))
        whole = ns_each(partial(decode_json, SERVER, text, table))
        print(
            f"{kind}: bincode to updates {bincode / 1e3:.2f} us each, "
            f"json.loads alone {loads / 1e3:.2f} us, JSON to updates {whole / 1e3:.2f} us"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--server", default=str(ROOT / "target/release/tickcast-server"))
    parser.add_argument("--rate", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    decode()
    asyncio.run(receive(arguments.server, arguments.rate, arguments.seconds))


if __name__ == "__main__":
    main()
