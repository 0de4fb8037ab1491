//! An open connection with its timers: texts to send, pings, and silence.

use std::{future::pending, time::Duration};

use tickcast_protocol::websocket::{Message, WebSocketError};
use tokio::time::{Instant, sleep_until, timeout};

use super::{connect::Socket, settings::WebsocketSettings};

/// RFC 6455, section 7.4.1: the client goes away.
const GOING_AWAY: u16 = 1001;

/// Longest time for the close frame to be sent.
const CLOSE_MAX: Duration = Duration::from_millis(200);

/// What has happened.
pub(super) enum LinkEvent {
    Message(Message),
    /// A timer is due.
    Timer,
    /// The connection has ended.
    Ended(WebSocketError),
    /// The connection is of no use any more, for this reason.
    Lost(String),
}

/// An open connection.
pub(super) struct Link {
    socket: Socket,
    pub(super) opened_at: Instant,
    /// When the last message came.
    message_at: Instant,
    /// When the feed was last not able to read.
    held_at: Instant,
    /// How many texts were sent.
    sent: usize,
    send_at: Instant,
    ping_at: Instant,
}

impl Link {
    pub(super) fn new(socket: Socket, settings: &WebsocketSettings) -> Self {
        let now = Instant::now();
        Self {
            socket,
            opened_at: now,
            message_at: now,
            held_at: now,
            sent: 0,
            send_at: now,
            ping_at: now + settings.ping,
        }
    }

    /// Waits until something happens. Without `may_read` it reads nothing, which holds the server
    /// back, but still sends pings. Cancel-safe.
    pub(super) async fn next(&mut self, settings: &WebsocketSettings, may_read: bool) -> LinkEvent {
        let now = Instant::now();
        self.send_what_is_due(settings, now);
        if !may_read {
            self.held_at = now;
        }
        let timer = self.next_timer(settings);
        let receive = async {
            if may_read {
                return self.socket.next().await;
            }
            self.socket.flush().await?;
            pending().await
        };
        tokio::select! {
            // What has come counts before the silence before it.
            biased;
            message = receive => match message {
                Ok(message) => {
                    self.message_at = Instant::now();
                    LinkEvent::Message(message)
                }
                Err(error) => LinkEvent::Ended(error),
            },
            () = wait(timer) => match self.silence(settings).filter(|_| may_read) {
                Some(reason) => LinkEvent::Lost(reason),
                None => LinkEvent::Timer,
            },
        }
    }

    /// Sends a close frame, if the server takes it at once.
    pub(super) async fn close(mut self) {
        self.socket.close(GOING_AWAY, "");
        // The connection ends in any case.
        let _ = timeout(CLOSE_MAX, self.socket.flush()).await;
    }

    fn send_what_is_due(&mut self, settings: &WebsocketSettings, now: Instant) {
        if now >= self.send_at
            && !self.socket.is_full()
            && let Some(text) = settings.send.get(self.sent)
        {
            self.socket.queue_text(text.clone().into_bytes());
            self.sent += 1;
            self.send_at = now + settings.send_interval;
        }
        if !settings.ping.is_zero() && now >= self.ping_at && !self.socket.is_full() {
            match &settings.ping_text {
                Some(text) => self.socket.queue_text(text.clone().into_bytes()),
                None => self.socket.queue_ping(),
            }
            self.ping_at = now + settings.ping;
        }
    }

    fn next_timer(&self, settings: &WebsocketSettings) -> Option<Instant> {
        let send = (self.sent < settings.send.len()).then_some(self.send_at);
        let ping = (!settings.ping.is_zero()).then_some(self.ping_at);
        let times = [send, ping, self.silent_at(settings), self.dead_at(settings)];
        times.into_iter().flatten().min()
    }

    /// When the server has been without a message for too long.
    fn silent_at(&self, settings: &WebsocketSettings) -> Option<Instant> {
        let from = self.message_at.max(self.held_at);
        (!settings.silence.is_zero()).then(|| from + settings.silence)
    }

    /// When two pings have had no answer.
    fn dead_at(&self, settings: &WebsocketSettings) -> Option<Instant> {
        let from = self.socket.received_at().max(self.held_at);
        (!settings.ping.is_zero()).then(|| from + 2 * settings.ping)
    }

    fn silence(&self, settings: &WebsocketSettings) -> Option<String> {
        let now = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if is_due(self.silent_at(settings)) {
            let reason = format!("no message for {:?} (setting silence)", settings.silence);
            return Some(reason);
        }
        is_due(self.dead_at(settings)).then(|| "no answer to two pings".to_owned())
    }
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
