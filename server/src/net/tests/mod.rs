//! How clients are kept out and bounded: by the routes of a shard that no thread runs, in virtual
//! time, and by the options of real sockets.
//!
//! * this file: the routes, and what they have counted
//! * `http_connection`: the end of a connection after its last answer
//! * `identities`: clients of a server with identities
//! * `known_clients`: tokens, and whether a client needs one
//! * `listener`: which connections are accepted, and with which options
//! * `request_limits`: requests of an address and of an identity
//! * `tickets`: tickets for event streams
//! * `turned_away`: connections that are only told why they are not served
//! * `unsent`: what the kernel holds for a client

mod http_connection;
mod identities;
mod known_clients;
mod listener;
mod request_limits;
mod tickets;
mod turned_away;
mod unsent;

use std::{
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::Arc,
};

use http_body_util::BodyExt;
use hyper::header::HeaderName;
use rand::SeedableRng;
use tickcast_core::shard::Shard;
use tickcast_protocol::message::Epoch;
use tokio::{runtime::Builder, sync::Semaphore, task::LocalSet};

use super::{
    answer::Answer,
    echo::{ECHO_BUDGET_BYTES, Echo},
    gate::{Ends, Gate},
    history::HISTORIES_MAX,
    peer::Peer,
    permits::Permits,
    routes::Routes,
    shard_handle::ShardHandle,
    stream::Stream,
    turned_away::TURNED_AWAY_MAX,
    ws_reader::Budget,
};
use crate::{
    auth::Auth,
    clock::Clock,
    ingest::{Handoff, Ingest},
    metrics::Metrics,
    settings::ServerSettings,
    simulation::{Faults, Network, Rng, Socket},
    tasks::Task,
};

/// Runs a test in virtual time, which passes only while all tasks wait.
fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test);
}

/// Runs a test with sockets of the system.
fn on_sockets(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(test);
}

/// The routes of a shard that no thread runs.
fn routes(settings: ServerSettings, auth: Option<Arc<Auth>>) -> Rc<Routes> {
    let (settings, clock) = (Arc::new(settings), Clock::start());
    let metrics = Arc::<Metrics>::default();
    let core = Arc::new(settings.core());
    let (ingest, _) = Ingest::new(clock);
    let shard = ShardHandle::new(
        Shard::new(0, Epoch(1), core, Arc::default()),
        Arc::new(Handoff::new(1, settings.tape_bytes)),
        ingest,
        clock,
        (auth, None, None),
    );
    Rc::new(Routes {
        shard,
        echo: Echo::new(
            Arc::clone(&settings),
            Arc::default(),
            Budget::new(ECHO_BUDGET_BYTES),
        ),
        state: Arc::default(),
        gate: Arc::new(Gate::new(Arc::clone(&settings), Arc::clone(&metrics))),
        socket_io: Arc::default(),
        permits: Permits::new(settings.connections_per_address_max, clock),
        turned_away: Arc::new(Semaphore::new(TURNED_AWAY_MAX)),
        histories: Arc::new(Semaphore::new(HISTORIES_MAX)),
        connections: Task::alone("connections"),
        settings,
        metrics,
    })
}

/// Both ends of a connection of the simulated network: the client's, and the server's.
fn connect(of_server: Faults) -> (Socket, Stream) {
    let address = "203.0.113.7:40000".parse().unwrap();
    let faults = [Faults::NONE, of_server];
    let (client, server) = Network::default().connect(address, faults, &mut Rng::seed_from_u64(1));
    (client, Stream::Simulated(Rc::new(server)))
}

/// A connection of a client of another machine (RFC 5737).
fn ends() -> Ends {
    Ends {
        peer: peer(),
        local: SocketAddr::from((Ipv4Addr::LOCALHOST, 7400)),
        is_tls: false,
    }
}

fn peer() -> Peer {
    Peer::tcp(SocketAddr::from((Ipv4Addr::new(203, 0, 113, 7), 40_000)))
}

/// The reasons for which something was refused, and how often.
fn refused(routes: &Routes) -> Vec<(&'static str, u64)> {
    let rows = routes.metrics.refused.rows();
    rows.filter(|(_, count)| *count > 0).collect()
}

/// A header of an answer, empty if there is none.
fn header(answer: &Answer, name: HeaderName) -> &str {
    let value = answer.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

async fn body(answer: Answer) -> String {
    let body = answer.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}
