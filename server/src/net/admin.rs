//! The admin address: health, numbers and slow clients, for operators.
//!
//! It has a thread of its own, so that it answers even when a shard does not: then the answer names
//! the shard instead of its clients.

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

/// Requests that are answered at once, at most. Few come here, and each may list many clients.
const REQUESTS_MAX: usize = 16;

/// Time for a request's header and, after it, for the answer to be taken.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Questions that may wait for a shard: one of each request.
pub(crate) const QUESTIONS_MAX: usize = REQUESTS_MAX;

/// See the module.
#[derive(Debug)]
pub(crate) struct Admin {
    /// How far the server is.
    pub state: Arc<ServerState>,
    /// All numbers.
    pub metrics: Arc<Metrics>,
    /// The way to each shard.
    pub shards: Vec<mpsc::Sender<SlowQuestion>>,
}

impl Admin {
    /// Answers requests until `end` is ready.
    pub(crate) async fn run(
        self,
        listener: std::net::TcpListener,
        end: oneshot::Receiver<Infallible>,
    ) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "the admin socket could not be used");
                return;
            }
        };
        tokio::select! {
            () = accept(listener, Rc::new(self)) => {}
            // An error: the other end was dropped.
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
            _ => answer::text(
                StatusCode::NOT_FOUND,
                "not found; GET / lists what there is",
            ),
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
                tracing::warn!(%error, "an admin connection could not be accepted");
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
        // One request each: a connection that stays would keep its permit.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// The socket of the admin address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
