//! The recording being written, and the one being played.

use crate::files::recording::{RecordingPlayer, RecordingWriter};

/// The recordings in use.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    pub(super) writer: Option<RecordingWriter>,
    /// It replaces what the server sends.
    pub(super) player: Option<RecordingPlayer>,
}

impl Recordings {
    /// Ends the recording being written. Returns a notice for the user, if there was one.
    pub(super) fn end_writing(&mut self) -> Option<String> {
        let writer = self.writer.take()?;
        let path = writer.path().display().to_string();
        Some(match writer.finish() {
            Ok(updates) => format!("{updates} updates recorded in {path}"),
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
