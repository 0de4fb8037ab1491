//! One subscriber: its socket, where it is in its life, and how it behaves.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::SocketAddr,
};

use mio::{Interest, Registry, Token, net::TcpStream};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tickcast_protocol::{
    codec::{Encoding, SERVER_MESSAGE_MAX_BYTES},
    message::{Seq, TimeNs},
};

use super::{Counts, Member, Newest, Settings};
use crate::{
    clock::Clock,
    inbox::{Inbox, InboxError},
    integrity::{Baseline, TopicKey},
    latency::{Histogram, record},
    session::{Arrival, Event, ReceiverTiming, Session, SessionError, Shared},
    topics::TopicTable,
    websocket::{self, Opcode},
};

/// Receive buffer of those who are slow, stalled or gone, in bytes: with the system's megabytes the
/// server would not notice for a long time.
const HINDERED_BUFFER_BYTES: usize = 32 * 1024;

/// Kinds of errors that are told apart; the rest counts as "other".
const ERROR_KINDS_MAX: usize = 64;

/// How a subscriber behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads as fast as it can, and times every update.
    Probe,
    /// Reads as fast as it can, and times a sample.
    Sample,
    /// Reads a few bytes at a time.
    Slow,
    /// Stops reading for a while, then goes on.
    Stalled,
    /// Stops reading for ever, answers no ping and never says goodbye.
    Gone,
}

impl Role {
    /// Whether it is one of those whose latencies count.
    pub fn is_healthy(self) -> bool {
        matches!(self, Self::Probe | Self::Sample)
    }

    fn timing(self) -> ReceiverTiming {
        match self {
            Self::Probe => ReceiverTiming::Probe,
            Self::Sample => ReceiverTiming::Sample,
            Self::Slow | Self::Stalled | Self::Gone => ReceiverTiming::None,
        }
    }
}

/// What the worker has to do for a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    /// The connection is closed; open another one after a pause.
    Reconnect,
    /// The connection is closed for good.
    Gone,
}

/// What a subscriber changes besides itself.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) shared: Shared,
    pub(super) counts: Counts,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) connect: Histogram,
    pub(super) baseline: Baseline,
    /// Connections that end now do not come back.
    pub(super) is_ending: bool,
}

impl Context {
    /// Counts what went wrong.
    pub(super) fn error(&mut self, kind: String) {
        let is_known = self.errors.contains_key(&kind);
        let kind = if is_known || self.errors.len() < ERROR_KINDS_MAX {
            kind
        } else {
            "other".to_owned()
        };
        *self.errors.entry(kind).or_default() += 1;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Closed,
    Connecting,
    Handshake,
    Subscribing,
    Live,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hindrance {
    None,
    /// It reads when its timer says so.
    Timer,
    StalledUntil(TimeNs),
    ForEver,
}

#[derive(Debug)]
pub(super) struct Subscriber {
    member: Member,
    stage: Stage,
    stream: Option<TcpStream>,
    opened_ns: TimeNs,
    hindrance: Hindrance,
    inbox: Inbox,
    unsent: Vec<u8>,
    session: Session,
}

/// What a message does to the connection.
enum Stop {
    Closed(u16),
    Session(SessionError),
}

impl Subscriber {
    pub(super) fn new(member: Member) -> Self {
        Self {
            member,
            stage: Stage::Closed,
            stream: None,
            opened_ns: 0,
            hindrance: Hindrance::None,
            inbox: Inbox::default(),
            unsent: Vec::new(),
            session: Session::default(),
        }
    }

    pub(super) fn role(&self) -> Role {
        self.member.role
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn is_hindered(&self) -> bool {
        self.hindrance != Hindrance::None
    }

    pub(super) fn hinder(&mut self, until_ns: TimeNs) {
        self.hindrance = match self.role() {
            Role::Probe | Role::Sample => Hindrance::None,
            Role::Slow => Hindrance::Timer,
            Role::Stalled => Hindrance::StalledUntil(until_ns),
            Role::Gone => Hindrance::ForEver,
        };
    }

    /// Whether it is stalled; ends the stall when its time is over.
    pub(super) fn stalled_until(&mut self, now_ns: TimeNs) -> bool {
        match self.hindrance {
            Hindrance::StalledUntil(until_ns) if now_ns < until_ns => true,
            Hindrance::StalledUntil(_) => {
                self.hindrance = Hindrance::None;
                false
            }
            Hindrance::ForEver => true,
            Hindrance::None | Hindrance::Timer => self.stream.is_none(),
        }
    }

    pub(super) fn open(
        &mut self,
        token: Token,
        registry: &Registry,
        settings: &Settings,
        now_ns: TimeNs,
    ) -> io::Result<()> {
        let source = match settings.sources.len() {
            0 => None,
            len => Some(SocketAddr::new(
                settings.sources[self.member.index % len],
                0,
            )),
        };
        let socket = Socket::new(
            Domain::for_address(settings.address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        if !self.role().is_healthy() {
            socket.set_recv_buffer_size(HINDERED_BUFFER_BYTES)?;
        }
        if let Some(source) = source {
            socket.bind(&source.into())?;
        }
        match socket.connect(&settings.address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        let mut stream = TcpStream::from_std(socket.into());
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.stream = Some(stream);
        self.stage = Stage::Connecting;
        self.opened_ns = now_ns;
        // Whoever was cut off is over it.
        self.hindrance = Hindrance::None;
        self.inbox.clear();
        self.unsent.clear();
        Ok(())
    }

    pub(super) fn on_writable(&mut self, settings: &Settings, context: &mut Context) -> Flow {
        if self.stage == Stage::Connecting {
            let Some(stream) = &self.stream else {
                return Flow::Continue;
            };
            match stream.take_error() {
                Ok(None) => {}
                Ok(Some(error)) | Err(error) => {
                    return self.fail(format!("connect: {}", error.kind()), context);
                }
            }
            if stream.peer_addr().is_err() {
                return Flow::Continue;
            }
            self.stage = Stage::Handshake;
            let subprotocol = settings.wish.encoding.subprotocol();
            let request =
                websocket::handshake_request(&settings.host, &settings.path, Some(subprotocol));
            self.unsent.extend_from_slice(request.as_bytes());
        }
        self.flush(context)
    }

    /// Writes what can be written.
    fn flush(&mut self, context: &mut Context) -> Flow {
        while let Some(stream) = &mut self.stream
            && !self.unsent.is_empty()
        {
            match stream.write(&self.unsent) {
                Ok(len) => {
                    self.unsent.drain(..len);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return self.fail(format!("write: {}", error.kind()), context),
            }
        }
        if self.unsent.is_empty() {
            self.unsent = Vec::new();
        }
        Flow::Continue
    }

    /// Something happened to one that does not read: it only notices when it is cut off.
    pub(super) fn on_event_while_hindered(
        &mut self,
        event: &mio::event::Event,
        context: &mut Context,
    ) -> Flow {
        let is_over =
            event.is_error() || self.hindrance == Hindrance::ForEver && event.is_read_closed();
        if is_over {
            self.fail("closed by the server".to_owned(), context)
        } else {
            Flow::Continue
        }
    }

    /// Reads until the socket is empty.
    pub(super) fn read_all(
        &mut self,
        buffer: &mut [u8],
        settings: &Settings,
        clock: &Clock,
        context: &mut Context,
    ) -> Flow {
        loop {
            match self.read(buffer, settings, clock, context) {
                // A read that leaves room in the buffer has emptied the socket.
                Ok(len) if len < buffer.len() => return Flow::Continue,
                Ok(_) => {}
                Err(flow) => return flow,
            }
        }
    }

    /// Reads once.
    pub(super) fn read_once(
        &mut self,
        buffer: &mut [u8],
        settings: &Settings,
        clock: &Clock,
        context: &mut Context,
    ) -> Flow {
        match self.read(buffer, settings, clock, context) {
            Ok(_) => Flow::Continue,
            Err(flow) => flow,
        }
    }

    fn read(
        &mut self,
        buffer: &mut [u8],
        settings: &Settings,
        clock: &Clock,
        context: &mut Context,
    ) -> Result<usize, Flow> {
        let Some(stream) = &mut self.stream else {
            return Err(Flow::Continue);
        };
        let len = match stream.read(buffer) {
            Ok(0) => return Err(self.fail("closed without a close frame".to_owned(), context)),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(self.fail(format!("read: {}", error.kind()), context)),
        };
        let received_ns = clock.now_ns();
        context.counts.bytes += len as u64;
        let flow = self.received(&buffer[..len], received_ns, settings, context);
        if flow == Flow::Continue {
            Ok(len)
        } else {
            Err(flow)
        }
    }

    fn received(
        &mut self,
        bytes: &[u8],
        received_ns: TimeNs,
        settings: &Settings,
        context: &mut Context,
    ) -> Flow {
        if self.stage != Stage::Handshake {
            return self.feed(bytes, received_ns, settings, context);
        }
        let subprotocol = settings.wish.encoding.subprotocol();
        match websocket::handshake_response(self.inbox.keep(bytes), Some(subprotocol)) {
            Ok(None) => Flow::Continue,
            Ok(Some(len)) => {
                let rest = self.inbox.split_off(len);
                self.stage = Stage::Subscribing;
                let filters = settings.filters.of(self.member.index);
                let request = self.session.subscribe(&filters, &settings.wish);
                let opcode = message_opcode(settings);
                websocket::append_frame(opcode, &request, &mut self.unsent);
                match self.flush(context) {
                    Flow::Continue => self.feed(&rest, received_ns, settings, context),
                    flow => flow,
                }
            }
            Err(error) => self.fail(error.to_string(), context),
        }
    }

    fn feed(
        &mut self,
        bytes: &[u8],
        received_ns: TimeNs,
        settings: &Settings,
        context: &mut Context,
    ) -> Flow {
        let Self {
            inbox,
            session,
            unsent,
            stage,
            opened_ns,
            member,
            ..
        } = self;
        let mut handle = |opcode: Opcode, payload: &[u8]| {
            match opcode {
                Opcode::Ping => websocket::append_frame(Opcode::Pong, payload, unsent),
                Opcode::Pong => {}
                Opcode::Close => return Err(Stop::Closed(websocket::close_code(payload))),
                Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                    context.counts.messages += 1;
                    let arrival = Arrival {
                        payload,
                        received_ns,
                        timing: member.role.timing(),
                    };
                    let baseline = context.baseline;
                    let shared = &mut context.shared;
                    match session.message(arrival, &settings.wish, baseline, shared) {
                        Ok(Event::None) => {}
                        Ok(Event::Subscribed { resumed }) => {
                            *stage = Stage::Live;
                            context.counts.open += 1;
                            context.counts.subscribed += 1;
                            context.counts.resumed += resumed as u64;
                            record(&mut context.connect, received_ns - *opened_ns);
                        }
                        Err(error @ SessionError::Server { .. }) => {
                            context.error(error.to_string());
                        }
                        Err(error) => return Err(Stop::Session(error)),
                    }
                }
            }
            Ok(())
        };
        let fed = inbox.feed(bytes, SERVER_MESSAGE_MAX_BYTES, &mut handle);
        match fed {
            Ok(()) if self.unsent.is_empty() => Flow::Continue,
            Ok(()) => self.flush(context),
            Err(InboxError::Handler(Stop::Closed(code))) => {
                self.fail(format!("close code {code}"), context)
            }
            Err(InboxError::Handler(Stop::Session(error))) => self.fail(error.to_string(), context),
            Err(InboxError::WebSocket(error)) => self.fail(error.to_string(), context),
        }
    }

    /// The connection is over, and not because we wanted it.
    pub(super) fn fail(&mut self, kind: String, context: &mut Context) -> Flow {
        let stage = self.close(context);
        context.error(kind);
        if stage == Stage::Live {
            context.counts.closed += 1;
            if !self.role().is_healthy() {
                context.counts.hindered_closed += 1;
            }
        } else {
            context.counts.failed += 1;
        }
        // One that never stood is the run's problem, not to be papered over.
        let comes_back = stage == Stage::Live || context.counts.subscribed > 0;
        if self.hindrance == Hindrance::ForEver || context.is_ending || !comes_back {
            Flow::Gone
        } else {
            Flow::Reconnect
        }
    }

    /// Drops the connection of a healthy subscriber that stands, to open another one.
    pub(super) fn leave(&mut self, context: &mut Context) -> bool {
        if self.stage != Stage::Live || !self.role().is_healthy() {
            return false;
        }
        self.close(context);
        context.counts.churned += 1;
        true
    }

    fn close(&mut self, context: &mut Context) -> Stage {
        self.stream = None;
        let stage = std::mem::replace(&mut self.stage, Stage::Closed);
        if stage == Stage::Live {
            context.counts.open -= 1;
        }
        stage
    }

    /// The end: counts what never came, and says goodbye.
    pub(super) fn finish(&mut self, newest: &[(TopicKey, &str, Seq)], shared: &mut Shared) {
        match self.role() {
            Role::Probe | Role::Sample => self.session.finish(newest, &mut shared.healthy),
            Role::Stalled => self.session.finish(newest, &mut shared.hindered),
            // They have not read everything, and nobody expects them to.
            Role::Slow | Role::Gone => {}
        }
        if let Some(mut stream) = self.stream.take() {
            const NORMAL_CLOSURE: u16 = 1000;
            let mut goodbye = Vec::new();
            websocket::append_frame(Opcode::Close, &NORMAL_CLOSURE.to_be_bytes(), &mut goodbye);
            // Whether it arrives makes no difference any more.
            let _ = stream.write(&goodbye);
        }
    }
}

fn message_opcode(settings: &Settings) -> Opcode {
    match settings.wish.encoding {
        Encoding::Bincode => Opcode::Binary,
        Encoding::Json => Opcode::Text,
    }
}

/// Names to keys.
pub(super) fn keyed<'a>(
    newest: &'a Newest,
    topics: &mut TopicTable,
) -> Vec<(TopicKey, &'a str, Seq)> {
    let newest = newest.iter();
    newest
        .map(|(name, &seq)| (topics.key(name), name.as_str(), seq))
        .collect()
}
