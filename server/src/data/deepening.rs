//! Candles and rows that memory has forgotten, or that a restart has not brought back, from the
//! log.
//!
//! An answer goes to the reading thread and back with each part, so that other clients have their
//! turn between two parts, and no shard decodes what is read.

use tickcast_core::candles::{Excerpt, OlderProgress};
use tickcast_protocol::topic::Topic;

use super::reading::LogReads;

/// Parts after which an answer ends if it has whole intervals of the log: 64 MiB, a fifth of a
/// second. The client asks for the next page.
const PARTS_ENOUGH: usize = 64;

/// Parts that are read for one answer, at most: 1 GiB, a few seconds. Where an interval takes more,
/// it is incomplete.
const PARTS_MAX: usize = 1_024;

/// What an answer may read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) parts_enough: usize,
    pub(super) parts_max: usize,
}

/// An answer with what the log has of older intervals.
#[derive(Debug, PartialEq)]
pub(crate) struct Deepened {
    pub(crate) excerpt: Box<Excerpt>,
    /// Whether its oldest interval is incomplete because it needs more of the log than is read.
    pub(crate) is_cut: bool,
}

impl LogReads {
    /// Adds to an answer what the log has of older intervals, until the answer is full or enough is
    /// read. `reads` is called before each part, and returns whether the client still waits. `None`
    /// if it does not, or if the server is ending.
    pub(crate) async fn deepen(
        &self,
        topic: &Topic,
        excerpt: Box<Excerpt>,
        reads: impl FnMut() -> bool,
    ) -> Option<Deepened> {
        let patience = Patience {
            parts_enough: PARTS_ENOUGH,
            parts_max: PARTS_MAX,
        };
        self.deepen_within(patience, topic, excerpt, reads).await
    }

    pub(super) async fn deepen_within(
        &self,
        patience: Patience,
        topic: &Topic,
        mut excerpt: Box<Excerpt>,
        mut reads: impl FnMut() -> bool,
    ) -> Option<Deepened> {
        let whole = |excerpt| Deepened {
            excerpt,
            is_cut: false,
        };
        if excerpt.older().is_none() {
            return Some(whole(excerpt));
        }
        excerpt.begin_older();
        let (mut after, mut parts) = (None, 0);
        // A topic of texts has no numbers at all.
        while !excerpt.has_enough()
            && (parts < patience.parts_enough || excerpt.progress() == OlderProgress::Part)
        {
            if parts == patience.parts_max {
                excerpt.end_older(None);
                let is_cut = true;
                return Some(Deepened { excerpt, is_cut });
            }
            if !reads() {
                return None;
            }
            let part = self.candles(topic, excerpt, after).await?;
            excerpt = part.excerpt;
            if part.next.is_none() {
                return Some(whole(excerpt));
            }
            after = part.next;
            parts += 1;
        }
        excerpt.end_older(None);
        Some(whole(excerpt))
    }
}
