//! Candles and rows that memory has forgotten, or that a restart has not brought back, from the
//! log.
//!
//! An answer goes to the reading thread and back with each part, so that other clients have their
//! turn between two parts, and no shard decodes what is read.

use tickcast_core::candles::{Excerpt, OlderProgress};
use tickcast_protocol::topic::Topic;
use tokio::time::Instant;

use super::reading::LogReads;

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
        let begin = Instant::now();
        let (mut after, mut parts) = (None, 0);
        while !excerpt.has_enough() {
            let is_enough = match excerpt.progress() {
                OlderProgress::Whole => begin.elapsed() >= self.patience.enough,
                OlderProgress::Part => false,
                OlderProgress::Nothing => parts >= self.patience.empty_parts_max,
            };
            if is_enough {
                break;
            }
            if parts == self.patience.parts_max {
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
