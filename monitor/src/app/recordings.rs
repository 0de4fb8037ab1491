//! The recording being written, and the one being played.

use super::playing::Playing;
use crate::files::recording::{RecordedScope, RecordingWriter};

/// The recordings in use.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    pub(super) writer: Option<RecordingWriter>,
    /// It is shown instead of what the server sends.
    pub(super) playing: Option<Playing>,
}

impl Recordings {
    /// Whether every update of every topic is to be recorded.
    pub(super) fn wants_all(&self) -> bool {
        let scope = self.writer.as_ref().map(RecordingWriter::scope);
        scope == Some(RecordedScope::EveryUpdate)
    }

    /// Ends the recording being written. Returns a notice for the user, if there was one.
    pub(super) fn end_writing(&mut self) -> Option<String> {
        let writer = self.writer.take()?;
        let path = writer.path().display().to_string();
        Some(match writer.finish() {
            Ok(progress) => {
                let (updates, holds) = (progress.lines, progress.holds.words());
                format!("{updates} updates recorded ({holds}) in {path}")
            }
            Err(error) => format!("The recording {path} is not complete: {error}"),
        })
    }

    /// Hands the recorded lines to the file's thread. Returns a notice if the recording has failed.
    pub(super) fn flush(&mut self) -> Option<String> {
        let writer = self.writer.as_mut()?;
        writer.flush();
        let error = writer.failure()?;
        self.writer = None;
        Some(format!("The recording was stopped: {error}"))
    }
}
