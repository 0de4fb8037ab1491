"""The server's clock, estimated as in RFC 5905, section 8."""

from __future__ import annotations

from collections import deque

from ..answers import ClockEstimate
from ..wire.messages import TimeAnswer

#: The newest answers count. Older ones are dropped, because clocks drift.
SAMPLES_MAX = 8


class Clock:
    """The offset of the server's clock, from the answer with the shortest round trip."""

    def __init__(self) -> None:
        self._samples: deque[ClockEstimate] = deque(maxlen=SAMPLES_MAX)

    @property
    def samples(self) -> int:
        return len(self._samples)

    def add(self, answer: TimeAnswer, now_ns: int) -> None:
        """``now_ns`` is this program's clock when the answer came."""
        asked, received, sent = answer.client_time_ns, answer.receive_time_ns, answer.send_time_ns
        offset = ((received - asked) + (sent - now_ns)) // 2
        round_trip = (now_ns - asked) - (sent - received)
        self._samples.append(ClockEstimate(offset, round_trip))

    @property
    def best(self) -> ClockEstimate | None:
        """None before the first answer."""
        return min(self._samples, key=lambda sample: sample.round_trip_ns, default=None)

    def clear(self) -> None:
        """The next connection may lead to another server with another clock."""
        self._samples.clear()
