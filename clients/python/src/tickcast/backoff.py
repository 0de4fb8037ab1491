"""When to reconnect after a connection has ended."""

from __future__ import annotations

from collections.abc import Callable

_FIRST_BOUND_S = 0.5
_LAST_BOUND_S = 30.0
#: The bound has reached its end long before.
_DOUBLINGS_MAX = 32


class Backoff:
    """Random waits whose bound doubles, so that thousands of clients do not return all at once."""

    def __init__(self, random: Callable[[], float]) -> None:
        """``random`` returns numbers from 0 to 1, as ``random.random``."""
        self._random = random
        self._attempts = 0

    def next(self) -> float:
        """The wait before the next attempt, in seconds."""
        bound = min(_FIRST_BOUND_S * 2.0**self._attempts, _LAST_BOUND_S)
        self._attempts = min(self._attempts + 1, _DOUBLINGS_MAX)
        return self._random() * bound

    def reset(self) -> None:
        """An attempt succeeded: the next wait is short again."""
        self._attempts = 0


def may_reconnect(code: int) -> bool:
    """Whether to reconnect after this close code.

    After any other code the next connection would end in the same way.
    """
    return code in (1001, 1005, 1006) or 1011 <= code <= 1015 or 4000 <= code <= 4499


def is_about_token(code: int) -> bool:
    """The token has expired, was refused, or is revoked: another one can help."""
    return code in (4002, 4501, 4502)
