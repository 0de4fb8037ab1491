//! A client that reconnects and stays subscribed.

use std::{fmt, future::pending, pin::Pin, time::Duration};

use hyper::StatusCode;
use tokio::time::{Instant, sleep_until};

use super::{
    command::ClientCommand,
    connection::{Connection, ConnectionError},
    disconnected::{Disconnected, Why},
    event::Event,
    handle::{ClientHandle, Commands},
    handshake::ConnectOptions,
    open_connection::{ConnectionEvent, OpenConnection},
    request_ids::RequestIds,
    session::Session,
    token_source::TokenSource,
    tokens::Tokens,
    topic_table::TopicTable,
};
use crate::{
    backoff::{Backoff, BackoffPolicy, Jitter},
    codec::CodecError,
    error::CloseCode,
    message::ServerMessage,
    topic::Topic,
    websocket::ConnectError,
};

/// Waits between attempts to connect. Thousands of clients that lose their server at the same
/// moment come back spread over half a second, and over 30 seconds if the server stays away. That
/// is as long as a person accepts to wait after the server is back.
pub const RECONNECT: BackoffPolicy = BackoffPolicy {
    first_bound: Duration::from_millis(500),
    max_bound: Duration::from_secs(30),
    reset_after: Duration::from_secs(10),
    jitter: Jitter::Full,
};

/// How a [`Client`] behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// What to connect to, and how.
    pub connect: ConnectOptions,
    /// URLs of further nodes of a cluster, or of servers with the same data in the same epochs. It
    /// begins with that of `connect`. After each connection and each failed attempt it goes on at
    /// another one, at random, so that the clients of a lost node spread over the others.
    pub others: Vec<String>,
    /// Where tokens come from. Without one, each connection uses the token of `connect`.
    ///
    /// With one, the client connects again after the server has refused its token or ended its
    /// identity, as soon as the source has another token, and otherwise after a minute.
    pub token: Option<TokenSource>,
}

/// Stays subscribed to the filters that its [`ClientHandle`]s ask for. It has no task of its own:
/// it works only inside [`Client::next`].
pub struct Client {
    options: ClientOptions,
    commands: Commands,
    session: Session,
    backoff: Backoff,
    tokens: Tokens,
    /// When the client was made. Tokens count time from then.
    start: Instant,
    /// Attempts to connect since the last success.
    attempt: u32,
    /// Which URL the next attempt uses: 0 is that of `connect`.
    place: usize,
    topics: TopicTable,
    state: ClientState,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send>>;

enum ClientState {
    Waiting { until: Instant },
    Connecting(Connecting),
    Open(Box<OpenConnection>),
    Ended,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl ClientOptions {
    /// Options with the default behaviour.
    pub fn new(connect: ConnectOptions) -> Self {
        Self {
            connect,
            others: Vec::new(),
            token: None,
        }
    }
}

impl Client {
    /// A client that starts to connect with the first call of [`Self::next`].
    pub fn new(options: ClientOptions) -> (Self, ClientHandle) {
        let ids = RequestIds::default();
        let (handle, commands) = ClientHandle::new(ids.clone());
        let client = Self {
            session: Session::new(options.connect.encoding, ids, rand::random()),
            tokens: Tokens::new(options.token.clone()),
            start: Instant::now(),
            options,
            commands,
            backoff: Backoff::new(RECONNECT),
            attempt: 0,
            place: 0,
            topics: TopicTable::default(),
            state: ClientState::Waiting {
                until: Instant::now(),
            },
        };
        (client, handle)
    }

    /// The next event. Calling it again confirms that the last event was handled. Only then does
    /// the position move from which a subscription would be resumed. Cancel-safe.
    ///
    /// After an [`Event::Disconnected`] without `retry_in` it never returns.
    pub async fn next(&mut self) -> Event {
        self.session.handled();
        loop {
            if let Some(event) = self.session.next_event() {
                return event;
            }
            let takes_all = self.session.takes_commands();
            match &mut self.state {
                ClientState::Waiting { until } => {
                    let until = *until;
                    tokio::select! {
                        () = sleep_until(until) => self.start_connecting(),
                        command = self.commands.next(takes_all) => self.command(command),
                    }
                }
                ClientState::Connecting(connecting) => {
                    tokio::select! {
                        result = connecting => self.connected(result),
                        command = self.commands.next(takes_all) => self.command(command),
                    }
                }
                ClientState::Open(open) => {
                    let event = open.next_event(&mut self.session, &mut self.commands).await;
                    self.connection_event(event);
                }
                ClientState::Ended => pending().await,
            }
        }
    }

    fn start_connecting(&mut self) {
        let mut options = self.options.connect.clone();
        if let Some(other) = self.place.checked_sub(1) {
            options.url.clone_from(&self.options.others[other]);
        }
        match self
            .tokens
            .for_attempt(options.token.as_ref(), self.start.elapsed())
        {
            Ok(token) => options.token = token,
            Err(why) => return self.lost(Why::NoToken(why)),
        }
        self.attempt = self.attempt.saturating_add(1);
        self.session.push_event(Event::Connecting {
            attempt: self.attempt,
        });
        self.state =
            ClientState::Connecting(Box::pin(async move { Connection::connect(&options).await }));
    }

    fn connected(&mut self, result: Result<Connection, ConnectError>) {
        match result {
            Ok(mut connection) => {
                connection.set_topics(std::mem::take(&mut self.topics));
                let open = OpenConnection::new(connection, self.options.connect.timeout);
                self.state = ClientState::Open(Box::new(open));
            }
            Err(error) => {
                if let ConnectError::Status { status, reason } = &error
                    && *status == StatusCode::UNAUTHORIZED
                {
                    self.tokens.refused(reason.clone(), self.start.elapsed());
                }
                let is_permanent =
                    matches!(error, ConnectError::BadUrl { .. } | ConnectError::TwoLogins);
                let retry_in = (!is_permanent).then(|| self.next_wait());
                self.end_connection(Why::Connect(error.to_string()), retry_in);
            }
        }
    }

    fn command(&mut self, command: Option<ClientCommand>) {
        match (command, &mut self.state) {
            (None, _) => drop(self.commands.end()),
            (Some(ClientCommand::Close), ClientState::Open(open)) => {
                open.leave(Why::ByCaller, CloseCode::Normal);
            }
            (Some(ClientCommand::Close), _) => self.end_connection(Why::ByCaller, None),
            (Some(command), _) => self.session.command(command),
        }
    }

    fn connection_event(&mut self, event: ConnectionEvent) {
        let ClientState::Open(open) = &mut self.state else {
            return;
        };
        match event {
            ConnectionEvent::ClientCommand(command) => self.command(command),
            ConnectionEvent::Message(Ok(message)) => self.message(message),
            ConnectionEvent::Message(Err(error)) => match open.take_leaving() {
                Some(why) => self.left(why),
                None => self.failed(error),
            },
            ConnectionEvent::Room => {}
            ConnectionEvent::Timer => {
                if open.timer(&mut self.session)
                    && let Some(why) = open.take_leaving()
                {
                    self.left(why);
                } else {
                    self.renew();
                }
            }
            ConnectionEvent::Silence => {
                let silence = open.silence;
                self.lost(Why::Silent(silence));
            }
        }
    }

    fn message(&mut self, message: ServerMessage<Topic>) {
        if let ServerMessage::Welcome(_) = message {
            self.attempt = 0;
        }
        let mut is_about_identity = true;
        match &message {
            ServerMessage::Expiring(_) => self.tokens.expiring(self.start.elapsed()),
            ServerMessage::Authenticated(authenticated) => {
                if let Some(id) = authenticated.id {
                    self.tokens.renewed(id);
                }
            }
            ServerMessage::Error(error) => {
                if let Some(id) = error.id {
                    let now = self.start.elapsed();
                    self.tokens.not_renewed(id, &error.reason, now);
                }
            }
            _ => is_about_identity = false,
        }
        if let ClientState::Open(open) = &mut self.state {
            open.message(message, &mut self.session);
        }
        // Most messages bring updates: they do not read the clock.
        if is_about_identity {
            self.renew();
        }
    }

    /// Shows the server another token, if it is time for one and there is one.
    fn renew(&mut self) {
        if let Some(token) = self.tokens.renew(self.start.elapsed())
            && let Some(id) = self.session.renew(token.clone())
        {
            self.tokens.renewing(id, token);
        }
        if let ClientState::Open(open) = &mut self.state {
            open.renew_at = self.tokens.renew_at().map(|at| self.start + at);
        }
    }

    fn failed(&mut self, error: ConnectionError) {
        let ClientState::Open(open) = &mut self.state else {
            return;
        };
        match error {
            ConnectionError::Closed(reason) => {
                let is_about_token = CloseCode::is_about_token(reason.code);
                if is_about_token {
                    self.tokens
                        .refused(reason.to_string(), self.start.elapsed());
                }
                let may_reconnect = CloseCode::should_reconnect(reason.code)
                    || (is_about_token && self.tokens.has_source());
                let retry_in = may_reconnect.then(|| self.next_wait());
                self.end_connection(Why::Closed(reason), retry_in);
            }
            // A newer server may send messages that this client does not know: skip them.
            ConnectionError::Codec(CodecError::UnknownMessage(_)) => {}
            ConnectionError::Codec(error) => {
                open.leave(Why::Protocol(error.to_string()), CloseCode::PolicyViolation);
            }
            ConnectionError::Topic(error) => {
                self.session.start_anew();
                open.connection.take_topics();
                open.leave(Why::Protocol(error.to_string()), CloseCode::PolicyViolation);
            }
            ConnectionError::Frame(_) | ConnectionError::TooLong | ConnectionError::WrongKind => {
                self.lost(Why::Protocol(error.to_string()));
            }
            ConnectionError::Io(_) | ConnectionError::OutgoingFull => {
                self.lost(Why::Lost(error.to_string()));
            }
        }
    }

    /// The close frames were exchanged, or the server did not answer the client's.
    fn left(&mut self, why: Why) {
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
        if let ClientState::Open(open) = &self.state
            && let Some(welcome_at) = open.welcome_at
        {
            self.backoff.connection_lasted(welcome_at.elapsed());
        }
        self.backoff.next_wait(rand::random())
    }

    fn end_connection(&mut self, why: Why, retry_in: Option<Duration>) {
        let urls = self.options.others.len() + 1;
        if urls > 1 {
            self.place = (self.place + rand::random_range(1..urls)) % urls;
        }
        let next = match retry_in {
            Some(wait) => ClientState::Waiting {
                until: Instant::now() + wait,
            },
            None => ClientState::Ended,
        };
        if let ClientState::Open(mut open) = std::mem::replace(&mut self.state, next) {
            self.topics = open.connection.take_topics();
        }
        self.session.disconnected();
        if retry_in.is_none() {
            // The session reports waiting publishes as unpublished.
            for command in self.commands.end() {
                self.session.command(command);
            }
            self.session.end();
        }
        self.session
            .push_event(Event::Disconnected(Disconnected { why, retry_in }));
    }
}
