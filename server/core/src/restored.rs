//! What a server knew when it ended, as its log has it: what the next one begins with.
//!
//! ```text
//!  updates of the log, oldest first --> Collector: the newest strips --> Restored
//!  topics at the end of the log -------------------------------------------^
//! ```
//!
//! A sequencer and all shards that begin with the same [`Restored`] go on where those of the last
//! server have stopped: ids, seqs, positions, newest values, statuses and the tape are as before.

use std::{collections::VecDeque, sync::Arc};

use tickcast_protocol::{
    codec::{UpdateHead, decode_update_head_bincode},
    message::{EndedEpoch, Position, Seq, Status, TimeNs, TopicInfo},
};

use crate::{
    candles::FeedSpans,
    tape::{STRIP_MAX_BYTES, Strip, StripBuilder},
};

/// What is known about one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredTopic {
    /// Its id, its name, and what else is known about it.
    pub info: TopicInfo,
    /// Seq of its last update, which is the number of its updates.
    pub seq: Seq,
    /// Its status.
    pub status: Status,
    /// Time of its last status change; 0 if it never changed.
    pub since_ns: TimeNs,
    /// Position of its newest value; 0 if it has none.
    pub position: Position,
    /// Its newest value as it is on the tape; empty if it has none.
    pub newest: Box<[u8]>,
}

impl RestoredTopic {
    /// What is known about a topic whose newest value is as it is on the tape; empty if it has
    /// none.
    pub fn new(
        info: TopicInfo,
        seq: Seq,
        (status, since_ns): (Status, TimeNs),
        newest: &[u8],
    ) -> Self {
        let head = decode_update_head_bincode(newest);
        Self {
            info,
            seq,
            status,
            since_ns,
            position: head.map_or(0, |head| head.position),
            newest: newest.into(),
        }
    }
}

/// What a server begins with; see the module.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// The topics, in the order of their ids.
    pub topics: Vec<RestoredTopic>,
    /// The newest strips. They end before `next`, and no update between them is missing.
    pub strips: Vec<Arc<Strip>>,
    /// The position of the next update.
    pub next: Position,
    /// The earlier epochs that the current one continues, oldest first.
    pub continues: Vec<EndedEpoch>,
    /// When no server ran: from one time up to another, oldest first.
    pub outages: Vec<(TimeNs, TimeNs)>,
    /// When updates of each feed were missing.
    pub feeds: Vec<FeedSpans>,
}

/// Makes strips of the newest updates, within a bound on their cost.
///
/// Call [`push`](Self::push) for each update, and [`skip_to`](Self::skip_to) where some are
/// missing.
#[derive(Debug)]
pub struct Collector {
    strips: VecDeque<Arc<Strip>>,
    bytes: usize,
    max_bytes: usize,
    open: StripBuilder,
}

impl Collector {
    /// A collector of strips that cost up to `max_bytes`, as on a tape.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            strips: VecDeque::new(),
            bytes: 0,
            max_bytes,
            open: StripBuilder::new(1),
        }
    }

    /// Adds an update, with its bytes as they were on the tape.
    pub fn push(&mut self, head: &UpdateHead, bincode: &[u8]) {
        self.skip_to(head.position);
        self.open.push_encoded(head.topic, head.quality, bincode);
        if self.open.len_bytes() >= STRIP_MAX_BYTES {
            self.close();
        }
    }

    /// Goes on at a position. If updates before it are missing, the strips so far are dropped: a
    /// tape has no hole.
    pub fn skip_to(&mut self, position: Position) {
        if self.open.next() != position {
            self.strips.clear();
            self.bytes = 0;
            self.open = StripBuilder::new(position);
        }
    }

    /// The strips up to `next`, with the topics at that position, and the earlier epochs.
    pub fn finish(
        mut self,
        topics: Vec<RestoredTopic>,
        next: Position,
        continues: Vec<EndedEpoch>,
    ) -> Restored {
        self.skip_to(next);
        self.close();
        Restored {
            topics,
            strips: self.strips.into(),
            next,
            continues,
            outages: Vec::new(),
            feeds: Vec::new(),
        }
    }

    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let next = StripBuilder::new(self.open.next());
        let strip = std::mem::replace(&mut self.open, next).build();
        self.bytes += strip.cost_bytes();
        self.strips.push_back(Arc::new(strip));
        while self.bytes > self.max_bytes
            && self.strips.len() > 1
            && let Some(oldest) = self.strips.pop_front()
        {
            self.bytes -= oldest.cost_bytes();
        }
    }
}
