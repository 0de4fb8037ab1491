//! Saves the state to its file on a thread of its own, so that the window does not wait for a disk.

use std::{
    io,
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use super::saved_state::{self, SavedState};

/// Saves the state when it has changed.
#[derive(Debug)]
pub(crate) struct Saver {
    path: PathBuf,
    /// The content of the file, now or soon.
    saved: Option<Vec<u8>>,
    texts: SyncSender<Vec<u8>>,
    failed: Receiver<io::Error>,
    thread: JoinHandle<()>,
}

impl Saver {
    /// Starts the thread that saves to this file.
    pub(crate) fn start(path: PathBuf) -> io::Result<Self> {
        // One text is being written and one waits; a third one is saved the next time.
        let (texts, arriving) = sync_channel::<Vec<u8>>(1);
        let (failing, failed) = sync_channel(1);
        let to = path.clone();
        let thread = thread::Builder::new()
            .name("settings".to_owned())
            .spawn(move || {
                for text in arriving {
                    if let Err(error) = saved_state::write(&to, &text) {
                        // One error that waits to be returned is enough.
                        let _ = failing.try_send(error);
                    }
                }
            })?;
        Ok(Self {
            path,
            saved: None,
            texts,
            failed,
            thread,
        })
    }

    /// Hands the state over to be written, unless the file has it. Returns the error of an earlier
    /// call, if any; the next call tries again.
    pub(crate) fn save(&mut self, state: &SavedState) -> io::Result<()> {
        let text = state.to_text()?;
        if self.saved.as_ref() != Some(&text) && self.texts.try_send(text.clone()).is_ok() {
            self.saved = Some(text);
        }
        match self.failed.try_recv() {
            Ok(error) => {
                self.saved = None;
                Err(error)
            }
            Err(_) => Ok(()),
        }
    }

    /// Saves for the last time, and waits until it is done.
    pub(crate) fn finish(self, state: &SavedState) -> io::Result<()> {
        drop(self.texts);
        if self.thread.join().is_err() {
            tracing::error!("the thread that saves settings panicked");
        }
        saved_state::write(&self.path, &state.to_text()?)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        time::{Duration, Instant},
    };

    use super::*;

    #[allow(
        clippy::disallowed_methods,
        reason = "no runtime here, only a thread to wait for"
    )]
    fn until(what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !condition() {
            assert!(Instant::now() < deadline, "{what}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn state_is_saved_when_it_has_changed_and_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/monitor.json");
        let mut saver = Saver::start(path.clone()).unwrap();
        let mut state = SavedState::default();
        saver.save(&state).unwrap();
        until("it is saved", || path.exists());
        fs::remove_file(&path).unwrap();
        saver.save(&state).unwrap();
        state.url = Some("ws://example:1/ws".to_owned());
        // Two texts may be waiting.
        until("the change is saved", || {
            saver.save(&state).unwrap();
            fs::read_to_string(&path).is_ok_and(|text| text.contains("ws://example:1/ws"))
        });
        state.url = Some("ws://example:2/ws".to_owned());
        saver.finish(&state).unwrap();
        assert_eq!(SavedState::load(&path).0.url, state.url);
    }

    #[test]
    fn a_failed_save_is_reported_and_retried() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("deep");
        fs::write(&blocked, "a file where a folder is wanted").unwrap();
        let path = blocked.join("monitor.json");
        let mut saver = Saver::start(path.clone()).unwrap();
        let state = SavedState::default();
        until("the error is returned", || saver.save(&state).is_err());
        fs::remove_file(&blocked).unwrap();
        until("it is saved", || {
            // One more error may have been waiting.
            let _ = saver.save(&state);
            path.exists()
        });
    }
}
