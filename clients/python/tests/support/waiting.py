"""Waiting for conditions. No test sleeps for a fixed time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

#: Far more than anything takes on a machine with other work.
DEADLINE_S = 120.0

_STEP_S = 0.005


async def until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Waits until a condition holds."""

    async def wait() -> None:
        while not condition():
            await asyncio.sleep(_STEP_S)

    try:
        await asyncio.wait_for(wait(), DEADLINE_S)
    except asyncio.TimeoutError:
        raise AssertionError(f"{what} does not hold after {DEADLINE_S} s") from None
