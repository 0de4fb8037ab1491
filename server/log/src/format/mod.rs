//! The bytes of the log, as `docs/log.md` draws them: pure functions from values to bytes and back.
//!
//! The files in reading order:
//!
//! * `name`: the names of files
//! * `segment`: the beginning and the end of a segment
//! * `record`: the header of a record, and its checksums
//! * `session`, `feeds`, `topics`, `strip`, `index`: what the bodies of records hold
//! * `bytes`: integers of fixed and variable length

mod bytes;
mod feeds;
mod index;
mod name;
mod record;
mod segment;
mod session;
mod strip;
mod topics;

pub use feeds::FeedOutages;
pub(crate) use feeds::{append_feeds, parse_feeds};
pub(crate) use index::{Block, Index, IndexBuilder};
pub(crate) use name::{LOCK, Name};
pub use record::{BODY_MAX_BYTES, HeaderFlaw};
pub(crate) use record::{END_BYTE, Kind, RECORD_HEADER_BYTES, RecordHeader, append_record};
pub use segment::VERSION;
pub(crate) use segment::{
    HeaderError, SEGMENT_HEADER_BYTES, SegmentHeader, TRAILER_BYTES, Trailer,
};
pub use session::{LINEAGE_MAX, Outage};
pub(crate) use session::{SESSION_MAX_BYTES, Session};
pub use strip::Times;
pub(crate) use strip::{StripBody, append_strip};
pub(crate) use topics::{Part, append_part, append_topics, parse_topics, read_topics};
pub use topics::{TopicState, Topics};
