//! One client's connection, from the handshake to its end. The session reads messages and hands
//! them to the shard; the shard writes.

use std::{ops::ControlFlow, rc::Rc, time::Duration};

use bytes::Bytes;
use tickcast_core::{
    Refusal,
    shard::{ConnectionKey, Shard},
    wire::{self, Wire},
    work::Work,
};
use tickcast_protocol::{
    codec::{self, CLIENT_MESSAGE_MAX_BYTES, Encoding, Unreadable},
    error::{CloseCode, ErrorCode},
    message::{ClientMessage, Subscribe},
};
use tokio::{
    task::{coop::unconstrained, yield_now},
    time::{Instant, sleep, sleep_until},
};

use super::{
    closing,
    event_chunks::EventChunks,
    http_connection,
    outlet::Outlet,
    permits::Permit,
    shard_handle::{Guest, ShardHandle},
    stream::Stream,
    ws_reader::{Inbound, InboundError, MessageReader},
};
use crate::ingest::Ended;

/// Maximum number of messages of one client that are read before other clients have their turn.
/// Each turn of a busy publisher may become a round, and short rounds cost every subscriber a write
/// for a few updates. Tokio's own budget would end a turn after some sixty messages.
const TURN_MESSAGES: usize = 512;

/// Time between two looks at the frames that wait for a closed connection's socket.
const UNSENT_POLL: Duration = Duration::from_millis(20);

/// A connection that is held back may be closed meanwhile, which is noticed after this time.
const HOLD_BACK_PART: Duration = Duration::from_millis(250);

/// A client that was let in.
#[derive(Debug)]
pub(super) struct Admitted {
    /// Who it is, and what it may do.
    pub(super) guest: Guest,
    /// Its place among the connections of its address.
    pub(super) permit: Permit,
}

/// Serves a subscriber.
pub(super) async fn serve(
    shard: Rc<ShardHandle>,
    stream: Stream,
    read: Bytes,
    encoding: Encoding,
    Admitted { guest, permit }: Admitted,
    message_timeout: Duration,
) {
    let outlet = Outlet::Tcp(stream.clone());
    let (key, broken) = shard.begin(outlet, encoding.into(), guest);
    let _ending = Ending::new(&shard, key);
    let reader = MessageReader::new(stream.clone(), &read, CLIENT_MESSAGE_MAX_BYTES)
        .with_message_timeout(message_timeout);
    drop(read);
    let session = Session {
        shard: &shard,
        key,
        stream,
    };
    let carry_out = async |inbound| carry_out(&shard, key, inbound, encoding).await;
    tokio::select! {
        () = unconstrained(session.receive(reader, carry_out)) => {}
        // If a write has shown it, the end is not counted yet.
        () = broken.notified() => shard.with(|shard, _| shard.lost(key)),
    }
    drop(permit);
}

/// Serves the client of an event stream and its subscriptions.
pub(super) async fn stream(
    shard: Rc<ShardHandle>,
    events: EventChunks,
    request: Subscribe,
    Admitted { guest, permit }: Admitted,
) {
    let outlet = Outlet::Events(events.clone());
    let (key, broken) = shard.begin(outlet, Wire::Events, guest);
    let ending = Ending::new(&shard, key);
    // A subscription makes no work for the sequencer.
    let _ = shard.handle(key, ClientMessage::Subscribe(request)).await;
    tokio::select! {
        () = events.gone() => {}
        () = broken.notified() => {}
    }
    shard.with(|shard, _| shard.lost(key));
    drop(ending);
    http_connection::close(events.stream().clone()).await;
    drop(permit);
}

/// Ends the session when it is dropped, also by a panic.
pub(super) struct Ending {
    shard: Rc<ShardHandle>,
    key: ConnectionKey,
}

impl Ending {
    pub(super) fn new(shard: &Rc<ShardHandle>, key: ConnectionKey) -> Self {
        let shard = Rc::clone(shard);
        Self { shard, key }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.shard.end(self.key);
    }
}

/// A subscriber's session, as its reading task sees it.
pub(super) struct Session<'a> {
    pub(super) shard: &'a Rc<ShardHandle>,
    pub(super) key: ConnectionKey,
    pub(super) stream: Stream,
}

impl Session<'_> {
    /// Reads until the connection ends. `carry_out` gets what an open connection has received. If
    /// that begins the close handshake, the next frames are read until the client's close frame
    /// comes, and the shard limits the time.
    pub(super) async fn receive(
        self,
        mut reader: MessageReader<Stream>,
        carry_out: impl AsyncFn(Inbound),
    ) {
        for message in 1_usize.. {
            if message.is_multiple_of(TURN_MESSAGES) {
                yield_now().await;
            }
            reader.readable().await;
            // Boxed, because reading a message needs kilobytes, and most clients are silent most of
            // the time.
            let received = self.receive_one(&mut reader, &carry_out);
            if Box::pin(received).await.is_break() {
                return;
            }
        }
    }

    /// Reads a message and carries it out. Breaks when the connection has ended.
    async fn receive_one(
        &self,
        reader: &mut MessageReader<Stream>,
        carry_out: &impl AsyncFn(Inbound),
    ) -> ControlFlow<()> {
        let &Self { shard, key, .. } = self;
        while let Some(pause) = shard.with(|shard, now| shard.reading_pause(key, now)) {
            sleep(pause).await;
        }
        let inbound = reader.next().await;
        let is_closing = shard.with(|shard, now| shard.heard(key, now));
        match inbound {
            Ok(Inbound::Close(code)) => {
                let frame = wire::close_answer(code);
                shard.with(|shard, now| shard.close(key, frame, code, now));
            }
            Err(InboundError::Violation(violation)) => {
                close_with(shard, key, violation.code, violation.reason);
            }
            Err(InboundError::Lost) => {
                shard.with(|shard, _| shard.lost(key));
                self.stream.end_writing();
                return ControlFlow::Break(());
            }
            Ok(_) if is_closing => return ControlFlow::Continue(()),
            Ok(inbound) => {
                carry_out(inbound).await;
                return ControlFlow::Continue(());
            }
        }
        // A client that does not read is cut off by the shard.
        while shard.with(|shard, _| shard.has_unsent_frames(key)) {
            sleep(UNSENT_POLL).await;
        }
        closing::linger(self.stream.clone()).await;
        ControlFlow::Break(())
    }
}

/// Carries out what an open connection has received.
async fn carry_out(
    shard: &Rc<ShardHandle>,
    key: ConnectionKey,
    inbound: Inbound,
    encoding: Encoding,
) {
    match (inbound, encoding) {
        (Inbound::Text(bytes), Encoding::Json) | (Inbound::Binary(bytes), Encoding::Bincode) => {
            handle(shard, key, &bytes, encoding).await;
        }
        (Inbound::Ping(payload), _) => {
            shard.with(|shard, now| shard.pong(key, &payload, now));
        }
        (Inbound::Text(_), Encoding::Bincode) => close_with(
            shard,
            key,
            CloseCode::UnsupportedData,
            "this subprotocol has binary messages only",
        ),
        (Inbound::Binary(_), Encoding::Json) => close_with(
            shard,
            key,
            CloseCode::UnsupportedData,
            "this subprotocol has text messages only",
        ),
        (Inbound::Pong | Inbound::Close(_), _) => {}
    }
}

fn close_with(shard: &Rc<ShardHandle>, key: ConnectionKey, code: CloseCode, reason: &str) {
    shard.with(|shard, now| shard.close_with(key, code, reason, now));
}

/// Waits before a publish, as long as its connection is open.
async fn hold_back(shard: &Rc<ShardHandle>, key: ConnectionKey, wait: Duration) {
    let until = Instant::now() + wait;
    // Its pongs wait unread as well, so it does not count as silent.
    while Instant::now() < until && !shard.with(|shard, now| shard.heard(key, now)) {
        sleep_until(until.min(Instant::now() + HOLD_BACK_PART)).await;
    }
}

/// Carries out a message.
pub(super) async fn handle(
    shard: &Rc<ShardHandle>,
    key: ConnectionKey,
    bytes: &[u8],
    encoding: Encoding,
) {
    let message = match codec::decode_client(bytes, encoding) {
        Ok(message) => message,
        Err(_) => {
            let Unreadable { id, code, reason } = codec::explain_request(bytes, encoding);
            let refusal = Refusal::new(code, reason);
            shard.with(|shard, now| shard.refuse_message(key, id, refusal, now));
            return;
        }
    };
    let published = match &message {
        ClientMessage::Publish(publish) => Some(publish.updates.len()),
        // A publisher is known at the cost of another one, so that without updates counts as well.
        ClientMessage::PublishOnce(publish) => Some(publish.updates.len().max(1)),
        _ => None,
    };
    if let Some(updates) = published {
        let charge =
            |shard: &mut Shard<Outlet>, now| shard.charge_publish(key, updates, bytes.len(), now);
        if let Some(wait) = shard.with(charge) {
            hold_back(shard, key, wait).await;
        }
    }
    if let Some(work) = shard.handle(key, message).await {
        let id = work.request();
        // While the sequencer's queue is full, this client is not read, which pushes back on it.
        let is_publish = matches!(work, Work::Updates(_));
        let refusal = if is_publish && shard.is_stopped() {
            Some(ErrorCode::NotRecorded)
        } else {
            let result = shard.ingest.hand_over(work).await;
            result.err().map(|Ended| ErrorCode::Draining)
        };
        if let Some(code) = refusal {
            shard.with(|shard, now| shard.refuse_work(key, id, code, now));
        }
    }
    shard.finished(key).await;
}
