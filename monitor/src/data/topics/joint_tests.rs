//! From when on no sample of a topic is missing, when subscriptions begin anew.

use tickcast_protocol::{
    message::{Mode, Seq, TimeNs, Update},
    value::{Trade, Value},
};

use super::{
    PastHistory, Store,
    test_updates::{page, topic, update},
};
use crate::data::history::GapCause;

fn apply(store: &mut Store, seqs: std::ops::RangeInclusive<Seq>) {
    for seq in seqs {
        store.apply(update(seq), Mode::Every);
    }
}

/// Every update after this position comes.
fn accepted(position: u64) -> Store {
    let mut store = Store::default();
    store.connection_opened();
    store.want_every(&topic(), true);
    store.every_accepted(&topic(), position);
    store
}

/// The same with the updates 11 to 15, and with 9 and 10 from history, before which there are more.
fn with_past() -> Store {
    let mut store = accepted(105);
    apply(&mut store, 11..=15);
    store.fill(&topic(), &page(9..=10), true);
    assert_eq!(complete(&store), (Some(9_000), PastHistory::Before(90)));
    store
}

fn reconnect(store: &mut Store) {
    store.connection_lost();
    store.connection_opened();
}

/// From when on no sample is missing, and what is known of the time before.
fn complete(store: &Store) -> (Option<TimeNs>, PastHistory) {
    let topic = store.topic_named("t").unwrap();
    (topic.complete_from_ns(), topic.past())
}

#[test]
fn updates_are_complete_from_the_first_on_where_the_server_has_no_history() {
    for is_refused in [false, true] {
        let mut store = accepted(100);
        if is_refused {
            store.no_history(&topic());
        } else {
            store.fill(&topic(), &[], false);
        }
        apply(&mut store, 11..=12);
        assert_eq!(complete(&store).0, Some(11_000), "{is_refused}");
        // A server that was killed goes on in the same epoch.
        reconnect(&mut store);
        store.every_resumed(&topic(), Some(120));
        apply(&mut store, 13..=14);
        assert_eq!(complete(&store).0, Some(11_000), "{is_refused}");
    }
}

#[test]
fn a_loss_that_another_subscription_tells_of_leaves_the_past_of_this_one() {
    for is_told_first in [false, true] {
        let mut store = with_past();
        reconnect(&mut store);
        if is_told_first {
            store.epoch_changed(GapCause::Truncated);
        }
        store.every_resumed(&topic(), Some(150));
        if !is_told_first {
            store.epoch_changed(GapCause::Truncated);
        }
        assert_eq!(complete(&store), (None, PastHistory::Before(151)));
        apply(&mut store, 16..=17);
        store.fill(&topic(), &page(14..=15), true);
        let expected = (Some(9_000), PastHistory::Before(90));
        assert_eq!(complete(&store), expected, "{is_told_first}");
        store.fill(&topic(), &page(1..=8), false);
        assert_eq!(complete(&store), (Some(1_000), PastHistory::Complete));
        let series = store.topic_named("t").unwrap().series.as_ref().unwrap();
        assert_eq!(series.len(), 17);
    }
}

#[test]
fn what_was_complete_is_so_again_when_history_reaches_back_to_it() {
    let again = |history: std::ops::RangeInclusive<Seq>| {
        let mut store = with_past();
        reconnect(&mut store);
        store.every_accepted(&topic(), 205);
        apply(&mut store, 21..=22);
        store.fill(&topic(), &page(history), true);
        store
    };
    // Updates are missing in between.
    let mut store = again(18..=20);
    assert_eq!(complete(&store), (Some(18_000), PastHistory::Before(180)));
    store.fill(&topic(), &page(15..=17), true);
    assert_eq!(complete(&store), (Some(9_000), PastHistory::Before(90)));
    // All of it is replaced.
    for first in [8, 9] {
        let store = again(first..=20);
        let expected = (first as i64 * 1_000, PastHistory::Before(first * 10));
        assert_eq!(complete(&store), (Some(expected.0), expected.1));
    }
}

#[test]
fn a_server_that_starts_with_nothing_goes_on_after_what_was_complete() {
    let again = |seq: Seq| Update {
        ingest_time_ns: 1_000_000 + seq as i64,
        ..update(seq)
    };
    for is_live in [false, true] {
        let mut store = with_past();
        reconnect(&mut store);
        store.epoch_changed(GapCause::Restart);
        store.every_accepted(&topic(), if is_live { 0 } else { 15 });
        let all: Vec<_> = (1..=3).map(again).collect();
        let (history, live) = all.split_at(if is_live { 0 } else { 1 });
        store.fill(&topic(), history, false);
        for update in live {
            store.apply(update.clone(), Mode::Every);
        }
        let expected = (Some(9_000), PastHistory::Complete);
        assert_eq!(complete(&store), expected, "{is_live}");
    }
    // It has forgotten its first ones.
    let mut store = with_past();
    reconnect(&mut store);
    store.epoch_changed(GapCause::Restart);
    store.every_accepted(&topic(), 35);
    store.fill(&topic(), &[again(2), again(3)], false);
    assert_eq!(complete(&store).0, Some(1_000_002));
}

#[test]
fn newest_values_are_no_part_of_what_was_complete() {
    let mut store = with_past();
    store.want_every(&topic(), false);
    store.apply(update(19), Mode::Latest);
    store.want_every(&topic(), true);
    store.every_accepted(&topic(), 205);
    store.fill(&topic(), &page(14..=20), true);
    assert_eq!(complete(&store), (Some(14_000), PastHistory::Before(140)));
}

#[test]
fn a_subscription_that_changes_to_every_update_has_a_past() {
    let mut store = Store::default();
    store.connection_opened();
    store.apply(update(10), Mode::Latest);
    store.want_every(&topic(), true);
    store.every_resumed(&topic(), None);
    apply(&mut store, 12..=13);
    assert_eq!(complete(&store), (Some(12_000), PastHistory::Before(120)));
}

#[test]
fn a_topic_that_changes_to_trades_is_complete_from_the_first_trade_on() {
    let mut store = with_past();
    let trade = Trade {
        price: "1.5".parse().unwrap(),
        size: "1".parse().unwrap(),
        side: None,
    };
    let trade = Update {
        value: Value::Trade(trade),
        ..update(16)
    };
    store.apply(trade, Mode::Every);
    assert_eq!(complete(&store).0, Some(16_000));
}
