"""What a subscription delivers, and what a client tells its listeners."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from .answers import ClockEstimate, End, Identity
from .values import TopicInfo, Update

if TYPE_CHECKING:
    from .errors import TickcastError

#: The state of a topic's source. A topic is live if its source has nothing to send.
TopicStatus: TypeAlias = Literal["live", "stale", "dead"]
#: ``paused``: the program is too slow, and its updates wait on the server's tape.
SubscriptionState: TypeAlias = Literal["pending", "live", "paused", "closed"]
#: ``waiting``: until the next attempt to connect. ``open``: from the welcome on.
ClientState: TypeAlias = Literal["connecting", "open", "waiting", "closing", "closed"]


@dataclass(slots=True)
class Batch:
    """Updates in (``from_``, ``to``]. A snapshot has only the latest update of each topic."""

    snapshot: bool
    from_: int
    to: int
    updates: list[Update]
    #: Replaces what was known about these topics.
    topics: list[TopicInfo] = field(default_factory=list)


@dataclass(slots=True)
class Gap:
    """Updates in (``from_``, ``to``] that will not come one by one.

    A snapshot of the topics that changed follows.
    """

    from_: int
    to: int
    #: None if unknown.
    lost: int | None


@dataclass(slots=True)
class Reset:
    """The subscription starts again: discard everything that it delivered.

    The reason is ``epoch_changed`` or ``position_ahead`` from the server, and ``unknown_topic``,
    ``not_resumable`` or ``topics_not_kept`` from this client.
    """

    reason: str


@dataclass(slots=True)
class Truncated:
    """The server has lost updates that the program has.

    It had to begin a new epoch, after a power cut for example. The subscription goes on at the last
    update that the server has: discard what is later. A snapshot of everything follows, then all
    updates after that.
    """

    #: The last position of the old epoch that the server has.
    kept: int
    #: The subscription's position in the old epoch. The server has lost what lies between.
    position: int
    #: The number of updates of the subscription between the two; None if unknown.
    lost: int | None


@dataclass(slots=True)
class StatusOfTopic:
    """The new status of a topic."""

    topic: str
    status: TopicStatus
    #: By the server's clock. None if the topic counts as live because its channel is new.
    since_ns: int | None


@dataclass(slots=True)
class Status:
    """Topics whose source became stale, dead or live.

    A topic counts as live until a status says otherwise.
    """

    statuses: list[StatusOfTopic]
    #: Replaces what was known about these topics, which need no other status.
    topics: list[TopicInfo] = field(default_factory=list)


#: What a subscription delivers.
Event: TypeAlias = Batch | Gap | Reset | Truncated | Status


@dataclass(slots=True)
class ConnectionChanged:
    """The client has another state."""

    state: ClientState
    #: How the last connection ended, if it has.
    end: End | None = None
    #: The wait until the next attempt to connect, in seconds.
    delay_s: float | None = None


@dataclass(slots=True)
class SubscriptionChanged:
    """A subscription has another state."""

    filter: str
    state: SubscriptionState
    #: Why it is closed, if the program has not closed it.
    error: TickcastError | None = None


@dataclass(slots=True)
class Violation:
    """A break of the chain. The client requests the missing updates again."""

    filter: str
    reason: str


@dataclass(slots=True)
class Failure:
    """An error that answers no request: a refusal, a refused token, no token to renew with."""

    error: Exception


@dataclass(slots=True)
class Draining:
    """The server is about to end. The client leaves it at a random time within the window."""

    reconnect_within_ms: int


@dataclass(slots=True)
class IdentityChanged:
    """What the client may do has changed."""

    identity: Identity


@dataclass(slots=True)
class Expiring:
    """The identity is about to expire."""

    expires_ns: int


@dataclass(slots=True)
class ClockChanged:
    """There is a new estimate of the server's clock."""

    clock: ClockEstimate


#: What a client tells the functions that its program has given to ``listen``.
Notice: TypeAlias = (
    ConnectionChanged
    | SubscriptionChanged
    | Violation
    | Failure
    | Draining
    | IdentityChanged
    | Expiring
    | ClockChanged
)
