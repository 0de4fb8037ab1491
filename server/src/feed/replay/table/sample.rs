//! The first rows of a table, which show its form.

use std::{
    io::{BufRead, Read},
    path::Path,
};

use super::bounded::quoted_lines;
use crate::feed::replay::input::Input;

/// Bytes of a file that are looked at to find its form.
const SAMPLE_BYTES: u64 = 64 * 1024;

/// Rows that are looked at.
const SAMPLE_ROWS: usize = 1_000;

/// Delimiters in the order in which they are tried. A comma is the last, because it may also be in
/// numbers.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];

/// The beginning of a file.
#[derive(Debug)]
pub(crate) struct Sample {
    text: Vec<u8>,
    /// Whether it is the whole file.
    is_whole: bool,
    /// The delimiter that a first line `sep=;` tells, which is no row.
    told: Option<u8>,
}

impl Sample {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let mut text = Vec::new();
        let read = Input::open(path)?.take(SAMPLE_BYTES).read_to_end(&mut text);
        match read {
            // What can be read of a damaged file is replayed.
            Err(error) if text.is_empty() => return Err(error.to_string()),
            _ => {}
        }
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let told = match line.trim_ascii_end().strip_prefix(b"sep=") {
            Some([delimiter]) if delimiter.is_ascii() => Some(*delimiter),
            _ => None,
        };
        Ok(Self {
            is_whole: read.is_ok_and(|read| (read as u64) < SAMPLE_BYTES),
            text,
            told,
        })
    }

    /// Whether it begins like lines of JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.text.trim_ascii_start().first() == Some(&b'{')
    }

    /// Lines before the heading, besides those that the settings tell.
    pub(super) fn lines_before(&self) -> usize {
        usize::from(self.told.is_some())
    }

    /// The delimiter of most rows.
    pub(super) fn delimiter(&self, skip: usize) -> u8 {
        let fits = |delimiter: &u8| {
            let Ok(rows) = self.rows(*delimiter, skip) else {
                return false;
            };
            let columns = rows.first().map_or(0, csv::StringRecord::len);
            let equal = rows.iter().filter(|row| row.len() == columns).count();
            columns > 1 && 2 * equal >= rows.len()
        };
        let shown = || DELIMITERS.into_iter().find(fits);
        self.told.or_else(shown).unwrap_or(b',')
    }

    /// The first rows.
    pub(super) fn rows(
        &self,
        delimiter: u8,
        skip: usize,
    ) -> Result<Vec<csv::StringRecord>, String> {
        let mut text = self.text.as_slice();
        skip_lines(&mut text, skip).map_err(|error| error.to_string())?;
        let reader_of = |text| {
            csv::ReaderBuilder::new()
                .has_headers(false)
                .delimiter(delimiter)
                .flexible(true)
                .from_reader(text)
        };
        let mut reader = reader_of(text);
        let mut rows = Vec::new();
        let mut record = csv::StringRecord::new();
        while rows.len() < SAMPLE_ROWS {
            let row = &text[reader.position().byte() as usize..];
            let read = reader.read_record(&mut record);
            // One row of more than half of the sample is no row, but a mark without its partner.
            let is_open = reader.position().byte() as usize == text.len()
                && (self.is_whole || row.len() > self.text.len() / 2);
            if is_open && let Some((next, _)) = quoted_lines(row, delimiter, !self.is_whole) {
                text = &row[next..];
                reader = reader_of(text);
                continue;
            }
            match read {
                Ok(true) => rows.push(record.clone()),
                Ok(false) => {
                    // The last row may be cut.
                    if !self.is_whole && rows.len() > 1 {
                        rows.pop();
                    }
                    break;
                }
                Err(error) if rows.is_empty() => return Err(reason(&error)),
                Err(_) => {}
            }
        }
        Ok(rows)
    }
}

/// Reads to the end of the last of `count` lines.
pub(super) fn skip_lines(reader: &mut impl BufRead, count: usize) -> std::io::Result<()> {
    for _ in 0..count {
        reader.skip_until(b'\n')?;
    }
    Ok(())
}

/// The reason of an error without the position, which is reported separately.
pub(super) fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Io(error) => error.to_string(),
        csv::ErrorKind::Utf8 { .. } => {
            "it is not UTF-8 (iconv -f latin1 -t utf-8 converts it)".to_owned()
        }
        _ => error.to_string(),
    }
}
