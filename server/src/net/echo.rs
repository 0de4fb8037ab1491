//! `/echo`: returns each message to its client, for conformance suites and for measuring the
//! network.

use std::{
    cell::Cell,
    io::{self, ErrorKind, IoSlice},
    iter,
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tickcast_core::{shard::CLOSE_TIMEOUT, stats::ShardStats, wire};
use tickcast_protocol::error::CloseCode;
use tokio::{
    sync::watch,
    task::yield_now,
    time::{Instant, sleep_until, timeout},
};

use super::{
    closing,
    stream::Stream,
    ws_reader::{Budget, Inbound, InboundError, MessageReader},
};
use crate::settings::ServerSettings;

/// Longest message: the longest one of the conformance suite Autobahn.
pub(crate) const ECHO_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Memory for all messages together that are above 64 KiB, on all shards. A message has its memory
/// from its first byte until the client has taken it back.
pub(crate) const ECHO_BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// Maximum number of bytes that are written before other tasks have their turn.
const WRITE_MAX_BYTES: usize = 256 * 1024;

/// The clients of `/echo` on one shard's thread.
#[derive(Debug)]
pub(super) struct Echo {
    settings: Arc<ServerSettings>,
    stats: Arc<ShardStats>,
    budget: Arc<Budget>,
    clients: Cell<u32>,
    drain: watch::Sender<Option<Drain>>,
}

/// How clients are closed when the server ends.
#[derive(Debug, Clone, Copy)]
struct Drain {
    begin: Instant,
    window: Duration,
    /// Number of clients at the beginning.
    clients: u32,
}

/// Why a conversation ended.
enum Ended {
    /// The connection broke, or the client ended it without a close frame.
    Lost,
    /// The client did not read.
    Unread,
    /// The client closed, or violated a rule, and the server has sent its close frame.
    Closed,
}

impl Echo {
    pub(super) fn new(
        settings: Arc<ServerSettings>,
        stats: Arc<ShardStats>,
        budget: Arc<Budget>,
    ) -> Rc<Self> {
        Rc::new(Self {
            settings,
            stats,
            budget,
            clients: Cell::new(0),
            drain: watch::Sender::new(None),
        })
    }

    /// Number of clients.
    pub(super) fn clients(&self) -> u32 {
        self.clients.get()
    }

    /// Closes all clients, spread over the window.
    pub(super) fn drain(&self, window: Duration) {
        self.drain.send_replace(Some(Drain {
            begin: Instant::now(),
            window,
            clients: self.clients(),
        }));
    }

    /// Serves one client.
    pub(super) async fn serve(self: Rc<Self>, stream: Stream, read: Bytes) {
        let _counted = Counted::new(&self);
        let mut reader = MessageReader::new(stream.clone(), &read, ECHO_MAX_BYTES)
            .with_message_timeout(self.settings.message_timeout)
            .with_budget(&self.budget);
        drop(read);
        let conversation = Conversation {
            echo: &self,
            stream: &stream,
            reader: &mut reader,
        };
        let ended = conversation.run().await;
        drop(reader);
        match ended {
            Ended::Lost => stream.end_writing(),
            Ended::Unread => stream.reset_on_drop(),
            Ended::Closed => closing::linger(stream).await,
        }
    }

    /// Waits until a drain closes this client.
    async fn drained(&self, number: u32) {
        let mut drain = self.drain.subscribe();
        // The sender lives as long as `self`.
        let drain = match drain.wait_for(Option::is_some).await {
            Ok(drain) => *drain,
            Err(_) => None,
        };
        if let Some(drain) = drain {
            let part = (number % drain.clients.max(1)) + 1;
            sleep_until(drain.begin + drain.window * part / drain.clients.max(1)).await;
        }
    }
}

/// A client that is counted until this is dropped.
struct Counted<'a>(&'a Echo);

impl<'a> Counted<'a> {
    fn new(echo: &'a Echo) -> Self {
        echo.clients.set(echo.clients() + 1);
        echo.stats.connections.add(1);
        echo.stats.connected.add(1);
        Self(echo)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.clients.set(self.0.clients() - 1);
        self.0.stats.connections.subtract(1);
    }
}

struct Conversation<'a> {
    echo: &'a Echo,
    stream: &'a Stream,
    reader: &'a mut MessageReader<Stream>,
}

impl Conversation<'_> {
    /// Returns messages until the end.
    async fn run(mut self) -> Ended {
        let echo = self.echo;
        let mut drained = pin!(echo.drained(echo.clients() - 1));
        loop {
            let inbound = tokio::select! {
                inbound = self.next() => inbound,
                () = &mut drained => return self.close(CloseCode::ServiceRestart).await,
            };
            let sent = match inbound {
                None => return self.close(CloseCode::PongTimeout).await,
                Some(Ok(Inbound::Text(bytes))) => {
                    let header = wire::text_header(bytes.len());
                    self.send_message(&header, &bytes).await
                }
                Some(Ok(Inbound::Binary(bytes))) => {
                    let header = wire::binary_header(bytes.len());
                    self.send_message(&header, &bytes).await
                }
                Some(Ok(Inbound::Ping(payload))) => self.send(&wire::pong(&payload), &[]).await,
                Some(Ok(Inbound::Pong)) => Ok(()),
                Some(Ok(Inbound::Close(code))) => {
                    return self.send_close(wire::close_answer(code), code).await;
                }
                Some(Err(InboundError::Violation(violation))) => {
                    let frame = wire::close_with(violation.code, violation.reason);
                    return self.send_close(frame, Some(violation.code.number())).await;
                }
                Some(Err(InboundError::Lost)) => Err(Ended::Lost),
            };
            if let Err(ended) = sent {
                self.count(match ended {
                    Ended::Unread => Some(CloseCode::WriteTimeout.number()),
                    _ => None,
                });
                return ended;
            }
        }
    }

    /// The next message. `None` if the client is silent and does not answer a ping.
    async fn next(&mut self) -> Option<Result<Inbound, InboundError>> {
        let settings = &self.echo.settings;
        loop {
            if let Some(inbound) = self.next_within(settings.ping).await {
                return Some(inbound);
            }
            let before = self.reader.bytes_read();
            // A ping that cannot be sent will not be answered either.
            let _ = self.send(&wire::ping(), &[]).await;
            let inbound = self.next_within(settings.pong_timeout).await;
            if inbound.is_some() || self.reader.bytes_read() == before {
                return inbound;
            }
        }
    }

    /// The next message. `None` if nothing comes for a time, not even a part of a message.
    async fn next_within(&mut self, silence: Duration) -> Option<Result<Inbound, InboundError>> {
        loop {
            let before = self.reader.bytes_read();
            if let Ok(inbound) = timeout(silence, self.reader.next()).await {
                return Some(inbound);
            }
            if self.reader.bytes_read() == before {
                return None;
            }
        }
    }

    /// Sends the server's own close frame, and waits for the client's.
    async fn close(&mut self, code: CloseCode) -> Ended {
        let frame = wire::close_with(code, code.text());
        let ended = self.send_close(frame, Some(code.number())).await;
        if matches!(ended, Ended::Closed) {
            let answered = async {
                while !matches!(self.reader.next().await, Ok(Inbound::Close(_)) | Err(_)) {}
            };
            // The connection ends in any case.
            let _ = timeout(CLOSE_TIMEOUT, answered).await;
        }
        ended
    }

    async fn send_close(&self, frame: Bytes, code: Option<u16>) -> Ended {
        self.count(code);
        match self.send(&frame, &[]).await {
            Ok(()) => Ended::Closed,
            Err(ended) => ended,
        }
    }

    fn count(&self, code: Option<u16>) {
        self.echo.stats.closed(code);
    }

    /// Returns a message. A client that takes it back too slowly holds memory that others need.
    async fn send_message(&self, header: &[u8], payload: &[u8]) -> Result<(), Ended> {
        let limit = self.echo.settings.message_timeout;
        match timeout(limit, self.send(header, payload)).await {
            Ok(sent) => sent,
            Err(_) => Err(Ended::Unread),
        }
    }

    /// Writes all bytes of a frame, a part at a time. Each part may have to wait for the write
    /// timeout.
    async fn send(&self, header: &[u8], payload: &[u8]) -> Result<(), Ended> {
        let parts = iter::once(header).chain(payload.chunks(WRITE_MAX_BYTES));
        let mut slices: Vec<_> = parts.map(IoSlice::new).collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            match self.stream.try_write(&rest[..rest.len().min(2)]) {
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable().await?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Ended::Lost),
            }
            yield_now().await;
        }
        while let Err(error) = self.stream.try_flush() {
            match error.kind() {
                ErrorKind::WouldBlock => self.writable().await?,
                _ => return Err(Ended::Lost),
            }
        }
        Ok(())
    }

    async fn writable(&self) -> Result<(), Ended> {
        let writable: Result<io::Result<()>, _> =
            timeout(self.echo.settings.write_timeout, self.stream.writable()).await;
        match writable {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ended::Lost),
            Err(_) => Err(Ended::Unread),
        }
    }
}
