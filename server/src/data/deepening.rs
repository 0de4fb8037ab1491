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

impl LogReads {
    /// Adds to an answer what the log has of older intervals, until the answer is full or enough is
    /// read. `reads` is called before each part, and returns whether the client still waits. `None`
    /// if it does not, or if the server is ending.
    pub(crate) async fn deepen(
        &self,
        topic: &Topic,
        mut excerpt: Box<Excerpt>,
        mut reads: impl FnMut() -> bool,
    ) -> Option<Box<Excerpt>> {
        if excerpt.older().is_none() {
            return Some(excerpt);
        }
        excerpt.begin_older();
        let mut after = None;
        for parts in 0..PARTS_MAX {
            // A topic of texts has no numbers at all.
            let is_enough = parts >= PARTS_ENOUGH && excerpt.progress() != OlderProgress::Part;
            if excerpt.has_enough() || is_enough {
                break;
            }
            if !reads() {
                return None;
            }
            let part = self.candles(topic, excerpt, after).await?;
            excerpt = part.excerpt;
            if part.next.is_none() {
                return Some(excerpt);
            }
            after = part.next;
        }
        excerpt.end_older(None);
        Some(excerpt)
    }
}
