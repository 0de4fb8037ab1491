//! A client that stays subscribed.

use std::{
    fmt,
    future::{pending, poll_fn, ready},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    backoff::Backoff,
    connection::{Connection, ConnectionError, OUTGOING_MAX_BYTES},
    event::{Disconnected, Event, Why},
    handle::{ClientHandle, Command, RequestIds},
    handshake::{ConnectError, ConnectOptions},
    session::{Session, SessionError},
    topics::TopicTable,
};
use crate::{
    codec::CodecError,
    error::CloseCode,
    message::{ServerMessage, TimeNs},
    topic::Topic,
};

/// A server that let so many of its own heartbeat intervals pass in silence is dead.
const SILENT_HEARTBEATS: u32 = 3;

/// Added to it, for a busy machine and a slow network.
const SILENCE_MARGIN: Duration = Duration::from_secs(2);

/// Time for the server's close frame after ours; then the connection is dropped.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The server's clock is asked for at once, then after this time, then after twice the time, up to
/// the maximum.
const CLOCK_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Often enough to follow a drifting quartz, seldom enough not to matter.
const CLOCK_INTERVAL_MAX: Duration = Duration::from_secs(16);

/// How a [`Client`] behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// Whom to connect to.
    pub connect: ConnectOptions,
}

/// Stays subscribed to what its [`ClientHandle`]s ask for. It does nothing by itself: it lives in
/// [`Client::next`].
pub struct Client {
    options: ClientOptions,
    /// `None` after the last handle is gone, which ends nothing.
    commands: Option<mpsc::Receiver<Command>>,
    session: Session,
    backoff: Backoff,
    /// Attempts to connect since the last success.
    attempt: u32,
    topics: TopicTable,
    state: State,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send>>;

enum State {
    Waiting { until: Instant },
    Connecting(Connecting),
    Open(Box<Open>),
    Ended,
}

struct Open {
    connection: Connection,
    /// When the server greeted.
    welcome_at: Option<Instant>,
    /// Longest silence that is no death.
    silence: Duration,
    ask_time_at: Instant,
    ask_time_interval: Duration,
    retry_at: Option<Instant>,
    /// When to leave a draining server.
    leave_at: Option<Instant>,
    leaving: Option<Leaving>,
}

/// We sent a close frame.
struct Leaving {
    why: Why,
    deadline: Instant,
}

/// What happened while waiting.
enum Step {
    Message(Result<ServerMessage<Topic>, ConnectionError>),
    Command(Option<Command>),
    /// There is room for messages that wait to be sent.
    Room,
    Timer,
    Silence,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl ClientOptions {
    /// With the given way to connect.
    pub fn new(connect: ConnectOptions) -> Self {
        Self { connect }
    }
}

impl Client {
    /// A client that connects as soon as [`Self::next`] is called.
    pub fn new(options: ClientOptions) -> (Self, ClientHandle) {
        let ids = RequestIds::default();
        let (handle, commands) = ClientHandle::new(ids.clone());
        let client = Self {
            session: Session::new(options.connect.encoding, ids),
            options,
            commands: Some(commands),
            backoff: Backoff::default(),
            attempt: 0,
            topics: TopicTable::default(),
            state: State::Waiting {
                until: Instant::now(),
            },
        };
        (client, handle)
    }

    /// The next event. Calling it again says that the last event was handled: only then does the
    /// position move from which a subscription would be resumed. Cancel-safe.
    ///
    /// After [`Event::Disconnected`] without `retry_in` it waits for ever.
    pub async fn next(&mut self) -> Event {
        self.session.handled();
        loop {
            if let Some(event) = self.session.next_event() {
                return event;
            }
            match &mut self.state {
                State::Waiting { until } => {
                    let until = *until;
                    tokio::select! {
                        () = sleep_until(until) => self.start_connecting(),
                        command = next_command(&mut self.commands, true) => self.command(command),
                    }
                }
                State::Connecting(connecting) => {
                    tokio::select! {
                        result = connecting => self.connected(result),
                        command = next_command(&mut self.commands, true) => self.command(command),
                    }
                }
                State::Open(open) => {
                    let step = open.step(&mut self.session, &mut self.commands).await;
                    self.handle_step(step);
                }
                State::Ended => pending().await,
            }
        }
    }

    fn start_connecting(&mut self) {
        self.attempt = self.attempt.saturating_add(1);
        self.session.push_event(Event::Connecting {
            attempt: self.attempt,
        });
        let options = self.options.connect.clone();
        self.state =
            State::Connecting(Box::pin(async move { Connection::connect(&options).await }));
    }

    fn connected(&mut self, result: Result<Connection, ConnectError>) {
        match result {
            Ok(mut connection) => {
                connection.set_topics(std::mem::take(&mut self.topics));
                let now = Instant::now();
                self.state = State::Open(Box::new(Open {
                    connection,
                    welcome_at: None,
                    silence: self.options.connect.timeout,
                    ask_time_at: now,
                    ask_time_interval: CLOCK_INTERVAL_MIN,
                    retry_at: None,
                    leave_at: None,
                    leaving: None,
                }));
            }
            Err(error) => {
                let is_hopeless = matches!(error, ConnectError::BadUrl { .. });
                let retry_in = (!is_hopeless).then(|| self.backoff.next_wait(rand::random()));
                self.end_connection(Why::Connect(error.to_string()), retry_in);
            }
        }
    }

    fn command(&mut self, command: Option<Command>) {
        match (command, &mut self.state) {
            (None, _) => self.commands = None,
            (Some(Command::Close), State::Open(open)) => {
                open.leave(Why::ByCaller, CloseCode::Normal);
            }
            (Some(Command::Close), _) => self.end_connection(Why::ByCaller, None),
            (Some(command), _) => self.session.command(command),
        }
    }

    fn handle_step(&mut self, step: Step) {
        match step {
            Step::Command(command) => self.command(command),
            Step::Message(Ok(message)) => self.message(message),
            Step::Message(Err(error)) => self.connection_failed(error),
            Step::Room => {}
            Step::Timer => self.timer(),
            Step::Silence => self.silent(),
        }
    }

    fn message(&mut self, message: ServerMessage<Topic>) {
        let State::Open(open) = &mut self.state else {
            return;
        };
        match &message {
            ServerMessage::Welcome(welcome) => {
                self.attempt = 0;
                open.welcome_at = Some(Instant::now());
                open.silence = Duration::from_millis(u64::from(welcome.heartbeat_ms))
                    * SILENT_HEARTBEATS
                    + SILENCE_MARGIN;
                open.ask_time_at = Instant::now();
            }
            ServerMessage::Draining(draining) => {
                let window = Duration::from_millis(u64::from(draining.reconnect_within_ms));
                open.leave_at = Some(Instant::now() + window.mul_f64(rand::random()));
            }
            _ => {}
        }
        let result = self.session.message(message, wall_clock());
        if let Some(after_ms) = self.session.take_retry_after_ms() {
            open.retry_at = Some(Instant::now() + Duration::from_millis(u64::from(after_ms)));
        }
        if let Err(error) = result {
            let code = match error {
                SessionError::ChainBreaks => CloseCode::GoingAway,
                SessionError::Unexpected(_) => CloseCode::PolicyViolation,
            };
            open.leave(Why::Protocol(error.to_string()), code);
        }
    }

    fn timer(&mut self) {
        let State::Open(open) = &mut self.state else {
            return;
        };
        let now = Instant::now();
        if open
            .leaving
            .as_ref()
            .is_some_and(|leaving| now >= leaving.deadline)
        {
            return self.left();
        }
        if open.welcome_at.is_some() && now >= open.ask_time_at {
            self.session.ask_time(wall_clock());
            open.ask_time_at = now + open.ask_time_interval;
            open.ask_time_interval = (open.ask_time_interval * 2).min(CLOCK_INTERVAL_MAX);
        }
        if open.retry_at.is_some_and(|at| now >= at) {
            open.retry_at = None;
            self.session.retry();
        }
        if open.leave_at.is_some_and(|at| now >= at) {
            open.leave_at = None;
            open.leave(Why::Draining, CloseCode::GoingAway);
        }
    }

    fn silent(&mut self) {
        if let State::Open(open) = &self.state {
            let silence = open.silence;
            self.lost(Why::Silent(silence));
        }
    }

    fn connection_failed(&mut self, error: ConnectionError) {
        let State::Open(open) = &mut self.state else {
            return;
        };
        if open.leaving.is_some() {
            return self.left();
        }
        match error {
            ConnectionError::Closed(reason) => {
                let retry_in = CloseCode::should_reconnect(reason.code).then(|| self.next_wait());
                self.end_connection(Why::Closed(reason), retry_in);
            }
            ConnectionError::Io(error) => self.lost(Why::Lost(error.to_string())),
            ConnectionError::OutgoingFull => self.lost(Why::Lost(error.to_string())),
            ConnectionError::Topic(error) => {
                self.session.start_afresh();
                open.connection.take_topics();
                open.leave(Why::Protocol(error.to_string()), CloseCode::PolicyViolation);
            }
            // A later version of the server has more to say than this client understands.
            ConnectionError::Codec(CodecError::UnknownMessage(_)) => {}
            ConnectionError::Codec(error) => {
                open.leave(Why::Protocol(error.to_string()), CloseCode::PolicyViolation);
            }
            ConnectionError::Frame(_) | ConnectionError::TooLong | ConnectionError::WrongKind => {
                self.lost(Why::Protocol(error.to_string()));
            }
        }
    }

    /// The close frames were exchanged, or the server does not answer ours.
    fn left(&mut self) {
        let State::Open(open) = &mut self.state else {
            return;
        };
        let why = open
            .leaving
            .take()
            .map_or(Why::ByCaller, |leaving| leaving.why);
        match why {
            Why::ByCaller => self.end_connection(why, None),
            Why::Draining => self.end_connection(why, Some(Duration::ZERO)),
            why => self.lost(why),
        }
    }

    fn lost(&mut self, why: Why) {
        let wait = self.next_wait();
        self.end_connection(why, Some(wait));
    }

    fn next_wait(&mut self) -> Duration {
        if let State::Open(open) = &self.state
            && let Some(welcome_at) = open.welcome_at
        {
            self.backoff.connection_stood(welcome_at.elapsed());
        }
        self.backoff.next_wait(rand::random())
    }

    fn end_connection(&mut self, why: Why, retry_in: Option<Duration>) {
        let next = match retry_in {
            Some(wait) => State::Waiting {
                until: Instant::now() + wait,
            },
            None => {
                // Handles learn that nobody listens any more.
                self.commands = None;
                State::Ended
            }
        };
        if let State::Open(open) = std::mem::replace(&mut self.state, next) {
            let mut open = open;
            self.topics = open.connection.take_topics();
        }
        self.session.disconnected();
        self.session
            .push_event(Event::Disconnected(Disconnected { why, retry_in }));
    }
}

impl Open {
    async fn step(
        &mut self,
        session: &mut Session,
        commands: &mut Option<mpsc::Receiver<Command>>,
    ) -> Step {
        if self.leaving.is_none()
            && let Err(error) = self.queue_requests(session)
        {
            return Step::Message(Err(error));
        }
        let wants_room = self.leaving.is_none() && session.has_request();
        // What is due now must not wait until data pauses.
        let timer = self.next_timer();
        let is_due = timer.is_some_and(|at| Instant::now() >= at);
        let silent_at = self.connection.received_at() + self.silence;
        tokio::select! {
            // Commands before data, or steady data would starve them.
            biased;
            () = ready(()), if is_due => Step::Timer,
            command = next_command(commands, session.takes_commands()) => Step::Command(command),
            step = poll_fn(|cx| self.poll_connection(wants_room, cx)) => step,
            () = sleep_until(timer.unwrap_or(silent_at)), if timer.is_some() => Step::Timer,
            () = sleep_until(silent_at) => self.look_again().await,
        }
    }

    /// Perhaps the silence was ours: after a caller has kept its thread busy for long, the runtime
    /// has to look at the socket before anybody can say that nothing came.
    async fn look_again(&mut self) -> Step {
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            message = self.connection.next() => Step::Message(message),
            () = ready(()) => Step::Silence,
        }
    }

    fn poll_connection(&mut self, wants_room: bool, cx: &mut Context<'_>) -> Poll<Step> {
        // If writing fails, reading tells why.
        if wants_room && let Poll::Ready(Ok(())) = self.connection.poll_flush(cx) {
            return Poll::Ready(Step::Room);
        }
        self.connection.poll_next(cx).map(Step::Message)
    }

    fn queue_requests(&mut self, session: &mut Session) -> Result<(), ConnectionError> {
        while self.connection.queued_bytes() < OUTGOING_MAX_BYTES
            && let Some(request) = session.next_request()
        {
            self.connection.queue(&request)?;
        }
        Ok(())
    }

    /// The next thing to do, silence apart.
    fn next_timer(&self) -> Option<Instant> {
        let times = [
            self.welcome_at.map(|_| self.ask_time_at),
            self.retry_at,
            self.leave_at,
            self.leaving.as_ref().map(|leaving| leaving.deadline),
        ];
        times.into_iter().flatten().min()
    }

    fn leave(&mut self, why: Why, code: CloseCode) {
        if self.leaving.is_none() {
            self.connection.close(code, "");
            self.leaving = Some(Leaving {
                why,
                deadline: Instant::now() + CLOSE_TIMEOUT,
            });
        }
    }
}

/// The next command. `None` once, when there will be no more.
async fn next_command(
    commands: &mut Option<mpsc::Receiver<Command>>,
    is_wanted: bool,
) -> Option<Command> {
    match commands {
        Some(commands) if is_wanted => commands.recv().await,
        _ => pending().await,
    }
}

fn wall_clock() -> TimeNs {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or(0)
}
