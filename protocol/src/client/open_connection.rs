//! The part of a [`Client`](super::Client) that exists while it is connected.

use std::{
    future::{poll_fn, ready},
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::{Instant, sleep_until};

use super::{
    command::ClientCommand,
    connection::{Connection, ConnectionError},
    disconnected::Why,
    handle::Commands,
    session::{Session, SessionError},
};
use crate::{
    error::CloseCode,
    message::{ServerMessage, TimeNs},
    topic::Topic,
    websocket::OUTGOING_MAX_BYTES,
};

/// A server that sends nothing for this many of its own heartbeat intervals is dead.
const SILENT_HEARTBEATS: u32 = 3;

/// Added to that time, for a busy machine and a slow network.
const SILENCE_MARGIN: Duration = Duration::from_secs(2);

/// Time for the server to answer the client's close frame. After it the connection is dropped.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The client asks for the server's time at once, then after this time, then after twice the time,
/// up to the maximum.
const CLOCK_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Often enough to follow a drifting clock, and rare enough to cost nothing.
const CLOCK_INTERVAL_MAX: Duration = Duration::from_secs(16);

/// A connection and its timers.
pub(super) struct OpenConnection {
    pub(super) connection: Connection,
    /// When the welcome came.
    pub(super) welcome_at: Option<Instant>,
    /// A server that is silent for longer is dead.
    pub(super) silence: Duration,
    ask_time_at: Instant,
    ask_time_interval: Duration,
    /// When to repeat requests that were refused temporarily.
    retry_at: Option<Instant>,
    /// When to ask for another token.
    pub(super) renew_at: Option<Instant>,
    /// When to leave a draining server.
    leave_at: Option<Instant>,
    leaving: Option<Leaving>,
}

/// The client has sent a close frame.
struct Leaving {
    why: Why,
    deadline: Instant,
}

/// What happened while waiting.
pub(super) enum ConnectionEvent {
    Message(Result<ServerMessage<Topic>, ConnectionError>),
    ClientCommand(Option<ClientCommand>),
    /// The connection has room for messages that wait to be sent.
    Room,
    /// A timer is due.
    Timer,
    /// The server was silent for too long.
    Silence,
}

impl OpenConnection {
    /// `silence` is how long the server may take to send its welcome.
    pub(super) fn new(connection: Connection, silence: Duration) -> Self {
        Self {
            connection,
            welcome_at: None,
            silence,
            ask_time_at: Instant::now(),
            ask_time_interval: CLOCK_INTERVAL_MIN,
            retry_at: None,
            renew_at: None,
            leave_at: None,
            leaving: None,
        }
    }

    /// Waits until something happens. Cancel-safe.
    pub(super) async fn next_event(
        &mut self,
        session: &mut Session,
        commands: &mut Commands,
    ) -> ConnectionEvent {
        if self.leaving.is_none()
            && let Err(error) = self.queue_requests(session)
        {
            return ConnectionEvent::Message(Err(error));
        }
        let wants_room = self.leaving.is_none() && session.has_request();
        // A timer that is due must not wait for a pause in the data.
        let timer = self.next_timer();
        let is_due = timer.is_some_and(|at| Instant::now() >= at);
        let silent_at = self.connection.received_at() + self.silence;
        tokio::select! {
            // Commands come before data, or steady data would starve them.
            biased;
            () = ready(()), if is_due => ConnectionEvent::Timer,
            command = commands.next(session.takes_commands()) => ConnectionEvent::ClientCommand(command),
            event = poll_fn(|cx| self.poll_connection(wants_room, cx)) => event,
            () = sleep_until(timer.unwrap_or(silent_at)), if timer.is_some() => ConnectionEvent::Timer,
            () = sleep_until(silent_at) => self.check_silence().await,
        }
    }

    /// The client itself may have caused the silence: after the caller has kept the thread busy for
    /// long, the runtime must look at the socket before silence is certain.
    async fn check_silence(&mut self) -> ConnectionEvent {
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            message = self.connection.next() => ConnectionEvent::Message(message),
            () = ready(()) => ConnectionEvent::Silence,
        }
    }

    fn poll_connection(&mut self, wants_room: bool, cx: &mut Context<'_>) -> Poll<ConnectionEvent> {
        // If writing fails, reading returns the reason.
        if wants_room && let Poll::Ready(Ok(())) = self.connection.poll_flush(cx) {
            return Poll::Ready(ConnectionEvent::Room);
        }
        self.connection.poll_next(cx).map(ConnectionEvent::Message)
    }

    fn queue_requests(&mut self, session: &mut Session) -> Result<(), ConnectionError> {
        while self.connection.queued_bytes() < OUTGOING_MAX_BYTES
            && let Some(request) = session.next_request()
        {
            self.connection.queue(&request)?;
        }
        Ok(())
    }

    /// The next timer, apart from silence.
    fn next_timer(&self) -> Option<Instant> {
        let times = [
            self.welcome_at.map(|_| self.ask_time_at),
            self.retry_at,
            self.renew_at,
            self.leave_at,
            self.leaving.as_ref().map(|leaving| leaving.deadline),
        ];
        times.into_iter().flatten().min()
    }

    /// Runs the timers that are due. Returns `true` if the server did not answer the close frame in
    /// time.
    pub(super) fn timer(&mut self, session: &mut Session) -> bool {
        let now = Instant::now();
        if self.welcome_at.is_some() && now >= self.ask_time_at {
            session.ask_time(wall_clock());
            self.ask_time_at = now + self.ask_time_interval;
            self.ask_time_interval = (self.ask_time_interval * 2).min(CLOCK_INTERVAL_MAX);
        }
        if self.retry_at.take_if(|at| now >= *at).is_some() {
            session.retry();
        }
        if self.leave_at.take_if(|at| now >= *at).is_some() {
            self.leave(Why::Draining, CloseCode::GoingAway);
        }
        let leaving = self.leaving.as_ref();
        leaving.is_some_and(|leaving| now >= leaving.deadline)
    }

    /// Gives a message to the session, after handling what concerns the connection itself.
    pub(super) fn message(&mut self, message: ServerMessage<Topic>, session: &mut Session) {
        let now = Instant::now();
        match &message {
            ServerMessage::Welcome(welcome) => {
                self.welcome_at = Some(now);
                self.ask_time_at = now;
                let heartbeat = Duration::from_millis(u64::from(welcome.heartbeat_ms));
                self.silence = heartbeat * SILENT_HEARTBEATS + SILENCE_MARGIN;
            }
            ServerMessage::Draining(draining) => {
                let window = Duration::from_millis(u64::from(draining.reconnect_within_ms));
                self.leave_at = Some(now + window.mul_f64(rand::random()));
            }
            _ => {}
        }
        let result = session.message(message, wall_clock());
        if let Some(after_ms) = session.take_retry_after_ms() {
            self.retry_at = Some(now + Duration::from_millis(u64::from(after_ms)));
        }
        if let Err(error) = result {
            let code = match error {
                SessionError::ChainBreaks => CloseCode::GoingAway,
                SessionError::Unexpected(_) => CloseCode::PolicyViolation,
            };
            self.leave(Why::Protocol(error.to_string()), code);
        }
    }

    /// Sends a close frame. Messages that the server sends before it sees the frame still arrive.
    pub(super) fn leave(&mut self, why: Why, code: CloseCode) {
        if self.leaving.is_none() {
            self.connection.close(code, "");
            self.leaving = Some(Leaving {
                why,
                deadline: Instant::now() + CLOSE_TIMEOUT,
            });
        }
    }

    /// Why the client sent a close frame, if it did.
    pub(super) fn take_leaving(&mut self) -> Option<Why> {
        self.leaving.take().map(|leaving| leaving.why)
    }
}

fn wall_clock() -> TimeNs {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or(0)
}
