//! The part of an answer about candles and rows that comes from the log.

use tickcast_core::candles::Excerpt;
use tickcast_log::{Disk, Entry, Limits, OpenError, Order, Question, Range, Reader, Wanted};
use tickcast_protocol::{
    codec,
    message::{Position, TimeNs},
    topic::Topic,
};

/// Adds a part of a log to an answer, and ends the older part of the answer at the end of the log.
/// Returns where the next part begins.
pub(super) fn read<D: Disk>(
    reader: &mut Reader<D>,
    topic: Topic,
    excerpt: &mut Excerpt,
    after: Option<Position>,
    read_bytes: u64,
) -> Result<Option<Position>, OpenError> {
    let Some(range) = excerpt.older() else {
        return Ok(None);
    };
    let question = Question {
        wanted: Wanted::Topic(topic),
        range: Range {
            from: 0,
            to: range.to,
            from_ns: range.from_ns,
            to_ns: range.to_ns,
        },
        order: Order::NewestFirst,
    };
    let limits = Limits {
        updates: usize::MAX,
        read_bytes,
    };
    if after.is_none() && reader.end() <= range.to {
        // A server that went on without its log has delivered more than is in it.
        excerpt.miss_older();
    }
    let next = reader.page(&question, after, limits, |entry| match entry {
        Entry::Update { bytes, .. } => match codec::decode_update_bincode(bytes) {
            Ok(update) => excerpt.push_older(&update),
            Err(_) => excerpt.miss_older(),
        },
        Entry::Missing { .. } | Entry::Flaw { .. } => excerpt.miss_older(),
        Entry::Status { .. } | Entry::Publish(_) => {}
    })?;
    if next.is_none() {
        excerpt.end_older(Some(reader.begin_ns().unwrap_or(TimeNs::MAX)));
    }
    Ok(next)
}
