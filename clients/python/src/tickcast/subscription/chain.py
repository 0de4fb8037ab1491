"""The chain of docs/protocol.md: the proof that no update of a subscription was lost."""

from __future__ import annotations

from ..values import Mode, Token
from ..wire.lineage import Lineage
from ..wire.messages import Accepted, BatchMessage, Changed, GapMessage


class Chain:
    """Follows one subscription. No I/O, no clock.

    Each ``check`` returns the reason why a message breaks the chain, or None. Call the method
    without ``check`` only after None.
    """

    def __init__(self) -> None:
        self._epoch = ""
        self._mode: Mode = "latest"
        #: Where the live batches of the subscription continue.
        self.position = 0
        #: Updates up to the position; None if unknown, and in mode ``latest``.
        self.count: int | None = None
        #: Where the running snapshot continues; None if none is running.
        self._snapshot: int | None = None

    @property
    def token(self) -> Token:
        """A later subscription continues here with this token."""
        return Token(self._epoch, self.position, self.count, self._snapshot)

    @staticmethod
    def check_resumed(result: Accepted, token: Token, lineage: Lineage) -> str | None:
        """Why an accepted result does not continue at the token."""
        kept = lineage.kept(token.epoch) if result.epoch == lineage.epoch else None
        if kept is None:
            return f"resumed in epoch {result.epoch}, which does not continue {token.epoch}"
        is_truncated = result.start == "truncated"
        if is_truncated != (token.position > kept):
            return f"{result.start}, but of {token.position} the server has kept {kept}"
        position = kept if is_truncated else token.position
        if result.position > position:
            return f"resumed at {result.position}, after {position}"
        known = token.position if token.snapshot is None else token.snapshot
        if result.epoch != token.epoch:
            # Everything comes again: values may be missing that lost ones replaced.
            known = 0
        snapshot = result.position if result.snapshot is None else result.snapshot
        if snapshot > known:
            return f"the snapshot continues at {snapshot}, after {known}"
        if result.mode != "every" or token.count is None:
            return None
        if is_truncated:
            if result.lost is None or result.count + result.lost == token.count:
                return None
            return f"{result.count} and {result.lost} lost are not {token.count}"
        # A subscription that goes on a little earlier may have another count.
        if result.position == token.position and result.count != token.count:
            return f"resumed with a count of {result.count} instead of {token.count}"
        return None

    def accepted(self, result: Accepted) -> None:
        """The server accepted the subscription, new or resumed."""
        self._epoch = result.epoch
        self._move(result.mode, result.position, result.count)
        self._start_snapshot(result.snapshot)

    def check_batch(self, batch: BatchMessage) -> str | None:
        if batch.from_ > batch.to:
            return f"a batch from {batch.from_} back to {batch.to}"
        previous, end = batch.from_, batch.to
        for update in batch.updates:
            position = update[1]
            if position <= previous or position > end:
                return (
                    f"an update at {position} in a batch from {batch.from_} to {end}, "
                    f"after one at {previous}"
                )
            previous = position
        return self._check_snapshot(batch) if batch.snapshot else self._check_live(batch)

    def _check_snapshot(self, batch: BatchMessage) -> str | None:
        if self._snapshot is None:
            is_empty = batch.from_ == batch.to
            return None if is_empty else "a snapshot was not announced"
        if batch.from_ != self._snapshot:
            return f"the snapshot jumps from {self._snapshot} to {batch.from_}"
        if batch.to > self.position:
            return f"the snapshot goes to {batch.to}, after the position {self.position}"
        return None

    def _check_live(self, batch: BatchMessage) -> str | None:
        if self._snapshot is not None:
            return f"a live batch came before the end of the snapshot, which is at {self._snapshot}"
        if batch.from_ != self.position:
            return f"a live batch from {batch.from_} at the position {self.position}"
        return None

    def batch(self, batch: BatchMessage) -> None:
        if batch.snapshot:
            # An empty snapshot is none.
            if self._snapshot is not None:
                self._start_snapshot(batch.to)
            return
        self.position = batch.to
        if self.count is not None:
            self.count += len(batch.updates)

    def check_gap(self, gap: GapMessage) -> str | None:
        if self._mode != "every":
            return f"a gap in mode {self._mode}"
        if gap.from_ != self.position:
            return f"a gap from {gap.from_} at the position {self.position}"
        if gap.to < gap.from_:
            return f"a gap from {gap.from_} back to {gap.to}"
        known = self.position if self._snapshot is None else self._snapshot
        if gap.snapshot > known:
            return f"the snapshot of a gap begins at {gap.snapshot}, after {known}"
        return None

    def gap(self, gap: GapMessage) -> None:
        known = self.count is not None and gap.lost is not None
        count = (self.count or 0) + (gap.lost or 0) if known else None
        self._move(self._mode, gap.to, count)
        self._start_snapshot(gap.snapshot)

    def check_heartbeat(self, position: int) -> str | None:
        if position == self.position:
            return None
        return f"a heartbeat at {position} at the position {self.position}"

    def check_changed(self, changed: Changed) -> str | None:
        if changed.position > self.position:
            return f"changed at {changed.position}, after {self.position}"
        return None

    def changed(self, changed: Changed) -> None:
        """A running snapshot continues on the new channel, and ends at the position there."""
        self._move(changed.mode, changed.position, changed.count)
        self._start_snapshot(self._snapshot)

    def _move(self, mode: Mode, position: int, count: int | None) -> None:
        self._mode = mode
        self.position = position
        self.count = count if mode == "every" else None

    def _start_snapshot(self, position: int | None) -> None:
        is_open = position is not None and position < self.position
        self._snapshot = position if is_open else None
