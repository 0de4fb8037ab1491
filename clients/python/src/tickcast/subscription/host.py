"""What a subscription needs of the client that it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ..answers import Granted
from ..events import Notice
from ..stats import ClientStats
from ..values import Mode

if TYPE_CHECKING:
    from .subscription import Subscription


class Host(Protocol):
    """The registry, as a subscription sees it."""

    stats: ClientStats
    random: Callable[[], float]

    def tell(self, notice: Notice) -> None: ...

    def call_later(self, delay_s: float, action: Callable[[], None]) -> asyncio.TimerHandle: ...

    def subscribe_soon(self, subscription: Subscription) -> None: ...

    def unsubscribe_soon(self, channel: int) -> None: ...

    def remove(self, subscription: Subscription) -> None: ...

    async def change(
        self, subscription: Subscription, channel: int, mode: Mode, max_rate_hz: float | None
    ) -> Granted: ...
