//! What an audit is told of refusals, and of newest values. The random histories of `identities`
//! compare the positions.

use std::{cell::RefCell, rc::Rc};

use tickcast_core::{
    audit::{Audit, Fact},
    identity::Who,
    settings::CoreSettings,
};
use tickcast_protocol::{
    codec::Encoding,
    error::ErrorCode,
    message::{ClientMessage, FilterRequest, Mode, Position, Publication, Publish, Subscribe},
    value::Value,
};

use crate::bench::Bench;

const EVERY: (Mode, Option<f64>) = (Mode::Every, None);

#[derive(Debug, PartialEq)]
enum Told {
    Refused(ErrorCode),
    /// The position after which newest values come.
    Begun(Option<Position>),
    /// The position after which newest values are missing.
    Ended(Option<Position>),
}

/// All that it was told.
#[derive(Debug, Clone, Default)]
struct Ear(Rc<RefCell<Vec<Told>>>);

impl Audit for Ear {
    fn note(&self, _: u64, _: Who<'_>, fact: Fact<'_>) {
        let told = match fact {
            Fact::Refused { code, .. } => Told::Refused(code),
            Fact::Begun { snapshot_after, .. } => Told::Begun(snapshot_after),
            Fact::Ended { snapshot_to, .. } => Told::Ended(snapshot_to),
            _ => return,
        };
        self.0.borrow_mut().push(told);
    }
}

impl Ear {
    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

#[test]
fn an_audit_is_told_what_a_client_may_not_do_and_not_what_it_has_written_wrong() {
    let ear = Ear::default();
    let mut bench = Bench::new(CoreSettings::default()).with_audit(ear.clone());
    let client = bench.reader(Encoding::Json);
    let update = Publication {
        topic: "a".into(),
        value: Value::Reading(1.0),
        source_time_ns: None,
    };
    let publish = Publish {
        id: Some(1),
        updates: vec![update],
    };
    bench.ask(&client, ClientMessage::Publish(publish));
    client.is_refused(ErrorCode::PublishForbidden);
    assert_eq!(ear.take(), [Told::Refused(ErrorCode::PublishForbidden)]);
    let subscribe = Subscribe {
        id: 2,
        filters: vec![FilterRequest {
            filter: "#".into(),
            resume: None,
        }],
        mode: Mode::Latest,
        max_rate_hz: Some(f64::NAN),
    };
    bench.ask(&client, ClientMessage::Subscribe(subscribe));
    assert_eq!(client.messages().len(), 1);
    assert_eq!(ear.take(), []);
}

#[test]
fn an_audit_is_told_which_newest_values_a_subscription_begins_with_and_lacks_at_its_end() {
    let ear = Ear::default();
    let mut bench = Bench::new(CoreSettings::default()).with_audit(ear.clone());
    bench.publish(&[("a", 1.0), ("b", 1.0)]);
    for (has_all, lacks_after) in [(true, None), (false, Some(0))] {
        let client = bench.reader(Encoding::Json);
        bench.subscribe(&client, "#", EVERY, None);
        assert_eq!(ear.take(), [Told::Begun(Some(0))]);
        if has_all {
            bench.settle();
        }
        bench.shard.disconnect(client.key);
        assert_eq!(ear.take(), [Told::Ended(lacks_after)]);
    }
}
