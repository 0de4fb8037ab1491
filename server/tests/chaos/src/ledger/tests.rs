//! A ledger that finds nothing proves nothing: each contradiction is planted once.

use super::{Chain, Mode, Truth};
use crate::message::{Accepted, Batch, Update};

const EPOCH: &str = "00000000000000aa";

fn accepted(position: u64, resumed: bool) -> Accepted {
    Accepted {
        epoch: EPOCH.to_owned(),
        position,
        count: position,
        snapshot: None,
        resumed,
    }
}

fn update(position: u64, seq: u64, value: &str) -> Update {
    Update {
        topic: "chaos/a".to_owned(),
        position,
        seq,
        content: format!("{{\"text\":\"{value}\"}} null 1"),
    }
}

fn batch(from: u64, to: u64, positions: &[u64]) -> Batch {
    let updates = positions.iter().map(|&at| update(at, at, "x"));
    Batch {
        from,
        to,
        is_snapshot: false,
        updates: updates.collect(),
    }
}

fn begun(mode: Mode) -> Chain {
    let mut chain = Chain::new(mode);
    chain.accept(&accepted(10, false)).expect("it begins");
    chain
}

#[test]
fn an_exact_chain_is_accepted() {
    let mut chain = begun(Mode::Every);
    chain.batch(&batch(10, 12, &[11, 12])).expect("it fits");
    chain.gap(12, 20, Some(8), 12).expect("it fits");
    let snapshot = Batch {
        is_snapshot: true,
        ..batch(12, 20, &[19])
    };
    chain.batch(&snapshot).expect("it fits");
    chain.heartbeat(Some(20)).expect("it fits");
    chain.accept(&accepted(20, true)).expect("it fits");
    assert_eq!((chain.delivered, chain.lost), (2, 8));
    assert_eq!(chain.complete_to(EPOCH), Some(20));
}

#[test]
fn every_break_of_a_chain_is_found() {
    let wrong = [
        batch(11, 12, &[12]),
        batch(10, 12, &[12]),
        batch(10, 12, &[12, 11]),
        batch(10, 12, &[11, 13]),
        batch(9, 12, &[10, 11, 12]),
    ];
    for batch in wrong {
        assert!(begun(Mode::Every).batch(&batch).is_err(), "{batch:?}");
    }
    assert!(begun(Mode::Every).gap(10, 20, Some(9), 10).is_err());
    assert!(begun(Mode::Every).gap(10, 20, None, 10).is_err());
    assert!(begun(Mode::Every).gap(11, 20, Some(9), 11).is_err());
    assert!(begun(Mode::Latest).gap(10, 20, Some(10), 10).is_err());
    assert!(begun(Mode::Every).heartbeat(Some(11)).is_err());
    assert!(begun(Mode::Every).accept(&accepted(9, true)).is_err());
    let mut waiting = begun(Mode::Every);
    waiting.gap(10, 20, Some(10), 10).expect("it fits");
    assert!(waiting.batch(&batch(20, 21, &[21])).is_err());
    assert!(waiting.batch(&batch(10, 20, &[])).is_err());
}

#[test]
fn a_newest_value_may_stand_for_others() {
    let mut chain = begun(Mode::Latest);
    chain.batch(&batch(10, 20, &[15, 20])).expect("it fits");
    assert_eq!(chain.complete_to(EPOCH), Some(20));
}

fn findings(note: impl FnOnce(&mut Truth)) -> u64 {
    let mut truth = Truth::default();
    note(&mut truth);
    truth.conclude().1
}

#[test]
fn every_contradiction_of_the_tape_is_found() {
    let fine = findings(|truth| {
        truth.deliver(EPOCH, &update(5, 1, "unique 1"));
        truth.deliver(EPOCH, &update(5, 1, "unique 1"));
        truth.acknowledge(EPOCH, 5, "unique 1".to_owned());
        truth.acknowledge(EPOCH, 6, "unique 2".to_owned());
    });
    assert_eq!(fine, 0, "unseen is no contradiction");
    let two_contents = findings(|truth| {
        truth.deliver(EPOCH, &update(5, 1, "a"));
        truth.deliver(EPOCH, &update(5, 1, "b"));
    });
    assert_eq!(two_contents, 1);
    let two_seqs = findings(|truth| {
        truth.deliver(EPOCH, &update(5, 1, "a"));
        truth.deliver(EPOCH, &update(6, 1, "b"));
    });
    assert_eq!(two_seqs, 1);
    let doubled = findings(|truth| {
        truth.deliver(EPOCH, &update(5, 1, "unique 1"));
        truth.deliver(EPOCH, &update(6, 2, "unique 1"));
    });
    assert_eq!(doubled, 1);
    let elsewhere = findings(|truth| {
        truth.deliver(EPOCH, &update(5, 1, "unique 1"));
        truth.acknowledge(EPOCH, 6, "unique 1".to_owned());
    });
    assert_eq!(elsewhere, 1);
    let replaced = findings(|truth| {
        truth.deliver(EPOCH, &update(5, 1, "unique 1"));
        truth.acknowledge(EPOCH, 5, "unique 2".to_owned());
    });
    assert_eq!(replaced, 1);
    let twice = findings(|truth| {
        truth.acknowledge(EPOCH, 5, "unique 1".to_owned());
        truth.acknowledge(EPOCH, 5, "unique 2".to_owned());
    });
    assert_eq!(twice, 1);
}
