"""The errors of this client."""

from __future__ import annotations

#: Error codes that mean "try again later", for answers that have no field for it.
_TEMPORARY_CODES = frozenset({102, 400, 502})

#: Error code: the server does not accept a token.
TOKEN_REFUSED = 501


class TickcastError(Exception):
    """Every error of this package."""


class MalformedError(TickcastError, ValueError):
    """A message that breaks the rules of its encoding, received or to be sent."""


class TooLongError(TickcastError, ValueError):
    """A request longer than the server's limit. It was not sent."""


class ServerError(TickcastError):
    """A refusal by the server. ``code`` is one of the error codes in docs/protocol.md."""

    def __init__(
        self,
        code: int,
        reason: str,
        *,
        temporary: bool | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(f"{reason} (code {code})")
        self.code = code
        self.reason = reason
        #: Whether the same request may succeed later.
        self.temporary = code in _TEMPORARY_CODES if temporary is None else temporary
        self.retry_after_ms = retry_after_ms


class ForbiddenError(TickcastError):
    """The server has ended a subscription that is no longer allowed."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        #: Everything up to it has come, and nothing after it will.
        self.position = position


class DisconnectedError(TickcastError):
    """There is no connection, or it ended before the answer came."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        #: The close code; None if there was no connection.
        self.code = code


class UncertainError(TickcastError):
    """It is unknown whether a publish is on the tape.

    Its connection ended before the answer, and the server has refused to take it again
    (``__cause__``), or no other connection followed.
    """


class ClosedError(TickcastError):
    """The program has closed the client, or the subscription."""


class BusyError(TickcastError):
    """Too much is under way: more requests than a server answers, or bytes than a network takes."""
