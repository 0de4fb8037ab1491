//! The scanner of batches in bincode. It follows the standard configuration of bincode 2 (its
//! specification: variable-length integers, little-endian, enum tags as u32, lengths as u64).

use tickcast_protocol::message::TopicId;

use super::facts::{BatchHead, BatchSink, Facts, ScanError};
use crate::schedule::Stamp;

/// The tag of `ServerMessage::Batch`.
const BATCH_TAG: u64 = 2;

/// Hands the parts of a batch in bincode to `sink`. The parts before an error are handed out too.
pub fn scan_bincode(payload: &[u8], sink: &mut impl BatchSink<TopicId>) -> Result<(), ScanError> {
    let mut reader = BincodeReader { rest: payload };
    if reader.varint()? != BATCH_TAG {
        return Err(ScanError::OtherMessage);
    }
    sink.head(BatchHead {
        channel: reader.id()?,
        from: reader.varint()?,
        to: reader.varint()?,
        snapshot: reader.flag()?,
    });
    for _ in 0..reader.varint()? {
        let id = reader.id()?;
        let name = std::str::from_utf8(reader.bytes()?).map_err(|_| ScanError::Malformed)?;
        // Its unit, its name and its state class.
        for _ in 0..3 {
            if reader.flag()? {
                reader.bytes()?;
            }
        }
        sink.topic(id, name);
    }
    for _ in 0..reader.varint()? {
        let topic = reader.id()?;
        let position = reader.varint()?;
        let seq = reader.varint()?;
        if reader.flag()? {
            reader.signed()?;
        }
        let ingest_time_ns = reader.signed()?;
        reader.varint()?;
        let stamp = reader.value()?;
        let facts = Facts {
            position,
            seq,
            ingest_time_ns,
            stamp,
        };
        sink.update(topic, &facts);
    }
    if reader.rest.is_empty() {
        Ok(())
    } else {
        Err(ScanError::Malformed)
    }
}

struct BincodeReader<'a> {
    rest: &'a [u8],
}

impl<'a> BincodeReader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ScanError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(ScanError::Malformed)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], ScanError> {
        let len = usize::try_from(len).map_err(|_| ScanError::Malformed)?;
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(ScanError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// An unsigned integer: one byte up to 250, otherwise a tag and 2, 4 or 8 bytes.
    fn varint(&mut self) -> Result<u64, ScanError> {
        Ok(match self.array()? {
            [251] => u16::from_le_bytes(self.array()?).into(),
            [252] => u32::from_le_bytes(self.array()?).into(),
            [253] => u64::from_le_bytes(self.array()?),
            [254 | 255] => return Err(ScanError::Malformed),
            [small] => small.into(),
        })
    }

    /// A signed integer in zigzag encoding.
    fn signed(&mut self) -> Result<i64, ScanError> {
        let coded = self.varint()?;
        Ok((coded >> 1) as i64 ^ -((coded & 1) as i64))
    }

    fn id(&mut self) -> Result<u32, ScanError> {
        u32::try_from(self.varint()?).map_err(|_| ScanError::Malformed)
    }

    /// A bool, or the tag of an `Option`.
    fn flag(&mut self) -> Result<bool, ScanError> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(ScanError::Malformed),
        }
    }

    /// A string or bytes: a length and that many bytes.
    fn bytes(&mut self) -> Result<&'a [u8], ScanError> {
        let len = self.varint()?;
        self.take(len)
    }

    fn decimal(&mut self) -> Result<(), ScanError> {
        self.signed()?;
        self.array::<1>().map(|_| ())
    }

    fn optional_decimal(&mut self) -> Result<(), ScanError> {
        if self.flag()? { self.decimal() } else { Ok(()) }
    }

    /// Skips a value, and returns the stamp that it may hold. The variants are those of `Value`.
    fn value(&mut self) -> Result<Option<Stamp>, ScanError> {
        match self.varint()? {
            0 => {
                self.array::<8>()?;
            }
            1 => {
                self.decimal()?;
                self.decimal()?;
                if self.flag()? {
                    self.varint()?;
                }
            }
            2 => {
                for _ in 0..4 {
                    self.optional_decimal()?;
                }
            }
            3 | 5 => {
                self.bytes()?;
            }
            4 => return self.bytes().map(Stamp::read),
            _ => return Err(ScanError::UnknownValue),
        }
        Ok(None)
    }
}
