"""Waiting for a limited time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def finish(task: asyncio.Task[T], timeout_s: float | None) -> T:
    """Waits until a task is done, and ends it when the time is over or the caller is cancelled.

    ``asyncio.wait_for`` of Python 3.10 and 3.11 swallows a cancellation of its caller that comes
    together with the result.
    """
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        await asyncio.wait({task})
        if task.cancelled():
            raise asyncio.TimeoutError
    return task.result()


async def at_most(step: Coroutine[Any, Any, T], timeout_s: float | None) -> T:
    """Raises ``asyncio.TimeoutError`` if a step takes longer."""
    return await finish(asyncio.get_running_loop().create_task(step), timeout_s)
