//! A server that breaks its promises: it delivers what is published with a fault.
//!
//! It implements just enough of the protocol for the load tester, with a thread per connection, and
//! has no counters.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use tickcast_protocol::{
    codec::{self, Encoding},
    message::{
        Accepted, Batch, ClientMessage, Epoch, Limits, Mode, Quality, ServerMessage, Start,
        SubscribeResult, Subscribed, TopicId, TopicInfo, Update, Welcome,
    },
    topic::Topic,
    value::Value,
};

/// The fault of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Each 50th update never comes.
    Loses,
    /// Each 50th update comes twice.
    Doubles,
    /// Each 50th update comes after the next one.
    Swaps,
    /// The server stands still for two seconds after the 200th update.
    Stalls,
    /// The server sleeps for a moment after each 100th update.
    Naps,
    /// The server closes the connection of a subscriber after the 200th update.
    HangsUp,
}

const EVERY: u64 = 50;
const ONCE_AT: u64 = 200;
const STALL: Duration = Duration::from_secs(2);
const NAP_EVERY: u64 = 100;
const NAP: Duration = Duration::from_millis(400);

/// The answer to the RFC's own key, which the load tester always sends.
const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: tickcast.v1.bincode\r\n\r\n";

const CHANNEL: u32 = 1;
const TOPIC: TopicId = 7;

/// Starts a server. It ends with the test program.
pub(crate) fn start(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new(Mutex::new(State {
        fault,
        position: 0,
        kept: None,
        subscribers: Vec::new(),
    }));
    spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let state = state.clone();
            // A client may leave at any time.
            spawn(move || {
                let _ = serve(stream, &state);
            });
        }
    });
    address
}

fn spawn(run: impl FnOnce() + Send + 'static) {
    thread::Builder::new()
        .name("liar".into())
        .spawn(run)
        .unwrap();
}

struct State {
    fault: Fault,
    position: u64,
    /// An update to send after the next one.
    kept: Option<Update<TopicId>>,
    subscribers: Vec<TcpStream>,
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    if !request.starts_with(b"GET /ws") {
        return None;
    }
    stream.write_all(ANSWER.as_bytes()).ok()?;
    send(&mut stream, &ServerMessage::Welcome(welcome()));
    loop {
        let payload = read_message(&mut stream)?;
        match codec::decode_client(&payload, Encoding::Bincode).ok()? {
            ClientMessage::Subscribe(subscribe) => {
                let mut state = state.lock().unwrap();
                let filter = subscribe.filters[0].filter.clone();
                let answer = Subscribed {
                    id: subscribe.id,
                    results: vec![SubscribeResult::Accepted(accepted(filter, state.position))],
                };
                send(&mut stream, &ServerMessage::Subscribed(answer));
                state.subscribers.push(stream.try_clone().ok()?);
            }
            ClientMessage::Publish(publish) => {
                for publication in publish.updates {
                    let mut state = state.lock().unwrap();
                    state.publish(&publication.topic, publication.value);
                }
            }
            _ => {}
        }
    }
}

impl State {
    fn publish(&mut self, topic: &str, value: Value) {
        self.position += 1;
        let update = Update {
            topic: TOPIC,
            position: self.position,
            seq: self.position,
            source_time_ns: None,
            ingest_time_ns: 0,
            quality: Quality::Live,
            value,
        };
        let is_turn = self.position.is_multiple_of(EVERY);
        let updates = match self.fault {
            Fault::Loses if is_turn => vec![],
            Fault::Doubles if is_turn => vec![update.clone(), update],
            Fault::Swaps if is_turn => {
                self.kept = Some(update);
                vec![]
            }
            _ => std::iter::once(update).chain(self.kept.take()).collect(),
        };
        let batch = Batch {
            channel: CHANNEL,
            from: self.position - 1,
            to: self.position,
            snapshot: false,
            topics: vec![TopicInfo::new(TOPIC, Topic::new(topic).unwrap())],
            updates,
        };
        if self.fault == Fault::Naps && self.position.is_multiple_of(NAP_EVERY) {
            #[allow(clippy::disallowed_methods)] // This is the fault.
            thread::sleep(NAP);
        }
        if self.position == ONCE_AT {
            match self.fault {
                #[allow(clippy::disallowed_methods)] // This is the fault.
                Fault::Stalls => thread::sleep(STALL),
                Fault::HangsUp => drop(
                    self.subscribers
                        .pop()
                        .unwrap()
                        .shutdown(std::net::Shutdown::Both),
                ),
                _ => {}
            }
        }
        let message = ServerMessage::Batch(batch);
        self.subscribers
            .retain_mut(|stream| send(stream, &message).is_some());
    }
}

fn welcome() -> Welcome {
    Welcome {
        server: "liar".into(),
        epoch: Epoch(1),
        position: 0,
        server_time_ns: 0,
        heartbeat_ms: 0,
        limits: Limits {
            message_bytes: 65_536,
            topic_bytes: 1_024,
            subscriptions: 1_024,
            requests_per_s: 0,
            request_burst: 0,
            write_timeout_ms: 0,
            tape_bytes: 0,
            rate_min_hz: 0.0,
            rate_max_hz: 0.0,
            publish_updates_per_s: 0,
            publish_bytes_per_s: 0,
            new_topics_per_s: 0,
            new_topics_burst: 0,
        },
        continues: vec![],
    }
}

fn accepted(filter: String, position: u64) -> Accepted {
    Accepted {
        filter,
        channel: CHANNEL,
        mode: Mode::Every,
        max_rate_hz: None,
        epoch: Epoch(1),
        position,
        count: position,
        snapshot: None,
        start: Start::Fresh,
        lost: None,
    }
}

fn send(stream: &mut TcpStream, message: &ServerMessage<TopicId>) -> Option<()> {
    let payload = codec::encode_server_bincode(message);
    let mut frame = vec![0x82];
    match payload.len() {
        len @ 0..=125 => frame.push(len as u8),
        len => {
            frame.push(126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&payload);
    stream.write_all(&frame).ok()
}

/// The next message of a client, if it is whole and in a frame of less than 64 KiB.
fn read_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).ok()?;
    if head[0] != 0x82 {
        return None;
    }
    let len = match head[1] & 0x7f {
        126 => {
            let mut len = [0; 2];
            stream.read_exact(&mut len).ok()?;
            u16::from_be_bytes(len).into()
        }
        len => usize::from(len),
    };
    let mut key = [0; 4];
    stream.read_exact(&mut key).ok()?;
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload).ok()?;
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    Some(payload)
}
