//! The TLS session of one client, without I/O: bytes of the network go in and out, and so do those
//! of the client's protocol.
//!
//! It uses rustls without its buffers, which would hold 4 KiB for each silent client. Instead a
//! session holds what belongs to an unfinished record, and what was decrypted but not taken.

use std::{fmt, sync::Arc};

use rustls::{
    Error, HandshakeKind, ServerConfig,
    server::UnbufferedServerConnection,
    unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus},
};

use super::arena::Arena;

/// Maximum number of bytes that are encrypted together (RFC 8446, section 5.1).
pub(crate) const RECORD_MAX_BYTES: usize = 16 * 1024;

/// What a record has besides its content: in TLS 1.3 22 bytes, and in 1.2 up to 29.
const OVERHEAD_BYTES: usize = 32;

/// A session; see the module.
pub struct TlsSession {
    tls: UnbufferedServerConnection,
    /// Bytes of a record that is not complete. rustls may refer to them, so it always gets all.
    incoming: Vec<u8>,
    /// Decrypted bytes, of which `taken` are taken.
    plain: Vec<u8>,
    taken: usize,
    has_ended: bool,
    /// The error that has ended it: rustls must not look at the bytes after it.
    failed: Option<Error>,
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession").finish_non_exhaustive()
    }
}

/// What is to be done after rustls has looked at its input.
enum Step {
    Again,
    /// There is nothing to do before more bytes come.
    Rest,
}

impl TlsSession {
    /// A session before its handshake.
    pub fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self {
            tls: UnbufferedServerConnection::new(config)?,
            incoming: Vec::new(),
            plain: Vec::new(),
            taken: 0,
            has_ended: false,
            failed: None,
        })
    }

    /// Takes bytes of the network. What is to be sent for it goes to `out`, also with an error.
    /// After an error each call returns it again.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Arena) -> Result<(), Error> {
        self.check()?;
        self.incoming.extend_from_slice(bytes);
        let received = self.run(None, out);
        if self.incoming.is_empty() {
            // A silent client holds no buffer.
            self.incoming = Vec::new();
        }
        received
    }

    /// Encrypts bytes, [`RECORD_MAX_BYTES`] at most.
    pub fn seal(&mut self, plain: &[u8], out: &mut Arena) -> Result<(), Error> {
        self.check()?;
        self.run(Some(plain), out)
    }

    /// Says that nothing more will be sent (`close_notify`).
    pub fn close(&mut self, out: &mut Arena) -> Result<(), Error> {
        self.check()?;
        // An empty text stands for it: rustls encrypts no empty records.
        self.run(Some(&[]), out)
    }

    fn check(&self) -> Result<(), Error> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Whether the handshake is not finished.
    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Whether the handshake has continued an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Moves decrypted bytes, as many as there are and have room. `None` if there are none yet, and
    /// 0 if there will be none.
    pub fn take(&mut self, room: &mut [u8]) -> Option<usize> {
        let rest = &self.plain[self.taken..];
        if rest.is_empty() {
            return self.has_ended.then_some(0);
        }
        let len = rest.len().min(room.len());
        room[..len].copy_from_slice(&rest[..len]);
        self.taken += len;
        if self.taken == self.plain.len() {
            (self.plain, self.taken) = (Vec::new(), 0);
        }
        Some(len)
    }

    /// Memory of buffers.
    pub fn held_bytes(&self) -> usize {
        self.incoming.capacity() + self.plain.capacity()
    }

    /// Lets rustls work until it has used its input, and then encrypts `text`.
    fn run(&mut self, mut text: Option<&[u8]>, out: &mut Arena) -> Result<(), Error> {
        loop {
            let status = self.tls.process_tls_records(&mut self.incoming);
            let UnbufferedStatus { mut discard, state } = status;
            let step = match state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(out, |room| data.encode(room)).map(|()| Step::Again)
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // It is sent with what follows.
                    data.done();
                    Ok(Step::Again)
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        discard += record.discard;
                        self.plain.extend_from_slice(record.payload);
                    }
                    Ok(Step::Again)
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.has_ended = true;
                    Ok(Step::Again)
                }
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let written = match text.take() {
                        Some([]) => encrypt(out, 0, |room| traffic.queue_close_notify(room)),
                        Some(text) => encrypt(out, text.len(), |room| traffic.encrypt(text, room)),
                        None => Ok(()),
                    };
                    written.map(|()| Step::Rest)
                }
                // The settings allow no early data, and later versions of rustls may have states
                // that this one cannot have.
                Ok(_) => Ok(Step::Rest),
                Err(error) => Err(error),
            };
            self.incoming.drain(..discard);
            match step {
                Ok(Step::Again) => {}
                Ok(Step::Rest) => break,
                Err(error) => {
                    self.encode_alert(out);
                    self.failed = Some(error.clone());
                    return Err(error);
                }
            }
        }
        match text {
            None | Some([]) => Ok(()),
            Some(_) => Err(Error::General("the session cannot send any more".into())),
        }
    }

    /// What tells the client of an error: the alert, and the messages before it that were not sent
    /// yet.
    fn encode_alert(&mut self, out: &mut Arena) {
        // As long as there is something to encode, rustls does not look at its input.
        while self.tls.wants_write() {
            let status = self.tls.process_tls_records(&mut self.incoming);
            let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state else {
                break;
            };
            // The connection ends in any case.
            let _ = encode(out, |room| data.encode(room));
        }
        (self.incoming, self.plain, self.taken) = (Vec::new(), Vec::new(), 0);
    }
}

/// Appends to `out` what rustls has encoded already. It says how long that is.
fn encode(
    out: &mut Arena,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<(), Error> {
    let needed = match write(&mut []) {
        Ok(_) => return Ok(()),
        Err(EncodeError::InsufficientSize(size)) => size.required_size,
        Err(error) => return Err(Error::General(error.to_string())),
    };
    let written = write(out.room(needed)).map_err(|error| Error::General(error.to_string()))?;
    out.commit(written);
    Ok(())
}

/// Appends the record of a text. More room is needed where rustls has something to send first.
fn encrypt(
    out: &mut Arena,
    len: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> Result<(), Error> {
    let records = len.div_ceil(RECORD_MAX_BYTES).max(1);
    let likely = len + records * OVERHEAD_BYTES;
    let written = match write(out.room(likely)) {
        Err(EncryptError::InsufficientSize(size)) => write(out.room(size.required_size)),
        other => other,
    };
    out.commit(written.map_err(|error| Error::General(error.to_string()))?);
    Ok(())
}
