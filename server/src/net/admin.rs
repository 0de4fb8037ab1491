//! The admin address: health, metrics and slow clients, for operators.
//!
//! It has its own thread, so that it answers even if a shard does not. The answer then names that
//! shard instead of its clients.

use std::{convert::Infallible, io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use hyper::{
    Method, Request, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, oneshot},
    task::spawn_local,
    time::{sleep, timeout},
};

use super::{
    answer::{self, Answer},
    gate::{self, Ends, Gate, READING},
    listener::ACCEPT_PAUSE,
    slow_clients::{self, SlowQuestion},
    state::ServerState,
};
use crate::metrics::{Metrics, RefusalReason};

/// Maximum number of requests answered at once. Few requests are expected here, and each answer may
/// list many clients.
const REQUESTS_MAX: usize = 16;

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
    /// The channel to each shard.
    pub shards: Vec<mpsc::Sender<SlowQuestion>>,
}

impl Admin {
    /// Answers requests until `end` completes.
    pub(crate) async fn run(
        self,
        listener: std::net::TcpListener,
        end: oneshot::Receiver<Infallible>,
    ) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "cannot use the admin socket");
                return;
            }
        };
        tokio::select! {
            () = accept(listener, Rc::new(self)) => {}
            // An error means that the other end was dropped.
            _ = end => {}
        }
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
            gate::share_preflight(method, headers, answer.headers_mut());
        }
        Ok(answer)
    }

    async fn read(&self, request: &Request<Incoming>, ends: Ends) -> Answer {
        match request.uri().path() {
            "/healthz" => answer::healthz(),
            "/readyz" => answer::readyz(&self.state),
            "/metrics" => answer::metrics(&self.metrics),
            "/v1/slow" => {
                let query = request.uri().query().unwrap_or("");
                match slow_clients::parse(query) {
                    Ok(params) => slow_clients::answer(&self.shards, params).await,
                    Err(reason) => {
                        let (refusal, status) =
                            (RefusalReason::Parameters, StatusCode::BAD_REQUEST);
                        self.gate.refuse(refusal, ends, status, reason)
                    }
                }
            }
            "/" => answer::text(StatusCode::OK, "/healthz /readyz /metrics /v1/slow"),
            _ => answer::text(StatusCode::NOT_FOUND, "not found; GET / lists the paths"),
        }
    }
}

async fn accept(listener: TcpListener, admin: Rc<Admin>) {
    let permits = Arc::new(Semaphore::new(REQUESTS_MAX));
    loop {
        // The semaphore is never closed.
        let permit = Arc::clone(&permits).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                let admin = Rc::clone(&admin);
                spawn_local(async move {
                    let served = timeout(2 * REQUEST_TIMEOUT, serve(stream, peer, admin)).await;
                    if !matches!(served, Ok(Ok(()))) {
                        tracing::debug!(?served, "admin request");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept an admin connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, admin: Rc<Admin>) -> anyhow::Result<()> {
    let local = stream.local_addr()?;
    let ends = Ends { peer, local };
    let service = service_fn(move |request| Rc::clone(&admin).answer(request, ends));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        // One request per connection: an open connection would keep its permit.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await?;
    Ok(())
}

/// Binds the socket of the admin address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
