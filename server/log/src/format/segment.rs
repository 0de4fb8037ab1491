//! The beginning of a segment, and the end of a closed one.

use tickcast_protocol::message::{Position, TimeNs};

use super::bytes::{Reader, seal, sealed};

/// The version of the format that is written. Older ones are read, if there are any.
pub const VERSION: u16 = 1;

/// Bytes before the first record of a segment.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;

/// Bytes after the last record of a closed segment.
pub(crate) const TRAILER_BYTES: usize = 32;

const MAGIC: [u8; 8] = *b"TICKCLOG";
const TRAILER_MAGIC: [u8; 8] = *b"TICKCEND";

/// The beginning of a segment. Magic, version and checksum have the same place in all versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Its number, as in its name.
    pub(crate) number: u64,
    /// Position of its first update.
    pub(crate) first: Position,
    /// When it was made.
    pub(crate) created_ns: TimeNs,
    /// Bytes that were reserved for it. A shorter file without a trailer was cut by someone else.
    pub(crate) reserved_bytes: u64,
}

/// Why bytes are not the beginning of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    /// It has another beginning.
    #[error("it is not a segment of a log of Tickcast")]
    Foreign,
    /// Its checksum is wrong.
    #[error("the checksum of its first {SEGMENT_HEADER_BYTES} bytes is wrong")]
    Damaged,
    /// A newer server wrote it.
    #[error("its format has version {0}, and this server reads versions up to {VERSION}")]
    Newer(u16),
}

impl SegmentHeader {
    /// Its bytes.
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.created_ns.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.reserved_bytes.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    /// Reads the bytes of a segment's beginning.
    ///
    /// # Errors
    ///
    /// If they are too few, foreign, damaged or of a newer version.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(HeaderError::Foreign);
        }
        let bytes = bytes.get(..SEGMENT_HEADER_BYTES);
        let checked = bytes.and_then(sealed).ok_or(HeaderError::Damaged)?;
        let mut reader = Reader(&checked[MAGIC.len()..]);
        let version = reader.u16().ok_or(HeaderError::Damaged)?;
        if version != VERSION {
            return Err(HeaderError::Newer(version));
        }
        let fields = (|| {
            reader.take(6)?;
            Some(Self {
                number: reader.u64()?,
                first: reader.u64()?,
                created_ns: reader.i64()?,
                reserved_bytes: reader.u64()?,
            })
        })();
        // Positions begin at 1.
        let fields = fields.filter(|fields| fields.first > 0);
        fields.ok_or(HeaderError::Damaged)
    }
}

/// The end of a closed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// The segment's number.
    pub(crate) number: u64,
    /// Where the record with its index begins.
    pub(crate) index_offset: u64,
}

impl Trailer {
    /// Its bytes.
    pub(crate) fn encode(&self) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        bytes[..8].copy_from_slice(&TRAILER_MAGIC);
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.index_offset.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    /// Whether bytes begin as a trailer does. They may be fewer.
    pub(crate) fn is_beginning(bytes: &[u8]) -> bool {
        let known = bytes.len().min(TRAILER_MAGIC.len());
        bytes.len() <= TRAILER_BYTES && TRAILER_MAGIC.starts_with(&bytes[..known])
    }

    /// Reads the last bytes of a segment. `None` if they are not the end of a closed one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let checked = sealed(bytes.get(..TRAILER_BYTES)?)?;
        let mut reader = Reader(checked.strip_prefix(&TRAILER_MAGIC)?);
        Some(Self {
            number: reader.u64()?,
            index_offset: reader.u64()?,
        })
    }
}
