//! Accepts connections that do not begin with HTTP at once: those with TLS, with a PROXY header,
//! and those of Unix sockets.
//!
//! An acceptor is a thread of its own, so that no handshake delays an update. It hands each
//! connection to a shard, in turn, when the handshake is finished.
//!
//! * this file: the thread
//! * `socket`: its listening sockets
//! * `handshake`: the PROXY header and the handshake of one connection
//! * `failures`: what is counted and logged

mod failures;
mod handshake;
mod socket;

use std::{cell::Cell, convert::Infallible, rc::Rc, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::spawn_local,
    time::{interval, timeout},
};

use super::{
    arrival::{Admission, Arrival, Arrived, ListenerInfo},
    descriptors::Descriptors,
    gate::Gate,
    listener,
    peer::Peer,
    permits::Permits,
    preamble,
};
use crate::{
    metrics::{HandshakeFailure, Metrics, RefusalReason},
    settings::ServerSettings,
    tasks::{Restarts, Task},
    threads::give_way,
    tls::CurrentTls,
};

pub(crate) use failures::FailureLog;
pub use handshake::HANDSHAKE_MAX_BYTES;
pub(crate) use socket::{Bound, bind_unix};

/// Maximum number of connections that wait for a shard. Its thread takes them between two rounds,
/// within milliseconds.
pub(crate) const ARRIVALS_MAX: usize = 256;

/// How often certificates are looked at that may expire soon.
const EXPIRY_CHECK: Duration = Duration::from_secs(24 * 3600);

/// The part of all handshakes that one address may have under way. What is slow at one address, or
/// silent, leaves places for the others. A client that comes back has a place for some hundred
/// microseconds, so this is enough for the many clients of one network.
const ADDRESS_PART: usize = 4;

/// Maximum number of handshakes of one address, of `all` together.
pub(crate) fn handshakes_of_address(all: usize) -> usize {
    all.div_ceil(ADDRESS_PART)
}

/// The niceness of an acceptor's thread. When thousands of clients come back at once and a shard
/// shares its core, the shard has three quarters of the time. Updates to clients that stayed come
/// first.
const NICENESS: i32 = 5;

/// A listener as one acceptor has it.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) bound: Bound,
    pub(crate) info: Arc<ListenerInfo>,
    pub(crate) tls: Option<Arc<CurrentTls>>,
    /// Whether each connection begins with a PROXY header.
    pub(crate) has_header: bool,
    /// Accepts connections.
    pub(crate) task: Task,
}

/// What all acceptors of a server share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) settings: Arc<ServerSettings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) descriptors: Arc<Descriptors>,
    /// Places for handshakes under way.
    pub(crate) places: Arc<Semaphore>,
    /// The same for each address, without this machine.
    pub(crate) places_of_addresses: Arc<Permits>,
    pub(crate) failures: Arc<FailureLog>,
    /// Where connections go.
    pub(crate) shards: Vec<mpsc::Sender<Arrival>>,
    /// Stands for the tasks of single connections.
    pub(crate) connections: Task,
}

/// An acceptor; see the module.
#[derive(Debug)]
pub(crate) struct Acceptor {
    pub(crate) index: usize,
    pub(crate) doors: Vec<Door>,
    pub(crate) shared: Shared,
}

impl Acceptor {
    /// Accepts connections until `end` completes. An error is why it cannot.
    pub(crate) async fn run(self, end: oneshot::Receiver<Infallible>) -> Result<(), String> {
        give_way(NICENESS);
        let next_shard = Rc::new(Cell::new(self.index));
        for door in self.doors {
            let socket = door.bound.listen();
            let socket =
                socket.map_err(|error| format!("cannot use a listening socket: {error}"))?;
            let entry = Rc::new(Entry {
                socket,
                info: door.info,
                tls: door.tls,
                has_header: door.has_header,
                next_shard: Rc::clone(&next_shard),
                shared: self.shared.clone(),
            });
            if self.index == 0 {
                spawn_local(warn_of_expiry(entry.tls.clone()));
            }
            spawn_local(Restarts::new(door.task).run(move || {
                let entry = Rc::clone(&entry);
                async move { entry.accept().await }
            }));
        }
        // An error means that the other end was dropped.
        let _ = end.await;
        Ok(())
    }
}

/// Warns once a day of a certificate that expires soon.
async fn warn_of_expiry(tls: Option<Arc<CurrentTls>>) {
    let Some(tls) = tls else {
        return;
    };
    let mut days = interval(EXPIRY_CHECK);
    loop {
        days.tick().await;
        if let Some(warning) = tls.warning() {
            tracing::warn!("{warning}");
        }
    }
}

/// A listener of an acceptor that runs.
#[derive(Debug)]
struct Entry {
    socket: socket::Socket,
    info: Arc<ListenerInfo>,
    tls: Option<Arc<CurrentTls>>,
    has_header: bool,
    /// The shard that gets the next connection, as a number that only grows.
    next_shard: Rc<Cell<usize>>,
    shared: Shared,
}

/// A handshake that is counted until this is dropped.
struct UnderWay {
    metrics: Arc<Metrics>,
    _place: OwnedSemaphorePermit,
}

impl UnderWay {
    fn new(shared: &Shared, place: OwnedSemaphorePermit) -> Self {
        let metrics = Arc::clone(&shared.metrics);
        metrics.handshakes.under_way.add(1);
        Self {
            metrics,
            _place: place,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.metrics.handshakes.under_way.subtract(1);
    }
}

impl Entry {
    /// Accepts connections without end.
    async fn accept(self: Rc<Self>) {
        let shared = &self.shared;
        loop {
            let (stream, peer) = self.socket.accept(&shared.descriptors).await;
            if shared.descriptors.is_reserved(&stream) {
                // An answer would need a handshake, and the descriptor must be free at once.
                drop(shared.descriptors.refuse());
                continue;
            }
            let place = match Arc::clone(&shared.places).try_acquire_owned() {
                Ok(place) => Ok(place),
                Err(_) => {
                    // Others wait in the kernel, where they cost next to nothing.
                    shared.metrics.handshakes.waited.add(1);
                    Arc::clone(&shared.places).acquire_owned().await
                }
            };
            let Ok(place) = place else {
                return;
            };
            let under_way = UnderWay::new(shared, place);
            let entry = Rc::clone(&self);
            spawn_local(shared.connections.contain(async move {
                entry.begin(stream, peer).await;
                drop(under_way);
            }));
        }
    }

    /// Makes a connection ready for a shard, and hands it over.
    async fn begin(&self, stream: TcpStream, mut peer: Peer) {
        let Shared {
            settings, failures, ..
        } = &self.shared;
        let limit = settings.handshake_timeout;
        let prepared = timeout(limit, self.prepare(stream, &mut peer)).await;
        match prepared {
            Ok(Ok(Some(arrival))) => self.hand_over(arrival).await,
            Ok(Ok(None)) => {}
            Ok(Err(failed)) => {
                failures.note(failed.failure, peer, &failed.reason);
                if let Some(stream) = failed.stream {
                    handshake::end(stream).await;
                }
            }
            Err(_) => {
                let reason = format!(
                    "not finished within the handshake timeout of {} ms",
                    limit.as_millis()
                );
                failures.note(HandshakeFailure::Timeout, peer, &reason);
            }
        }
    }

    /// Makes a connection ready. `None` if it was refused, which is counted. `peer` becomes the
    /// client that a PROXY header names.
    async fn prepare(
        &self,
        stream: TcpStream,
        peer: &mut Peer,
    ) -> Result<Option<Arrival>, handshake::Failed> {
        let shared = &self.shared;
        let settings = &shared.settings;
        if !self.info.is_unix
            && let Err(error) = listener::set_options(&stream, settings.write_timeout)
        {
            return Err(handshake::Failed::lost(&error));
        }
        if self.has_header {
            *peer = handshake::read_header(&stream, *peer, &settings.trusted_proxies).await?;
        }
        let admission = listener::admit(*peer, settings, &shared.permits);
        if let (Admission::TooMany, Some(_)) = (&admission, &self.tls) {
            // To be told so it would have to be given a handshake, which is what it must not cost.
            let reason = preamble::too_many(*peer, settings.connections_per_address_max);
            shared.gate.note(RefusalReason::Connections, *peer, &reason);
            return Ok(None);
        }
        let (stream, session) = match &self.tls {
            None => (stream, None),
            Some(tls) => {
                let places = &shared.places_of_addresses;
                let place = listener::admit(*peer, settings, places);
                if let Admission::TooMany = place {
                    let max = handshakes_of_address(settings.handshakes_max);
                    return Err(handshake::Failed::of_address(max));
                }
                let (stream, session) = handshake::shake_hands(stream, tls.config()).await?;
                let handshakes = &shared.metrics.handshakes;
                match session.is_resumed() {
                    true => handshakes.resumed.add(1),
                    false => handshakes.full.add(1),
                }
                drop(place);
                (stream, Some(session))
            }
        };
        let stream = stream.into_std();
        let stream = stream.map_err(|error| handshake::Failed::lost(&error))?;
        Ok(Some(Arrival {
            stream: match session {
                None => Arrived::Plain(stream),
                Some(session) => Arrived::Secure(stream, session),
            },
            peer: *peer,
            admission,
            info: Arc::clone(&self.info),
        }))
    }

    async fn hand_over(&self, arrival: Arrival) {
        let shards = &self.shared.shards;
        let next = self.next_shard.get();
        self.next_shard.set(next.wrapping_add(1));
        // A shard that has ended takes its clients with it: this client has no answer either.
        let _ = shards[next % shards.len()].send(arrival).await;
    }
}
