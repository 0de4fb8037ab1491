//! A table, row by row.

use std::{io::SeekFrom, path::Path};

use tickcast_protocol::topic::Topic;

use super::{
    bounded::{BadEnd, BoundedRows, ROW_MAX_BYTES},
    find::{Layout, OwnTopic},
    format::CsvFormat,
    reader::RowReader,
    sample::{Sample, reason as reason_of, skip_lines},
};
use crate::feed::replay::{
    input::Input,
    row::{BadRow, Chunk},
};

/// An open table.
#[derive(Debug)]
pub(crate) struct TableRows {
    csv: csv::Reader<BoundedRows>,
    delimiter: u8,
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
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(layout.delimiter)
            .flexible(true)
            .from_reader(BoundedRows::new(input));
        let mut row = csv::StringRecord::new();
        if layout.has_header {
            csv.read_record(&mut row)
                .map_err(|error| reason_of(&error))?;
        }
        Ok(Self {
            csv,
            delimiter: layout.delimiter,
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
        let from = self.csv.position().clone();
        self.csv.get_mut().begin_row(from.byte());
        let read = self.csv.read_record(&mut self.row);
        if let Some(end) = self.csv.get_ref().bad_end(self.delimiter) {
            self.pass_over(from, end, chunk);
            return true;
        }
        match read {
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
                    ..BadRow::new(self.skipped + at.line(), reason_of(&error))
                });
                true
            }
        }
    }

    /// Goes on after the line of a row that does not end there.
    fn pass_over(&mut self, from: csv::Position, end: BadEnd, chunk: &mut Chunk) {
        let (lines, reason) = match end {
            BadEnd::OpenQuote { lines, .. } => {
                let reason = format!(
                    "a quotation mark begins a cell, and none ends it within {ROW_MAX_BYTES} bytes"
                );
                (lines, reason)
            }
            BadEnd::LongLine => (1, format!("the row is longer than {ROW_MAX_BYTES} bytes")),
        };
        // Empty lines may be in front of the row.
        let line = self.skipped + from.line() + lines.saturating_sub(1);
        let bad_row = match self.go_on_at(from, end, lines) {
            Ok(()) => BadRow::new(line, reason),
            Err(error) => BadRow {
                is_end: true,
                ..BadRow::new(line, reason_of(&error))
            },
        };
        self.is_broken = bad_row.is_end;
        chunk.bad_rows.push(bad_row);
    }

    fn go_on_at(&mut self, mut at: csv::Position, end: BadEnd, lines: u64) -> csv::Result<()> {
        let next = match end {
            BadEnd::OpenQuote { next, .. } => next,
            BadEnd::LongLine => self.csv.get_mut().skip_line()?,
        };
        at.set_line(at.line() + lines).set_byte(next);
        // Without a heading the CSV reader would read a row before it seeks.
        self.csv.set_headers(csv::StringRecord::new());
        self.csv.seek_raw(SeekFrom::Start(next), at)
    }
}
