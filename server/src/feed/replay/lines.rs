//! Lines of JSON, as the monitor records them.

use std::io::{BufRead, Read};

use tickcast_protocol::recording::{LINE_MAX_BYTES, RecordedLine};

use super::{
    input::Input,
    row::{BadRow, Chunk, Row},
};

/// A recording of the monitor.
#[derive(Debug)]
pub(super) struct LineRows {
    reader: Input,
    text: Vec<u8>,
    line: u64,
    is_broken: bool,
}

impl LineRows {
    pub(super) fn new(reader: Input) -> Self {
        Self {
            reader,
            text: Vec::new(),
            line: 0,
            is_broken: false,
        }
    }

    /// Reads the next line; `false` at the end.
    pub(super) fn read(&mut self, chunk: &mut Chunk) -> bool {
        if self.is_broken {
            return false;
        }
        self.text.clear();
        self.line += 1;
        let mut bounded = (&mut self.reader).take(LINE_MAX_BYTES as u64);
        let broken = match bounded.read_until(b'\n', &mut self.text) {
            Ok(0) => return false,
            Ok(read) if read == LINE_MAX_BYTES && !self.text.ends_with(b"\n") => {
                let reason = format!("the line is longer than {LINE_MAX_BYTES} bytes");
                chunk.bad_rows.push(BadRow::new(self.line, reason));
                match self.reader.skip_until(b'\n') {
                    Ok(_) => return true,
                    Err(error) => Some(error.to_string()),
                }
            }
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = broken {
            self.is_broken = true;
            chunk.bad_rows.push(BadRow {
                is_end: true,
                ..BadRow::new(self.line, reason)
            });
        } else if !self.text.trim_ascii().is_empty() {
            self.parse(chunk);
        }
        true
    }

    fn parse(&self, chunk: &mut Chunk) {
        let line = match RecordedLine::parse(&self.text) {
            Ok(line) => line,
            Err(error) => return chunk.bad_rows.push(BadRow::new(self.line, error)),
        };
        chunk.rows.extend(Row::recorded(line, self.line));
    }
}
