//! One client's connection, from the handshake to its end: reads what it sends and hands it to the
//! shard. Writing is the shard's.

use std::{cell::RefCell, ops::ControlFlow, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use hashbrown::HashMap;
use tickcast_protocol::{
    codec::{self, CLIENT_MESSAGE_MAX_BYTES, CodecError, Encoding},
    error::{CloseCode, ErrorCode},
    message::{ClientMessage, Subscribe},
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::Notify,
    task::{AbortHandle, coop::unconstrained, spawn_local, yield_now},
    time::{sleep, timeout},
};

use crate::{
    admin::SlowRow,
    clock::{Clock, Now},
    connection::ConnectionKey,
    event_stream::Pipe,
    frame::{self, Wire},
    head::Head,
    inbound::{Inbound, InboundError, MessageReader},
    ingest::{Ingest, Work},
    outlet::{Outlet, Stream},
    settings::ServerSettings,
    shard::{Event, Shard},
    slow::SlowClient,
};

/// How often a client that does not read its answers is looked at again.
const CLOGGED_POLL: Duration = Duration::from_millis(20);

/// Messages of one client that are read before others have their turn, if it has sent so many. Each
/// turn of a busy publisher may become a round, and short rounds cost every subscriber a write for a
/// few updates; tokio's own budget would end a turn after some sixty messages.
const TURN_MESSAGES: usize = 512;

/// After a close frame of ours: how long we read on, so that the client sees it before the
/// connection is reset under it (RFC 6455, section 7.1.1).
const LINGER: Duration = Duration::from_secs(1);

/// Longest message that `/echo` returns.
pub const ECHO_MAX_BYTES: usize = 16 * 1024 * 1024;

/// A shard and what its thread's tasks share.
#[derive(Debug)]
pub struct ShardContext {
    /// Settings of the whole server.
    pub settings: Arc<ServerSettings>,
    /// The way to the sequencer.
    pub ingest: Ingest,
    /// The time.
    pub clock: Clock,
    shard: RefCell<Shard<Outlet>>,
    /// Where strips come from.
    head: Arc<Head>,
    /// Wakes the shard's loop.
    wake: Arc<Notify>,
    sessions: RefCell<HashMap<u64, Handles>>,
}

/// What a turn of a round leaves to do.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// Whether the head had nothing new.
    pub is_idle: bool,
    /// Whether the next one should follow at once.
    pub has_more: bool,
    /// See [`Shard::has_unsent`].
    pub has_unsent: bool,
    /// See [`Shard::next_due`].
    pub due: Option<Duration>,
    /// See [`Shard::quiet_until`].
    pub quiet_until: Option<Duration>,
}

/// What ends a session's tasks.
#[derive(Debug)]
struct Handles {
    outlet: Outlet,
    broken: Rc<Notify>,
    waiter: Option<AbortHandle>,
}

impl ShardContext {
    /// A shard to be shared.
    pub fn new(
        shard: Shard<Outlet>,
        head: Arc<Head>,
        settings: Arc<ServerSettings>,
        ingest: Ingest,
        clock: Clock,
    ) -> Rc<Self> {
        Rc::new(Self {
            settings,
            ingest,
            clock,
            wake: head.wake(shard.index),
            shard: RefCell::new(shard),
            head,
            sessions: RefCell::default(),
        })
    }

    /// Does something with the shard, and then what follows from it.
    pub fn with<T>(self: &Rc<Self>, act: impl FnOnce(&mut Shard<Outlet>, Now) -> T) -> T {
        let mut shard = self.shard.borrow_mut();
        let due = shard.next_due();
        let result = act(&mut shard, self.clock.now());
        let events = shard.take_events();
        if shard.has_catching_up() || shard.next_due() != due {
            self.wake.notify_one();
        }
        drop(shard);
        for event in events {
            match event {
                Event::Blocked(key) => self.wait_until_writable(key),
                Event::Broken(key) => self.break_off(key),
            }
        }
        result
    }

    /// Applies what the head has for the shard, up to a bound, writes to some of those who wait, and
    /// after a round lets clients catch up.
    pub fn turn(self: &Rc<Self>) -> Turn {
        self.with(|shard, now| {
            let taken = self.head.take(shard.index);
            shard.turn(&taken.strips, now);
            shard.answer_history(&taken.answers, now);
            let is_over = shard.is_round_over();
            let is_behind = is_over && shard.catch_up(now);
            Turn {
                is_idle: taken.strips.is_empty(),
                has_more: !is_over || is_behind || taken.more,
                has_unsent: shard.has_unsent(),
                due: shard.next_due(),
                quiet_until: shard.quiet_until(now),
            }
        })
    }

    /// Waits until the shard is where the head is now. A client that comes from another shard must
    /// not find this one behind its place on the tape.
    async fn reach_head(self: &Rc<Self>) {
        let index = self.shard.borrow().index;
        let goal = self.head.pushed();
        while self.head.taken(index) < goal {
            self.take_in();
            tokio::task::yield_now().await;
        }
    }

    /// Takes in what the head has, though the shard may doze.
    pub fn take_in(self: &Rc<Self>) {
        self.turn();
        // Somebody may wait for the next turn.
        self.wake.notify_one();
    }

    /// Does what a client asks, and returns what is not the shard's to do.
    async fn handle(self: &Rc<Self>, key: ConnectionKey, message: ClientMessage) -> Option<Work> {
        let subscribes = matches!(
            message,
            ClientMessage::Subscribe(_) | ClientMessage::Change(_)
        );
        if subscribes {
            self.reach_head().await;
            // It may doze, and now somebody may be due at any time.
            self.wake.notify_one();
        }
        self.with(|shard, now| shard.handle(key, message, now))
    }

    /// The clients that are furthest behind, with their addresses.
    pub fn slowest(self: &Rc<Self>, limit: usize) -> Vec<SlowRow> {
        let slowest = self.with(|shard, now| shard.slowest(limit, now));
        let sessions = self.sessions.borrow();
        let row = |(key, slow): (ConnectionKey, SlowClient)| {
            let handles = sessions.get(&key.to_u64());
            let client = handles.map_or("gone".to_owned(), |handles| handles.outlet.client());
            SlowRow { client, slow }
        };
        slowest.into_iter().map(row).collect()
    }

    fn wait_until_writable(self: &Rc<Self>, key: ConnectionKey) {
        if let Some(handles) = self.sessions.borrow_mut().get_mut(&key.to_u64()) {
            let context = Rc::clone(self);
            let outlet = handles.outlet.clone();
            let task = spawn_local(async move {
                while outlet.writable().await
                    && context.with(|shard, now| shard.on_writable(key, now))
                {}
            });
            handles.waiter = Some(task.abort_handle());
        }
    }

    fn break_off(&self, key: ConnectionKey) {
        if let Some(handles) = self.sessions.borrow().get(&key.to_u64()) {
            handles.outlet.break_off();
            handles.broken.notify_one();
        }
    }
}

/// Serves a subscriber.
pub async fn serve(
    context: Rc<ShardContext>,
    stream: TcpStream,
    read: Bytes,
    encoding: Encoding,
    may_publish: bool,
) {
    let stream = Stream::new(stream);
    let outlet = Outlet::Tcp(stream.clone());
    let (key, broken) = begin(&context, outlet, encoding.into(), may_publish);
    let reader = MessageReader::new(stream, &read, CLIENT_MESSAGE_MAX_BYTES);
    drop(read);
    tokio::select! {
        () = unconstrained(receive(&context, key, reader, encoding)) => {}
        () = broken.notified() => {}
    }
    end(&context, key);
}

/// Serves who reads an event stream with one subscription.
pub async fn stream(context: Rc<ShardContext>, pipe: Pipe, request: Subscribe) {
    let (key, broken) = begin(&context, Outlet::Events(pipe.clone()), Wire::Events, false);
    // Nothing is left to do for others.
    let _ = context.handle(key, ClientMessage::Subscribe(request)).await;
    tokio::select! {
        () = pipe.gone() => context.with(|shard, _| shard.lost(key)),
        () = broken.notified() => {}
    }
    end(&context, key);
}

fn begin(
    context: &Rc<ShardContext>,
    outlet: Outlet,
    wire: Wire,
    may_publish: bool,
) -> (ConnectionKey, Rc<Notify>) {
    let broken = Rc::new(Notify::new());
    let socket = outlet.clone();
    let key = context.with(|shard, now| shard.connect(socket, wire, may_publish, now));
    let handles = Handles {
        outlet,
        broken: Rc::clone(&broken),
        waiter: None,
    };
    context.sessions.borrow_mut().insert(key.to_u64(), handles);
    (key, broken)
}

fn end(context: &Rc<ShardContext>, key: ConnectionKey) {
    context.with(|shard, _| shard.disconnect(key));
    let handles = context.sessions.borrow_mut().remove(&key.to_u64());
    if let Some(waiter) = handles.and_then(|handles| handles.waiter) {
        waiter.abort();
    }
}

/// Reads until the connection is over.
async fn receive(
    context: &Rc<ShardContext>,
    key: ConnectionKey,
    mut reader: MessageReader<Stream>,
    encoding: Encoding,
) {
    for message in 1_usize.. {
        if message.is_multiple_of(TURN_MESSAGES) {
            yield_now().await;
        }
        reader.readable().await;
        // In a box of its own: what a message needs is kilobytes, and most clients are silent for
        // most of the time.
        if Box::pin(receive_one(context, key, &mut reader, encoding))
            .await
            .is_break()
        {
            return;
        }
    }
}

/// Reads a message and does what it asks. Breaks when the connection is over.
async fn receive_one(
    context: &Rc<ShardContext>,
    key: ConnectionKey,
    reader: &mut MessageReader<Stream>,
    encoding: Encoding,
) -> ControlFlow<()> {
    while context.with(|shard, _| shard.is_clogged(key)) {
        sleep(CLOGGED_POLL).await;
    }
    let inbound = reader.next().await;
    context.with(|shard, now| shard.heard(key, now));
    let is_in_step = inbound.is_ok();
    let (code, reason) = match inbound {
        Ok(Inbound::Text(bytes)) if encoding == Encoding::Json => {
            handle(context, key, &bytes, encoding).await;
            return ControlFlow::Continue(());
        }
        Ok(Inbound::Binary(bytes)) if encoding == Encoding::Bincode => {
            handle(context, key, &bytes, encoding).await;
            return ControlFlow::Continue(());
        }
        Ok(Inbound::Ping(payload)) => {
            context.with(|shard, now| shard.pong(key, &payload, now));
            return ControlFlow::Continue(());
        }
        Ok(Inbound::Pong) => return ControlFlow::Continue(()),
        Ok(Inbound::Close(code)) => {
            let frame = frame::close_answer(code);
            context.with(|shard, now| shard.close(key, frame, code, now));
            return ControlFlow::Break(());
        }
        Err(InboundError::Lost) => {
            context.with(|shard, _| shard.lost(key));
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
    context.with(|shard, now| shard.close_with(key, code, reason, now));
    let answered = async {
        if is_in_step {
            while !matches!(reader.next().await, Ok(Inbound::Close(_)) | Err(_)) {}
        } else {
            reader.discard().await;
        }
    };
    // Whether the client ends in time or not: this is the end.
    let _ = timeout(LINGER, answered).await;
    ControlFlow::Break(())
}

async fn handle(context: &Rc<ShardContext>, key: ConnectionKey, bytes: &[u8], encoding: Encoding) {
    let message = match codec::decode_client(bytes, encoding) {
        Ok(message) => message,
        Err(error) => {
            let code = match error {
                CodecError::UnknownMessage(_) => ErrorCode::UnknownMessage,
                _ => ErrorCode::Malformed,
            };
            context.with(|shard, now| shard.refuse_message(key, code, error.to_string(), now));
            return;
        }
    };
    if let Some(work) = context.handle(key, message).await {
        let id = work.request();
        // While the sequencer's queue is full this client is not read: it feels it in its socket.
        if context.ingest.hand_over(work).await.is_err() {
            context.with(|shard, now| shard.refuse_draining(key, id, now));
        }
    }
}

/// Returns to a client what it sends.
pub async fn echo(stream: TcpStream, read: Bytes, write_timeout: Duration) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = MessageReader::new(reader, &read, ECHO_MAX_BYTES);
    loop {
        let (frame, is_last) = match reader.next().await {
            Ok(Inbound::Text(bytes)) => (frame::text(&bytes), false),
            Ok(Inbound::Binary(bytes)) => (frame::binary(&bytes), false),
            Ok(Inbound::Ping(payload)) => (frame::pong(&payload), false),
            Ok(Inbound::Pong) => continue,
            Ok(Inbound::Close(code)) => (frame::close_answer(code), true),
            Err(InboundError::Lost) => return,
            Err(InboundError::Violation(violation)) => {
                (frame::close_with(violation.code, violation.reason), true)
            }
        };
        if !matches!(
            timeout(write_timeout, writer.write_all(&frame)).await,
            Ok(Ok(()))
        ) {
            return;
        }
        if is_last {
            let _ = timeout(LINGER, reader.discard()).await;
            return;
        }
    }
}
