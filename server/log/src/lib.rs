//! # The tape on disk
//!
//! A log is a folder of segments. A segment is a file of records, most of which are strips as they
//! are on the tape. `docs/log.md` draws the format and says what is promised.
//!
//! ```text
//!  strips ──> Log: encode, checksum, write ──> segment 7 (open, its space is reserved)
//!                │                              segment 6 (closed, with an index)
//!                │ sync, retain                 segment 5 ...
//!                v
//!             Disk (a trait: the file system, or a disk of a test that fails)
//! ```
//!
//! The files in reading order:
//!
//! | file | job |
//! |---|---|
//! | `format` | values as bytes and back |
//! | `disk` | what is needed of a folder and of a file, and the file system |
//! | `flaw` | what can be wrong with a record |
//! | `records` | the records of a file, with their checksums |
//! | `walk` | a segment from its first record on, each record compared with those before it |
//! | `error` | why a log cannot be opened or written |
//! | `segment` | segments that are not written to any more |
//! | `active` | the segment that is written to |
//! | `head` | its begin, if that is long |
//! | `ending` | its end, once it is full |
//! | `opening` | who opens a log |
//! | `outcome` | how much a log keeps, and what it answers |
//! | `cut` | what is cut off the last segment |
//! | `completing` | what a server that stopped had still to write: a begin, and ends |
//! | `recovery` | the end of the log when a server starts |
//! | `log` | takes strips, syncs, forgets |
//! | `syncing` | what another thread syncs |
//! | `roll` | from a segment to the next one, and when nothing more may be written |
//! | `following` | a log that follows a stream, which may have gone on without it |
//! | `read` | a part of the log from its oldest update on |
//! | `point` | places in a log, as people write them |
//! | `reader` | any part of the log, a bounded piece at a time, while a server writes |
//! | `recorded` | what it holds as lines of a recording |
//! | `tools` | verify, dump, stats and export |
//!
//! The time is passed in. Nothing here has a thread.

mod disk;
mod error;
mod flaw;
mod format;
mod records;
mod segment;
mod walk;

mod active;
mod completing;
mod cut;
mod ending;
mod following;
mod head;
mod log;
mod opening;
mod outcome;
mod point;
mod read;
mod reader;
mod recorded;
mod recovery;
mod roll;
mod syncing;

pub mod tools;

#[doc(hidden)]
pub mod testing;

pub use cut::Cut;
pub use disk::{Disk, DiskFile, Doubt, Folder, FolderError, RealFile};
pub use error::{LogError, OpenError};
pub use flaw::Flaw;
pub use following::Relation;
pub use format::{
    BODY_MAX_BYTES, FeedOutages, HeaderFlaw, LINEAGE_MAX, Outage, Times, TopicState, Topics,
    VERSION,
};
pub use log::Log;
pub use opening::{GoesOn, Opening};
pub use outcome::{Continuity, LogSettings, Recovery, Removed, SetBack, WriteFailure};
pub use point::Point;
pub use read::{Entry, Range, read};
pub use reader::{Begin, Limits, Order, Question, Reader, Strips, Wanted, is_log};
pub use recovery::Hole;
pub use segment::Segment;
pub use syncing::{Synced, Unsynced};
pub use walk::Stop;
