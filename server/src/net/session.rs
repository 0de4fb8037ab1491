//! One client's connection, from the handshake to its end. The session reads messages and hands
//! them to the shard; the shard writes.

use std::{ops::ControlFlow, rc::Rc, time::Duration};

use bytes::Bytes;
use tickcast_core::{
    Refusal,
    permissions::Access,
    shard::ConnectionKey,
    wire::{self, Wire},
};
use tickcast_protocol::{
    codec::{self, CLIENT_MESSAGE_MAX_BYTES, CodecError, Encoding},
    error::{CloseCode, ErrorCode},
    message::{ClientMessage, Subscribe},
};
use tokio::{
    net::TcpStream,
    task::{coop::unconstrained, yield_now},
    time::{sleep, timeout},
};

use super::{
    outlet::{Outlet, Stream},
    pipe::Pipe,
    shard_handle::ShardHandle,
    ws_reader::{Inbound, InboundError, MessageReader},
};

/// Interval at which a client that does not read its answers is checked.
const CLOGGED_POLL: Duration = Duration::from_millis(20);

/// Maximum number of messages of one client that are read before other clients have their turn.
/// Each turn of a busy publisher may become a round, and short rounds cost every subscriber a write
/// for a few updates. Tokio's own budget would end a turn after some sixty messages.
const TURN_MESSAGES: usize = 512;

/// Time to read on after the server's close frame, so that the client sees it before the connection
/// is reset (RFC 6455, section 7.1.1).
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// Serves a subscriber.
pub(super) async fn serve(
    shard: Rc<ShardHandle>,
    stream: TcpStream,
    read: Bytes,
    encoding: Encoding,
    access: Access,
) {
    let stream = Stream::new(stream);
    let outlet = Outlet::Tcp(stream.clone());
    let (key, broken) = shard.begin(outlet, encoding.into(), access);
    let reader = MessageReader::new(stream, &read, CLIENT_MESSAGE_MAX_BYTES);
    drop(read);
    tokio::select! {
        () = unconstrained(receive(&shard, key, reader, encoding)) => {}
        () = broken.notified() => {}
    }
    shard.end(key);
}

/// Serves the client of an event stream and its one subscription.
pub(super) async fn stream(shard: Rc<ShardHandle>, pipe: Pipe, request: Subscribe) {
    let (key, broken) = shard.begin(Outlet::Events(pipe.clone()), Wire::Events, Access::READER);
    // A subscription makes no work for the sequencer.
    let _ = shard.handle(key, ClientMessage::Subscribe(request)).await;
    tokio::select! {
        () = pipe.gone() => shard.with(|shard, _| shard.lost(key)),
        () = broken.notified() => {}
    }
    shard.end(key);
}

/// Reads until the connection ends.
async fn receive(
    shard: &Rc<ShardHandle>,
    key: ConnectionKey,
    mut reader: MessageReader<Stream>,
    encoding: Encoding,
) {
    for message in 1_usize.. {
        if message.is_multiple_of(TURN_MESSAGES) {
            yield_now().await;
        }
        reader.readable().await;
        // Boxed, because reading a message needs kilobytes, and most clients are silent most of the
        // time.
        if Box::pin(receive_one(shard, key, &mut reader, encoding))
            .await
            .is_break()
        {
            return;
        }
    }
}

/// Reads a message and carries it out. Breaks when the connection ends.
async fn receive_one(
    shard: &Rc<ShardHandle>,
    key: ConnectionKey,
    reader: &mut MessageReader<Stream>,
    encoding: Encoding,
) -> ControlFlow<()> {
    while shard.with(|shard, _| shard.is_clogged(key)) {
        sleep(CLOGGED_POLL).await;
    }
    let inbound = reader.next().await;
    shard.with(|shard, now| shard.heard(key, now));
    let is_in_step = inbound.is_ok();
    let (code, reason) = match inbound {
        Ok(Inbound::Text(bytes)) if encoding == Encoding::Json => {
            handle(shard, key, &bytes, encoding).await;
            return ControlFlow::Continue(());
        }
        Ok(Inbound::Binary(bytes)) if encoding == Encoding::Bincode => {
            handle(shard, key, &bytes, encoding).await;
            return ControlFlow::Continue(());
        }
        Ok(Inbound::Ping(payload)) => {
            shard.with(|shard, now| shard.pong(key, &payload, now));
            return ControlFlow::Continue(());
        }
        Ok(Inbound::Pong) => return ControlFlow::Continue(()),
        Ok(Inbound::Close(code)) => {
            let frame = wire::close_answer(code);
            shard.with(|shard, now| shard.close(key, frame, code, now));
            return ControlFlow::Break(());
        }
        Err(InboundError::Lost) => {
            shard.with(|shard, _| shard.lost(key));
            return ControlFlow::Break(());
        }
        Err(InboundError::Violation(violation)) => (violation.code, violation.reason),
        Ok(Inbound::Text(_)) => (
            CloseCode::UnsupportedData,
            "this subprotocol has binary messages only",
        ),
        Ok(Inbound::Binary(_)) => (
            CloseCode::UnsupportedData,
            "this subprotocol has text messages only",
        ),
    };
    shard.with(|shard, now| shard.close_with(key, code, reason, now));
    let answered = async {
        if is_in_step {
            while !matches!(reader.next().await, Ok(Inbound::Close(_)) | Err(_)) {}
        } else {
            reader.discard().await;
        }
    };
    // The connection ends, whether or not the client has answered in time.
    let _ = timeout(LINGER, answered).await;
    ControlFlow::Break(())
}

async fn handle(shard: &Rc<ShardHandle>, key: ConnectionKey, bytes: &[u8], encoding: Encoding) {
    let message = match codec::decode_client(bytes, encoding) {
        Ok(message) => message,
        Err(error) => {
            let code = match error {
                CodecError::UnknownMessage(_) => ErrorCode::UnknownMessage,
                _ => ErrorCode::Malformed,
            };
            let refusal = Refusal::new(code, error.to_string());
            shard.with(|shard, now| shard.refuse_message(key, refusal, now));
            return;
        }
    };
    if let Some(work) = shard.handle(key, message).await {
        let id = work.request();
        // While the sequencer's queue is full, this client is not read, which pushes back on it.
        if shard.ingest.hand_over(work).await.is_err() {
            shard.with(|shard, now| shard.refuse_draining(key, id, now));
        }
    }
    shard.finished(key).await;
}
