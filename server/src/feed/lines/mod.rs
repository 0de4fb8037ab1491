//! Lines that a program writes, each of which is an update.
//!
//! A line has one of three forms: `TOPIC VALUE`; a JSON object with `topic` and `value` and
//! optionally `time` and `unit`; or a JSON object with `topic` and the fields that the decoder
//! reads as a trade, a quote or a reading. The value is decoded by the rules for its topic, like an
//! MQTT payload.
//!
//! The files in reading order:
//!
//! * `line_buffer`: bytes become lines of bounded length
//! * `read`: one line becomes updates
//! * this file: `LineReader`, which does both and counts
//! * `walk`: all lines of an input, for the fuzz target

mod line_buffer;
mod read;
mod walk;

use line_buffer::LineBuffer;
use read::read;

pub use walk::walk;

pub(super) use line_buffer::LINE_MAX_BYTES;

use super::{
    decode::Decoder,
    handover::{Batch, Handover},
};

/// Makes updates of the bytes that a program writes.
#[derive(Debug)]
pub(super) struct LineReader {
    buffer: LineBuffer,
    decoder: Decoder,
    handover: Handover,
}

impl LineReader {
    pub(super) fn new(decoder: Decoder, handover: Handover) -> Self {
        Self {
            buffer: LineBuffer::default(),
            decoder,
            handover,
        }
    }

    /// Takes bytes up to the end of a line. Returns their number, and whether the line is complete:
    /// then call [`Self::updates`].
    pub(super) fn take(&mut self, available: &[u8]) -> (usize, bool) {
        self.buffer.take(available)
    }

    /// Whether there is a line without a line break, which the end of the source completes.
    pub(super) fn has_rest(&self) -> bool {
        self.buffer.has_begun()
    }

    /// The updates of a complete line.
    pub(super) fn updates(&mut self) -> Batch {
        let number = self.buffer.number();
        // Taken out at once, so that a panic in the decoder costs this line only.
        let line = self.buffer.take_line();
        if line.is_empty() {
            self.buffer.give_back(line);
            return Batch::new();
        }
        self.handover.count_received(1);
        let decoded = read(&line, &mut self.decoder, self.handover.now_ns());
        self.buffer.give_back(line);
        match decoded {
            Ok(mut decoded) => {
                self.handover
                    .count_decoded(format_args!("line {number}"), &mut decoded);
                decoded.updates
            }
            Err(reason) => {
                self.handover
                    .undecodable(format_args!("line {number}"), reason);
                Batch::new()
            }
        }
    }
}

#[cfg(test)]
mod tests;
