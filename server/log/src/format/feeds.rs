//! The body of a record about feeds: when each of them was down or has lost updates.

use super::{
    bytes::{Reader, append_counted_by, append_varint},
    session::Outage,
};

/// When updates of a feed are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedOutages {
    /// The feed's name in the settings.
    pub name: String,
    /// From one time up to another, oldest first. One that lasts ends at the largest number.
    pub outages: Vec<Outage>,
}

/// Appends the body.
pub(crate) fn append_feeds(feeds: &[FeedOutages], out: &mut Vec<u8>) {
    let mut scratch = Vec::new();
    append_varint(feeds.len() as u64, out);
    for feed in feeds {
        append_counted_by(&mut scratch, out, |out| {
            out.extend_from_slice(feed.name.as_bytes());
        });
        append_varint(feed.outages.len() as u64, out);
        for (from, to) in &feed.outages {
            out.extend_from_slice(&from.to_le_bytes());
            out.extend_from_slice(&to.to_le_bytes());
        }
    }
}

/// Reads the body.
pub(crate) fn parse_feeds(body: &[u8]) -> Option<Vec<FeedOutages>> {
    let mut reader = Reader(body);
    let count = reader.count(2)?;
    let feeds = (0..count).map(|_| {
        let name = String::from_utf8(reader.counted()?.to_vec()).ok()?;
        let count = reader.count(16)?;
        let outages = (0..count).map(|_| Some((reader.i64()?, reader.i64()?)));
        let outages = outages.collect::<Option<Vec<_>>>()?;
        Some(FeedOutages { name, outages })
    });
    let feeds = feeds.collect::<Option<Vec<_>>>()?;
    reader.is_empty().then_some(feeds)
}
