//! What the micro benchmarks share: realistic updates, strips of them, and a shard whose
//! subscribers accept everything.

use std::{
    io::{self, IoSlice},
    sync::Arc,
    time::Duration,
};

use tickcast_core::{
    Now,
    permissions::Access,
    sequencer::Sequencer,
    settings::CoreSettings,
    shard::{Shard, Socket},
    tape::Strip,
    work::{NewUpdate, Submission},
};
use tickcast_protocol::{
    codec::Encoding,
    message::{ClientMessage, Epoch, Mode, Quality, Subscribe, Update},
    topic::Topic,
    value::{Side, Trade, Value},
};

/// A trade in the form of an exchange.
pub fn trade(nth: u64) -> Value {
    Value::Trade(Trade {
        price: format!("39{:03}.{:02}", nth % 1000, nth % 100)
            .parse()
            .expect("a decimal"),
        size: "0.000263".parse().expect("a decimal"),
        side: Some(Side::Sell),
    })
}

/// The topic with this number.
pub fn topic(number: usize) -> Topic {
    Topic::new(&format!("market/INSTRUMENT-{number}/trade")).expect("a topic name")
}

/// An update of a topic.
pub fn update<T>(topic: T, position: u64) -> Update<T> {
    Update {
        topic,
        position,
        seq: position,
        source_time_ns: Some(1_610_064_000_278_000_000),
        ingest_time_ns: 1_795_222_000_000_000_001,
        quality: Quality::Live,
        value: trade(position),
    }
}

/// Makes strips of updates of some topics, in turn.
#[derive(Debug)]
pub struct StripSource {
    sequencer: Sequencer,
    topics: Vec<Topic>,
    next: usize,
}

impl StripSource {
    /// A source with this many topics.
    pub fn new(topics: usize) -> Self {
        Self {
            sequencer: Sequencer::new(1_000_000),
            topics: (0..topics).map(topic).collect(),
            next: 0,
        }
    }

    /// The next strip, with this many updates.
    pub fn strip(&mut self, updates: usize) -> Arc<Strip> {
        for _ in 0..updates {
            let topic = self.topics[self.next % self.topics.len()].clone();
            let update = NewUpdate {
                topic,
                value: trade(self.next as u64),
                source_time_ns: None,
                quality: Quality::Live,
                unit: None,
                facts: None,
            };
            let updates = smallvec::smallvec![update];
            let submission = Submission {
                updates,
                ..Submission::default()
            };
            self.sequencer.push(submission, at(1));
            self.next += 1;
        }
        self.sequencer.take_strip().expect("updates were pushed")
    }
}

/// A socket that accepts everything and keeps nothing.
#[derive(Debug, Clone, Copy)]
pub struct NullSocket;

impl Socket for NullSocket {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

/// A moment, in ms since the start.
pub fn at(ms: u64) -> Now {
    Now {
        uptime: Duration::from_millis(ms),
        wall_ns: 0,
    }
}

/// A shard with this many subscribers, all live.
pub fn shard(
    subscribers: usize,
    encoding: Encoding,
    mode: Mode,
    filter: &str,
) -> Shard<NullSocket> {
    let settings = Arc::new(CoreSettings::default());
    let mut shard = Shard::new(0, Epoch(1), settings, Arc::default());
    for _ in 0..subscribers {
        let key = shard.connect(NullSocket, encoding, Access::READER, at(0));
        let subscribe = Subscribe {
            id: 1,
            filters: vec![filter.into()],
            mode,
            max_rate_hz: None,
        };
        shard.handle(key, ClientMessage::Subscribe(subscribe), at(0));
    }
    while shard.catch_up(at(0)) {}
    shard
}
