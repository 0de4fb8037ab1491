//! The lines of a recording in a file.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use tickcast_protocol::recording::{LINE_MAX_BYTES, RecordedLine};

use super::holds::{RecordedTopics, Survey};

/// A file with one line per update.
#[derive(Debug)]
pub(super) struct FileLines {
    path: PathBuf,
    reader: BufReader<File>,
    /// Lines so far that could not be read.
    pub(super) bad: u64,
}

impl FileLines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            reader: BufReader::new(File::open(path)?),
            bad: 0,
        })
    }

    /// Begins again.
    pub(super) fn rewind(&mut self) -> io::Result<()> {
        *self = Self::open(&self.path)?;
        Ok(())
    }

    /// The next line that is an update or a status.
    pub(super) fn next(&mut self) -> io::Result<Option<RecordedLine>> {
        let mut text = Vec::new();
        loop {
            text.clear();
            let mut limited = io::Read::take(&mut self.reader, LINE_MAX_BYTES as u64);
            if limited.read_until(b'\n', &mut text)? == 0 {
                return Ok(None);
            }
            match RecordedLine::parse(&text) {
                Ok(line) => return Ok(Some(line)),
                Err(_) if text.trim_ascii().is_empty() => {}
                Err(_) => self.bad += 1,
            }
        }
    }

    /// Reads it once as a whole. An error in words if nothing of it can be played.
    pub(super) fn survey(&mut self) -> io::Result<Result<Survey, String>> {
        let mut range = None;
        let mut topics = RecordedTopics::default();
        while let Some(line) = self.next()? {
            let (first, last) = range.unwrap_or((line.time, line.time));
            range = Some((line.time.min(first), line.time.max(last)));
            if line.value.is_some() {
                topics.add(&line.topic, line.every);
            }
        }
        let Some(range) = range else {
            return Ok(Err(match self.bad {
                0 => "it is empty".to_owned(),
                bad => format!("none of its {bad} lines is an update"),
            }));
        };
        let holds = topics.holds();
        self.rewind()?;
        Ok(Ok(Survey { range, holds }))
    }
}
