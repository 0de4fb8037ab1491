//! What operators ask a running server, at an address of its own: health, numbers, and who is slow.
//!
//! It has a thread of its own, so that it answers also when a shard does not: then the shard is
//! named instead of its clients.

use std::{
    convert::Infallible, fmt::Write, io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration,
};

use hyper::{Request, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tickcast_protocol::message::Mode;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, oneshot},
    task::spawn_local,
    time::{sleep, timeout},
};

use crate::{
    http::{self, Answer},
    listener::ACCEPT_PAUSE,
    metrics::{self, Metrics},
    slow::SlowClient,
    state::ServerState,
};

/// Requests that are answered at once, at most. Few ask here, and each may list all that is slow.
const REQUESTS_MAX: usize = 16;

/// Time for a request's header and, after it, for the answer to be taken.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a shard may take to answer. Its thread does so between two rounds, in milliseconds.
const SHARD_TIMEOUT: Duration = Duration::from_secs(1);

/// Questions that may wait for a shard: as many as there can be.
pub(crate) const QUESTIONS_MAX: usize = REQUESTS_MAX;

/// Slow clients in an answer, unless `limit` says otherwise, and at most.
const SLOW_DEFAULT: usize = 20;
const SLOW_MAX: usize = 1_000;

/// A client that is behind, as operators see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlowRow {
    /// Its address.
    pub client: String,
    /// The rest.
    #[serde(flatten)]
    pub slow: SlowClient,
}

/// Asks a shard who is slow.
#[derive(Debug)]
pub struct SlowQuestion {
    /// How many are wanted, at most.
    pub limit: usize,
    /// Where they go, the slowest first.
    pub answer: oneshot::Sender<Vec<SlowRow>>,
}

/// See the module.
#[derive(Debug)]
pub struct Admin {
    /// How far the server is.
    pub state: Arc<ServerState>,
    /// All numbers.
    pub metrics: Arc<Metrics>,
    /// The way to each shard.
    pub shards: Vec<mpsc::Sender<SlowQuestion>>,
}

#[derive(Debug, Serialize)]
struct SlowAnswer {
    clients: Vec<SlowRow>,
    /// Shards that did not answer in time: what is slow is they.
    silent_shards: Vec<usize>,
}

impl Admin {
    /// Answers requests until `end` is ready.
    pub async fn run(self, listener: std::net::TcpListener, end: oneshot::Receiver<Infallible>) {
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
        if !http::is_reading(request.method()) {
            return Ok(http::only_get());
        }
        Ok(match request.uri().path() {
            "/healthz" => http::healthz(),
            "/readyz" => http::readyz(&self.state),
            "/metrics" => http::typed(
                StatusCode::OK,
                metrics::CONTENT_TYPE,
                metrics::text(&self.metrics),
            ),
            "/v1/slow" => self.slow(request.uri().query().unwrap_or("")).await,
            "/" => http::text(StatusCode::OK, "/healthz /readyz /metrics /v1/slow"),
            _ => http::text(StatusCode::NOT_FOUND, "there is nothing here; see /"),
        })
    }

    async fn slow(&self, query: &str) -> Answer {
        let (limit, is_text) = match parse(query) {
            Ok(parsed) => parsed,
            Err(reason) => return http::text(StatusCode::BAD_REQUEST, reason),
        };
        let answer = self.ask(limit).await;
        if is_text {
            return http::text(StatusCode::OK, table(&answer));
        }
        match serde_json::to_vec(&answer) {
            Ok(body) => http::typed(StatusCode::OK, "application/json", body),
            Err(error) => http::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    /// Asks all shards at once.
    async fn ask(&self, limit: usize) -> SlowAnswer {
        let asked: Vec<_> = self
            .shards
            .iter()
            .map(|shard| {
                let (answer, answered) = oneshot::channel();
                // A shard that does not even take the question will not answer it.
                let _ = shard.try_send(SlowQuestion { limit, answer });
                answered
            })
            .collect();
        let mut answer = SlowAnswer {
            clients: Vec::new(),
            silent_shards: Vec::new(),
        };
        for (shard, answered) in asked.into_iter().enumerate() {
            match timeout(SHARD_TIMEOUT, answered).await {
                Ok(Ok(rows)) => answer.clients.extend(rows),
                _ => answer.silent_shards.push(shard),
            }
        }
        let lag = |row: &SlowRow| {
            let lag = row.slow.slowest.as_ref().map_or(0, |s| s.lag_updates);
            (lag, row.slow.unsent_bytes)
        };
        answer
            .clients
            .sort_by_key(|row| std::cmp::Reverse(lag(row)));
        answer.clients.truncate(limit);
        answer
    }
}

async fn accept(listener: TcpListener, admin: Rc<Admin>) {
    let places = Arc::new(Semaphore::new(REQUESTS_MAX));
    loop {
        // Nobody closes the semaphore.
        let place = Arc::clone(&places).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                let admin = Rc::clone(&admin);
                spawn_local(async move {
                    let served = timeout(2 * REQUEST_TIMEOUT, serve(stream, admin)).await;
                    if !matches!(served, Ok(Ok(()))) {
                        tracing::debug!(?served, "admin request");
                    }
                    drop(place);
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
        // One request each: a connection that stays would keep its place.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// The limit and whether it is for people, of `limit=` and `format=`.
fn parse(query: &str) -> Result<(usize, bool), String> {
    let (mut limit, mut is_text) = (SLOW_DEFAULT, false);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (name.as_ref(), value.as_ref()) {
            ("limit", number) => {
                let number = number.parse::<usize>();
                limit = number.map_err(|_| format!("limit={value}: it is not a number"))?;
            }
            ("format", "text") => is_text = true,
            ("format", "json") => is_text = false,
            _ => {
                return Err(format!(
                    "{name}={value}: there are limit=NUMBER and format=text"
                ));
            }
        }
    }
    Ok((limit.min(SLOW_MAX), is_text))
}

/// The same as a table, the widest column last.
fn table(answer: &SlowAnswer) -> String {
    let mut out = format!(
        "{:<24} {:>5} {:>20} {:>8} {:>12} {:>9} {:>12} {:>10} {:>14}  {}\n",
        "client",
        "shard",
        "connection",
        "channel",
        "lag",
        "lag ms",
        "unsent",
        "blocked ms",
        "mode",
        "filter",
    );
    for SlowRow { client, slow } in &answer.clients {
        let slowest = slow.slowest.as_ref();
        let mode = slowest.map_or(String::new(), |s| match (s.mode, s.max_rate_hz) {
            (Mode::Every, _) => "every".to_owned(),
            (Mode::Latest, None) => "latest".to_owned(),
            (Mode::Latest, Some(rate)) => format!("latest {rate:.3}/s"),
        });
        let channel = slowest.map_or(String::new(), |s| s.channel.to_string());
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "{client:<24} {:>5} {:>20} {channel:>8} {:>12} {:>9} {:>12} {:>10} {mode:>14}  {}",
            slow.shard,
            slow.connection,
            slowest.map_or(0, |s| s.lag_updates),
            slowest.map_or(0, |s| s.lag_ms),
            slow.unsent_bytes,
            slow.blocked_ms,
            slowest.map_or("", |s| &s.filter),
        );
    }
    for shard in &answer.silent_shards {
        let _ = writeln!(out, "shard {shard} does not answer");
    }
    out
}

/// The socket of the admin address.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
