//! A node's beats, and its patience with members that are silent. Patience is measured in own beats
//! that the node reads back in the stream, not in seconds: if the stream stands still, no beat
//! comes back, and no member is taken for dead. Only beats of the interval count: the others may be
//! many in a second.

use std::{collections::BTreeMap, time::Duration};

use crate::{book::Member, ids::MemberId, outbox::RESEND_AFTER};

/// Time between two beats of a node. It is also how late a silent topic may be found.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);

/// A member is gone if a node has read this many of its own beats since it last heard of it.
pub const PATIENCE_BEATS: u32 = 5;

/// A beat on its way.
#[derive(Debug)]
struct Unread {
    written: Duration,
    /// Whether it is one of the interval.
    is_regular: bool,
}

/// Beats and patience; see the module.
#[derive(Debug, Default)]
pub(crate) struct Beats {
    /// The last beat that was written and not read yet.
    unread: Option<Unread>,
    next: Duration,
    /// Own beats that were read since each member was heard.
    silent: BTreeMap<MemberId, u32>,
}

impl Beats {
    /// Whether a beat is to be written now. Only one is on its way, so they do not heap up while
    /// the stream stands still.
    pub(crate) fn is_due(&self, is_wanted: bool, now: Duration) -> bool {
        let unread = self.unread.as_ref();
        let is_on_its_way = unread.is_some_and(|beat| now < beat.written + RESEND_AFTER);
        !is_on_its_way && (is_wanted || self.next <= now)
    }

    pub(crate) fn written(&mut self, now: Duration) {
        let is_regular = self.next <= now;
        self.unread = Some(Unread {
            written: now,
            is_regular,
        });
        if is_regular {
            self.next = now + BEAT_EVERY;
        }
    }

    /// Notes that an own beat was read, or is lost. Returns whether it counts.
    pub(crate) fn read(&mut self) -> bool {
        self.unread.take().is_some_and(|beat| beat.is_regular)
    }

    pub(crate) fn heard(&mut self, member: MemberId) {
        self.silent.insert(member, 0);
    }

    pub(crate) fn departed(&mut self, member: MemberId) {
        self.silent.remove(&member);
    }

    /// Begins anew, as another member.
    pub(crate) fn begin_again(&mut self) {
        self.unread = None;
        self.silent.clear();
    }

    /// Counts an own beat that was read, and returns the members that have been silent for too
    /// long.
    pub(crate) fn count<'m>(
        &mut self,
        others: impl Iterator<Item = &'m Member>,
    ) -> Vec<(MemberId, u64)> {
        let mut gone = Vec::new();
        for member in others {
            let beats = self.silent.entry(member.id).or_default();
            *beats += 1;
            if *beats > PATIENCE_BEATS {
                gone.push((member.id, member.heard));
            }
        }
        gone
    }
}
