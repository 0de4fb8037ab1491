"""The client of the Tickcast server: live values that prove that nothing was lost.

    async with tickcast.connect("ws://localhost:7400/ws") as client:
        async for update in client.subscribe("market/#").updates():
            print(update.topic, update.value)

Fields keep the names of docs/protocol.md; `from` is ``from_``. Times are nanoseconds since 1970.
``tickcast.sync`` has a client without asyncio, ``tickcast.tables`` makes tables of updates.
"""

from .answers import (
    Candle,
    Candles,
    ClockEstimate,
    End,
    Granted,
    History,
    Identity,
    Limits,
    Listed,
    Row,
    Welcome,
)
from .client import Client, connect
from .errors import (
    BusyError,
    ClosedError,
    DisconnectedError,
    ForbiddenError,
    MalformedError,
    ServerError,
    TickcastError,
    TooLongError,
    UncertainError,
)
from .events import (
    Batch,
    ClockChanged,
    ConnectionChanged,
    Draining,
    Event,
    Expiring,
    Failure,
    Gap,
    IdentityChanged,
    Notice,
    Reset,
    Status,
    StatusOfTopic,
    SubscriptionChanged,
    Truncated,
    Violation,
)
from .options import Options
from .stats import ClientStats, SubscriptionStats
from .subscription.subscription import Subscription
from .values import (
    Absent,
    EndedEpoch,
    NewUpdate,
    Quote,
    Token,
    TopicInfo,
    Topics,
    Trade,
    Unknown,
    Update,
    Value,
)

__version__ = "0.1.0"

__all__ = [
    "Absent",
    "Batch",
    "BusyError",
    "Candle",
    "Candles",
    "Client",
    "ClientStats",
    "ClockChanged",
    "ClockEstimate",
    "ClosedError",
    "ConnectionChanged",
    "DisconnectedError",
    "Draining",
    "End",
    "EndedEpoch",
    "Event",
    "Expiring",
    "Failure",
    "ForbiddenError",
    "Gap",
    "Granted",
    "History",
    "Identity",
    "IdentityChanged",
    "Limits",
    "Listed",
    "MalformedError",
    "NewUpdate",
    "Notice",
    "Options",
    "Quote",
    "Reset",
    "Row",
    "ServerError",
    "Status",
    "StatusOfTopic",
    "Subscription",
    "SubscriptionChanged",
    "SubscriptionStats",
    "TickcastError",
    "Token",
    "TooLongError",
    "TopicInfo",
    "Topics",
    "Trade",
    "Truncated",
    "UncertainError",
    "Unknown",
    "Update",
    "Value",
    "Violation",
    "Welcome",
    "connect",
]
