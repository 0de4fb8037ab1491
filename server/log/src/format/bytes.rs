//! Integers of fixed and variable length. Fixed ones are little-endian. Variable ones are LEB128:
//! seven bits per byte from the lowest on, and the highest bit says that another byte follows.

/// Most bytes of an integer of variable length.
const VARINT_MAX_BYTES: usize = 10;

/// Appends an integer of variable length.
pub(super) fn append_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes the checksum of the bytes before the last four into these.
pub(super) fn seal(bytes: &mut [u8]) {
    if let Some((checked, crc)) = bytes.split_last_chunk_mut() {
        *crc = crc32c::crc32c(checked).to_le_bytes();
    }
}

/// The bytes before the last four, if these are their checksum.
pub(super) fn sealed(bytes: &[u8]) -> Option<&[u8]> {
    let (checked, crc) = bytes.split_last_chunk()?;
    (u32::from_le_bytes(*crc) == crc32c::crc32c(checked)).then_some(checked)
}

/// Reads from the front of a slice. `None` means that the bytes are too few or wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next bytes.
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        self.take(LEN)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for index in 0..VARINT_MAX_BYTES {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shift = 7 * index as u32;
            if bits > u64::MAX >> shift {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                // One form for each number.
                return (byte != 0 || index == 0).then_some(value);
            }
        }
        None
    }

    /// A length or a number of elements, each of which takes at least `min_bytes` of the rest.
    pub(super) fn count(&mut self, min_bytes: usize) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= self.0.len() / min_bytes).then_some(count)
    }

    /// Bytes after their number.
    pub(super) fn counted(&mut self) -> Option<&'a [u8]> {
        let len = self.count(1)?;
        self.take(len)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Bytes of a varint.
pub(super) fn varint_bytes(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Appends bytes after their number.
pub(super) fn append_counted(bytes: &[u8], out: &mut Vec<u8>) {
    append_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Appends what a closure appends, after the number of its bytes.
pub(super) fn append_counted_by(
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
    append: impl FnOnce(&mut Vec<u8>),
) {
    scratch.clear();
    append(scratch);
    append_counted(scratch, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_variable_length_have_one_form_each() {
        for value in [0, 1, 127, 128, 300, 1 << 32, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            append_varint(value, &mut bytes);
            assert_eq!(varint_bytes(value), bytes.len(), "{value}");
            let mut reader = Reader(&bytes);
            assert_eq!(reader.varint(), Some(value));
            assert!(reader.is_empty());
            assert_eq!(Reader(&bytes[..bytes.len() - 1]).varint(), None);
        }
        for wrong in [&[0x80, 0][..], &[0xff; 10], &[0x80; 11], &[]] {
            assert_eq!(Reader(wrong).varint(), None, "{wrong:?}");
        }
    }
}
