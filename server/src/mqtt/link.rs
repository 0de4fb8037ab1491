//! An open connection to a broker: bytes in and out, and pings.

use std::{
    io::{self, ErrorKind},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    time::{Instant, sleep_until},
};

use super::{
    packet::{Frames, Outgoing, write_ping},
    publishing::Publishing,
    transport::Stream,
};

/// Time between pings. A vanished broker is noticed after two of them.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Time in which a broker that takes no more bytes can say why.
const REASON_MAX: Duration = Duration::from_millis(500);

/// Bytes that may wait to be sent. A broker that takes no acknowledgements is not read.
const OUT_MAX_BYTES: usize = 64 * 1024;

/// An open connection.
pub(super) struct Link {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    pub(super) frames: Frames,
    /// What is to be sent.
    pub(super) out: BytesMut,
    is_flushed: bool,
    pub(super) is_accepted: bool,
    pub(super) keep_alive: Duration,
    pub(super) ping_at: Instant,
    pub(super) is_pinging: bool,
    /// Writing has failed. The reason may still be read.
    broken: Option<io::Error>,
}

impl Link {
    /// A connection that the broker has not accepted yet. `out` is what is sent first.
    pub(super) fn new(stream: Box<dyn Stream>, packet_max_bytes: usize, out: BytesMut) -> Self {
        let (reader, writer) = split(stream);
        Self {
            reader,
            writer,
            frames: Frames::new(packet_max_bytes),
            out,
            is_flushed: true,
            is_accepted: false,
            keep_alive: KEEP_ALIVE,
            ping_at: Instant::now() + KEEP_ALIVE,
            is_pinging: false,
            broken: None,
        }
    }

    /// Writes what can be written, and reads once, or returns a message to publish. Cancel-safe.
    pub(super) async fn turn(
        &mut self,
        publishing: &mut Publishing,
    ) -> io::Result<Option<Outgoing>> {
        let must_write = self.broken.is_none() && (!self.out.is_empty() || !self.is_flushed);
        let may_read = self.out.len() < OUT_MAX_BYTES;
        let may_publish = may_read && self.is_accepted && publishing.has_room();
        tokio::select! {
            read = self.reader.read_buf(self.frames.buffer()), if may_read => match read {
                Ok(0) => Err(self.broken.take().unwrap_or(ErrorKind::UnexpectedEof.into())),
                Ok(_) => Ok(None),
                Err(error) => Err(error),
            },
            message = publishing.next(), if may_publish => Ok(message),
            written = write(&mut self.writer, &mut self.out, &mut self.is_flushed), if must_write => {
                if let Err(error) = written {
                    // A server that has refused a certificate has closed, but said why.
                    self.broken = Some(error);
                    self.out.clear();
                    self.ping_at = Instant::now() + REASON_MAX;
                }
                Ok(None)
            }
            () = sleep_until(self.ping_at) => match self.broken.take() {
                Some(error) => Err(error),
                None => self.ping().map(|()| None),
            },
        }
    }

    fn ping(&mut self) -> io::Result<()> {
        if self.is_pinging {
            let after = self.keep_alive;
            let reason = format!("the broker did not answer a ping within {after:?}");
            return Err(io::Error::new(ErrorKind::TimedOut, reason));
        }
        write_ping(&mut self.out);
        self.is_pinging = true;
        self.ping_at = Instant::now() + self.keep_alive;
        Ok(())
    }
}

/// Writes some bytes, or flushes if there are none. Cancel-safe.
async fn write(
    writer: &mut WriteHalf<Box<dyn Stream>>,
    out: &mut BytesMut,
    is_flushed: &mut bool,
) -> io::Result<()> {
    if out.is_empty() {
        writer.flush().await?;
        *is_flushed = true;
        return Ok(());
    }
    *is_flushed = false;
    match writer.write_buf(out).await? {
        0 => Err(ErrorKind::WriteZero.into()),
        _ => Ok(()),
    }
}
