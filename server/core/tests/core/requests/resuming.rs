//! Subscriptions that go on where they were.

use tickcast_core::settings::CoreSettings;
use tickcast_protocol::{
    codec::Encoding,
    error::CloseCode,
    message::{ClientMessage, Epoch, FilterRequest, Mode, Position, Resume, Start, Subscribe},
};

use super::{EVERY, bench};
use crate::bench::{Bench, EPOCH};

pub(super) fn at(epoch: Epoch, position: Position) -> Option<Resume> {
    Some(Resume {
        epoch,
        position,
        count: None,
        snapshot: None,
    })
}

#[test]
fn a_resume_of_another_epoch_or_from_the_future_starts_anew_with_a_snapshot() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.publish(&[("a", 1.0), ("b", 1.0)]);
    let other = Epoch(EPOCH.0 + 1);
    for (filter, resume, start, snapshot) in [
        ("+", None, Start::Fresh, Some(0)),
        ("#", at(other, 1), Start::EpochChanged, Some(0)),
        ("a", at(EPOCH, 3), Start::PositionAhead, Some(0)),
    ] {
        let accepted = bench.subscribe(&client, filter, EVERY, resume);
        assert_eq!((accepted.start, accepted.snapshot), (start, snapshot));
        assert_eq!((accepted.position, accepted.epoch), (2, EPOCH));
        bench.settle();
        assert!(
            client
                .updates()
                .iter()
                .all(|(_, _, is_snapshot)| *is_snapshot)
        );
    }
    let other = bench.reader(Encoding::Json);
    let accepted = bench.subscribe(&other, "#", EVERY, at(EPOCH, 2));
    assert_eq!((accepted.start, accepted.snapshot), (Start::Resumed, None));
    bench.settle();
    assert_eq!(other.updates(), []);
    let accepted = bench.subscribe(&other, "none", EVERY, None);
    assert_eq!((accepted.start, accepted.snapshot), (Start::Fresh, None));
}

#[test]
fn a_node_ends_the_connection_of_a_client_that_another_one_has_taken_further() {
    let mut bench = Bench::new(CoreSettings {
        is_node: true,
        ..CoreSettings::default()
    });
    let client = bench.reader(Encoding::Json);
    bench.publish(&[("a", 1.0)]);
    let accepted = bench.subscribe(&client, "a", EVERY, at(EPOCH, 1));
    assert_eq!(accepted.start, Start::Resumed);
    let other = Epoch(EPOCH.0 + 1);
    let accepted = bench.subscribe(&client, "+", EVERY, at(other, 9));
    assert_eq!(accepted.start, Start::EpochChanged);
    bench.settle();
    client.frames();
    let filter = |filter: &str, resume| FilterRequest {
        filter: filter.to_owned(),
        resume,
    };
    let request = Subscribe {
        id: 1,
        filters: vec![filter("b", None), filter("#", at(EPOCH, 2))],
        mode: Mode::Every,
        max_rate_hz: None,
    };
    bench.ask(&client, ClientMessage::Subscribe(request));
    client.is_closed_with(CloseCode::NodeBehind);
}

#[test]
fn a_resume_within_a_snapshot_sends_the_rest_of_it() {
    let mut bench = bench();
    bench.publish(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    for (snapshot, rest) in [(0, 3), (1, 2), (2, 1), (3, 0), (4, 0)] {
        let client = bench.reader(Encoding::Json);
        let resume = Resume {
            epoch: EPOCH,
            position: 3,
            count: Some(3),
            snapshot: Some(snapshot),
        };
        let accepted = bench.subscribe(&client, "#", EVERY, Some(resume));
        assert_eq!(accepted.snapshot, (snapshot < 3).then_some(snapshot));
        bench.settle();
        assert_eq!(client.updates().len(), rest, "after {snapshot}");
    }
}
