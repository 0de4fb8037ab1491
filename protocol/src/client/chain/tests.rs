use super::*;
use crate::{
    message::{EndedEpoch, Quality, Update},
    value::Value,
};

const EPOCH: Epoch = Epoch(1);

fn accepted(position: Position, snapshot: Option<Position>, start: Start) -> Accepted {
    Accepted {
        filter: "#".into(),
        channel: 1,
        mode: Mode::Every,
        max_rate_hz: None,
        epoch: EPOCH,
        position,
        count: position * 2,
        snapshot,
        start,
        lost: None,
    }
}

fn at(position: Position, snapshot: Option<Position>) -> Chain {
    Chain::new(&accepted(position, snapshot, Start::Fresh))
}

fn batch(from: Position, to: Position, snapshot: bool) -> Batch<()> {
    Batch {
        channel: 1,
        from,
        to,
        snapshot,
        topics: vec![],
        updates: vec![],
    }
}

fn update(position: Position) -> Update<()> {
    Update {
        topic: (),
        position,
        seq: 1,
        source_time_ns: None,
        ingest_time_ns: 0,
        quality: Quality::Live,
        value: Value::Reading(0.0),
    }
}

fn gap(from: Position, to: Position, lost: Option<u64>, snapshot: Position) -> Gap {
    Gap {
        channel: 1,
        from,
        to,
        lost,
        snapshot,
    }
}

fn token(position: Position, count: Option<u64>, snapshot: Option<Position>) -> Resume {
    Resume {
        epoch: EPOCH,
        position,
        count,
        snapshot,
    }
}

#[test]
fn the_chain_of_a_snapshot_ends_where_live_batches_start() {
    let mut chain = at(10, Some(0));
    chain.batch(&batch(0, 7, true)).unwrap();
    assert_eq!(chain.token(), token(10, Some(20), Some(7)));
    chain.batch(&batch(7, 10, true)).unwrap();
    assert_eq!(chain.token(), token(10, Some(20), None));
    let mut live = batch(10, 15, false);
    live.updates = vec![update(11), update(15)];
    chain.batch(&live).unwrap();
    assert_eq!(chain.token(), token(15, Some(22), None));
}

#[test]
fn a_gap_moves_position_and_count_and_starts_a_snapshot() {
    let mut chain = at(10, None);
    chain.gap(&gap(10, 50, Some(30), 10)).unwrap();
    assert_eq!(chain.token(), token(50, Some(50), Some(10)));
    chain.batch(&batch(10, 50, true)).unwrap();
    chain.batch(&batch(50, 51, false)).unwrap();
    chain.gap(&gap(51, 60, None, 40)).unwrap();
    assert_eq!(chain.token(), token(60, None, Some(40)));
}

#[track_caller]
fn check(mut chain: Chain, batch: Batch<()>, expected: ChainError) {
    assert_eq!(chain.batch(&batch), Err(expected));
}

#[test]
fn a_batch_that_does_not_continue_at_the_end_of_the_last_one_proves_a_loss() {
    let live = |expected, from| ChainError::Live { expected, from };
    check(at(10, None), batch(11, 12, false), live(10, 11));
    check(at(10, None), batch(9, 12, false), live(10, 9));
    let snapshot = |expected, from| ChainError::Snapshot { expected, from };
    check(at(10, Some(0)), batch(1, 5, true), snapshot(Some(0), 1));
    check(at(10, Some(0)), batch(0, 11, true), snapshot(Some(0), 0));
    check(at(10, None), batch(0, 10, true), snapshot(None, 0));
    let cut = ChainError::SnapshotCut { at: 0, end: 10 };
    check(at(10, Some(0)), batch(10, 11, false), cut);
}

#[test]
fn impossible_ranges_are_refused() {
    let range = |from, to| ChainError::Range { from, to };
    check(at(10, None), batch(10, 9, false), range(10, 9));
    for positions in [vec![10], vec![16], vec![12, 12], vec![13, 12]] {
        let mut wrong = batch(10, 15, false);
        wrong.updates = positions.into_iter().map(update).collect();
        check(at(10, None), wrong, range(10, 15));
    }
    assert_eq!(at(10, None).gap(&gap(10, 9, None, 10)), Err(range(10, 9)));
}

#[test]
fn a_gap_elsewhere_or_with_too_short_a_snapshot_proves_a_loss() {
    let elsewhere = ChainError::Live {
        expected: 10,
        from: 11,
    };
    assert_eq!(at(10, None).gap(&gap(11, 20, None, 10)), Err(elsewhere));
    let too_short = |expected, from| {
        Err(ChainError::Snapshot {
            expected: Some(expected),
            from,
        })
    };
    let from_11 = gap(10, 20, None, 11);
    assert_eq!(at(10, None).gap(&from_11), too_short(10, 11));
    let from_5 = gap(10, 20, None, 5);
    assert_eq!(at(10, Some(4)).gap(&from_5), too_short(4, 5));
}

#[test]
fn a_resumed_subscription_may_go_back_but_not_forward() {
    #[track_caller]
    fn check(accepted: &Accepted, token: Resume, expected: Result<(), ChainError>) {
        let lineage = Lineage::new(EPOCH);
        assert_eq!(Chain::resume(accepted, Some(&token), &lineage).1, expected);
    }
    let resumed = |position, snapshot| accepted(position, snapshot, Start::Resumed);
    check(&resumed(10, None), token(10, Some(20), None), Ok(()));
    check(&resumed(9, None), token(10, Some(20), None), Ok(()));
    let position = ChainError::Position {
        expected: 10,
        position: 11,
    };
    check(&resumed(11, None), token(10, None, None), Err(position));
    let count = ChainError::Count {
        expected: 19,
        count: 20,
    };
    check(&resumed(10, None), token(10, Some(19), None), Err(count));
    // The rest of the snapshot must come, or live batches must start before it.
    check(&resumed(10, Some(4)), token(10, None, Some(4)), Ok(()));
    check(&resumed(4, None), token(10, None, Some(4)), Ok(()));
    let rest = |from| ChainError::Snapshot {
        expected: Some(4),
        from,
    };
    check(
        &resumed(10, Some(5)),
        token(10, None, Some(4)),
        Err(rest(5)),
    );
    check(&resumed(10, None), token(10, None, Some(4)), Err(rest(10)));
    // If the server does not resume, its position may be any.
    let fresh = accepted(11, None, Start::EpochChanged);
    check(&fresh, token(10, None, None), Ok(()));
}

#[test]
fn a_subscription_of_an_earlier_epoch_is_resumed_or_truncated_as_the_welcome_says() {
    let before = Epoch(7);
    let lineage = Lineage {
        epoch: EPOCH,
        continues: vec![EndedEpoch {
            epoch: before,
            last: 10,
        }],
    };
    let of = |epoch, position, count| Resume {
        epoch,
        ..token(position, count, None)
    };
    let check = |accepted: &Accepted, token: Resume, expected: Result<(), ChainError>| {
        let (chain, check) = Chain::resume(accepted, Some(&token), &lineage);
        assert_eq!(check, expected, "{token:?} {accepted:?}");
        assert_eq!(chain.token().epoch, EPOCH);
    };
    let resumed = |position| accepted(position, Some(0), Start::Resumed);
    let truncated = |position, snapshot, lost| Accepted {
        lost,
        ..accepted(position, snapshot, Start::Truncated)
    };
    check(&resumed(10), of(before, 10, Some(20)), Ok(()));
    check(&resumed(8), of(before, 9, Some(18)), Ok(()));
    check(
        &accepted(0, None, Start::Resumed),
        of(before, 3, None),
        Ok(()),
    );
    check(
        &truncated(10, Some(0), Some(3)),
        of(before, 12, Some(23)),
        Ok(()),
    );
    check(
        &truncated(10, Some(0), None),
        of(before, 12, Some(23)),
        Ok(()),
    );
    check(&truncated(0, None, None), of(before, 12, None), Ok(()));
    let kept = |position| Err(ChainError::Kept { position, kept: 10 });
    check(&resumed(10), of(before, 11, None), kept(11));
    check(
        &truncated(10, Some(0), None),
        of(before, 10, None),
        kept(10),
    );
    let unrelated = ChainError::Epoch {
        expected: Epoch(8),
        epoch: EPOCH,
    };
    check(&resumed(10), of(Epoch(8), 10, None), Err(unrelated));
    check(
        &truncated(10, Some(0), None),
        of(Epoch(8), 12, None),
        Err(unrelated),
    );
    let position = ChainError::Position {
        expected: 10,
        position: 11,
    };
    check(
        &truncated(11, Some(0), None),
        of(before, 12, None),
        Err(position),
    );
    let snapshot = |from| ChainError::Snapshot {
        expected: Some(0),
        from,
    };
    check(
        &truncated(10, Some(1), None),
        of(before, 12, None),
        Err(snapshot(1)),
    );
    check(
        &truncated(10, None, None),
        of(before, 12, None),
        Err(snapshot(10)),
    );
    let not_whole = ChainError::Snapshot {
        expected: None,
        from: 10,
    };
    check(
        &accepted(10, None, Start::Resumed),
        of(before, 10, None),
        Err(not_whole),
    );
    let count = ChainError::Count {
        expected: 23,
        count: 20,
    };
    check(
        &truncated(10, Some(0), Some(4)),
        of(before, 12, Some(23)),
        Err(count),
    );
}

#[test]
fn a_change_of_mode_adopts_the_servers_count_and_may_go_back() {
    let mut chain = at(10, None);
    let changed = |mode, position| Changed {
        id: 1,
        previous: 1,
        channel: 2,
        mode,
        max_rate_hz: None,
        position,
        count: 7,
    };
    chain.changed(&changed(Mode::Latest, 10)).unwrap();
    assert_eq!(chain.token(), token(10, None, None));
    chain.changed(&changed(Mode::Every, 9)).unwrap();
    assert_eq!(chain.token(), token(9, Some(7), None));
    assert!(chain.changed(&changed(Mode::Every, 10)).is_err());
    // A snapshot under way ends at the new position.
    for (at_before, at_after) in [(7, Some(7)), (8, None), (9, None)] {
        let mut chain = at(10, Some(0));
        chain.batch(&batch(0, at_before, true)).unwrap();
        chain.changed(&changed(Mode::Every, 8)).unwrap();
        assert_eq!(chain.token().snapshot, at_after);
        if let Some(from) = at_after {
            chain.batch(&batch(from, 8, true)).unwrap();
        }
        chain.batch(&batch(8, 9, false)).unwrap();
    }
}

#[test]
fn a_heartbeat_reveals_a_lost_tail() {
    assert_eq!(at(10, None).heartbeat(10), Ok(()));
    assert_eq!(
        at(10, None).heartbeat(12),
        Err(ChainError::Position {
            expected: 10,
            position: 12
        })
    );
}
