//! The admin address: health, metrics and slow clients, for operators.
//!
//! It has its own thread, so that it answers even if a shard does not. The answer then names that
//! shard instead of its clients.

use std::{convert::Infallible, io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use hyper::{Request, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, oneshot},
    task::spawn_local,
    time::{sleep, timeout},
};

use super::{
    answer::{self, Answer},
    listener::ACCEPT_PAUSE,
    slow_clients::{self, SlowQuestion},
    state::ServerState,
};
use crate::metrics::Metrics;

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

    async fn answer(self: Rc<Self>, request: Request<Incoming>) -> Result<Answer, Infallible> {
        if !answer::is_reading(request.method()) {
            return Ok(answer::only_get());
        }
        Ok(match request.uri().path() {
            "/healthz" => answer::healthz(),
            "/readyz" => answer::readyz(&self.state),
            "/metrics" => answer::metrics(&self.metrics),
            "/v1/slow" => {
                let query = request.uri().query().unwrap_or("");
                slow_clients::answer(&self.shards, query).await
            }
            "/" => answer::text(StatusCode::OK, "/healthz /readyz /metrics /v1/slow"),
            _ => answer::text(StatusCode::NOT_FOUND, "not found; GET / lists the paths"),
        })
    }
}

async fn accept(listener: TcpListener, admin: Rc<Admin>) {
    let permits = Arc::new(Semaphore::new(REQUESTS_MAX));
    loop {
        // The semaphore is never closed.
        let permit = Arc::clone(&permits).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                let admin = Rc::clone(&admin);
                spawn_local(async move {
                    let served = timeout(2 * REQUEST_TIMEOUT, serve(stream, admin)).await;
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

async fn serve(stream: TcpStream, admin: Rc<Admin>) -> hyper::Result<()> {
    let service = service_fn(move |request| Rc::clone(&admin).answer(request));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        // One request per connection: an open connection would keep its permit.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// Binds the socket of the admin address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
