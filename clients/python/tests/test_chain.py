"""The proof that nothing was lost, message by message."""

from __future__ import annotations

import pytest

from tickcast import Token
from tickcast.subscription.chain import Chain
from tickcast.values import Mode
from tickcast.wire.lineage import Lineage
from tickcast.wire.messages import Accepted, BatchMessage, Changed

EPOCH = "18c504b1f00d0001"


def accepted(
    position: int = 100,
    count: int = 10,
    *,
    snapshot: int | None = None,
    mode: Mode = "every",
    epoch: str = EPOCH,
) -> Accepted:
    return Accepted("#", 1, mode, None, epoch, position, count, snapshot, "resumed")


def batch(start: int, end: int, *, snapshot: bool = False) -> BatchMessage:
    return BatchMessage(1, start, end, snapshot, [], [])


def chain(result: Accepted) -> Chain:
    it = Chain()
    it.accepted(result)
    return it


@pytest.mark.parametrize(
    ("result", "snapshot", "is_right"),
    [
        (accepted(), None, True),
        # The server may go back a little, and its count is that of its position.
        (accepted(90, 8), None, True),
        (accepted(101), None, False),
        (accepted(count=11), None, False),
        (accepted(count=11, mode="latest"), None, True),
        (accepted(epoch="0000000000000001"), None, False),
        (accepted(snapshot=40), 40, True),
        (accepted(snapshot=41), 40, False),
        (accepted(40, 4), 40, True),
        # The rest of the snapshot would be missing.
        (accepted(), 40, False),
    ],
)
def test_a_resumed_subscription_must_continue_at_its_token(
    result: Accepted, snapshot: int | None, is_right: bool
) -> None:
    token = Token(EPOCH, 100, 10, snapshot)
    check = Chain.check_resumed(result, token, Lineage(EPOCH))
    assert (check is None) == is_right, check


def test_an_announced_snapshot_comes_before_the_first_live_batch() -> None:
    it = chain(accepted(snapshot=0))
    assert it.check_batch(batch(100, 101)) is not None
    it.batch(batch(0, 100, snapshot=True))
    assert it.check_batch(batch(100, 101)) is None
    # An empty snapshot is none.
    assert it.check_batch(batch(100, 100, snapshot=True)) is None
    assert it.check_batch(batch(90, 100, snapshot=True)) is not None


@pytest.mark.parametrize(("before", "after"), [(40, 40), (90, None), (95, None)])
def test_after_a_change_the_snapshot_ends_at_the_new_position(
    before: int, after: int | None
) -> None:
    it = chain(accepted(snapshot=0))
    it.batch(batch(0, before, snapshot=True))
    it.changed(Changed(1, 1, 2, "every", None, 90, 9))
    assert it.token.snapshot == after
    if after is not None:
        assert it.check_batch(batch(after, 100, snapshot=True)) is not None
        it.batch(batch(after, 90, snapshot=True))
    assert it.check_batch(batch(90, 91)) is None
