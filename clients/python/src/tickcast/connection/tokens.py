"""Where a client takes its tokens from, which one the server knows, and which it has refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import isawaitable

from ..backoff import is_about_token
from ..options import TokenSource

#: A refused token is shown again after this time: an operator may have allowed it meanwhile.
REFUSED_REST_NS = 60_000_000_000


@dataclass(slots=True)
class _Refused:
    token: str
    reason: str
    until_ns: int


class Tokens:
    """The tokens of one client."""

    def __init__(self, source: TokenSource | None, now: Callable[[], int]) -> None:
        """``now`` is this program's clock, in nanoseconds."""
        self._source = source
        self._now = now
        #: The token that the server has accepted on this connection.
        self._shown: str | None = None
        self._refused: _Refused | None = None

    @property
    def are_used(self) -> bool:
        """Whether the client has an identity."""
        return self._source is not None

    def accepted(self, token: str) -> None:
        self._shown = token

    def refuse(self, token: str, reason: str) -> None:
        self._refused = _Refused(token, reason, self._now() + REFUSED_REST_NS)

    def ended(self, code: int, reason: str) -> bool:
        """Whether a connection ended because of its token: another one helps."""
        is_reason = self.are_used and is_about_token(code)
        if is_reason and self._shown is not None:
            self.refuse(self._shown, reason)
        self._shown = None
        return is_reason

    async def for_attempt(self) -> tuple[str | None, str | None]:
        """The token for the next connection, or why it is not worth showing."""
        if self._source is None:
            return None, None
        token = await self._fetch(self._source)
        reason = self._refusal_of(token)
        return (token, None) if reason is None else (None, reason)

    async def another(self) -> str | None:
        """The newest token if it is another one than that of the connection."""
        if self._source is None:
            return None
        token = await self._fetch(self._source)
        is_old = token == self._shown or self._refusal_of(token) is not None
        return None if is_old else token

    async def _fetch(self, source: TokenSource) -> str:
        token = source()
        return await token if isawaitable(token) else token

    def _refusal_of(self, token: str) -> str | None:
        refused = self._refused
        if refused is None or refused.token != token or self._now() >= refused.until_ns:
            return None
        return refused.reason
