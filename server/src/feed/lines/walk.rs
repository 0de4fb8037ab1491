//! All lines of an input, for the fuzz target.

use tickcast_protocol::message::TimeNs;

use super::{line_buffer::LineBuffer, read::read};
use crate::feed::decode::{Decoded, Decoder};

/// Reads an input that arrives in pieces of this length. Returns what becomes of each line that is
/// not empty.
pub fn walk(
    input: &[u8],
    piece: usize,
    decoder: &mut Decoder,
    now_ns: TimeNs,
) -> Vec<Result<Decoded, String>> {
    let mut buffer = LineBuffer::default();
    let mut lines = Vec::new();
    let mut take = |buffer: &mut LineBuffer| {
        let line = buffer.take_line();
        if !line.is_empty() {
            lines.push(read(&line, decoder, now_ns));
        }
        buffer.give_back(line);
    };
    for mut piece in input.chunks(piece.max(1)) {
        while !piece.is_empty() {
            let (used, is_complete) = buffer.take(piece);
            piece = &piece[used..];
            if is_complete {
                take(&mut buffer);
            }
        }
    }
    if buffer.has_begun() {
        take(&mut buffer);
    }
    lines
}
