//! Opening a file: as it is or compressed with gzip, which its first bytes tell.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;

/// The text of a file, without the mark that it is UTF-8.
pub(super) struct Input(Box<dyn BufRead + Send>);

/// Bytes read from the file at once.
const BUFFER_BYTES: usize = 64 * 1024;

const GZIP: &[u8] = &[0x1f, 0x8b];
const UTF8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// First bytes of files that are no text, with what to do about it.
const NOT_READ: [(&[u8], &str); 8] = [
    (b"PK\x03\x04", "it is a zip archive: unpack it"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd: unpack it"),
    (b"\xfd7zXZ\0", "it is compressed with xz: unpack it"),
    (b"BZh", "it is compressed with bzip2: unpack it"),
    (b"PAR1", "it is a Parquet file: convert it to CSV"),
    (b"ARROW1", "it is an Arrow file: convert it to CSV"),
    (b"\xff\xfe", "it is UTF-16: convert it to UTF-8"),
    (b"\xfe\xff", "it is UTF-16: convert it to UTF-8"),
];

/// Longest beginning in [`NOT_READ`].
const BEGIN_BYTES: u64 = 6;

impl Input {
    /// Opens a file. The error states the problem, but not the file.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let begin = file.fill_buf().map_err(|error| error.to_string())?;
        let reader: Box<dyn BufRead + Send> = match begin.starts_with(GZIP) {
            true => {
                let gzip = Gzip(MultiGzDecoder::new(file));
                Box::new(BufReader::with_capacity(BUFFER_BYTES, gzip))
            }
            false => Box::new(file),
        };
        Self::without_mark(reader)
    }

    fn without_mark(mut reader: Box<dyn BufRead + Send>) -> Result<Self, String> {
        let mut begin = Vec::new();
        let read = (&mut reader).take(BEGIN_BYTES).read_to_end(&mut begin);
        read.map_err(|error| error.to_string())?;
        if let Some((_, reason)) = NOT_READ.iter().find(|(mark, _)| begin.starts_with(mark)) {
            return Err((*reason).to_owned());
        }
        let mark = match begin.starts_with(UTF8_MARK) {
            true => UTF8_MARK.len(),
            false => 0,
        };
        let mut begin = Cursor::new(begin);
        begin.set_position(mark as u64);
        Ok(Self(Box::new(begin.chain(reader))))
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Input")
    }
}

/// Says what is wrong with compressed data.
struct Gzip<R>(MultiGzDecoder<R>);

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::other("the gzip data ends too early"),
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(format!("the gzip data is damaged ({error})")),
        })
    }
}
