"""The requests without an answer yet, by their id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import MalformedError, TickcastError

A = TypeVar("A")

#: More requests than a server accepts at once (``request_burst``). Publishes wait for their turn.
PENDING_MAX = 1_024
_ID_MAX = 0xFFFF_FFFF


@dataclass(slots=True)
class _Pending:
    expected: type[Any]
    resolve: Callable[[Any], None]
    reject: Callable[[TickcastError], None]


class PendingRequests:
    """Requests and what to do with their answers."""

    def __init__(self) -> None:
        self._last_id = 0
        self._pending: dict[int, _Pending] = {}

    @property
    def is_full(self) -> bool:
        return len(self._pending) >= PENDING_MAX

    def next_id(self) -> int:
        self._last_id = self._last_id % _ID_MAX + 1
        return self._last_id

    def add(
        self,
        id: int,
        expected: type[A],
        resolve: Callable[[A], None],
        reject: Callable[[TickcastError], None],
    ) -> None:
        """``expected`` is the class of the answer."""
        self._pending[id] = _Pending(expected, resolve, reject)

    def resolve(self, id: int, answer: object) -> None:
        """An answer to a request that is not pending is ignored."""
        request = self._pending.pop(id, None)
        if request is None:
            return
        if not isinstance(answer, request.expected):
            text = f"{type(answer).__name__} answers a request for {request.expected.__name__}"
            request.reject(MalformedError(text))
            raise MalformedError(text)
        request.resolve(answer)

    def reject(self, id: int, error: TickcastError) -> bool:
        """Returns whether such a request is pending."""
        request = self._pending.pop(id, None)
        if request is not None:
            request.reject(error)
        return request is not None

    def reject_all(self, error: TickcastError) -> None:
        pending = list(self._pending.values())
        self._pending.clear()
        for request in pending:
            request.reject(error)
