//! A node's beats, and its patience with members that are silent. Patience is measured in own beats
//! that the node reads back in the stream, not in seconds: if the stream stands still, no beat
//! comes back, and no member is taken for dead.

use std::{collections::BTreeMap, time::Duration};

use crate::{book::Member, ids::MemberId, outbox::RESEND_AFTER};

/// Time between two beats of a node. It is also how late a silent topic may be found.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);

/// A member is gone if a node has read this many of its own beats since it last heard of it.
pub const PATIENCE_BEATS: u32 = 5;

/// Beats and patience; see the module.
#[derive(Debug, Default)]
pub(crate) struct Beats {
    /// When the last beat was written that was not read yet.
    unread: Option<Duration>,
    next: Duration,
    /// Own beats that were read since each member was heard.
    silent: BTreeMap<MemberId, u32>,
}

impl Beats {
    /// Whether a beat is to be written now. Only one is on its way, so they do not heap up while
    /// the stream stands still.
    pub(crate) fn is_due(&self, is_wanted: bool, now: Duration) -> bool {
        let is_on_its_way = self.unread.is_some_and(|at| now < at + RESEND_AFTER);
        !is_on_its_way && (is_wanted || self.next <= now)
    }

    pub(crate) fn written(&mut self, now: Duration) {
        self.unread = Some(now);
        self.next = now + BEAT_EVERY;
    }

    pub(crate) fn read(&mut self) {
        self.unread = None;
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
