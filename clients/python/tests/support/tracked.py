"""A subscription that is compared with the truth, whatever happens to its connections.

It follows the events alone. Nothing here shares code with the client's own proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tickcast import Batch, Event, Gap, Reset, Status, Token

from .truth import Truth, selects, topic_at

#: How many states a client can go back.
SAVED_MAX = 4


@dataclass(slots=True)
class Seen:
    """Counts of what subscriptions have seen."""

    updates: int = 0
    resumed: int = 0
    resumed_in_snapshot: int = 0
    gaps: int = 0
    lost: int = 0
    resets: int = 0

    def add(self, other: Seen) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class State:
    """Where a subscription is, and the newest position that it knows of each topic."""

    token: Token
    #: Where live batches continue.
    position: int
    #: Updates that were delivered or counted as lost.
    count: int
    #: Where the running snapshot is.
    snapshot: int | None
    known: dict[str, int] = field(default_factory=dict)


class Tracked:
    """One subscription over all connections and clients."""

    def __init__(self, truth_of: Callable[[str], Truth], filter: str, mode: str) -> None:
        self.filter = filter
        self.mode = mode
        self.seen = Seen()
        self._truth_of = truth_of
        #: None before the first event, and after a reset.
        self._state: State | None = None
        self._saved: list[State] = []
        #: From this position on every topic must be known.
        self._complete_at: int | None = None
        #: Whether that was checked. From then on each update comes once, which is checked as well.
        self._was_complete = False

    @property
    def truth(self) -> Truth:
        assert self._state is not None
        return self._truth_of(self._state.token.epoch)

    def go_back(self, steps: int) -> Token | None:
        """Returns to an earlier state: the token to resume with, if there is one."""
        if not self._saved:
            self._state = None
            return None
        del self._saved[max(len(self._saved) - steps, 1) :]
        saved = self._saved[-1]
        self._state = replace(saved, known=dict(saved.known))
        self._complete_at, self._was_complete = None, False
        self.seen.resumed += 1
        self.seen.resumed_in_snapshot += saved.token.snapshot is not None
        return saved.token

    def take(self, event: Event, token: Token | None) -> None:
        """Takes an event. ``token`` is that of the client before the event is handled."""
        assert token is not None, "an event before the subscription was accepted"
        self._before(token)
        if isinstance(event, Batch):
            self._batch(event)
        elif isinstance(event, Gap):
            self._gap(event)
        elif isinstance(event, Reset):
            assert event.reason == "epoch_changed", event
            self.seen.resets += 1
            self._state = None
            self._saved.clear()
            self._complete_at, self._was_complete = None, False
        else:
            assert isinstance(event, Status)

    def _before(self, token: Token) -> None:
        """Compares the client's token with the state, or begins with it."""
        state = self._state
        if state is None:
            truth = self._truth_of(token.epoch)
            count = truth.count(self.filter, token.position)
            state = self._state = State(token, token.position, count, token.snapshot)
            assert (token.snapshot is None) == (count == 0), token
        # It may be before the state if the subscription has no updates between the two.
        low, high = sorted((token.position, state.position))
        assert self.truth.between(self.filter, low, high) == [], (token, state.position)
        if self.mode == "every":
            assert token.count == self.truth.count(self.filter, token.position), token
        else:
            assert token.count is None, token
        state.token = token
        state.snapshot = token.snapshot
        self._saved.append(replace(state, known=dict(state.known)))
        del self._saved[:-SAVED_MAX]

    def _gap(self, gap: Gap) -> None:
        assert self._state is not None
        assert self.mode == "every"
        assert gap.from_ == self._state.token.position, gap
        lost = self.truth.between(self.filter, gap.from_, gap.to)
        assert gap.lost == len(lost) > 0, gap
        self.seen.gaps += 1
        self.seen.lost += len(lost)
        self._state.count += len(lost)
        if self._state.snapshot is None:
            self._state.snapshot = gap.from_
        self._state.position = gap.to
        self._step()

    def _batch(self, batch: Batch) -> None:
        state, truth = self._state, self.truth
        assert state is not None
        at = state.token.position if batch.snapshot else batch.to
        came = [update.position for update in batch.updates]
        self.seen.updates += len(came)
        if batch.snapshot:
            assert state.snapshot is not None, batch
            assert batch.from_ <= state.snapshot, batch
            assert batch.to <= at, batch
            state.snapshot = batch.to if batch.to < at else None
        else:
            assert state.snapshot is None, batch
            assert batch.from_ == state.token.position, batch
            state.position = batch.to
            state.count += len(came)
        assert came == sorted(set(came)), batch
        assert not came or (batch.from_ < came[0] and came[-1] <= batch.to), batch
        for update in batch.updates:
            truth.check(update)
            topic = update.topic
            assert selects(self.filter, topic), update
            if batch.snapshot or self.mode == "latest":
                assert update.position == truth.newest(topic, at), "it is an old value"
            assert state.known.get(topic, 0) <= update.position, "an old value after a newer one"
            state.known[topic] = update.position
        if self.mode == "every" and not batch.snapshot:
            assert came == truth.between(self.filter, batch.from_, batch.to), "each update once"
        else:
            self._check_conflated(batch, at)
        self._step()

    def _check_conflated(self, batch: Batch, at: int) -> None:
        """A batch of newest values has each topic that changed in its range.

        Except for topics that have a newer value beyond it.
        """
        assert self._state is not None
        for position in set(self.truth.between(self.filter, batch.from_, batch.to)):
            topic = topic_at(position)
            if self.truth.newest(topic, at) != position:
                continue
            has_come = self._state.known.get(topic, 0) >= position
            assert has_come or self.truth.changes_after(topic, at), f"{position} is missing"

    def _step(self) -> None:
        state = self._state
        assert state is not None
        if self.mode == "every":
            count = self.truth.count(self.filter, state.position)
            assert state.count == count, "delivered and lost"
        if state.snapshot is not None:
            self._complete_at, self._was_complete = None, False
            return
        if self._complete_at is None:
            self._complete_at = self.truth.head
        if self.mode == "every" and not self._was_complete and state.position >= self._complete_at:
            assert self.is_complete(), "a topic's newest value never came"
            self._was_complete = True

    def is_complete(self) -> bool:
        """Whether the newest value of each topic is known, as of its position."""
        state = self._state
        if state is None or state.snapshot is not None:
            return False
        truth = self.truth
        topics = truth.topics_of(self.filter)
        newest = ((topic, truth.newest(topic, state.position)) for topic in topics)
        return all(state.known.get(topic, 0) == position for topic, position in newest)

    def has_all(self, epoch: str, position: int) -> bool:
        """Whether it has everything up to a position of an epoch."""
        state = self._state
        if state is None or state.token.epoch != epoch:
            # A subscription without updates has no event either.
            return self._truth_of(epoch).count(self.filter, position) == 0
        missing = self.truth.between(self.filter, state.position, position)
        return not missing and self.is_complete()
