//! The admin address: health, metrics and slow clients, for operators.
//!
//! It has its own thread, so that it answers even if a shard does not. The answer then names that
//! shard instead of its clients.

use std::{
    cell::RefCell, collections::BTreeMap, convert::Infallible, io, net::SocketAddr, rc::Rc,
    sync::Arc, time::Duration,
};

use hyper::{
    Method, Request, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, oneshot},
    task::{AbortHandle, spawn_local},
    time::timeout,
};

use super::{
    admin_commands::{AdminCommand, Commands},
    answer::{self, Answer},
    descriptors::Descriptors,
    gate::{self, Ends, Gate, READING},
    listener,
    peer::Peer,
    slow_clients,
    state::ServerState,
};
use crate::{
    metrics::{Metrics, RefusalReason},
    tasks::{Restarts, Task},
};

/// Maximum number of requests answered at once. Few requests are expected here, and each answer may
/// list many clients.
const REQUESTS_MAX: usize = 16;

/// Maximum number of connections. Where there are more, or file descriptors are short, a new one
/// ends the oldest that has not sent a request yet: an operator's program sends it at once.
const CONNECTIONS_MAX: usize = 32;

/// Maximum time for a request's header, and then for the client to read the answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum number of questions that wait for a shard: one for each request.
pub(crate) const QUESTIONS_MAX: usize = REQUESTS_MAX;

/// The admin address; see the module.
#[derive(Debug)]
pub(crate) struct Admin {
    /// The server's stage of life.
    pub state: Arc<ServerState>,
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// Refuses requests.
    pub gate: Arc<Gate>,
    /// Carries out commands.
    pub commands: Commands,
    /// The file descriptors.
    pub descriptors: Arc<Descriptors>,
    /// Accepts connections.
    pub task: Task,
    /// Stands for the tasks of single connections.
    pub connections: Task,
}

impl Admin {
    /// Answers requests until `end` completes. An error is why it cannot.
    pub(crate) async fn run(
        self,
        listener: std::net::TcpListener,
        end: oneshot::Receiver<Infallible>,
    ) -> Result<(), String> {
        let listener = TcpListener::from_std(listener)
            .map_err(|error| format!("cannot use the admin socket: {error}"))?;
        let restarts = Restarts::new(self.task.clone());
        let (listener, admin) = (Rc::new(listener), Rc::new(self));
        tokio::select! {
            () = restarts.run(|| accept(Rc::clone(&listener), Rc::clone(&admin))) => {}
            // An error means that the other end was dropped.
            _ = end => {}
        }
        Ok(())
    }

    async fn answer(
        self: Rc<Self>,
        request: Request<Incoming>,
        ends: Ends,
    ) -> Result<Answer, Infallible> {
        let host = match self.gate.host(&request, ends) {
            Ok(host) => host,
            Err(refusal) => return Ok(*refusal),
        };
        if let Some(command) = AdminCommand::of(request.uri().path()) {
            let answer = self.commands.answer(command, &request, host.as_ref(), ends);
            return Ok(answer.await);
        }
        let (method, headers) = (request.method(), request.headers());
        let is_shared = request.uri().path() == "/v1/slow";
        let origin = if is_shared {
            match self.gate.origin(headers, host.as_ref(), ends) {
                Ok(origin) => origin,
                Err(mut refusal) => {
                    gate::share(refusal.headers_mut(), None);
                    return Ok(*refusal);
                }
            }
        } else {
            None
        };
        let mut answer = match method {
            &Method::OPTIONS => gate::options(READING),
            method if !answer::is_reading(method) => self.gate.refuse_method(ends, READING),
            _ => self.read(&request, ends).await,
        };
        if is_shared {
            gate::share(answer.headers_mut(), origin);
        }
        if origin.is_some() {
            gate::share_preflight(method, "GET, HEAD", headers, answer.headers_mut());
        }
        Ok(answer)
    }

    async fn read(&self, request: &Request<Incoming>, ends: Ends) -> Answer {
        match request.uri().path() {
            "/healthz" => answer::healthz(&self.metrics),
            "/readyz" => answer::readyz(&self.state, &self.metrics),
            "/metrics" => answer::metrics(&self.metrics),
            "/v1/cluster" => answer::cluster(&self.metrics),
            "/v1/slow" => {
                let query = request.uri().query().unwrap_or("");
                match slow_clients::parse(query) {
                    Ok(params) => slow_clients::answer(&self.commands.shards, params).await,
                    Err(reason) => {
                        let (refusal, status) =
                            (RefusalReason::Parameters, StatusCode::BAD_REQUEST);
                        self.gate.refuse(refusal, ends, status, reason)
                    }
                }
            }
            "/" => answer::text(
                StatusCode::OK,
                "/healthz /readyz /metrics /v1/cluster /v1/slow /v1/who; POST /v1/kick /v1/revoke /v1/restore /v1/reload",
            ),
            _ => answer::text(StatusCode::NOT_FOUND, "not found; GET / lists the paths"),
        }
    }
}

async fn accept(listener: Rc<TcpListener>, admin: Rc<Admin>) {
    let open = Rc::new(Open::default());
    let requests = Rc::new(Semaphore::new(REQUESTS_MAX));
    for id in 0.. {
        let (stream, peer) = listener::accept(&listener, &admin.descriptors).await;
        if admin.descriptors.is_reserved(&stream) {
            open.evict();
        }
        open.make_room().await;
        let connection = Connection {
            open: Rc::clone(&open),
            id,
        };
        let (admin, requests) = (Rc::clone(&admin), Rc::clone(&requests));
        let connections = admin.connections.clone();
        let serving = serve(stream, peer, admin, connection, requests);
        let task = spawn_local(connections.contain(async move {
            let served = timeout(2 * REQUEST_TIMEOUT, serving).await;
            if !matches!(served, Ok(Ok(()))) {
                tracing::debug!(?served, "admin request");
            }
        }));
        open.silent.borrow_mut().insert(id, task.abort_handle());
    }
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    admin: Rc<Admin>,
    connection: Connection,
    requests: Rc<Semaphore>,
) -> anyhow::Result<()> {
    let local = stream.local_addr()?;
    let ends = Ends {
        peer: Peer::tcp(peer),
        local,
        is_tls: false,
    };
    let connection = Rc::new(connection);
    let service = service_fn(move |request| {
        let (admin, requests) = (Rc::clone(&admin), Rc::clone(&requests));
        connection.asks();
        async move {
            // The semaphore is never closed.
            let _permit = requests.acquire().await;
            admin.answer(request, ends).await
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        // One request per connection: an open connection would keep its place.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await?;
    Ok(())
}

/// The open connections.
#[derive(Debug, Default)]
struct Open {
    /// Those that have not sent a request yet, the oldest first.
    silent: RefCell<BTreeMap<u64, AbortHandle>>,
    /// The ids of the others.
    asking: RefCell<Vec<u64>>,
    ended: Notify,
}

impl Open {
    /// Waits until there is room for a connection, or makes some.
    async fn make_room(&self) {
        while self.silent.borrow().len() + self.asking.borrow().len() >= CONNECTIONS_MAX {
            if !self.evict() {
                self.ended.notified().await;
            }
        }
    }

    /// Ends the oldest silent connection, if there is one.
    fn evict(&self) -> bool {
        let oldest = self.silent.borrow_mut().pop_first();
        if let Some((_, task)) = &oldest {
            task.abort();
        }
        oldest.is_some()
    }
}

/// A connection's place among the open ones, until it is dropped.
#[derive(Debug)]
struct Connection {
    open: Rc<Open>,
    id: u64,
}

impl Connection {
    /// Records that the client has sent a request.
    fn asks(&self) {
        if self.open.silent.borrow_mut().remove(&self.id).is_some() {
            self.open.asking.borrow_mut().push(self.id);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.silent.borrow_mut().remove(&self.id);
        self.open.asking.borrow_mut().retain(|id| *id != self.id);
        self.open.ended.notify_one();
    }
}

/// Binds the socket of the admin address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
