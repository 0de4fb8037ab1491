//! Ready-made frames, consecutive in one piece of memory. Pure.

/// Frames that all subscribers have are dropped when they have this many bytes. Moving the rest to
/// the front then costs little per frame.
const TRIM_BYTES: usize = 4 << 20;

/// RFC 6455, section 5.2: a whole binary message, not masked.
const BINARY: u8 = 0x82;

/// See the module. Places are counted in bytes since the beginning of the log.
#[derive(Debug, Default)]
pub(crate) struct FrameLog {
    bytes: Vec<u8>,
    trimmed: u64,
}

impl FrameLog {
    /// The place of the next frame.
    pub(crate) fn end(&self) -> u64 {
        self.trimmed + self.bytes.len() as u64
    }

    /// Appends the frame of an update.
    pub(crate) fn push(&mut self, payload: &[u8]) {
        self.bytes.push(BINARY);
        match payload.len() {
            len @ 0..=125 => self.bytes.push(len as u8),
            len => {
                let len = u16::try_from(len).expect("the load sends no more than a few KiB");
                self.bytes.push(126);
                self.bytes.extend_from_slice(&len.to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(payload);
    }

    /// Everything from a place on.
    pub(crate) fn since(&self, place: u64) -> &[u8] {
        &self.bytes[(place - self.trimmed) as usize..]
    }

    /// Drops what lies before a place, if there is enough of it.
    pub(crate) fn trim(&mut self, place: u64) {
        let len = (place - self.trimmed) as usize;
        if len >= TRIM_BYTES {
            self.bytes.drain(..len);
            self.trimmed = place;
        }
    }
}

/// The frame at the start of `bytes`. If `bytes` starts inside a frame, of which a part has been
/// sent, everything counts as that frame.
pub(crate) fn first_frame(bytes: &[u8]) -> &[u8] {
    let len = match bytes {
        [BINARY, 126, a, b, ..] => 4 + usize::from(u16::from_be_bytes([*a, *b])),
        [BINARY, len, ..] => 2 + usize::from(*len),
        _ => bytes.len(),
    };
    &bytes[..len.min(bytes.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_one_by_one_or_all_at_once_and_places_survive_trimming() {
        let mut log = FrameLog::default();
        log.push(&[7; 64]);
        let second = log.end();
        log.push(&[8; 300]);
        assert_eq!(first_frame(log.since(0)).len(), 66);
        assert_eq!(first_frame(log.since(second)).len(), 304);
        assert_eq!(log.since(0).len(), 370);
        while log.end() < 2 * TRIM_BYTES as u64 {
            log.push(&[9; 64]);
        }
        let (place, end) = (log.end() - 66, log.end());
        log.trim(place);
        assert_eq!(log.since(place).len(), 66);
        assert_eq!(log.end(), end);
        assert_eq!(log.bytes.len(), 66);
    }
}
