//! Keeps the settings in their file, on a thread of its own: the window does not wait for a disk.

use std::{
    io,
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use crate::settings::{self, Settings};

/// Saves settings when they have changed.
#[derive(Debug)]
pub struct Saver {
    path: PathBuf,
    /// What the file holds, or will hold soon.
    saved: Option<Vec<u8>>,
    texts: SyncSender<Vec<u8>>,
    failed: Receiver<io::Error>,
    thread: JoinHandle<()>,
}

impl Saver {
    /// Will save to this file.
    pub fn start(path: PathBuf) -> io::Result<Self> {
        // One that is being written and one that waits; a third one is saved the next time.
        let (texts, arriving) = sync_channel::<Vec<u8>>(1);
        let (failing, failed) = sync_channel(1);
        let to = path.clone();
        let thread = thread::Builder::new()
            .name("settings".to_owned())
            .spawn(move || {
                for text in arriving {
                    if let Err(error) = settings::write(&to, &text) {
                        // If one is still to be told, that is enough.
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

    /// Hands the settings over to be written, unless the file has them. An error is what happened to
    /// an earlier call; they are then tried again with the next one.
    pub fn save(&mut self, settings: &Settings) -> io::Result<()> {
        let text = settings.to_text()?;
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

    /// Saves for the last time, and waits for it.
    pub fn finish(self, settings: &Settings) -> io::Result<()> {
        drop(self.texts);
        if self.thread.join().is_err() {
            tracing::error!("the thread that saves settings panicked");
        }
        settings::write(&self.path, &settings.to_text()?)
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
    fn settings_are_saved_when_they_have_changed_and_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/monitor.json");
        let mut saver = Saver::start(path.clone()).unwrap();
        let mut settings = Settings::default();
        saver.save(&settings).unwrap();
        until("it is saved", || path.exists());
        fs::remove_file(&path).unwrap();
        saver.save(&settings).unwrap();
        settings.url = Some("ws://example:1/ws".to_owned());
        // Two may be on their way.
        until("the change is saved", || {
            saver.save(&settings).unwrap();
            fs::read_to_string(&path).is_ok_and(|text| text.contains("ws://example:1/ws"))
        });
        settings.url = Some("ws://example:2/ws".to_owned());
        saver.finish(&settings).unwrap();
        assert_eq!(Settings::load(&path).0.url, settings.url);
    }

    #[test]
    fn what_could_not_be_saved_is_told_and_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("deep");
        fs::write(&blocked, "a file where a folder is wanted").unwrap();
        let path = blocked.join("monitor.json");
        let mut saver = Saver::start(path.clone()).unwrap();
        let settings = Settings::default();
        until("it is told", || saver.save(&settings).is_err());
        fs::remove_file(&blocked).unwrap();
        until("it is saved", || {
            // One more failure may have been on its way.
            let _ = saver.save(&settings);
            path.exists()
        });
    }
}
