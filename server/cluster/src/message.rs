//! What a node writes to the stream, as bytes and back.
//!
//! ```text
//! 0         1
//! +---------+-------------------------------+
//! | version | the message in bincode        |
//! +---------+-------------------------------+
//! ```

use bincode::{Decode, Encode};
use tickcast_protocol::message::{Epoch, Position};

use crate::{chain::Proof, ids::MemberId};

/// The version of the format. Nodes of another version refuse to read on.
const VERSION: u8 = 1;

/// Maximum bytes of a message. NATS accepts 1 MiB by default; half of that is written and handed on
/// sooner.
pub const MESSAGE_MAX_BYTES: usize = 512 * 1024;

/// Maximum bytes of the name of a node or a feed.
pub const NAME_MAX_BYTES: usize = 256;

/// Maximum memory that decoding may take, in times of [`MESSAGE_MAX_BYTES`]: an update takes at
/// most this many times the bytes that it has in a message.
const DECODE_LIMIT_FACTOR: usize = 64;

/// A message.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Message {
    /// The node that has written it.
    pub from: MemberId,
    /// What the node had read before.
    pub proof: Proof,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Body {
    /// A node wants to be a member.
    Join(Join),
    /// A node is there. It also takes the time on.
    Beat,
    /// A member goes. It has read everything that it has written.
    Leave,
    /// A member is gone, as others see it.
    Expel {
        /// The member.
        member: MemberId,
        /// The sequence of its last message that counts. If it has spoken since, it stays.
        heard: u64,
    },
    /// Work for the sequencer.
    Work {
        /// Counts up from 1 with each of a member. Only the next one counts, so what is written
        /// twice counts once, and the order stays.
        number: u64,
        /// Items, one after another; see `item`.
        items: Vec<u8>,
    },
}

/// A request to be a member.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Join {
    /// The node's name, for people.
    pub node: String,
    /// The names of the feeds that it can run.
    pub feeds: Vec<String>,
    /// The checksum of the settings that all nodes must share, because strips depend on them.
    pub rules: u64,
    /// Whether an epoch begins, and why.
    pub begins: Option<Begins>,
}

/// Why an epoch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Begins {
    /// No member lives, so none can say whether the stream has lost its end.
    Alone {
        /// The new epoch.
        epoch: Epoch,
    },
    /// The node has read more than the stream still has.
    EndLost {
        /// The new epoch.
        epoch: Epoch,
        /// The epoch that it has read.
        before: Epoch,
        /// The last position of it that the stream still has.
        kept: Position,
        /// What it has read. A node that sees less than the stream has, for example at a server of
        /// NATS that has just become the leader, is wrong: then the stream has this.
        read: Proof,
    },
}

/// Bytes that are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It was written by a node of another version.
    #[error("version {0} of the format is not known; this node writes version {VERSION}")]
    Version(u8),
    /// The bytes say nothing.
    #[error("unreadable: {0}")]
    Unreadable(String),
}

impl Message {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        versioned(VERSION, self)
    }

    /// A message of its bytes.
    ///
    /// # Errors
    ///
    /// If they are of another version, too long, cut off, or followed by others.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        all_of(VERSION, bytes, take)
    }
}

/// A version, and a value after it.
pub(crate) fn versioned<T: Encode>(version: u8, value: &T) -> Vec<u8> {
    let mut bytes = vec![version];
    append(value, &mut bytes);
    bytes
}

/// The value after a version, which `take` takes: it must be all that there is.
pub(crate) fn all_of<T>(
    version: u8,
    bytes: &[u8],
    take: impl FnOnce(&[u8]) -> Result<(T, usize), MessageError>,
) -> Result<T, MessageError> {
    match bytes.split_first() {
        None => Err(MessageError::Unreadable("no bytes".to_owned())),
        Some((&found, rest)) if found == version => {
            let (value, length) = take(rest)?;
            match rest.len() - length {
                0 => Ok(value),
                more => Err(MessageError::Unreadable(format!("{more} trailing bytes"))),
            }
        }
        Some((&found, _)) => Err(MessageError::Version(found)),
    }
}

/// Appends a value in bincode.
pub(crate) fn append<T: Encode>(value: &T, out: &mut Vec<u8>) {
    // Encoding fails only for a map, a RefCell or a Mutex, which no message has.
    bincode::encode_into_std_write(value, out, bincode::config::standard())
        .expect("a message can always be encoded");
}

/// Takes a value from the front of the bytes, and returns it with its length.
pub(crate) fn take<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), MessageError> {
    if bytes.len() > MESSAGE_MAX_BYTES {
        let length = bytes.len();
        return Err(MessageError::Unreadable(format!(
            "{length} bytes (limit {MESSAGE_MAX_BYTES})"
        )));
    }
    take_up_to::<_, { MESSAGE_MAX_BYTES * DECODE_LIMIT_FACTOR }>(bytes)
}

/// Takes a value that needs at most `LIMIT` bytes of memory.
pub(crate) fn take_up_to<T: Decode<()>, const LIMIT: usize>(
    bytes: &[u8],
) -> Result<(T, usize), MessageError> {
    let limited = bincode::config::standard().with_limit::<LIMIT>();
    let taken = bincode::decode_from_slice(bytes, limited);
    taken.map_err(|error| MessageError::Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Digest;

    fn message(body: Body) -> Message {
        let proof = Proof {
            sequence: 300,
            digest: Digest(0x0102_0304_0506_0708),
        };
        Message {
            from: MemberId(7),
            proof,
            body,
        }
    }

    /// Old bytes stay readable.
    #[test]
    fn the_bytes_of_each_message_are_as_they_were() {
        let proof = "fb2c01fd0807060504030201";
        let join = Join {
            node: "n1".to_owned(),
            feeds: vec!["f".to_owned()],
            rules: 5,
            begins: None,
        };
        let begins = |begins| Join {
            begins: Some(begins),
            ..join.clone()
        };
        let alone = Begins::Alone { epoch: Epoch(9) };
        let lost = Begins::EndLost {
            epoch: Epoch(9),
            before: Epoch(8),
            kept: 4,
            read: Proof {
                sequence: 5,
                digest: Digest(6),
            },
        };
        let expel = Body::Expel {
            member: MemberId(6),
            heard: 250,
        };
        let work = Body::Work {
            number: 2,
            items: vec![1, 2],
        };
        for (body, expected) in [
            (Body::Join(join.clone()), "00026e310101660500"),
            (Body::Join(begins(alone)), "00026e3101016605010009"),
            (Body::Join(begins(lost)), "00026e310101660501010908040506"),
            (Body::Beat, "01"),
            (Body::Leave, "02"),
            (expel, "0306fa"),
            (work, "0402020102"),
        ] {
            let bytes = message(body.clone()).encode();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, format!("0107{proof}{expected}"), "{body:?}");
            assert_eq!(Message::decode(&bytes), Ok(message(body)));
        }
    }

    #[test]
    fn other_bytes_are_refused_with_a_reason() {
        let bytes = message(Body::Leave).encode();
        let other = [&[9], &bytes[1..]].concat();
        assert_eq!(Message::decode(&other), Err(MessageError::Version(9)));
        let long = [&bytes[..], &[0]].concat();
        for bytes in [&[][..], &bytes[..bytes.len() - 1], &long] {
            let error = Message::decode(bytes).unwrap_err();
            assert!(matches!(error, MessageError::Unreadable(_)), "{error}");
        }
        let vast = vec![VERSION; MESSAGE_MAX_BYTES + 2];
        let error = Message::decode(&vast).unwrap_err().to_string();
        assert_eq!(error, "unreadable: 524289 bytes (limit 524288)");
    }
}
