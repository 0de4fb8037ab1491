//! A recorded file, line by line, or a log.

use tickcast_log::Range;
use tickcast_protocol::topic::Topic;

use super::{
    file::ReplayFile,
    input::Input,
    lines::LineRows,
    log_rows::LogRows,
    row::Chunk,
    table::{CsvFormat, OwnTopic, Sample, TableRows},
};

/// An open file.
#[derive(Debug)]
pub struct Recording {
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    Table(Box<TableRows>),
    Lines(LineRows),
    Log(Box<LogRows>),
}

impl Recording {
    /// Opens a range of a log, whose updates name their topics. The error states the problem, but
    /// not the folder.
    pub(super) fn of_log(file: &ReplayFile, range: Range) -> Result<Self, String> {
        named_by_itself(file)?;
        let rows = Rows::Log(Box::new(LogRows::open(&file.path, range)?));
        Ok(Self { rows })
    }

    /// Opens a file at its first row. The error states the problem, but not the file.
    pub fn open(file: &ReplayFile, format: &CsvFormat) -> Result<Self, String> {
        let sample = Sample::read(&file.path)?;
        if sample.is_json() && *format == CsvFormat::default() {
            named_by_itself(file)?;
            let rows = Rows::Lines(LineRows::new(Input::open(&file.path)?));
            return Ok(Self { rows });
        }
        let own = OwnTopic {
            topic: &file.topic,
            is_set: file.has_own_topic(),
        };
        let rows = TableRows::open(&file.path, &sample, format, own)?;
        let rows = Rows::Table(Box::new(rows));
        Ok(Self { rows })
    }

    /// Reads the next line; `false` at the end. It adds to `chunk` what the line holds: several
    /// updates, one, or none.
    pub fn read(&mut self, chunk: &mut Chunk) -> bool {
        match &mut self.rows {
            Rows::Table(rows) => rows.read(chunk),
            Rows::Lines(rows) => rows.read(chunk),
            Rows::Log(rows) => rows.read(chunk),
        }
    }

    /// What was found in the file.
    pub(super) fn told(&self) -> &str {
        match &self.rows {
            Rows::Table(rows) => rows.told(),
            Rows::Lines(_) => "a recording of the monitor",
            Rows::Log(rows) => rows.told(),
        }
    }

    /// Whether a part that cannot be read says nothing about the rest.
    pub(super) fn is_log(&self) -> bool {
        matches!(self.rows, Rows::Log(_))
    }

    /// The topics, as far as they are known without reading on; none if the rows name them.
    pub(super) fn topics(&self) -> Vec<Topic> {
        match &self.rows {
            Rows::Table(rows) if !rows.topics_are_in_cells() => rows.topics().cloned().collect(),
            _ => Vec::new(),
        }
    }
}

fn named_by_itself(file: &ReplayFile) -> Result<(), String> {
    match file.has_own_topic() {
        false => Ok(()),
        true => Err(format!(
            "it names its topics itself, so the topic {} cannot be set: name it alone, as in \
             --replay-file {}",
            file.topic,
            file.path.display()
        )),
    }
}
