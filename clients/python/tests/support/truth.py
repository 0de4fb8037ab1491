"""The updates that are published, by position.

One publisher writes the whole tape, and the update at a position follows from the position alone.
So a receiver can check each event at once: nothing is missing, nothing is wrong.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from typing import TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tickcast import NewUpdate, Update, Value, Welcome
from tickcast.wire.codec import decode_bincode, encode_bincode
from tickcast.wire.messages import CLIENT, SERVER, ErrorMessage, Publish, Published
from tickcast.wire.topic_table import TopicTable

from .waiting import until

T = TypeVar("T")

#: Topics that change all the time: `m/0/0` to `m/7/7`.
MOVING = 64
#: Long values, published first and once only, so that a snapshot takes several messages.
BULK = 400
BULK_VALUE_BYTES = 2_000
#: One topic changes this rarely: its subscribers' positions leave the tape meanwhile.
RARE_EVERY = 1_499
#: Distance between the values of two lives of the server.
LIFE = 1 << 40

#: Filters to subscribe to: one topic, some, many, a rare one, none, the long ones, all.
FILTERS = ("m/3/5", "m/+/2", "m/4/#", "+/0/+", "rare", "none/yet", "bulk/#", "m/#", "#")
_MASK = (1 << 64) - 1


def topic_at(position: int) -> str:
    if position <= BULK:
        return f"bulk/{position - 1}"
    if position % RARE_EVERY == 0:
        return "rare"
    # splitmix64, as a hash.
    mixed = (position * 0x9E37_79B9_7F4A_7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
    number = (mixed ^ (mixed >> 27)) % MOVING
    return f"m/{number // 8}/{number % 8}"


def selects(filter: str, topic: str) -> bool:
    """As docs/protocol.md says, for the filters above."""
    levels, names = filter.split("/"), topic.split("/")
    for at, level in enumerate(levels):
        if level == "#":
            return True
        if at >= len(names) or level not in ("+", names[at]):
            return False
    return len(levels) == len(names)


class Truth:
    """All updates of one life of the server."""

    def __init__(self, life: int = 0) -> None:
        self.life = life
        #: The last position that was published, or is about to be.
        self.head = 0
        #: Why the publisher has ended, if it has failed.
        self.failure: Exception | None = None
        self.by_topic: dict[str, list[int]] = {}
        self.by_filter: dict[str, list[int]] = {filter: [] for filter in FILTERS}
        self._topics: dict[str, list[str]] = {filter: [] for filter in FILTERS}
        self._filters_of: dict[str, list[str]] = {}

    def value_at(self, position: int) -> Value:
        if position <= BULK:
            return "x" * (BULK_VALUE_BYTES + self.life)
        return float(self.life * LIFE + position)

    def publish(self, count: int) -> list[NewUpdate]:
        """The next updates."""
        news = []
        for position in range(self.head + 1, self.head + count + 1):
            topic = topic_at(position)
            if topic not in self._filters_of:
                self._filters_of[topic] = [some for some in FILTERS if selects(some, topic)]
                for filter in self._filters_of[topic]:
                    self._topics[filter].append(topic)
            self.by_topic.setdefault(topic, []).append(position)
            for filter in self._filters_of[topic]:
                self.by_filter[filter].append(position)
            news.append(NewUpdate(topic, self.value_at(position)))
        self.head += count
        return news

    async def reaches(self, position: int) -> None:
        """Waits until a position is published."""

        def is_there() -> bool:
            assert self.failure is None, f"the publisher failed: {self.failure!r}"
            return self.head >= position

        await until(is_there, f"position {position} is published")

    def topics_of(self, filter: str) -> list[str]:
        """The topics of a filter that have a value."""
        return self._topics[filter]

    def count(self, filter: str, to: int) -> int:
        """The number of updates of a filter up to a position."""
        return bisect_right(self.by_filter[filter], to)

    def between(self, filter: str, after: int, to: int) -> list[int]:
        """The positions of a filter after a position, up to another."""
        positions = self.by_filter[filter]
        return positions[bisect_right(positions, after) : bisect_right(positions, to)]

    def newest(self, topic: str, to: int) -> int:
        """The newest position of a topic up to a position; 0 if there is none."""
        positions = self.by_topic.get(topic, [])
        at = bisect_right(positions, to)
        return positions[at - 1] if at else 0

    def changes_after(self, topic: str, position: int) -> bool:
        positions = self.by_topic.get(topic, [])
        return bool(positions) and positions[-1] > position

    def check(self, update: Update) -> None:
        """Checks an update by its position alone."""
        topic = topic_at(update.position)
        assert update.topic == topic, update
        assert update.seq == bisect_right(self.by_topic[topic], update.position), update
        assert update.value == self.value_at(update.position), update


class Source:
    """A task that publishes the truth, a fixed number of updates in each interval."""

    INTERVAL_S = 0.01
    BULK_PER_PUBLISH = 20
    #: Of a burst: far below the longest message that a server accepts.
    PER_PUBLISH = 500

    def __init__(self, url: str, truth: Truth, per_interval: int) -> None:
        self._url = url
        self._socket: ClientConnection | None = None
        self._topics = TopicTable()
        self._truth = truth
        self._per_interval = per_interval
        self._publishing = asyncio.Lock()
        self._is_stopped = False
        self._task: asyncio.Task[None] | None = None
        #: Of the server.
        self.epoch = ""

    async def connect(self) -> None:
        """Learns the epoch."""
        # Not this package's client, which would give a silent server up, as it may be on a machine
        # with other work.
        protocol = Subprotocol("tickcast.v1.bincode")
        self._socket = await connect(self._url, subprotocols=[protocol], ping_interval=None)
        self.epoch = (await self._next(Welcome)).epoch

    async def start(self) -> None:
        """Returns when the long values are on the tape."""
        if self._socket is None:
            await self.connect()
        for _ in range(BULK // self.BULK_PER_PUBLISH):
            await self._publish(self.BULK_PER_PUBLISH)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> int:
        """Returns the position of the last update."""
        self._is_stopped = True
        if self._task is not None:
            await self._task
        if self._socket is not None:
            await self._socket.close()
        return self._truth.head

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._is_stopped:
            try:
                await self._publish(self._per_interval)
            except ConnectionClosed as error:
                # Perhaps the test has killed the server.
                self._truth.failure = error
                return
            except Exception as error:
                self._truth.failure = error
                raise
            due += self.INTERVAL_S
            await asyncio.sleep(max(due - loop.time(), 0))

    async def burst(self, count: int) -> None:
        """Publishes many updates at once."""
        for _ in range(0, count, self.PER_PUBLISH):
            await self._publish(self.PER_PUBLISH)

    async def _publish(self, count: int) -> None:
        async with self._publishing:
            assert self._socket is not None
            request = Publish(1, self._truth.publish(count))
            await self._socket.send(encode_bincode(CLIENT, request, self._topics))
            published = await self._next(Published)
            assert published.position == self._truth.head, "another publisher"

    async def _next(self, kind: type[T]) -> T:
        """The next message of a kind."""
        assert self._socket is not None
        while True:
            data = await self._socket.recv()
            assert isinstance(data, bytes)
            message = decode_bincode(SERVER, data, self._topics)
            if isinstance(message, kind):
                return message
            assert not isinstance(message, ErrorMessage), message
