//! The routes: which request gets which answer or WebSocket.

use std::{convert::Infallible, net::SocketAddr, rc::Rc, sync::Arc};

use bytes::Bytes;
use fastwebsockets::upgrade;
use http_body_util::{Either, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, ORIGIN, RETRY_AFTER,
        SEC_WEBSOCKET_PROTOCOL, VARY,
    },
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tickcast_core::permissions::{Access, Action};
use tickcast_protocol::topic::Filter;
use tokio::{
    net::TcpStream,
    task::{spawn_local, yield_now},
};

use super::{
    answer::{self, Answer, healthz, is_reading, only_get, readyz, text, typed},
    assets, echo,
    event_stream::{self, StreamParams},
    handshake::{check_origin, encoding, parts},
    listener,
    permits::Permit,
    pipe::{Pipe, PipeBody},
    session,
    shard_handle::ShardHandle,
    state::{ServerState, Stage},
};
use crate::{metrics::Metrics, settings::ServerSettings};

/// Longest request header.
const HEADER_MAX_BYTES: usize = 16 * 1024;

/// Maximum number of header fields in a request.
const HEADERS_MAX: usize = 64;

/// Maximum number of updates in one answer of `/v1/latest`: some megabytes of JSON. A subscription
/// has no such limit.
const LATEST_MAX_UPDATES: usize = 10_000;

/// Maximum number of these that are encoded between two turns of the shard: about 0.5 ms.
const LATEST_AT_ONCE: usize = 1_000;

type AnyAnswer = Response<Either<Full<Bytes>, PipeBody>>;

/// The answers of one shard's listener.
#[derive(Debug)]
pub(super) struct Routes {
    /// The shard that accepted the connection.
    pub shard: Rc<ShardHandle>,
    /// Settings of the whole server.
    pub settings: Arc<ServerSettings>,
    /// The server's stage of life.
    pub state: Arc<ServerState>,
    /// All metrics.
    pub metrics: Arc<Metrics>,
}

impl Routes {
    /// Serves the requests of one connection.
    pub(super) async fn serve(self: Rc<Self>, stream: TcpStream, peer: SocketAddr, permit: Permit) {
        let settings = Arc::clone(&self.settings);
        if let Err(error) = listener::set_options(&stream, settings.write_timeout) {
            tracing::debug!(%peer, %error, "socket options");
            return;
        }
        let answer = move |request| Rc::clone(&self).answer(request, peer, permit.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(settings.handshake_timeout)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEADER_MAX_BYTES)
            .serve_connection(TokioIo::new(stream), service_fn(answer))
            .with_upgrades();
        if let Err(error) = connection.await {
            tracing::debug!(%peer, %error, "the HTTP connection failed");
        }
    }

    async fn answer(
        self: Rc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        permit: Permit,
    ) -> Result<AnyAnswer, Infallible> {
        match request.uri().path() {
            "/v1/stream" if is_reading(request.method()) => {
                return Ok(self.stream(&request, permit));
            }
            "/v1/latest" if is_reading(request.method()) => {
                let answer = self.latest(request.uri().query().unwrap_or("")).await;
                return Ok(answer.map(Either::Left));
            }
            _ => {}
        }
        Ok(self.plain(request, peer, permit).map(Either::Left))
    }

    fn plain(
        self: Rc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        permit: Permit,
    ) -> Answer {
        let path = request.uri().path();
        if !is_reading(request.method()) {
            return only_get();
        }
        match path {
            "/ws" => self.subscriber(request, peer, permit),
            "/echo" => self.echo(request, permit),
            "/healthz" => healthz(),
            "/readyz" => readyz(&self.state),
            "/metrics" if self.settings.admin.is_none() => answer::metrics(&self.metrics),
            "/" => welcome(request.headers()),
            // Browsers request this path on their own for pages without an icon.
            "/favicon.ico" => found(assets::asset("/assets/page/icon.svg", request.headers())),
            "/try" => found(assets::console(request.headers())),
            _ => found(assets::asset(path, request.headers())),
        }
    }

    fn subscriber(
        self: Rc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        permit: Permit,
    ) -> Answer {
        let encoding = match encoding(request.headers()) {
            Ok(encoding) => encoding,
            Err(answer) => return *answer,
        };
        let access = Access {
            may_publish: self.settings.publish_from.includes(peer.ip()),
        };
        let shard = Rc::clone(&self.shard);
        let named = request.headers().contains_key(SEC_WEBSOCKET_PROTOCOL);
        let mut answer = self.upgrade(request, async move |stream, read| {
            session::serve(shard, stream, read, encoding, access).await;
            drop(permit);
        });
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS && named {
            let name = HeaderValue::from_static(encoding.subprotocol());
            answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
        }
        answer
    }

    fn echo(self: Rc<Self>, request: Request<Incoming>, permit: Permit) -> Answer {
        let write_timeout = self.settings.write_timeout;
        self.upgrade(request, async move |stream, read| {
            echo::serve(stream, read, write_timeout).await;
            drop(permit);
        })
    }

    /// Answers a handshake, and serves the stream after the answer is sent.
    fn upgrade(
        &self,
        mut request: Request<Incoming>,
        serve: impl AsyncFnOnce(TcpStream, Bytes) + 'static,
    ) -> Answer {
        if self.state.stage() == Stage::Draining {
            let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "the server is draining");
            answer
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return answer;
        }
        if !upgrade::is_upgrade_request(&request) {
            return text(
                StatusCode::UPGRADE_REQUIRED,
                "this is a WebSocket: connect with ws://",
            );
        }
        if let Err(reason) = check_origin(request.headers(), &self.settings.origins) {
            return text(StatusCode::FORBIDDEN, reason);
        }
        match upgrade::upgrade(&mut request) {
            Ok((answer, upgraded)) => {
                spawn_local(async move {
                    match upgraded.await {
                        Ok(socket) => match parts(socket.into_inner().into_inner()) {
                            Some((stream, read)) => serve(stream, read).await,
                            None => tracing::error!("an upgraded connection is not a TCP stream"),
                        },
                        Err(error) => tracing::debug!(%error, "the handshake did not finish"),
                    }
                });
                answer.map(|_| Full::default())
            }
            Err(error) => text(StatusCode::BAD_REQUEST, error.to_string()),
        }
    }

    /// Answers with an event stream, or with the reason of a refusal.
    fn stream(self: Rc<Self>, request: &Request<Incoming>, permit: Permit) -> AnyAnswer {
        let headers = request.headers();
        let refuse = |status, reason: String| text(status, reason).map(Either::Left);
        if let Err(reason) = check_origin(headers, &self.settings.origins) {
            return refuse(StatusCode::FORBIDDEN, reason);
        }
        let query = request.uri().query().unwrap_or("");
        let params = match StreamParams::parse(query, headers) {
            Ok(params) => params,
            Err(reason) => return refuse(StatusCode::BAD_REQUEST, reason),
        };
        if let Err(reason) = self.check_reading(&params.filter) {
            return refuse(StatusCode::FORBIDDEN, reason);
        }
        let retry = event_stream::retry();
        // A browser reconnects after an answer that ends, but never after one with another status.
        let is_over = self.state.stage() == Stage::Draining || request.method() == Method::HEAD;
        let body = if is_over {
            Either::Left(Full::from(retry))
        } else {
            let pipe = Pipe::new(retry.as_bytes());
            let body = pipe.body();
            let shard = Rc::clone(&self.shard);
            spawn_local(async move {
                session::stream(shard, pipe, params.into_request()).await;
                drop(permit);
            });
            Either::Right(body)
        };
        let mut answer = Response::new(body);
        let fields = answer.headers_mut();
        fields.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(event_stream::CONTENT_TYPE),
        );
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Without it nginx would buffer events instead of passing them on.
        fields.insert("x-accel-buffering", HeaderValue::from_static("no"));
        if let Some(origin) = headers.get(ORIGIN) {
            fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            fields.insert(VARY, HeaderValue::from_static("origin"));
        }
        answer
    }

    fn check_reading(&self, filter: &Filter) -> Result<(), String> {
        let action = Action::Subscribe(filter);
        self.shard
            .with(|shard, _| shard.permissions().check(Access::READER, action))
            .map_err(|refusal| refusal.reason)
    }

    async fn latest(&self, query: &str) -> Answer {
        let mut filters = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name != "filter" {
                let reason = format!("unknown parameter {name:?}: use ?filter=");
                return text(StatusCode::BAD_REQUEST, reason);
            }
            match Filter::new(&value) {
                Ok(filter) => filters.push(filter),
                Err(error) => {
                    let reason = format!("filter {value:?}: {error}");
                    return text(StatusCode::BAD_REQUEST, reason);
                }
            }
        }
        let filter = match filters.as_slice() {
            [] => &Filter::all(),
            [filter] => filter,
            _ => return text(StatusCode::BAD_REQUEST, "only one filter is allowed"),
        };
        if let Err(reason) = self.check_reading(filter) {
            return text(StatusCode::FORBIDDEN, reason);
        }
        self.shard.take_in();
        let mut ids = self.shard.search(filter).await;
        let is_all = ids.len() <= LATEST_MAX_UPDATES;
        ids.truncate(LATEST_MAX_UPDATES);
        // A value may be of a later position.
        let (epoch, position) = self
            .shard
            .with(|shard, _| (shard.epoch(), shard.position()));
        let mut list = Vec::new();
        for some in ids.chunks(LATEST_AT_ONCE) {
            self.shard
                .with(|shard, _| shard.append_latest(some, &mut list));
            yield_now().await;
        }
        let mut body =
            format!(r#"{{"epoch":"{epoch}","position":{position},"complete":{is_all},"updates":["#)
                .into_bytes();
        body.append(&mut list);
        body.extend_from_slice(b"]}\n");
        typed(StatusCode::OK, "application/json", body)
    }
}

const WELCOME: &str = "\
Tickcast pushes live data over WebSocket.

  /                    in a browser: all topics live, with charts
  /try                 in a browser: send messages by hand, and see the answers
  /ws                  subscribe; JSON unless you request the subprotocol tickcast.v1.bincode
  /v1/latest?filter=#  the newest value of each topic, as JSON (write # as %23)
  /v1/stream?filter=#  a subscription like on /ws, as server-sent events
  /echo                a WebSocket that returns each message
  /metrics             metrics for Prometheus
  /healthz, /readyz    whether it is alive, whether it accepts connections

In a browser's console:

  ws = new WebSocket(`ws://${location.host}/ws`)
  ws.onmessage = event => console.log(event.data)
  ws.onopen = () => ws.send('{\"type\":\"subscribe\",\"filters\":[\"#\"],\"max_rate_hz\":1}')
";

fn found(file: Option<Answer>) -> Answer {
    file.unwrap_or_else(|| text(StatusCode::NOT_FOUND, "not found; GET / lists the paths"))
}

/// The page for browsers, text for all other clients.
fn welcome(headers: &HeaderMap) -> Answer {
    if assets::is_browser(headers)
        && let Some(page) = assets::index(headers)
    {
        return page;
    }
    let mut answer = text(StatusCode::OK, WELCOME);
    answer
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("accept"));
    answer
}
