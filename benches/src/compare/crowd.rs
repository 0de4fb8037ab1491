//! The subscribers: many connections, one buffer, one thread.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    ops::Range,
};

use mio::{Interest, Registry, Token, net::TcpStream};
use tickcast_loadtest::{
    clock::Clock,
    inbox::{Inbox, InboxError},
    latency::{Histogram, histogram, record},
    websocket::{self, Opcode},
};

use super::{
    connect::Opened,
    dialect::{Dialect, Heard, nats_pong},
    ledger::Ledger,
    memo::Memo,
};

/// The longest message that a contender may send: Tickcast gathers what has come while it was
/// busy, which is never more than the workloads have under way.
pub const FRAME_MAX_BYTES: usize = 64 << 20;

/// Read at once from a connection, at most. Larger ones do not fit the core's cache.
const READ_BYTES: usize = 256 * 1024;

struct Subscriber {
    /// `None` when the contender has closed it.
    stream: Option<TcpStream>,
    inbox: Inbox,
    rest: Vec<u8>,
    is_to_stall: bool,
}

/// See the module.
pub struct Crowd {
    dialect: Dialect,
    clock: Clock,
    subscribers: Vec<Subscriber>,
    buffer: Vec<u8>,
    memo: Memo,
    /// Received so far.
    pub bytes: u64,
    /// Who got what.
    pub ledger: Ledger,
    /// Received - due of updates that were due in `measured`, but for those who stall.
    pub latencies: Histogram,
    /// Due times that count, in ns.
    pub measured: Range<i64>,
    /// Whether those who are to stall do it now.
    pub is_stalling: bool,
    /// What contenders complained of, and why connections ended.
    pub complaints: BTreeMap<String, u64>,
}

impl Crowd {
    /// Nobody is there yet.
    pub fn new(dialect: Dialect, clock: Clock, ledger: Ledger) -> Self {
        Self {
            dialect,
            clock,
            subscribers: Vec::new(),
            buffer: vec![0; READ_BYTES],
            memo: Memo::default(),
            bytes: 0,
            ledger,
            latencies: histogram(),
            measured: 0..0,
            is_stalling: false,
            complaints: BTreeMap::new(),
        }
    }

    /// Takes in the next subscriber. Its token is its number.
    pub fn add(
        &mut self,
        opened: Opened,
        is_to_stall: bool,
        registry: &Registry,
    ) -> std::io::Result<()> {
        let mut stream = TcpStream::from_std(opened.stream);
        let token = Token(self.subscribers.len());
        registry.register(&mut stream, token, Interest::READABLE)?;
        self.subscribers.push(Subscriber {
            stream: Some(stream),
            inbox: opened.inbox,
            rest: opened.rest,
            is_to_stall,
        });
        Ok(())
    }

    /// Whether a subscriber's connection has ended.
    pub fn is_closed(&self, subscriber: usize) -> bool {
        self.subscribers[subscriber].stream.is_none()
    }

    /// Connections that have ended.
    pub fn closed(&self) -> usize {
        let closed = self.subscribers.iter().filter(|s| s.stream.is_none());
        closed.count()
    }

    /// Whether all that was published has come to everybody who is still there.
    pub fn is_complete(&self, published: u64) -> bool {
        let is_closed = |subscriber| self.is_closed(subscriber);
        self.ledger.is_complete(published, is_closed)
    }

    /// Lets those who stalled go on.
    pub fn end_stall(&mut self) {
        self.is_stalling = false;
        for at in 0..self.subscribers.len() {
            if self.subscribers[at].is_to_stall {
                self.read(at);
            }
        }
    }

    /// Reads all that there is for a subscriber.
    pub fn read(&mut self, at: usize) {
        let subscriber = &mut self.subscribers[at];
        if subscriber.is_to_stall && self.is_stalling {
            return;
        }
        let is_timed = !subscriber.is_to_stall;
        while let Some(stream) = &mut subscriber.stream {
            let len = match stream.read(&mut self.buffer) {
                Ok(0) => {
                    complain(&mut self.complaints, "closed");
                    subscriber.stream = None;
                    return;
                }
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    complain(&mut self.complaints, &error.kind().to_string());
                    subscriber.stream = None;
                    return;
                }
            };
            let received_ns = self.clock.now_ns();
            self.bytes += len as u64;
            let mut answers = Vec::new();
            let mut handle = |opcode, payload: &[u8]| match opcode {
                Opcode::Ping => {
                    websocket::append_frame(Opcode::Pong, payload, &mut answers);
                    Ok(())
                }
                Opcode::Pong => Ok(()),
                Opcode::Close => {
                    let code = websocket::close_code(payload);
                    complain(&mut self.complaints, &format!("close code {code}"));
                    Ok(())
                }
                Opcode::Binary | Opcode::Text | Opcode::Continuation => {
                    let hear = |heard: Heard<'_>| match heard {
                        Heard::Update(stamp) => {
                            self.ledger.update(at, stamp.index, false);
                            if is_timed && self.measured.contains(&stamp.due_ns) {
                                record(&mut self.latencies, received_ns - stamp.due_ns);
                            }
                        }
                        Heard::Snapshot(stamp) => self.ledger.update(at, stamp.index, true),
                        Heard::Lost(lost) => self.ledger.announce(at, lost),
                        Heard::Subscribed => {}
                        Heard::NatsPing => answers.extend(nats_pong()),
                        Heard::Complaint(text) => complain(&mut self.complaints, text),
                    };
                    self.memo
                        .hear(self.dialect, payload, &mut subscriber.rest, hear)
                }
            };
            let bytes = &self.buffer[..len];
            let fed = subscriber.inbox.feed(bytes, FRAME_MAX_BYTES, &mut handle);
            if let Err(error) = fed {
                let text = match error {
                    InboxError::WebSocket(error) => error.to_string(),
                    InboxError::Handler(error) => error.to_string(),
                };
                complain(&mut self.complaints, &text);
                subscriber.stream = None;
                return;
            }
            if !answers.is_empty() {
                // A few bytes into an empty socket; if it takes none, the contender closes.
                let _ = stream.write(&answers);
            }
            // The kernel tells us again when more comes.
            if len < self.buffer.len() {
                return;
            }
        }
    }
}

fn complain(complaints: &mut BTreeMap<String, u64>, text: &str) {
    *complaints.entry(text.to_owned()).or_default() += 1;
}
