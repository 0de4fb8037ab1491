//! The stamp in each published payload: the update's index, when it was due, and when it was sent.
//!
//! ```text
//! byte    0        4        8         16        24        32 ...
//!         +--------+--------+---------+---------+---------+-----------
//!         | "\xffTKC" | run | index   | due     | sent    | padding
//!         +--------+--------+---------+---------+---------+-----------
//! ```
//!
//! Integers are little-endian; times are ns of the run's clock. The first byte never occurs in
//! UTF-8, so no feed mistakes the payload for text, a number or JSON. It arrives as bytes through
//! every feed and in every encoding.

/// Bytes of a stamp, and therefore of the smallest payload.
pub const STAMP_BYTES: usize = 32;

const MAGIC: [u8; 4] = *b"\xffTKC";

/// The padding repeats this byte, which is easy to recognise in a packet dump.
const PADDING: u8 = b'.';

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The run's number. It separates updates of this run from those of other runs.
    pub run: u32,
    /// The update's number within the run, from 0.
    pub index: u64,
    /// When it should have been sent.
    pub due_ns: i64,
    /// When it was sent.
    pub sent_ns: i64,
}

impl Stamp {
    /// Overwrites all of `payload` with the stamp and padding.
    ///
    /// # Panics
    ///
    /// If `payload` is shorter than [`STAMP_BYTES`].
    pub fn write(&self, payload: &mut [u8]) {
        let (stamp, padding) = payload.split_at_mut(STAMP_BYTES);
        stamp[..4].copy_from_slice(&MAGIC);
        stamp[4..8].copy_from_slice(&self.run.to_le_bytes());
        stamp[8..16].copy_from_slice(&self.index.to_le_bytes());
        stamp[16..24].copy_from_slice(&self.due_ns.to_le_bytes());
        stamp[24..].copy_from_slice(&self.sent_ns.to_le_bytes());
        padding.fill(PADDING);
    }

    /// The stamp at the start of `payload`, if there is one.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (magic, rest) = payload.split_first_chunk::<4>()?;
        let (run, rest) = rest.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let (due, rest) = rest.split_first_chunk()?;
        let (sent, _) = rest.split_first_chunk()?;
        (*magic == MAGIC).then(|| Self {
            run: u32::from_le_bytes(*run),
            index: u64::from_le_bytes(*index),
            due_ns: i64::from_le_bytes(*due),
            sent_ns: i64::from_le_bytes(*sent),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        run: 0xdead_beef,
        index: 4711,
        due_ns: 1_795_222_000_000_000_001,
        sent_ns: 1_795_222_000_000_050_000,
    };

    #[test]
    fn a_stamp_is_read_back_with_any_amount_of_padding() {
        for len in [STAMP_BYTES, STAMP_BYTES + 1, 4096] {
            let mut payload = vec![0; len];
            STAMP.write(&mut payload);
            assert_eq!(Stamp::read(&payload), Some(STAMP));
        }
    }

    #[test]
    fn other_payloads_have_no_stamp_and_a_stamp_is_never_text() {
        let mut payload = vec![0; STAMP_BYTES];
        STAMP.write(&mut payload);
        assert!(std::str::from_utf8(&payload).is_err());
        assert_eq!(Stamp::read(&payload[..STAMP_BYTES - 1]), None);
        payload[0] = b'x';
        assert_eq!(Stamp::read(&payload), None);
        assert_eq!(Stamp::read(b"21.5"), None);
    }
}
