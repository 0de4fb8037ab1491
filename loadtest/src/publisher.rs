//! The publisher: a thread of its own that sends each update when it is due.
//!
//! It sleeps until a slot is due and sends all that are due in one write. What is late is sent at
//! once and never skipped. Three moments are told apart: *due*, when the schedule wants it; *ready*,
//! when the socket had taken everything before it; and *sent*. `sent - due` is the slip; of that,
//! `sent - max(due, ready)` is the generator's own fault, and the rest is whoever does not read.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tickcast_protocol::{
    codec::{self, Encoding},
    message::{ClientMessage, Publication, Publish, ServerMessage, TimeNs},
    value::Value,
};

use crate::{
    clock::Clock,
    inbox::{Inbox, InboxError},
    latency::{Histogram, histogram, record},
    mqtt, process,
    schedule::Schedule,
    stamp::Stamp,
    summary::OWN_SLIP_MAX_NS,
    websocket::{self, Opcode},
};

/// Longest sleep while a slot is far away, so that the end of the run and the server's pings are
/// noticed.
const SLEEP_MAX_NS: i64 = 50_000_000;

/// Below this the thread spins: what it takes to fall asleep and wake up again.
const SPIN_NS: i64 = 15_000;

/// Bytes gathered for one write while slots are late; more wait for the next.
const WRITE_MAX_BYTES: usize = 64 * 1024;

/// Longest wait for an answer while connecting.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The largest message that a server may have for a publisher.
const ANSWER_MAX_BYTES: usize = 1 << 20;

/// Where updates are published to.
#[derive(Debug, Clone)]
pub enum Outlet {
    /// To the server itself, as a client.
    WebSocket {
        /// Its address.
        address: SocketAddr,
        /// Its name and port.
        host: String,
        /// The path.
        path: String,
    },
    /// To an MQTT broker that the server listens to, with QoS 0.
    Mqtt {
        /// Its address.
        address: SocketAddr,
        /// User and password.
        login: Option<(String, String)>,
    },
}

/// What is published.
#[derive(Debug, Clone)]
pub struct Payload {
    /// The run's number, for stamps.
    pub run: u32,
    /// Topics, in turn.
    pub topics: Vec<String>,
    /// Bytes of each payload, at least a stamp's.
    pub bytes: usize,
}

/// A stretch of time with its own schedule.
#[derive(Debug)]
pub struct Segment {
    /// When the schedule's offset 0 is.
    pub start_ns: TimeNs,
    /// Its slots.
    pub schedule: Schedule,
    /// Whether to keep account of it.
    pub is_measured: bool,
}

/// What the publisher did, so far.
#[derive(Debug, Default)]
pub struct Progress {
    /// Updates handed to the socket.
    pub published: AtomicU64,
    /// Of the measured ones, those that were late through the publisher's own fault.
    pub own_late: AtomicU64,
    /// The thread's id, 0 before it runs.
    thread_id: AtomicU32,
    is_stopped: AtomicBool,
}

/// What the publisher did.
#[derive(Debug)]
pub struct Published {
    /// Updates handed to the socket, in all.
    pub updates: u64,
    /// Sent - due, of what was measured.
    pub slip: Histogram,
    /// Sent - max(due, ready), of what was measured: the generator's own lateness.
    pub own_slip: Histogram,
    /// How long the socket took no more, in all of the run.
    pub blocked_ns: i64,
}

impl Default for Published {
    fn default() -> Self {
        Self {
            updates: 0,
            slip: histogram(),
            own_slip: histogram(),
            blocked_ns: 0,
        }
    }
}

/// Why publishing ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The socket.
    #[error("publisher: {0}")]
    Io(#[from] io::Error),
    /// The handshake, or a frame that makes no sense.
    #[error("publisher: {0}")]
    WebSocket(#[from] websocket::WebSocketError),
    /// The broker's answer.
    #[error("publisher: {0}")]
    Mqtt(#[from] mqtt::ConnackError),
    /// The server refuses what is published.
    #[error("publisher: the server says: {0}")]
    Refused(String),
    /// The server closed the connection.
    #[error("publisher: the server closed the connection with code {0}")]
    Closed(u16),
    /// The thread is gone.
    #[error("publisher: its thread has ended")]
    Lost,
}

/// The other end of the publisher's thread.
#[derive(Debug)]
pub struct Publisher {
    segments: SyncSender<Segment>,
    /// What it did so far.
    pub progress: Arc<Progress>,
    thread: thread::JoinHandle<Result<Published, PublishError>>,
}

impl Publisher {
    /// Connects, and starts the thread. It publishes nothing yet.
    pub fn start(outlet: &Outlet, payload: Payload, clock: Clock) -> Result<Self, PublishError> {
        /// Segments that wait, at most: the rate search knows the next one only after the last.
        const SEGMENTS_MAX: usize = 4;

        let link = Link::connect(outlet)?;
        let progress = Arc::new(Progress::default());
        let (segments, receiver) = sync_channel(SEGMENTS_MAX);
        let mut writer = Writer::new(link, payload, clock, progress.clone());
        let thread = thread::Builder::new()
            .name("publisher".into())
            .spawn(move || writer.run(&receiver))?;
        Ok(Self {
            segments,
            progress,
            thread,
        })
    }

    /// Publishes a segment after those before it.
    pub fn publish(&self, segment: Segment) -> Result<(), PublishError> {
        let sent = self.segments.send(segment);
        sent.map_err(|_| PublishError::Lost)
    }

    /// CPU time of the thread, in ns.
    pub fn cpu_ns(&self) -> Option<u64> {
        process::thread_cpu_ns(self.progress.thread_id.load(Ordering::Relaxed))
    }

    /// Whether the thread has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends in the middle of a segment.
    pub fn stop(&self) {
        self.progress.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Waits until all segments are published.
    pub fn finish(self) -> Result<Published, PublishError> {
        drop(self.segments);
        self.thread.join().unwrap_or(Err(PublishError::Lost))
    }
}

/// The connection, and how updates look on it.
struct Link {
    stream: TcpStream,
    is_websocket: bool,
    inbox: Inbox,
}

impl Link {
    fn connect(outlet: &Outlet) -> Result<Self, PublishError> {
        let (Outlet::WebSocket { address, .. } | Outlet::Mqtt { address, .. }) = outlet;
        let mut stream = TcpStream::connect_timeout(address, CONNECT_MAX)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(CONNECT_MAX))?;
        let mut inbox = Inbox::default();
        match outlet {
            Outlet::WebSocket { host, path, .. } => {
                let subprotocol = Encoding::Bincode.subprotocol();
                let request = websocket::handshake_request(host, path, subprotocol);
                stream.write_all(request.as_bytes())?;
                let mut buffer = [0; 4096];
                loop {
                    let len = stream.read(&mut buffer)?;
                    if len == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                    let answer = inbox.keep(&buffer[..len]);
                    if let Some(len) = websocket::handshake_response(answer, subprotocol)? {
                        let rest = inbox.split_off(len);
                        inbox.keep(&rest);
                        break;
                    }
                }
            }
            Outlet::Mqtt { login, .. } => {
                let login = login.as_ref().map(|(user, pass)| (&**user, &**pass));
                let client_id = format!("tickcast-loadtest-{}", std::process::id());
                stream.write_all(&mqtt::connect(&client_id, login))?;
                let mut answer = [0; mqtt::CONNACK_BYTES];
                stream.read_exact(&mut answer)?;
                mqtt::check_connack(answer)?;
            }
        }
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            is_websocket: matches!(outlet, Outlet::WebSocket { .. }),
            inbox,
        })
    }

    fn append(&self, topic: &str, payload: &[u8], out: &mut Vec<u8>) {
        if !self.is_websocket {
            mqtt::append_publish(topic, payload, out);
            return;
        }
        let message = ClientMessage::Publish(Publish {
            id: None,
            updates: vec![Publication {
                topic: topic.to_owned(),
                value: Value::Bytes(payload.to_vec()),
                source_time_ns: None,
            }],
        });
        let message = codec::encode_client(&message, Encoding::Bincode);
        websocket::append_frame(Opcode::Binary, &message, out);
    }

    /// Looks at what the other side has to say, without waiting for it. What is to be answered is
    /// appended to `out`.
    fn listen(&mut self, out: &mut Vec<u8>) -> Result<(), PublishError> {
        let mut buffer = [0; 4096];
        loop {
            let len = match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if !self.is_websocket {
                continue;
            }
            let mut handle = |opcode, payload: &[u8]| answer(opcode, payload, out);
            let fed = self
                .inbox
                .feed(&buffer[..len], ANSWER_MAX_BYTES, &mut handle);
            fed.map_err(|error| match error {
                InboxError::WebSocket(error) => error.into(),
                InboxError::Handler(error) => error,
            })?;
        }
    }
}

/// What a server's message means to a publisher.
fn answer(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) -> Result<(), PublishError> {
    match opcode {
        Opcode::Ping => websocket::append_frame(Opcode::Pong, payload, out),
        Opcode::Close => return Err(PublishError::Closed(websocket::close_code(payload))),
        Opcode::Binary => {
            if let Ok(ServerMessage::Error(error)) = codec::decode_server_bincode(payload) {
                return Err(PublishError::Refused(error.reason));
            }
        }
        Opcode::Text | Opcode::Continuation | Opcode::Pong => {}
    }
    Ok(())
}

/// The thread's own state.
struct Writer {
    link: Link,
    content: Payload,
    clock: Clock,
    progress: Arc<Progress>,
    payload: Vec<u8>,
    out: Vec<u8>,
    index: u64,
    ready_ns: TimeNs,
    heard_ns: TimeNs,
    published: Published,
}

impl Writer {
    fn new(link: Link, content: Payload, clock: Clock, progress: Arc<Progress>) -> Self {
        Self {
            link,
            payload: vec![0; content.bytes],
            content,
            clock,
            progress,
            out: Vec::with_capacity(2 * WRITE_MAX_BYTES),
            index: 0,
            ready_ns: 0,
            heard_ns: 0,
            published: Published::default(),
        }
    }

    fn run(&mut self, segments: &Receiver<Segment>) -> Result<Published, PublishError> {
        process::sleep_precisely();
        let thread_id = process::thread_id().unwrap_or(0);
        self.progress.thread_id.store(thread_id, Ordering::Relaxed);
        loop {
            let timeout = Duration::from_nanos(SLEEP_MAX_NS as u64);
            let segment = match segments.recv_timeout(timeout) {
                Ok(segment) => segment,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    self.listen()?;
                    continue;
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            };
            self.publish(segment)?;
        }
        if !self.link.is_websocket {
            self.out.extend_from_slice(&mqtt::DISCONNECT);
        }
        self.write()?;
        self.published.updates = self.index;
        Ok(std::mem::take(&mut self.published))
    }

    fn publish(&mut self, segment: Segment) -> Result<(), PublishError> {
        let start_ns = segment.start_ns;
        let mut slots = segment
            .schedule
            .map(|offset_ns| start_ns + offset_ns as i64);
        let mut next = slots.next();
        while let Some(due_ns) = next {
            if !self.wait_until(due_ns)? {
                return Ok(());
            }
            let sent_ns = self.clock.now_ns();
            while let Some(due_ns) = next
                && due_ns <= sent_ns
                && self.out.len() < WRITE_MAX_BYTES
            {
                self.append(due_ns, sent_ns, segment.is_measured);
                next = slots.next();
            }
            self.write()?;
            self.progress.published.store(self.index, Ordering::Relaxed);
        }
        Ok(())
    }

    fn append(&mut self, due_ns: TimeNs, sent_ns: TimeNs, is_measured: bool) {
        let stamp = Stamp {
            run: self.content.run,
            index: self.index,
            due_ns,
            sent_ns,
        };
        stamp.write(&mut self.payload);
        let topics = &self.content.topics;
        let topic = &topics[(self.index % topics.len() as u64) as usize];
        self.link.append(topic, &self.payload, &mut self.out);
        self.index += 1;
        if is_measured {
            record(&mut self.published.slip, sent_ns - due_ns);
            let own_ns = sent_ns - due_ns.max(self.ready_ns);
            record(&mut self.published.own_slip, own_ns);
            if own_ns > OWN_SLIP_MAX_NS as i64 {
                self.progress.own_late.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits, with an ear to the other side if there is time. Says whether to go on.
    fn wait_until(&mut self, due_ns: TimeNs) -> Result<bool, PublishError> {
        loop {
            if self.progress.is_stopped.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let now_ns = self.clock.now_ns();
            let left_ns = due_ns - now_ns;
            if now_ns - self.heard_ns > SLEEP_MAX_NS {
                self.heard_ns = now_ns;
                self.listen()?;
                continue;
            }
            if left_ns <= 0 {
                return Ok(true);
            }
            if left_ns > SPIN_NS {
                sleep_ns((left_ns - SPIN_NS).min(SLEEP_MAX_NS));
            } else {
                std::hint::spin_loop();
            }
        }
    }

    fn listen(&mut self) -> Result<(), PublishError> {
        self.link.listen(&mut self.out)?;
        self.write()
    }

    /// Writes everything, however long that takes; notes for how long the socket took nothing.
    fn write(&mut self) -> Result<(), PublishError> {
        /// How often a full socket is tried again. The time until then counts as the server's.
        const RETRY_NS: i64 = 50_000;

        let mut written = 0;
        let mut blocked_since = None;
        while written < self.out.len() {
            match self.link.stream.write(&self.out[written..]) {
                Ok(len) => written += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    blocked_since.get_or_insert_with(|| self.clock.now_ns());
                    if self.progress.is_stopped.load(Ordering::Relaxed) {
                        break;
                    }
                    sleep_ns(RETRY_NS);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.out.clear();
        if let Some(since_ns) = blocked_since {
            self.ready_ns = self.clock.now_ns();
            self.published.blocked_ns += self.ready_ns - since_ns;
        }
        Ok(())
    }
}

fn sleep_ns(ns: i64) {
    // This thread exists to wait.
    #[allow(clippy::disallowed_methods)]
    thread::sleep(Duration::from_nanos(ns.max(0) as u64));
}
