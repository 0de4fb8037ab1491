//! The header of a record, its checksums and its last byte.

use tickcast_protocol::message::{Epoch, Position, TimeNs};

use super::bytes::{Reader, seal, sealed};

/// Bytes before the body of a record.
pub(crate) const RECORD_HEADER_BYTES: usize = 48;

/// The longest body. A strip has 64 KiB and one submission, of which no update is longer than a
/// server's message (16 MiB).
pub const BODY_MAX_BYTES: usize = 64 * 1024 * 1024;

/// The byte after the body. It is not zero: a record whose writing was interrupted has a zero here,
/// and a record that was damaged later has not.
pub(crate) const END_BYTE: u8 = 0xed;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Updates, statuses and infos of topics.
    Strip = 1,
    /// The start of a server, or the repetition of it at the start of a segment.
    Session = 2,
    /// Everything known about topics, at the start of a segment.
    Topics = 3,
    /// Where to find what in the segment. It closes the segment.
    Index = 4,
    /// The clean end of a server.
    End = 5,
    /// When feeds were down.
    Feeds = 6,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Strip,
        Self::Session,
        Self::Topics,
        Self::Index,
        Self::End,
        Self::Feeds,
    ];
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    /// Bytes of the body.
    pub(crate) body_bytes: u32,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether it is the last part of the topics.
    pub(crate) is_last: bool,
    /// Number of updates of a strip, or of topics in this part of them.
    pub(crate) count: u32,
    /// Number of publishes at the end of a strip.
    pub(crate) publishes: u32,
    /// Checksum of the body.
    pub(crate) body_crc: u32,
    /// The epoch.
    pub(crate) epoch: Epoch,
    /// Position of the first update of a strip; else of the next update.
    pub(crate) first: Position,
    /// The latest ingest time of its updates, or when it was written.
    pub(crate) time_ns: TimeNs,
}

/// Why bytes are not the header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFlaw {
    /// The bytes are all zero: nothing was written here.
    #[error("nothing was written here")]
    Nothing,
    /// The checksum of the header is wrong.
    #[error("the checksum of the record's header is wrong")]
    Crc,
    /// The checksum is right, but this server does not know such a record.
    #[error("there is no such record in this version of the format")]
    Unknown,
}

impl RecordHeader {
    /// Of a record without updates and topics, whose body is yet to be appended.
    pub(crate) fn new(kind: Kind, epoch: Epoch, first: Position, time_ns: TimeNs) -> Self {
        Self {
            body_bytes: 0,
            kind,
            is_last: false,
            count: 0,
            publishes: 0,
            body_crc: 0,
            epoch,
            first,
            time_ns,
        }
    }

    /// Bytes of the whole record.
    pub(crate) fn record_bytes(&self) -> u64 {
        RECORD_HEADER_BYTES as u64 + u64::from(self.body_bytes) + 1
    }

    /// Position after its last update.
    pub(crate) fn end(&self) -> Position {
        match self.kind {
            Kind::Strip => self.first.saturating_add(Position::from(self.count)),
            _ => self.first,
        }
    }

    fn encode(&self) -> [u8; RECORD_HEADER_BYTES] {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        bytes[..4].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[4] = self.kind as u8;
        bytes[5] = u8::from(self.is_last);
        bytes[8..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.body_crc.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.epoch.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.time_ns.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.publishes.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    ///
    /// If nothing was written there, or something else.
    pub(crate) fn decode(bytes: &[u8; RECORD_HEADER_BYTES]) -> Result<Self, HeaderFlaw> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(HeaderFlaw::Nothing);
        }
        let checked = sealed(bytes).ok_or(HeaderFlaw::Crc)?;
        Self::fields(Reader(checked)).ok_or(HeaderFlaw::Unknown)
    }

    fn fields(mut reader: Reader<'_>) -> Option<Self> {
        let body_bytes = reader.u32()?;
        let kind = reader.byte()?;
        let is_last = reader.byte()?;
        let zero = reader.u16()?;
        let mut header = Self {
            body_bytes,
            kind: Kind::ALL.into_iter().find(|known| *known as u8 == kind)?,
            is_last: is_last == 1,
            count: reader.u32()?,
            publishes: 0,
            body_crc: reader.u32()?,
            epoch: Epoch(reader.u64()?),
            first: reader.u64()?,
            time_ns: reader.i64()?,
        };
        header.publishes = reader.u32()?;
        let has_publishes = header.kind == Kind::Strip || header.publishes == 0;
        let is_known = zero == 0 && is_last <= 1 && body_bytes as usize <= BODY_MAX_BYTES;
        (is_known && has_publishes).then_some(header)
    }
}

/// Appends a record. `header` has everything but the length and the checksum of the body, which
/// `append_body` appends. Returns the whole header, or `None` if the body is too long; then nothing
/// is appended.
pub(crate) fn append_record(
    header: RecordHeader,
    out: &mut Vec<u8>,
    append_body: impl FnOnce(&mut Vec<u8>),
) -> Option<RecordHeader> {
    let start = out.len();
    let body_start = start + RECORD_HEADER_BYTES;
    out.resize(body_start, 0);
    append_body(out);
    let body = &out[body_start..];
    if body.len() > BODY_MAX_BYTES {
        out.truncate(start);
        return None;
    }
    let header = RecordHeader {
        body_bytes: body.len() as u32,
        body_crc: crc32c::crc32c(body),
        ..header
    };
    out[start..body_start].copy_from_slice(&header.encode());
    out.push(END_BYTE);
    Some(header)
}
