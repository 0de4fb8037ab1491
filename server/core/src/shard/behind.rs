//! A subscription that is behind its channel, and the steps by which it catches up.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use tickcast_protocol::{
    codec::{BatchHead, Encoding},
    message::{Gap, Position, ServerMessage, TopicId},
};

use super::{
    channel::Channel,
    count_walk::{CountWalk, Counted},
    latest_frame::{Part, latest_frame},
    log_windows::{LogBegin, LogWindows},
    pace::Pace,
    status_cursor::StatusCursor,
    steps::{Steps, json_steps},
    topics::Topics,
};
use crate::{
    tape::Tape,
    wire::{self, BatchWriter},
};

/// A catch-up frame is closed at this many bytes of updates.
///
/// The part of a frame that a socket does not accept is memory that no other client shares, and a
/// client that reads nothing keeps it until the write timeout. Hundreds of such clients may cost
/// only a few megabytes. Longer frames would gain nothing: writing this many bytes takes far longer
/// than beginning another frame.
pub const CATCH_UP_FRAME_MAX_BYTES: usize = 64 * 1024;

/// The same limit for a client that has just been blocked, for the same reason. Each frame that the
/// socket accepts whole doubles the limit of the next one. Frames for slow links are shorter, see
/// `link`.
pub const CATCH_UP_FRAME_MIN_BYTES: usize = 16 * 1024;

/// A catch-up frame in mode `every` has at least this many bytes of updates, however slow the link.
/// Shorter ones introduce the same topics more often, which costs a noticeable part of the link.
const EVERY_FRAME_MIN_BYTES: usize = CATCH_UP_FRAME_MIN_BYTES;

/// The state of a subscription that is behind its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Behind {
    /// Position `to` of the last live batch that was handed to the connection.
    pub cursor: Position,
    /// Position up to which the tape was searched without a match; at least `cursor`.
    pub scanned: Position,
    /// Updates of the channel accounted for at the cursor, if known.
    pub count: Option<u64>,
    /// A snapshot in progress; live batches wait for its end.
    pub snapshot: Option<SnapshotRange>,
    /// In a paced channel: whether it may catch up now.
    pub is_due: bool,
    /// Whether the client may still lack a topic even if the cursor has reached the channel. There
    /// are two cases: a snapshot left the topic out because it is in the open batch, or latest
    /// values are sent over several frames and the last frame is still missing.
    pub is_partial: bool,
    /// Updates sent since `count` was right; only in mode `latest`.
    pub sent: u64,
    /// How far the client knows the status of its topics.
    pub statuses: StatusCursor,
    /// Only in mode `latest`: see [`latest_frame`].
    pub turn: TopicId,
    /// If the tape has dropped the cursor: the way to the count at its floor.
    pub walk: Option<CountWalk>,
    /// Number of updates of the channel up to the last floor at which they were counted. The next
    /// floor is not before it.
    pub counted: u64,
    /// How far it needs the log.
    pub log: FromLog,
}

/// Whether a subscription needs the log, and whether the log has what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FromLog {
    /// The tape has the updates after its cursor.
    Unused,
    /// The log is read.
    Read,
    /// The log lacks the next update, and goes on later or not before the tape.
    Lacks(Option<Arc<LogBegin>>),
}

/// The rest of a snapshot: the topics whose newest update is in (`after`, `until`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SnapshotRange {
    /// The end of the part that has been sent.
    pub after: Position,
    /// The end of the snapshot.
    pub until: Position,
}

/// The work that catch-up steps may still do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    /// Updates on the tape that may still be read, or as much other work.
    pub updates: usize,
    /// A frame is closed at this many bytes of updates.
    pub frame_bytes: usize,
}

impl Allowance {
    /// Takes work off. What cannot be interrupted may exceed the allowance.
    fn take(&mut self, steps: usize) {
        self.updates = self.updates.saturating_sub(steps);
    }
}

/// The result of a step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A batch to send.
    Frame {
        /// Its bytes.
        frame: Bytes,
        /// Updates in it.
        updates: u64,
        /// Its oldest and its newest update, in bincode. `None` for a snapshot, which may be of any
        /// age, and without updates.
        ends: Option<(Vec<u8>, Vec<u8>)>,
    },
    /// A gap to send.
    Gap {
        /// Its bytes.
        frame: Bytes,
        /// Updates that were lost, if known.
        lost: Option<u64>,
    },
    /// The status of topics to send.
    Status(Bytes),
    /// The tape has dropped the next update: the log has to be read from this position on.
    Reading(Position),
    /// No message yet: the allowance for searching is used up.
    Searching,
    /// The subscription waits for the channel's next batch.
    Waiting,
    /// The cursor has reached the channel.
    Live,
}

impl Behind {
    /// A subscription at a cursor, without a snapshot to send.
    pub(super) fn at(cursor: Position, count: Option<u64>, statuses: StatusCursor) -> Self {
        Self {
            cursor,
            scanned: cursor,
            count,
            snapshot: None,
            is_due: false,
            is_partial: false,
            sent: 0,
            statuses,
            turn: 0,
            walk: None,
            counted: 0,
            log: FromLog::Unused,
        }
    }

    /// The same for a new subscription: it has been sent nothing, so in a paced channel it does not
    /// wait for the next batch, also if the last one was closed before it became live.
    pub(super) fn due(self) -> Self {
        Self {
            is_due: true,
            ..self
        }
    }

    /// Takes one step towards the channel's state. `log` is what was read of the log, if there is
    /// one.
    pub(super) fn step(
        &mut self,
        channel: &mut Channel,
        topics: &mut Topics,
        tape: &Tape,
        log: Option<&mut LogWindows>,
        allowance: &mut Allowance,
    ) -> Step {
        if !self.statuses.is_current(channel) {
            let mut steps = Steps::new(allowance.updates);
            let frame = self.statuses.step(channel, topics, &mut steps);
            allowance.take(steps.taken());
            if let Some(frame) = frame {
                return Step::Status(frame);
            }
            if !self.statuses.is_current(channel) {
                return Step::Searching;
            }
        }
        if let Some(range) = self.snapshot {
            return self.step_snapshot(range, channel, topics, tape, allowance);
        }
        if self.cursor == channel.flushed() && !self.is_partial {
            return Step::Live;
        }
        match channel.spec.pace {
            Pace::Every => self.step_tape(channel, topics, tape, log, allowance),
            Pace::Latest { interval_ms } => {
                if interval_ms > 0 && !self.is_due {
                    return Step::Waiting;
                }
                self.step_latest(channel, topics, tape, allowance)
            }
        }
    }

    fn step_snapshot(
        &mut self,
        range: SnapshotRange,
        channel: &Channel,
        topics: &mut Topics,
        tape: &Tape,
        allowance: &mut Allowance,
    ) -> Step {
        let part = Part {
            after: range.after,
            until: range.until,
            max_bytes: allowance.frame_bytes,
            snapshot: Some(self.count),
        };
        let made = latest_frame(part, channel, topics, tape, None);
        allowance.take(made.steps);
        let after = made.to;
        self.snapshot = (after < range.until).then_some(SnapshotRange { after, ..range });
        self.is_partial = self.snapshot.is_none() && channel.is_open();
        Step::Frame {
            frame: made.frame,
            updates: made.updates,
            ends: None,
        }
    }

    fn step_latest(
        &mut self,
        channel: &Channel,
        topics: &mut Topics,
        tape: &Tape,
        allowance: &mut Allowance,
    ) -> Step {
        // While a batch is open, only its newer values exist, not those of the last batch. The next
        // batch then does not continue this subscription.
        let until = channel.reached(tape.head());
        let part = Part {
            after: self.cursor,
            until,
            max_bytes: allowance.frame_bytes,
            snapshot: None,
        };
        let made = latest_frame(part, channel, topics, tape, Some(&mut self.turn));
        allowance.take(made.steps);
        self.cursor = made.to;
        self.scanned = made.to;
        self.sent += made.updates;
        self.is_partial = made.to < until;
        if made.to > channel.flushed() && !self.is_partial {
            self.is_due = false;
        }
        Step::Frame {
            frame: made.frame,
            updates: made.updates,
            ends: made.ends,
        }
    }

    fn step_tape(
        &mut self,
        channel: &mut Channel,
        topics: &mut Topics,
        tape: &Tape,
        mut log: Option<&mut LogWindows>,
        allowance: &mut Allowance,
    ) -> Step {
        let (mut source, has_log) = (tape, log.is_some());
        if self.scanned < tape.floor() {
            let next = self.scanned + 1;
            let windows = log.as_mut().filter(|_| next <= channel.flushed());
            match windows.and_then(|windows| windows.find(next)) {
                Some(window) => (source, self.log) = (window, FromLog::Read),
                None => {
                    if let Some(step) = self.fall_off(channel, tape, has_log, allowance) {
                        return step;
                    }
                }
            }
        } else {
            self.log = FromLog::Unused;
        }
        let mut batch = BatchWriter::new(channel.spec.wire);
        let mut introduced = BTreeSet::new();
        let frame_bytes = allowance.frame_bytes.max(EVERY_FRAME_MIN_BYTES);
        let (mut oldest, mut newest) = (None, None);
        for (strip, index) in source.between(self.scanned, channel.flushed()) {
            if allowance.updates == 0 || batch.len_bytes() >= frame_bytes {
                break;
            }
            allowance.updates -= 1;
            let topic = strip.topic(index);
            self.scanned = strip.first() + index as Position;
            if channel.has(topic) {
                introduced.insert(topic);
                let update = strip.get(index);
                oldest = oldest.or(Some(update.bincode));
                newest = Some(update.bincode);
                match channel.spec.wire.encoding() {
                    Encoding::Bincode => batch.push(update.bincode),
                    Encoding::Json => {
                        let json = strip.json(update.position, |id| topics.name(id));
                        batch.push(json.bytes);
                        allowance.take(json_steps(json.new_bytes));
                    }
                }
            }
        }
        let updates = batch.updates() as u64;
        if updates == 0 && self.scanned < channel.flushed() {
            return Step::Searching;
        }
        for id in introduced {
            batch.introduce(&topics[id].info);
        }
        let head = BatchHead {
            channel: channel.key.id(),
            from: self.cursor,
            to: self.scanned,
            snapshot: false,
            topics: &[],
        };
        self.cursor = self.scanned;
        self.count = self.count.map(|count| count + updates);
        Step::Frame {
            frame: batch.finish(&head, &channel.resume_at(self.cursor, self.count, None)),
            updates,
            ends: oldest.map(<[u8]>::to_vec).zip(newest.map(<[u8]>::to_vec)),
        }
    }

    /// Handles a cursor that the tape has dropped. Returns `None` if no update of the channel is
    /// between it and the tape. Otherwise the log is read, if there is one that has the next
    /// update. Else updates are lost, up to where the log goes on or up to the tape.
    fn fall_off(
        &mut self,
        channel: &mut Channel,
        tape: &Tape,
        has_log: bool,
        allowance: &mut Allowance,
    ) -> Option<Step> {
        // The channel has no update between its last batch and the floor of the tape.
        let last = tape.floor().min(channel.flushed());
        let mut floor = last;
        if has_log && self.scanned < floor && self.lacks_some_for_sure() {
            self.log = FromLog::Read;
            return Some(Step::Reading(self.scanned + 1));
        }
        let Some(mut count) = self.count_at(floor, channel, tape, allowance) else {
            return Some(Step::Searching);
        };
        self.counted = count;
        let mut lost = self.count.map(|had| count.saturating_sub(had));
        if has_log && lost != Some(0) && self.scanned < floor {
            match &self.log {
                FromLog::Unused | FromLog::Read => {
                    self.log = FromLog::Read;
                    return Some(Step::Reading(self.scanned + 1));
                }
                FromLog::Lacks(Some(begin)) if self.goes_on_at(begin, floor) => {
                    allowance.take(channel.topic_count());
                    floor = begin.position - 1;
                    count = begin.count(channel.topics());
                    lost = self.count.map(|had| count.saturating_sub(had));
                }
                FromLog::Lacks(_) => {}
            }
        }
        self.scanned = floor;
        self.log = FromLog::Unused;
        if lost == Some(0) {
            // Between them may be others that the log lacks.
            return (floor < last).then_some(Step::Searching);
        }
        let gap = Gap {
            channel: channel.key.id(),
            from: self.cursor,
            to: floor,
            lost,
            snapshot: self.cursor,
        };
        self.snapshot = Some(SnapshotRange {
            after: self.cursor,
            until: floor,
        });
        self.cursor = floor;
        self.count = Some(count);
        let resume = channel.resume_at(floor, self.count, Some(gap.snapshot));
        let frame = wire::message_at(&ServerMessage::Gap(gap), &resume, channel.spec.wire);
        Some(Step::Gap { frame, lost })
    }

    /// Whether updates of the channel are left before the floor, without counting them again:
    /// that reads the whole tape, and would do so for each part of the log.
    fn lacks_some_for_sure(&self) -> bool {
        let may_read = matches!(self.log, FromLog::Unused | FromLog::Read);
        may_read && self.count.is_some_and(|had| had < self.counted)
    }

    /// Whether the log goes on after the cursor and before a floor.
    fn goes_on_at(&self, begin: &LogBegin, floor: Position) -> bool {
        self.scanned + 1 < begin.position && begin.position <= floor
    }

    /// Number of updates of the channel up to the floor of the tape. Returns `None` if the
    /// allowance for searching is used up.
    fn count_at(
        &mut self,
        floor: Position,
        channel: &mut Channel,
        tape: &Tape,
        allowance: &mut Allowance,
    ) -> Option<u64> {
        if floor == channel.flushed() {
            return Some(channel.flushed_count());
        }
        let known = channel.known_counts(tape.head());
        let walk = self.walk.take();
        let mut walk = walk.unwrap_or_else(|| CountWalk::from_nearest(floor, known));
        let mut steps = Steps::new(allowance.updates);
        let counted = walk.advance(floor, channel, tape, &mut steps);
        allowance.take(steps.taken());
        match counted {
            Counted::Known(count) => Some(count),
            Counted::Searching | Counted::Unknown => {
                self.walk = Some(walk);
                None
            }
        }
    }
}
