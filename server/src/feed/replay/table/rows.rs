//! A table, row by row.

use std::{
    io::{self, Read},
    path::Path,
};

use tickcast_protocol::topic::Topic;

use super::{
    find::{Layout, OwnTopic},
    format::CsvFormat,
    reader::RowReader,
    sample::{Sample, reason, skip_lines},
};
use crate::feed::replay::{
    input::Input,
    row::{BadRow, Chunk},
};

/// Maximum length of a row, in bytes. Without it, an unclosed quotation mark would make the rest of
/// the file one row.
const ROW_MAX_BYTES: usize = 64 * 1024;

/// An open table.
#[derive(Debug)]
pub(crate) struct TableRows {
    csv: csv::Reader<BoundedRows>,
    reader: RowReader,
    row: csv::StringRecord,
    /// Lines before those that the CSV reader counts.
    skipped: u64,
    told: String,
    is_broken: bool,
}

impl TableRows {
    /// Opens a table at its first row. The error states the problem, but not the file.
    pub(crate) fn open(
        path: &Path,
        sample: &Sample,
        format: &CsvFormat,
        own: OwnTopic<'_>,
    ) -> Result<Self, String> {
        let layout = Layout::find(sample, format, own)?;
        let mut input = Input::open(path)?;
        skip_lines(&mut input, layout.skip).map_err(|error| error.to_string())?;
        let rows = BoundedRows {
            input,
            allowance_bytes: ROW_MAX_BYTES,
        };
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(layout.delimiter)
            .flexible(true)
            .from_reader(rows);
        let mut row = csv::StringRecord::new();
        if layout.has_header {
            csv.read_record(&mut row).map_err(|error| reason(&error))?;
        }
        Ok(Self {
            csv,
            reader: layout.reader,
            row,
            skipped: layout.skip as u64,
            told: layout.told,
            is_broken: false,
        })
    }

    /// What was found: the columns and their form.
    pub(crate) fn told(&self) -> &str {
        &self.told
    }

    /// The topics that are known so far.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.reader.topics.known()
    }

    /// Whether the cells of a row are part of its topics.
    pub(crate) fn topics_are_in_cells(&self) -> bool {
        self.reader.topics.are_named_by_cells()
    }

    /// Reads the next row; `false` at the end.
    pub(crate) fn read(&mut self, chunk: &mut Chunk) -> bool {
        if self.is_broken {
            return false;
        }
        self.csv.get_mut().allowance_bytes = ROW_MAX_BYTES;
        match self.csv.read_record(&mut self.row) {
            Ok(true) => {
                let line = self.row.position().map_or(0, csv::Position::line);
                self.reader.read(&self.row, self.skipped + line, chunk);
                true
            }
            Ok(false) => false,
            Err(error) => {
                self.is_broken = error.is_io_error();
                let at = error.position().unwrap_or(self.csv.position());
                chunk.bad_rows.push(BadRow {
                    is_end: self.is_broken,
                    ..BadRow::new(self.skipped + at.line(), reason(&error))
                });
                true
            }
        }
    }
}

/// A file that limits how much is read for one row: [`ROW_MAX_BYTES`], plus the buffer of the CSV
/// reader.
#[derive(Debug)]
struct BoundedRows {
    input: Input,
    allowance_bytes: usize,
}

impl Read for BoundedRows {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.allowance_bytes == 0 {
            return Err(io::Error::other(format!(
                "the row is longer than {ROW_MAX_BYTES} bytes"
            )));
        }
        let read = self.input.read(buffer)?;
        self.allowance_bytes = self.allowance_bytes.saturating_sub(read);
        Ok(read)
    }
}
