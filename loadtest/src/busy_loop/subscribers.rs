//! The subscribers of a load: many connections, one buffer, one thread.

use std::{collections::BTreeMap, io, net::SocketAddr, ops::Range, sync::Arc};

use mio::{Registry, Token};
use tickcast_protocol::tls::TlsClient;

use super::settings::{LoadSettings, SubscriberSettings};
use crate::{
    connection::{ClientConnection, ClientConnectionError, Opening, SocketOptions, SocketReader},
    dialect::{BatchCache, ClientRole, Dialect, Incoming},
    latency::{Histogram, histogram, record},
    ledger::IndexedLedger,
    scan::ScanError,
    schedule::RunClock,
    wire::websocket,
};

/// The longest message that a server may send. Tickcast gathers what came while it was busy, which
/// is never more than a load has on the way.
const MESSAGE_MAX_BYTES: usize = 64 << 20;

/// Receive buffer of a subscriber that is going to stall, so that the server notices soon. The
/// kernel raises it to its minimum.
const STALLED_RECEIVE_BYTES: usize = 4_096;

#[derive(Debug)]
struct Slot {
    /// `None` before it is opened, and when it has ended.
    connection: Option<ClientConnection>,
    /// Bytes of the server that are not a whole message of the dialect yet.
    rest: Vec<u8>,
    is_to_stall: bool,
    is_subscribed: bool,
}

/// See the module. A subscriber's token is its number.
#[derive(Debug)]
pub struct Subscribers {
    address: SocketAddr,
    tls: Option<Arc<TlsClient>>,
    dialect: Dialect,
    reader: SocketReader,
    slots: Vec<Slot>,
    cache: BatchCache,
    /// What each subscriber got.
    pub ledger: IndexedLedger,
    /// Received - due of updates that were due in `measured_ns`, of subscribers that do not stall.
    pub latencies: Histogram,
    /// Due times that are measured.
    pub measured_ns: Range<i64>,
    /// Whether subscribers that are to stall do so now.
    pub is_stalling: bool,
    /// Errors that servers reported, and why connections ended.
    pub errors: BTreeMap<String, u64>,
}

impl Subscribers {
    /// Opens no connection yet.
    pub fn new(settings: &LoadSettings, clock: RunClock) -> Self {
        let selections = settings.subscribers.iter().map(|s| s.topics).collect();
        let slots = settings.subscribers.iter().map(|subscriber| Slot {
            connection: None,
            rest: Vec::new(),
            is_to_stall: subscriber.is_to_stall,
            is_subscribed: false,
        });
        Self {
            address: settings.address,
            tls: settings.tls.clone(),
            dialect: settings.dialect,
            reader: SocketReader::new(clock, MESSAGE_MAX_BYTES),
            slots: slots.collect(),
            cache: BatchCache::default(),
            ledger: IndexedLedger::new(settings.mode, settings.topics, selections),
            latencies: histogram(),
            measured_ns: 0..0,
            is_stalling: false,
            errors: BTreeMap::new(),
        }
    }

    /// Starts to connect a subscriber.
    pub fn open(
        &mut self,
        subscriber: usize,
        settings: &SubscriberSettings,
        registry: &Registry,
    ) -> io::Result<()> {
        let role = ClientRole::Subscriber(settings.topics);
        let options = SocketOptions {
            source: Some(settings.source),
            receive_buffer_bytes: settings.is_to_stall.then_some(STALLED_RECEIVE_BYTES),
            no_delay: true,
            // Ten thousand ports in TIME_WAIT would be missing for the next server.
            reset_on_close: true,
            tls: self.tls.clone(),
        };
        let subprotocol = self.dialect.subprotocol();
        let host = self.address.to_string();
        let request =
            websocket::handshake_request(&host, &self.dialect.path(role), subprotocol, None);
        let opening = Opening {
            request,
            subprotocol,
            greeting: self.dialect.greeting(role),
        };
        let token = Token(subscriber);
        let connection = ClientConnection::open(self.address, &options, opening, token, registry)?;
        self.slots[subscriber].connection = Some(connection);
        Ok(())
    }

    /// Continues to connect a subscriber whose socket is ready for something. Returns whether the
    /// server has confirmed its subscription.
    pub fn continue_opening(&mut self, subscriber: usize) -> Result<bool, String> {
        let slot = &mut self.slots[subscriber];
        if let Some(connection) = &mut slot.connection {
            let written = connection.on_writable::<ScanError>();
            written.map_err(|error| error.to_string())?;
        }
        self.read(subscriber);
        if !self.errors.is_empty() {
            let errors: Vec<_> = self.errors.keys().cloned().collect();
            return Err(errors.join("; "));
        }
        let slot = &mut self.slots[subscriber];
        let is_open = slot
            .connection
            .as_ref()
            .is_some_and(ClientConnection::is_open);
        slot.is_subscribed |= is_open && !self.dialect.confirms();
        Ok(slot.is_subscribed)
    }

    /// Whether the server has closed a subscriber's connection.
    pub fn is_closed(&self, subscriber: usize) -> bool {
        self.slots[subscriber].connection.is_none()
    }

    /// Connections that the server has closed.
    pub fn closed(&self) -> usize {
        let closed = self.slots.iter().filter(|slot| slot.connection.is_none());
        closed.count()
    }

    /// Bytes received so far.
    pub fn bytes(&self) -> u64 {
        self.reader.bytes
    }

    /// Whether all published updates have reached all subscribers that are still connected.
    pub fn is_complete(&self, published: u64) -> bool {
        let is_closed = |subscriber| self.is_closed(subscriber);
        self.ledger.is_complete(published, is_closed)
    }

    /// Lets stalled subscribers read again.
    pub fn end_stall(&mut self) {
        self.is_stalling = false;
        for subscriber in 0..self.slots.len() {
            if self.slots[subscriber].is_to_stall {
                self.read(subscriber);
            }
        }
    }

    /// Reads a subscriber's socket until it is empty.
    pub fn read(&mut self, subscriber: usize) {
        let Slot {
            connection: Some(connection),
            rest,
            is_to_stall,
            is_subscribed,
        } = &mut self.slots[subscriber]
        else {
            return;
        };
        if *is_to_stall && self.is_stalling {
            return;
        }
        let is_timed = !*is_to_stall;
        let dialect = self.dialect;
        let (ledger, latencies, errors) = (&mut self.ledger, &mut self.latencies, &mut self.errors);
        let (cache, measured_ns) = (&mut self.cache, &self.measured_ns);
        let mut handle = |message: &[u8], received_ns: i64, answers: &mut Vec<u8>| {
            cache.read_message(&dialect, message, rest, |part| match part {
                Incoming::Update(stamp) => {
                    ledger.update(subscriber, stamp.index, false);
                    if is_timed && measured_ns.contains(&stamp.due_ns) {
                        record(latencies, received_ns - stamp.due_ns);
                    }
                }
                Incoming::Snapshot(stamp) => ledger.update(subscriber, stamp.index, true),
                Incoming::Lost(lost) => ledger.announce(subscriber, lost),
                Incoming::Subscribed => *is_subscribed = true,
                Incoming::Ping => dialect.append_pong(answers),
                Incoming::Error(text) => count(errors, text),
            })
        };
        if let Err(error) = self.reader.read_all(connection, &mut handle) {
            self.end(subscriber, &error);
        }
    }

    fn end(&mut self, subscriber: usize, error: &ClientConnectionError<ScanError>) {
        count(&mut self.errors, &error.to_string());
        self.slots[subscriber].connection = None;
    }
}

fn count(errors: &mut BTreeMap<String, u64>, text: &str) {
    *errors.entry(text.to_owned()).or_default() += 1;
}
