//! Lines of standard input or of a file, some at a time.
//!
//! Reading blocks, so a thread does it. It hands over all whole lines that one read has brought:
//! many of a file, and one that a person has typed.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, ErrorKind, Read},
    thread,
};

use flate2::bufread::MultiGzDecoder;
use tickcast_protocol::recording::LINE_MAX_BYTES;
use tokio::sync::mpsc;

use crate::exit::Failure;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// Chunks that wait. One is enough to read while the one before is on its way.
const CHUNKS_MAX: usize = 1;

/// How a file that is compressed with gzip begins (RFC 1952, section 2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Consecutive lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The number of the first line, from 1.
    pub(crate) first: u64,
    /// The lines, with what ends them. A line that is too long is cut off after
    /// [`LINE_MAX_BYTES`], so that it cannot be read.
    pub(crate) lines: Vec<Vec<u8>>,
}

/// Hands over lines, until the end or a failure.
pub(crate) struct Input {
    chunks: mpsc::Receiver<Result<Chunk, String>>,
}

impl Input {
    /// Reads from something that is known by a name.
    pub(crate) fn start(name: &str, from: impl Read + Send + 'static) -> Result<Self, Failure> {
        Self::spawn(name, || Ok(Box::new(from)))
    }

    /// Reads a file, which may be compressed with gzip.
    pub(crate) fn file(name: &str, file: File) -> Result<Self, Failure> {
        Self::spawn(name, || unpacked(file))
    }

    /// `open` runs on the thread, because it may wait.
    fn spawn(
        name: &str,
        open: impl FnOnce() -> io::Result<Box<dyn Read>> + Send + 'static,
    ) -> Result<Self, Failure> {
        let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
        let name = name.to_owned();
        let thread = thread::Builder::new().name("input".to_owned());
        let started = thread.spawn(move || {
            let mut reader = open().map(|from| Reader {
                from: BufReader::with_capacity(READ_BYTES, from),
                next: 1,
                rest: Vec::new(),
            });
            loop {
                let read = match &mut reader {
                    Ok(reader) => reader.read(),
                    Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                };
                let chunk = match read {
                    Ok(Some(chunk)) => Ok(chunk),
                    Ok(None) => return,
                    Err(error) => Err(format!("cannot read {name}: {error}")),
                };
                let is_last = chunk.is_err();
                // The command may have ended.
                if sender.blocking_send(chunk).is_err() || is_last {
                    return;
                }
            }
        });
        let failed = |error| Failure::Failed(format!("cannot start a thread: {error}"));
        started.map_err(failed)?;
        Ok(Self { chunks })
    }

    /// The next lines; `None` at the end. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Option<Chunk>, Failure> {
        let chunk = self.chunks.recv().await.transpose();
        chunk.map_err(Failure::Failed)
    }
}

/// The content of a file. Its first bytes tell whether it is compressed.
fn unpacked(file: File) -> io::Result<Box<dyn Read>> {
    let mut file = BufReader::with_capacity(READ_BYTES, file);
    Ok(match file.fill_buf()?.starts_with(GZIP) {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    })
}

struct Reader<R> {
    from: BufReader<R>,
    /// The number of the next line.
    next: u64,
    /// What has been read of it.
    rest: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Waits for at least one whole line.
    fn read(&mut self) -> std::io::Result<Option<Chunk>> {
        let mut chunk = Chunk {
            first: self.next,
            lines: Vec::new(),
        };
        while chunk.lines.is_empty() {
            let read = match self.from.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read.is_empty() {
                if self.rest.is_empty() {
                    return Ok(None);
                }
                chunk.lines.push(std::mem::take(&mut self.rest));
            }
            for part in read.split_inclusive(|byte| *byte == b'\n') {
                let room = (LINE_MAX_BYTES + 1).saturating_sub(self.rest.len());
                self.rest.extend_from_slice(&part[..part.len().min(room)]);
                if part.ends_with(b"\n") {
                    chunk.lines.push(std::mem::take(&mut self.rest));
                }
            }
            let used = read.len();
            self.from.consume(used);
        }
        self.next += chunk.lines.len() as u64;
        Ok(Some(chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Brings a few bytes at a time.
    struct Slow(&'static [u8]);

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let len = self.0.len().min(into.len()).min(3);
            into[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    #[tokio::test]
    async fn lines_are_whole_and_numbered_however_they_come() {
        let mut input = Input::start("the test", Slow(b"a\nb\n\nlonger line\nend")).unwrap();
        let mut lines = Vec::new();
        while let Some(chunk) = input.next().await.unwrap() {
            let numbers = chunk.first..;
            lines.extend(numbers.zip(chunk.lines));
        }
        let expected = ["a\n", "b\n", "\n", "longer line\n", "end"];
        let expected = expected.map(|line| line.as_bytes().to_vec());
        assert_eq!(lines, (1..).zip(expected).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_takes_no_more_memory_than_the_limit() {
        let endless = std::io::repeat(b'x').take(5 * LINE_MAX_BYTES as u64);
        let mut input = Input::start("the test", endless.chain(&b"\nnext"[..])).unwrap();
        let chunk = input.next().await.unwrap().unwrap();
        assert_eq!(chunk.lines[0].len(), LINE_MAX_BYTES + 1);
        let rest = input.next().await.unwrap().unwrap();
        assert_eq!((rest.first, &*rest.lines[0]), (2, &b"next"[..]));
    }
}
