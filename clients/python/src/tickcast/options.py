"""How a client behaves."""

from __future__ import annotations

import random
import ssl as tls
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import TypeAlias, TypedDict

from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from .values import Encoding, Topics

#: Returns the newest token, or an awaitable of it.
TokenSource: TypeAlias = Callable[[], str | Awaitable[str]]

ENCODINGS = ("bincode", "json")


_ORIGIN_NS = time.time_ns() - time.monotonic_ns()


def now() -> int:
    """This program's clock in nanoseconds since 1970, which is never set back."""
    return _ORIGIN_NS + time.monotonic_ns()


def urls_of(given: str | Sequence[str]) -> list[str]:
    """All URLs, checked: a wrong one would be tried again and again."""
    urls = [given] if isinstance(given, str) else given
    if not isinstance(urls, Sequence) or not all(isinstance(url, str) for url in urls):
        raise TypeError(f"{given!r} is no URL, and no list of URLs")
    if not urls:
        raise ValueError("there is no URL: pass one or several")
    for url in urls:
        try:
            parse_uri(url)
        except (InvalidURI, ValueError) as error:
            text = f"{url!r} is no URL of a server: use one such as ws://localhost:7400/ws"
            raise ValueError(f"{text} ({error})") from None
    return [*urls]


class OptionKeywords(TypedDict, total=False):
    """The fields of ``Options`` for type checkers, as ``connect`` takes them."""

    encoding: Encoding
    token: str | TokenSource | None
    ca: str | PathLike[str] | None
    ssl: tls.SSLContext | None
    topics: Topics | None
    max_queued_updates: int
    max_buffered_bytes: int
    connect_timeout_s: float
    ready_timeout_s: float | None
    clock_interval_s: float
    headers: Mapping[str, str]
    proxy: str | bool | None
    random: Callable[[], float]
    now: Callable[[], int]


@dataclass(slots=True, kw_only=True)
class Options:
    """Everything but the URL. ``connect`` takes them as keywords."""

    encoding: Encoding = "bincode"
    #: The token of an identity, or a function that returns the newest one, or an awaitable of it.
    #: It is called before each attempt to connect, and when the identity is about to expire.
    token: str | TokenSource | None = None
    #: The file of an authority that is trusted in place of the system's.
    ca: str | PathLike[str] | None = None
    #: A TLS context of one's own, for instance with a client certificate.
    ssl: tls.SSLContext | None = None
    #: The ``topics`` of an earlier client, which its tokens need in bincode.
    topics: Topics | None = None
    #: Updates that may wait for the program, for each subscription.
    max_queued_updates: int = 100_000
    #: Requests wait while more bytes than this wait for the network.
    max_buffered_bytes: int = 4 * 1024 * 1024
    #: Time for one attempt: connection, handshake and welcome.
    connect_timeout_s: float = 10.0
    #: How long ``async with`` waits for the first welcome. None: for ever.
    ready_timeout_s: float | None = 30.0
    #: Time between two requests for the server's clock.
    clock_interval_s: float = 30.0
    #: More headers of the handshake.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: The address of a proxy; True: as the environment says; None: no proxy.
    proxy: str | bool | None = True
    #: For tests.
    random: Callable[[], float] = random.random
    now: Callable[[], int] = now

    def check(self) -> None:
        """Refuses what can never work."""
        if self.encoding not in ENCODINGS:
            raise ValueError(f"unknown encoding {self.encoding!r}: use {' or '.join(ENCODINGS)}")
        if not (self.token is None or isinstance(self.token, str) or callable(self.token)):
            kind = type(self.token).__name__
            raise TypeError(f"token is of the type {kind}: pass a str, or a function of it")
        if self.ca is not None and self.ssl is not None:
            raise ValueError("ca and ssl both say whom to trust: give one of them")
        if self.max_queued_updates < 1:
            raise ValueError(f"max_queued_updates is {self.max_queued_updates} (at least 1)")
        if self.max_buffered_bytes < 1:
            raise ValueError(f"max_buffered_bytes is {self.max_buffered_bytes} (at least 1)")

    def tls_context(self, url: str) -> tls.SSLContext | None:
        """None without TLS."""
        if not url.startswith("wss:"):
            if self.ca is not None or self.ssl is not None:
                raise ValueError(f"{url} has no TLS, so ca and ssl have no meaning: use wss://")
            return None
        if self.ssl is not None:
            return self.ssl
        return tls.create_default_context(cafile=self.ca)

    def token_source(self) -> TokenSource | None:
        token = self.token
        if isinstance(token, str):
            return lambda: token
        return token
