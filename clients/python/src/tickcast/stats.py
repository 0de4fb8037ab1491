"""Counts of what subscriptions and clients have seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class SubscriptionStats:
    """Counts since the subscription was opened."""

    #: Accepted batches, and the updates in them.
    batches: int = 0
    updates: int = 0
    gaps: int = 0
    #: Gaps with an unknown number of lost updates.
    gaps_uncounted: int = 0
    #: Lost updates, counted by gaps.
    lost: int = 0
    resets: int = 0
    #: How often the server had lost updates that the program has.
    truncations: int = 0
    #: Breaks of the chain. The client then requests the missing updates again.
    violations: int = 0
    #: Pauses because the program was too slow.
    overflows: int = 0
    #: Updates that did not fit into the queue, or were in it when the program closed the
    #: subscription.
    discarded: int = 0


@dataclass(slots=True)
class ClientStats(SubscriptionStats):
    """The sums of all subscriptions, and counts of the client since it was created."""

    #: Connections that got a welcome.
    connections: int = 0
    #: Skipped messages of later versions.
    unknown_messages: int = 0
    #: Batches of channels that were unsubscribed, and the updates in them.
    ignored_batches: int = 0
    ignored_updates: int = 0
    #: Requests that waited because the network or the server was too slow.
    waits: int = 0


def count(number: int, name: str, *stats: SubscriptionStats) -> None:
    """Adds to one count in several places."""
    for some in stats:
        setattr(some, name, getattr(some, name) + number)
