//! Writes to standard output or to a file, on a thread that may wait.
//!
//! A pipe that is not read, or a slow disk, fills the queue. Then the command waits and reads no
//! more from its connection, so the server sees a slow client: TCP pushes back all the way.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    thread,
};

use flate2::{Compression, write::GzEncoder};
use tokio::sync::{mpsc, oneshot};

use crate::exit::Failure;

/// Bytes that are handed to the thread together: one write for a burst of updates.
pub(crate) const PIECE_BYTES: usize = 64 * 1024;

/// Pieces that wait for the reader of a pipe: 1 MiB, beyond the 64 KiB that the pipe itself holds.
const PIECES_MAX: usize = 16;

/// Where a command writes to.
pub(crate) struct Output {
    name: String,
    /// `None` after the end.
    pieces: Option<mpsc::Sender<Vec<u8>>>,
    /// `None` after it was told how the writing has ended.
    ended: Option<oneshot::Receiver<io::Result<()>>>,
}

impl Output {
    /// Standard output.
    pub(crate) fn stdout() -> Result<Self, Failure> {
        Self::start("standard output".to_owned(), io::stdout(), |_| Ok(()))
    }

    /// A file, which is known by this name.
    pub(crate) fn file(name: String, file: File) -> Result<Self, Failure> {
        Self::start(name, file, |_| Ok(()))
    }

    /// The same, compressed with gzip. What was written can be read when the end is missing.
    pub(crate) fn gzip(name: String, file: File) -> Result<Self, Failure> {
        let packed = GzEncoder::new(file, Compression::default());
        Self::start(name, packed, |packed| packed.finish().map(drop))
    }

    /// `end` completes what was written.
    fn start<W: Write + Send + 'static>(
        name: String,
        mut to: W,
        end: fn(W) -> io::Result<()>,
    ) -> Result<Self, Failure> {
        let (pieces, mut arriving) = mpsc::channel::<Vec<u8>>(PIECES_MAX);
        let (ending, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("output".to_owned());
        let started = thread.spawn(move || {
            let write = || {
                while let Some(piece) = arriving.blocking_recv() {
                    to.write_all(&piece)?;
                    to.flush()?;
                }
                end(to)
            };
            let result = write();
            // The command may have ended.
            let _ = ending.send(result);
        });
        let failed = |error| Failure::Failed(format!("cannot start a thread: {error}"));
        started.map_err(failed)?;
        Ok(Self {
            name,
            pieces: Some(pieces),
            ended: Some(ended),
        })
    }

    /// Writes a piece, after those before it. Waits while the queue is full. If it is cancelled,
    /// nothing of the piece is written.
    pub(crate) async fn write(&mut self, piece: Vec<u8>) -> Result<(), Failure> {
        if piece.is_empty() {
            return Ok(());
        }
        let is_taken = match &self.pieces {
            Some(pieces) => pieces.send(piece).await.is_ok(),
            None => false,
        };
        match is_taken {
            true => Ok(()),
            false => self.finish().await,
        }
    }

    /// Waits until everything is written. After a failure there is nothing more to tell.
    pub(crate) async fn finish(&mut self) -> Result<(), Failure> {
        self.pieces = None;
        let Some(ended) = &mut self.ended else {
            return Err(Failure::Closed);
        };
        let result = ended.await;
        self.ended = None;
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::Closed),
            Ok(Err(error)) => Err(Failure::Failed(format!(
                "cannot write to {}: {error}",
                self.name
            ))),
            // The thread has panicked.
            Err(_) => Err(Failure::Closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses everything.
    struct Refuses(ErrorKind);

    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What becomes of more pieces than the queue holds. A command still finishes its output then.
    async fn outcome(kind: ErrorKind) -> Failure {
        let mut output = Output::start("the test".to_owned(), Refuses(kind), |_| Ok(())).unwrap();
        for _ in 0..=PIECES_MAX + 1 {
            if let Err(failure) = output.write(vec![0]).await {
                let again = output.finish().await;
                assert!(matches!(again, Err(Failure::Closed)), "{again:?}");
                return failure;
            }
        }
        panic!("the queue has taken everything");
    }

    #[tokio::test]
    async fn a_reader_that_has_left_is_no_failure_and_a_full_disk_is() {
        let left = outcome(ErrorKind::BrokenPipe).await;
        assert!(matches!(left, Failure::Closed), "{left:?}");
        let full = outcome(ErrorKind::StorageFull).await;
        let told = "cannot write to the test: no storage space";
        assert_eq!(full.to_string(), told);
    }
}
