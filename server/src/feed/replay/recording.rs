//! A recorded file, row by row.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
};

use tickcast_protocol::{
    message::{Quality, TimeNs},
    recording::{LINE_MAX_BYTES, RecordedLine},
    topic::Topic,
    value::Value,
};

use super::{
    columns::Columns,
    format::{CsvFormat, PRESETS},
};

/// Maximum length of a row, in bytes. Without it, an unclosed quotation mark would make the rest of
/// the file one row.
const ROW_MAX_BYTES: usize = 64 * 1024;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The recorded time.
    pub time_ns: TimeNs,
    /// The recorded value.
    pub value: Value,
    /// The rest of a row that the monitor recorded from the server.
    pub origin: Option<Box<Origin>>,
}

/// The topic of a row, and the rest of its update.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Its name.
    pub topic: Topic,
    /// The unit of its readings.
    pub unit: Option<Arc<str>>,
    /// How far the value could be trusted.
    pub quality: Quality,
    /// The time of the event by the source's clock.
    pub source_time_ns: Option<TimeNs>,
}

/// A row that cannot be read.
#[derive(Debug)]
pub struct BadRow {
    /// Its line, from 1.
    pub line: u64,
    /// The problem with it.
    pub reason: String,
}

/// Consecutive rows of a file.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) rows: Vec<Row>,
    pub(super) bad_rows: Vec<BadRow>,
    /// Whether the file has no more rows.
    pub(super) is_last: bool,
}

/// An open file.
#[derive(Debug)]
pub struct Recording {
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    Csv(CsvRows),
    Lines(LineRows),
}

#[derive(Debug)]
struct CsvRows {
    reader: csv::Reader<BoundedRows>,
    columns: Columns<usize>,
    row: csv::StringRecord,
}

/// Lines of JSON, as the monitor records them.
#[derive(Debug)]
struct LineRows {
    reader: BufReader<File>,
    text: Vec<u8>,
    line: u64,
    is_broken: bool,
}

impl Recording {
    /// Opens a file at its first row. The error states the problem, but not the file.
    pub fn open(path: &Path, format: &CsvFormat) -> Result<Self, String> {
        let columns = match format {
            CsvFormat::Columns(columns) => columns.as_ref().clone(),
            CsvFormat::Automatic => match lines(path)? {
                Some(lines) => {
                    let rows = Rows::Lines(lines);
                    return Ok(Self { rows });
                }
                None => detect(path)?,
            },
        };
        let mut reader = reader(path, columns.has_header, columns.delimiter)?;
        let header = if columns.has_header {
            reader.headers().map_err(|error| reason(&error))?.clone()
        } else {
            csv::StringRecord::new()
        };
        let columns = columns.locate(&header)?;
        let row = csv::StringRecord::new();
        let rows = Rows::Csv(CsvRows {
            reader,
            columns,
            row,
        });
        Ok(Self { rows })
    }

    /// Whether each row names its topic.
    pub fn names_topics(&self) -> bool {
        matches!(self.rows, Rows::Lines(_))
    }

    /// Reads the next rows, at most `max`. A read error is a bad row, and the last one.
    pub(super) fn read_chunk(&mut self, max: usize) -> Chunk {
        let mut chunk = Chunk::default();
        while chunk.rows.len() + chunk.bad_rows.len() < max {
            match self.next() {
                Some(Ok(row)) => chunk.rows.push(row),
                Some(Err(bad)) => chunk.bad_rows.push(bad),
                None => {
                    chunk.is_last = true;
                    break;
                }
            }
        }
        chunk
    }

    /// The next row; `None` at the end.
    #[expect(
        clippy::should_implement_trait,
        reason = "a row that cannot be read is not the end"
    )]
    pub fn next(&mut self) -> Option<Result<Row, BadRow>> {
        match &mut self.rows {
            Rows::Csv(rows) => rows.next(),
            Rows::Lines(rows) => rows.next(),
        }
    }
}

impl CsvRows {
    fn next(&mut self) -> Option<Result<Row, BadRow>> {
        if self.reader.get_ref().is_broken {
            return None;
        }
        self.reader.get_mut().allowance_bytes = ROW_MAX_BYTES;
        let bad = |line: u64, reason: String| Some(Err(BadRow { line, reason }));
        match self.reader.read_record(&mut self.row) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                if error.is_io_error() {
                    self.reader.get_mut().is_broken = true;
                }
                let at = error.position().unwrap_or(self.reader.position());
                return bad(at.line(), reason(&error));
            }
        }
        let line = self.row.position().map_or(0, csv::Position::line);
        match self.columns.read(&self.row) {
            Ok((time_ns, value)) => Some(Ok(Row {
                time_ns,
                value,
                origin: None,
            })),
            Err(error) => bad(line, error.to_string()),
        }
    }
}

impl LineRows {
    fn next(&mut self) -> Option<Result<Row, BadRow>> {
        while !self.is_broken {
            self.text.clear();
            self.line += 1;
            let mut bounded = (&mut self.reader).take(LINE_MAX_BYTES as u64);
            let bad = |line, reason| Some(Err(BadRow { line, reason }));
            match bounded.read_until(b'\n', &mut self.text) {
                Ok(0) => return None,
                Ok(read) if read == LINE_MAX_BYTES && !self.text.ends_with(b"\n") => {
                    self.is_broken = true;
                    let reason = format!("the line is longer than {LINE_MAX_BYTES} bytes");
                    return bad(self.line, reason);
                }
                Ok(_) if self.text.trim_ascii().is_empty() => continue,
                Ok(_) => {}
                Err(error) => {
                    self.is_broken = true;
                    return bad(self.line, error.to_string());
                }
            }
            let line = match RecordedLine::parse(&self.text) {
                Ok(line) => line,
                Err(error) => return bad(self.line, error.to_string()),
            };
            // Recorded statuses are skipped, because the server computes its own.
            if let Some(value) = line.value {
                return Some(Ok(Row {
                    time_ns: line.time,
                    value,
                    origin: Some(Box::new(Origin {
                        topic: line.topic,
                        unit: line.unit.map(Arc::from),
                        quality: line.quality,
                        source_time_ns: line.source_time,
                    })),
                }));
            }
        }
        None
    }
}

/// Opens the file as lines of JSON, if it begins like one.
fn lines(path: &Path) -> Result<Option<LineRows>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut reader = BufReader::new(file);
    let begin = reader.fill_buf().map_err(|error| error.to_string())?;
    let is_json = begin.trim_ascii_start().first() == Some(&b'{');
    Ok(is_json.then(|| LineRows {
        reader,
        text: Vec::new(),
        line: 0,
        is_broken: false,
    }))
}

/// Finds the preset that fits.
fn detect(path: &Path) -> Result<Columns, String> {
    let mut first_line = csv::StringRecord::new();
    reader(path, false, b',')?
        .read_record(&mut first_line)
        .map_err(|error| reason(&error))?;
    for (name, columns) in PRESETS {
        let columns = Columns::parse(name, columns).expect("the presets are tested");
        let fits = match columns.locate(&first_line) {
            Ok(_) if columns.has_header => true,
            Ok(columns) => columns.read(&first_line).is_ok(),
            Err(_) => false,
        };
        if fits {
            return Ok(columns);
        }
    }
    let first_line: Vec<_> = first_line.iter().take(8).collect();
    Err(format!(
        "its format is not known: it begins with {:?}",
        first_line.join(",")
    ))
}

fn reader(
    path: &Path,
    has_header: bool,
    delimiter: u8,
) -> Result<csv::Reader<BoundedRows>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let rows = BoundedRows {
        file,
        allowance_bytes: ROW_MAX_BYTES,
        is_broken: false,
    };
    Ok(csv::ReaderBuilder::new()
        .has_headers(has_header)
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(rows))
}

/// The reason of an error without the position, which is reported separately.
fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Io(error) => error.to_string(),
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".into(),
        _ => error.to_string(),
    }
}

/// A file that limits how much is read for one row: [`ROW_MAX_BYTES`], plus the buffer of the CSV
/// reader.
#[derive(Debug)]
struct BoundedRows {
    file: File,
    allowance_bytes: usize,
    is_broken: bool,
}

impl Read for BoundedRows {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.allowance_bytes == 0 {
            return Err(io::Error::other(format!(
                "the row is longer than {ROW_MAX_BYTES} bytes"
            )));
        }
        let read = self.file.read(buffer)?;
        self.allowance_bytes = self.allowance_bytes.saturating_sub(read);
        Ok(read)
    }
}
