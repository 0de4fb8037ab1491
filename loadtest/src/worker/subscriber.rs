//! One subscriber of a worker: its connection, its session and how it behaves.

use std::io;

use mio::{Registry, Token};
use tickcast_protocol::message::{Seq, TimeNs};

use super::{
    context::WorkerContext,
    role::{Member, Role},
    session::{Arrival, SessionEvent, SubscriberError, SubscriberSession, WorkerShared},
    settings::WorkerSettings,
};
use crate::{
    connection::{ClientConnection, Opening, SocketOptions, SocketReader},
    latency::record,
    ledger::TopicKey,
    wire::websocket,
};

/// Receive buffer of hindered subscribers. With the system's megabytes the server would not notice
/// them for a long time.
const HINDERED_BUFFER_BYTES: usize = 32 * 1024;

/// What the worker has to do for a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    /// The connection is closed. Open another one after a pause.
    Reconnect,
    /// The connection is closed for good.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hindrance {
    None,
    /// It reads when its timer expires.
    Timer,
    StalledUntil(TimeNs),
    Forever,
}

#[derive(Debug)]
pub(super) struct Subscriber {
    member: Member,
    connection: Option<ClientConnection>,
    /// Whether all subscriptions of the connection are confirmed.
    is_live: bool,
    opened_ns: TimeNs,
    hindrance: Hindrance,
    session: SubscriberSession,
}

impl Subscriber {
    pub(super) fn new(member: Member) -> Self {
        Self {
            member,
            connection: None,
            is_live: false,
            opened_ns: 0,
            hindrance: Hindrance::None,
            session: SubscriberSession::default(),
        }
    }

    pub(super) fn role(&self) -> Role {
        self.member.role
    }

    pub(super) fn session(&self) -> &SubscriberSession {
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
            Role::Gone => Hindrance::Forever,
        };
    }

    /// Whether it is stalled. Ends the stall when its time is over.
    pub(super) fn stalled_until(&mut self, now_ns: TimeNs) -> bool {
        match self.hindrance {
            Hindrance::StalledUntil(until_ns) if now_ns < until_ns => true,
            Hindrance::StalledUntil(_) => {
                self.hindrance = Hindrance::None;
                false
            }
            Hindrance::Forever => true,
            Hindrance::None | Hindrance::Timer => self.connection.is_none(),
        }
    }

    pub(super) fn open(
        &mut self,
        token: Token,
        registry: &Registry,
        settings: &WorkerSettings,
        now_ns: TimeNs,
    ) -> io::Result<()> {
        let sources = &settings.sources;
        let is_hindered = !self.role().is_healthy();
        let options = SocketOptions {
            source: (!sources.is_empty()).then(|| sources[self.member.index % sources.len()]),
            receive_buffer_bytes: is_hindered.then_some(HINDERED_BUFFER_BYTES),
            tls: settings.tls.clone(),
            ..SocketOptions::default()
        };
        let subprotocol = Some(settings.params.encoding.subprotocol());
        let filters = settings.filters.of(self.member.index);
        let opening = Opening {
            request: websocket::handshake_request(
                &settings.host,
                &settings.path,
                subprotocol,
                settings.token_of(self.member.index),
            ),
            subprotocol,
            greeting: self.session.subscribe(&filters, &settings.params),
        };
        let connection =
            ClientConnection::open(settings.address, &options, opening, token, registry)?;
        self.connection = Some(connection);
        self.opened_ns = now_ns;
        // A subscriber that was cut off is no longer hindered.
        self.hindrance = Hindrance::None;
        Ok(())
    }

    pub(super) fn on_writable(&mut self, context: &mut WorkerContext) -> Flow {
        let Some(connection) = &mut self.connection else {
            return Flow::Continue;
        };
        match connection.on_writable::<SubscriberError>() {
            Ok(()) => Flow::Continue,
            Err(error) => self.fail(error.to_string(), context),
        }
    }

    /// Something happened to a subscriber that does not read. It only notices when it is cut off.
    pub(super) fn on_event_while_hindered(
        &mut self,
        event: &mio::event::Event,
        context: &mut WorkerContext,
    ) -> Flow {
        let is_over =
            event.is_error() || self.hindrance == Hindrance::Forever && event.is_read_closed();
        if is_over {
            self.fail("closed by the server".to_owned(), context)
        } else {
            Flow::Continue
        }
    }

    /// Reads until the socket is empty, or once if there is a limit of bytes.
    pub(super) fn read(
        &mut self,
        max_bytes: Option<usize>,
        reader: &mut SocketReader,
        settings: &WorkerSettings,
        context: &mut WorkerContext,
    ) -> Flow {
        let Self {
            member,
            connection: Some(connection),
            is_live,
            opened_ns,
            session,
            ..
        } = self
        else {
            return Flow::Continue;
        };
        let timing = member.role.timing();
        let mut handle = |payload: &[u8], received_ns: TimeNs, _: &mut Vec<u8>| {
            context.counts.messages += 1;
            let arrival = Arrival {
                payload,
                received_ns,
                timing,
            };
            let encoding = settings.params.encoding;
            let shared = &mut context.shared;
            match session.message(arrival, encoding, context.baseline, shared) {
                Ok(SessionEvent::None) => {}
                Ok(SessionEvent::Subscribed { resumed }) => {
                    *is_live = true;
                    context.counts.open += 1;
                    context.counts.subscribed += 1;
                    context.counts.resumed += resumed as u64;
                    record(&mut context.connect, received_ns - *opened_ns);
                }
                Err(error @ SubscriberError::Server { .. }) => context.error(error.to_string()),
                Err(error) => return Err(error),
            }
            Ok(())
        };
        let read = match max_bytes {
            None => reader.read_all(connection, &mut handle),
            Some(max_bytes) => reader
                .read_some(connection, max_bytes, &mut handle)
                .map(|_| ()),
        };
        match read {
            Ok(()) => Flow::Continue,
            Err(error) => self.fail(error.to_string(), context),
        }
    }

    /// The connection has ended, and not because it was asked to.
    pub(super) fn fail(&mut self, kind: String, context: &mut WorkerContext) -> Flow {
        let was_live = self.close(context);
        context.error(kind);
        if was_live {
            context.counts.closed += 1;
            if !self.role().is_healthy() {
                context.counts.hindered_closed += 1;
            }
        } else {
            context.counts.failed += 1;
        }
        // If no subscription was ever confirmed, the run must fail instead of trying again.
        let comes_back = was_live || context.counts.subscribed > 0;
        if self.hindrance == Hindrance::Forever || context.is_ending || !comes_back {
            Flow::Gone
        } else {
            Flow::Reconnect
        }
    }

    /// Drops the connection of a live healthy subscriber, to open another one.
    pub(super) fn leave(&mut self, context: &mut WorkerContext) -> bool {
        if !self.is_live || !self.role().is_healthy() {
            return false;
        }
        self.close(context);
        context.counts.churned += 1;
        true
    }

    /// Drops the connection. Returns whether it was live.
    fn close(&mut self, context: &mut WorkerContext) -> bool {
        self.connection = None;
        let was_live = std::mem::replace(&mut self.is_live, false);
        if was_live {
            context.counts.open -= 1;
        }
        was_live
    }

    /// The end: counts the updates that never came, and closes.
    pub(super) fn finish(&mut self, newest: &[(TopicKey, &str, Seq)], shared: &mut WorkerShared) {
        match self.role() {
            Role::Probe | Role::Sample => self.session.finish(newest, &mut shared.healthy),
            Role::Stalled => self.session.finish(newest, &mut shared.hindered),
            // They have not read everything, which is expected.
            Role::Slow | Role::Gone => {}
        }
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
    }
}
