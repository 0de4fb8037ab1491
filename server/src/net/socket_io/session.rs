//! A client of Socket.IO, from its first packet to its end.

use std::{cell::RefCell, future::pending, pin::Pin, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use tickcast_core::{Refusal, shard::ConnectionKey, wire};
use tickcast_protocol::{
    codec::{CLIENT_MESSAGE_MAX_BYTES, Encoding},
    error::{CloseCode, ErrorCode},
};
use tokio::{
    sync::mpsc,
    task::coop::unconstrained,
    time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout_at},
};

use super::{
    connect::{Begun, Connected, Visitor, connect, send, send_frame},
    exchange::Incoming,
    request::request,
    sessions::{Entry, SessionId},
    switch::Switch,
    talk::{self, Step, Talk, Times},
    upgrade::{Reader, reader, upgrade},
};
use crate::{
    net::{
        closing,
        outlet::Outlet,
        session::{Session, handle},
        shard_handle::ShardHandle,
        stream::Stream,
        ws_reader::{Inbound, InboundError},
    },
    settings::ServerSettings,
};

/// Time between two pings of Engine.IO, and time to answer one: those of other servers, which
/// clients and proxies in between know.
pub(super) const TIMES: Times = Times {
    ping: Duration::from_secs(25),
    timeout: Duration::from_secs(20),
};

/// A client that has not polled for this time has gone.
const ABSENCE_MAX: Duration = Duration::from_secs(45);

/// An upgrade that is under way.
type Probe = Pin<Box<dyn Future<Output = Option<(Stream, Reader)>>>>;

/// Serves a client that begins with a WebSocket.
pub(super) async fn serve_web_socket(visitor: Visitor, stream: Stream, read: Bytes) {
    let open = talk::open(
        &SessionId::random().to_string(),
        false,
        TIMES,
        CLIENT_MESSAGE_MAX_BYTES,
    );
    let outlet = Outlet::Tcp(stream.clone());
    let reader = reader(&stream, &read, &visitor.settings);
    if send(&outlet, &open, &visitor.settings).await.is_ok() {
        serve_stream(visitor, Talk::default(), None, reader, stream, outlet).await;
    }
}

/// Serves a client that begins with polls, and may upgrade.
pub(super) async fn serve_polls(
    mut visitor: Visitor,
    entry: Entry,
    mut incoming: mpsc::Receiver<Incoming>,
) {
    let exchange = Arc::clone(&entry.exchange);
    let switch = Switch::new(Arc::clone(&exchange));
    let outlet = Outlet::SocketIo(switch.clone());
    let mut talk = Talk::default();
    let mut begun: Option<Begun> = None;
    let mut probe: Option<Probe> = None;
    let mut pings = interval_at(Instant::now() + TIMES.ping, TIMES.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let connect_by = Instant::now() + visitor.settings.handshake_timeout;
    loop {
        let shard = &visitor.shard;
        tokio::select! {
            biased;
            () = broken(begun.as_ref()) => break,
            upgraded = probed(&mut probe) => {
                probe = None;
                let Some((stream, reader)) = upgraded else {
                    continue;
                };
                // What came before the upgrade is first.
                while let Ok(received) = incoming.try_recv() {
                    let Incoming::Packet(text) = received else {
                        continue;
                    };
                    if take(&mut visitor, &mut talk, &mut begun, &outlet, &text).await.is_err() {
                        break;
                    }
                }
                switch.turn_to(stream.clone());
                drop(entry);
                return serve_stream(visitor, talk, begun, reader, stream, outlet).await;
            }
            received = incoming.recv() => match received {
                None => break,
                Some(Incoming::Packet(text)) => {
                    let taken = take(&mut visitor, &mut talk, &mut begun, &outlet, &text).await;
                    if taken.is_err() {
                        break;
                    }
                }
                // Another one while one is under way is closed.
                Some(Incoming::WebSocket(stream, read)) if probe.is_none() => {
                    let settings = Arc::clone(&visitor.settings);
                    let exchange = Arc::clone(&exchange);
                    probe = Some(Box::pin(upgrade(exchange, *stream, read, settings)));
                }
                Some(Incoming::WebSocket(..)) => {}
            },
            () = exchange.gone(ABSENCE_MAX) => break,
            _ = pings.tick() => {
                if let Some(begun) = &begun {
                    shard.with(|shard, now| shard.send_text(begun.key, "2", now));
                }
            }
            () = sleep_until(connect_by), if begun.is_none() => break,
        }
    }
    if let Some(begun) = &begun {
        visitor.shard.with(|shard, _| shard.lost(begun.key));
    }
}

/// Waits until the shard has noticed that a connection is broken.
async fn broken(begun: Option<&Begun>) {
    match begun {
        Some(begun) => begun.broken.notified().await,
        None => pending().await,
    }
}

async fn probed(probe: &mut Option<Probe>) -> Option<(Stream, Reader)> {
    match probe {
        Some(probe) => probe.await,
        None => pending().await,
    }
}

/// The session is over.
struct Over;

/// Takes a packet that came with a poll.
async fn take(
    visitor: &mut Visitor,
    talk: &mut Talk,
    begun: &mut Option<Begun>,
    outlet: &Outlet,
    text: &str,
) -> Result<(), Over> {
    let shard = Rc::clone(&visitor.shard);
    let Some(Begun { key, .. }) = *begun else {
        match talk.take(text) {
            Step::Nothing => {}
            Step::Send(packet) => send(outlet, &packet, &visitor.settings)
                .await
                .map_err(|_| Over)?,
            Step::Connect(auth) => match connect(visitor, talk, outlet, auth).await {
                Connected::Yes(new) => *begun = Some(new),
                Connected::Refused => {}
                Connected::No => return Err(Over),
            },
            Step::Event { .. } | Step::End | Step::Violation(_) => return Err(Over),
        }
        return Ok(());
    };
    while let Some(pause) = shard.with(|shard, now| shard.reading_pause(key, now)) {
        sleep(pause).await;
    }
    if shard.with(|shard, now| shard.heard(key, now)) {
        return Ok(());
    }
    let step = talk.take(text);
    let is_end = matches!(step, Step::End);
    carry_out(&shard, key, step).await;
    match is_end {
        true => Err(Over),
        false => Ok(()),
    }
}

/// Serves a client over a WebSocket, to its end.
async fn serve_stream(
    mut visitor: Visitor,
    mut talk: Talk,
    begun: Option<Begun>,
    mut reader: Reader,
    stream: Stream,
    outlet: Outlet,
) {
    let begun = match begun {
        Some(begun) => begun,
        None => {
            let by = Instant::now() + visitor.settings.handshake_timeout;
            let connecting = wait_for_connect(&mut visitor, &mut talk, &mut reader, &outlet);
            // Boxed, because most connections are past this.
            match timeout_at(by, Box::pin(connecting)).await {
                Ok(Some(begun)) => begun,
                Ok(None) => return closing::linger(stream).await,
                Err(_) => {
                    let code = CloseCode::PolicyViolation;
                    let frame = wire::close_with(code, "the client did not connect in time");
                    let _ = send_frame(&outlet, &frame, &visitor.settings).await;
                    return closing::linger(stream).await;
                }
            }
        }
    };
    let (shard, key) = (&visitor.shard, begun.key);
    let session = Session { shard, key, stream };
    let talk = RefCell::new(talk);
    let hear = async |inbound| match inbound {
        Inbound::Text(text) => {
            let text = String::from_utf8_lossy(&text);
            let step = talk.borrow_mut().take(&text);
            carry_out(shard, key, step).await;
        }
        Inbound::Binary(_) => {
            let code = CloseCode::UnsupportedData;
            let reason = "binary packets are not read: send JSON";
            shard.with(|shard, now| shard.close_with(key, code, reason, now));
        }
        Inbound::Ping(payload) => shard.with(|shard, now| shard.pong(key, &payload, now)),
        Inbound::Pong | Inbound::Close(_) => {}
    };
    tokio::select! {
        () = unconstrained(session.receive(reader, hear)) => {}
        () = begun.broken.notified() => shard.with(|shard, _| shard.lost(key)),
        () = ping(shard, key) => {}
    }
}

/// Sends the pings of Engine.IO, without end.
async fn ping(shard: &Rc<ShardHandle>, key: ConnectionKey) {
    loop {
        sleep(TIMES.ping).await;
        shard.with(|shard, now| shard.send_text(key, "2", now));
    }
}

/// Reads until the client is connected. `None` if it has gone or was closed.
async fn wait_for_connect(
    visitor: &mut Visitor,
    talk: &mut Talk,
    reader: &mut Reader,
    outlet: &Outlet,
) -> Option<Begun> {
    loop {
        let text = match reader.next().await {
            Ok(Inbound::Text(text)) => text,
            Ok(Inbound::Ping(payload)) => {
                let pong = wire::pong(&payload);
                send_frame(outlet, &pong, &visitor.settings).await.ok()?;
                continue;
            }
            Ok(Inbound::Pong) => continue,
            Ok(Inbound::Close(code)) => {
                let answer = wire::close_answer(code);
                let _ = send_frame(outlet, &answer, &visitor.settings).await;
                return None;
            }
            Ok(Inbound::Binary(_)) => {
                close(
                    outlet,
                    CloseCode::UnsupportedData,
                    "binary packets are not read",
                    &visitor.settings,
                )
                .await;
                return None;
            }
            Err(InboundError::Violation(violation)) => {
                close(outlet, violation.code, violation.reason, &visitor.settings).await;
                return None;
            }
            Err(InboundError::Lost) => return None,
        };
        match talk.take(&String::from_utf8_lossy(&text)) {
            Step::Nothing => {}
            Step::Send(packet) => send(outlet, &packet, &visitor.settings).await.ok()?,
            Step::Connect(auth) => match connect(visitor, talk, outlet, auth).await {
                Connected::Yes(begun) => return Some(begun),
                Connected::Refused => {}
                Connected::No => return None,
            },
            Step::Event { .. } | Step::End => return None,
            Step::Violation(reason) => {
                close(outlet, CloseCode::ProtocolError, reason, &visitor.settings).await;
                return None;
            }
        }
    }
}

async fn close(outlet: &Outlet, code: CloseCode, reason: &str, settings: &ServerSettings) {
    // The client may have gone.
    let _ = send_frame(outlet, &wire::close_with(code, reason), settings).await;
}

/// Carries out what follows from a packet of a connected client.
async fn carry_out(shard: &Rc<ShardHandle>, key: ConnectionKey, step: Step<'_>) {
    match step {
        Step::Nothing | Step::Connect(_) => {}
        Step::Send(packet) => shard.with(|shard, now| shard.send_text(key, &packet, now)),
        Step::Event { id, args } => {
            let channels_of = |filter: &str| shard.with(|shard, _| shard.channels_of(key, filter));
            match request(args, id, channels_of) {
                Ok(text) => handle(shard, key, text.as_bytes(), Encoding::Json).await,
                Err(reason) => {
                    let refusal = Refusal::new(ErrorCode::Malformed, reason);
                    shard.with(|shard, now| shard.refuse_message(key, id, refusal, now));
                }
            }
        }
        Step::End => {
            let code = CLOSE_NORMAL;
            shard.with(|shard, now| shard.close(key, wire::close(code, ""), Some(code), now));
        }
        Step::Violation(reason) => {
            let code = CloseCode::ProtocolError;
            shard.with(|shard, now| shard.close_with(key, code, reason, now));
        }
    }
}

/// The code of an end that the client wanted (RFC 6455, section 7.4.1).
const CLOSE_NORMAL: u16 = 1000;
