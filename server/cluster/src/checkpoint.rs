//! A checkpoint: what a replica is after a message. A node that begins with one reads the stream
//! from there on, and is then equal to the nodes that have read all of it.

use bincode::{Decode, Encode};
use tickcast_core::sequencer::SequencerSnapshot;
use tickcast_protocol::message::{Lineage, Position, TimeNs};

use crate::{
    book::Book,
    chain::Chain,
    delivered::Mark,
    message::{MessageError, all_of, take_up_to, versioned},
    newest::Newest,
    orders::LastWords,
};

/// The version of the format.
const VERSION: u8 = 2;

/// Maximum memory that a checkpoint may take: a million topics with values of 200 bytes.
pub const CHECKPOINT_MAX_BYTES: usize = 512 * 1024 * 1024;

/// See the module.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Checkpoint {
    /// The message that it follows; first, so that it can be read alone.
    pub(crate) mark: Option<Mark>,
    pub(crate) book: Book,
    pub(crate) chain: Chain,
    pub(crate) first_ns: Option<TimeNs>,
    pub(crate) time_ns: TimeNs,
    pub(crate) newest: Newest,
    pub(crate) words: LastWords,
    pub(crate) sequencer: SequencerSnapshot,
}

impl Checkpoint {
    pub(crate) fn encode(&self) -> Vec<u8> {
        versioned(VERSION, self)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    ///
    /// If the bytes are no checkpoint.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        all_of(VERSION, bytes, take_up_to::<_, CHECKPOINT_MAX_BYTES>)
    }

    /// The position of the newest update.
    pub fn position(&self) -> Position {
        self.sequencer.position()
    }

    /// The epoch, and the earlier ones that it continues; `None` before the first member.
    pub fn lineage(&self) -> Option<Lineage> {
        self.book.lineage()
    }

    /// The newest values of all topics.
    pub fn newest(&self) -> &Newest {
        &self.newest
    }
}

/// The message that a checkpoint follows.
///
/// # Errors
///
/// If the bytes are no checkpoint.
pub fn followed(checkpoint: &[u8]) -> Result<Option<Mark>, MessageError> {
    const MARK_MAX_BYTES: usize = 64;
    let front = &checkpoint[..checkpoint.len().min(MARK_MAX_BYTES)];
    let mut mark = None;
    let found = all_of(VERSION, front, |bytes| {
        let (found, _) = take_up_to::<_, MARK_MAX_BYTES>(bytes)?;
        mark = found;
        Ok(((), bytes.len()))
    });
    found.map(|()| mark)
}
