//! What a request gets: a WebSocket, or one of a few plain answers.

use std::{convert::Infallible, net::SocketAddr, rc::Rc, sync::Arc};

use bytes::Bytes;
use fastwebsockets::upgrade;
use http_body_util::{Either, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, ORIGIN,
        RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL, VARY,
    },
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tickcast_protocol::{codec::Encoding, topic::Filter};
use tokio::{net::TcpStream, task::spawn_local};

use crate::{
    event_stream::{self, Pipe, PipeBody, Wish},
    listener::{self, ConnectionPermit},
    metrics::{self, Metrics},
    page,
    session::{self, ShardContext},
    settings::PublishFrom,
    state::{ServerState, Stage},
};

/// Updates in one answer of `/v1/latest`, at most: some megabytes of JSON. Who wants more
/// subscribes.
const LATEST_MAX_UPDATES: usize = 10_000;

pub(crate) type Answer = Response<Full<Bytes>>;
type AnyAnswer = Response<Either<Full<Bytes>, PipeBody>>;

/// Where a request came from and what it is answered with.
#[derive(Debug)]
pub struct Site {
    /// The shard that accepted the connection.
    pub context: Rc<ShardContext>,
    /// How far the server is.
    pub state: Arc<ServerState>,
    /// All numbers.
    pub metrics: Arc<Metrics>,
}

impl Site {
    /// Answers one request.
    pub async fn answer(
        self: Rc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        permit: ConnectionPermit,
    ) -> Result<AnyAnswer, Infallible> {
        if request.uri().path() == "/v1/stream" && is_reading(request.method()) {
            return Ok(self.stream(&request, permit));
        }
        Ok(self.plain(request, peer, permit).map(Either::Left))
    }

    fn plain(
        self: Rc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        permit: ConnectionPermit,
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
            "/metrics" if self.context.settings.admin.is_none() => typed(
                StatusCode::OK,
                metrics::CONTENT_TYPE,
                metrics::text(&self.metrics),
            ),
            "/v1/latest" => self.latest(request.uri().query().unwrap_or("")),
            "/" => welcome(request.headers()),
            // What a browser asks for by itself where no page says better.
            "/favicon.ico" => found(page::asset("/assets/page/icon.svg", request.headers())),
            "/try" => found(page::console(request.headers())),
            _ => found(page::asset(path, request.headers())),
        }
    }

    fn subscriber(
        self: Rc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        permit: ConnectionPermit,
    ) -> Answer {
        let encoding = match encoding(request.headers()) {
            Ok(encoding) => encoding,
            Err(answer) => return *answer,
        };
        let may_publish = match self.context.settings.publish_from {
            PublishFrom::Nobody => false,
            PublishFrom::Loopback => peer.ip().to_canonical().is_loopback(),
            PublishFrom::Anybody => true,
        };
        let context = Rc::clone(&self.context);
        let named = request.headers().contains_key(SEC_WEBSOCKET_PROTOCOL);
        let mut answer = self.upgrade(request, async move |stream, read| {
            session::serve(context, stream, read, encoding, may_publish).await;
            drop(permit);
        });
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS && named {
            let name = HeaderValue::from_static(encoding.subprotocol());
            answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
        }
        answer
    }

    fn echo(self: Rc<Self>, request: Request<Incoming>, permit: ConnectionPermit) -> Answer {
        let write_timeout = self.context.settings.write_timeout;
        self.upgrade(request, async move |stream, read| {
            session::echo(stream, read, write_timeout).await;
            drop(permit);
        })
    }

    /// Answers a handshake, and serves the stream once the answer is out.
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
        if let Err(reason) = check_origin(request.headers(), &self.context.settings.origins) {
            return text(StatusCode::FORBIDDEN, reason);
        }
        match upgrade::upgrade(&mut request) {
            Ok((answer, upgraded)) => {
                spawn_local(async move {
                    match upgraded.await {
                        Ok(socket) => match parts(socket.into_inner().into_inner()) {
                            Some((stream, read)) => serve(stream, read).await,
                            None => tracing::error!("an upgraded connection is no TCP stream"),
                        },
                        Err(error) => tracing::debug!(%error, "the handshake was not finished"),
                    }
                });
                answer.map(|_| Full::default())
            }
            Err(error) => text(StatusCode::BAD_REQUEST, error.to_string()),
        }
    }

    /// Answers with an event stream, or says why not.
    fn stream(self: Rc<Self>, request: &Request<Incoming>, permit: ConnectionPermit) -> AnyAnswer {
        let headers = request.headers();
        let refuse = |status, reason: String| text(status, reason).map(Either::Left);
        if let Err(reason) = check_origin(headers, &self.context.settings.origins) {
            return refuse(StatusCode::FORBIDDEN, reason);
        }
        let wish = match Wish::parse(request.uri().query().unwrap_or(""), headers) {
            Ok(wish) => wish,
            Err(reason) => return refuse(StatusCode::BAD_REQUEST, reason),
        };
        if let Err(reason) = self.check_reading(&wish.filter) {
            return refuse(StatusCode::FORBIDDEN, reason);
        }
        let retry = event_stream::retry();
        // A browser comes back after an answer that ends, but never after one with another status.
        let is_over = self.state.stage() == Stage::Draining || request.method() == Method::HEAD;
        let body = if is_over {
            Either::Left(Full::from(retry))
        } else {
            let pipe = Pipe::new(retry.as_bytes());
            let body = pipe.body();
            let context = Rc::clone(&self.context);
            spawn_local(async move {
                session::stream(context, pipe, wish.into_request()).await;
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
        // nginx would gather events instead of handing them on.
        fields.insert("x-accel-buffering", HeaderValue::from_static("no"));
        if let Some(origin) = headers.get(ORIGIN) {
            fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            fields.insert(VARY, HeaderValue::from_static("origin"));
        }
        answer
    }

    fn check_reading(&self, filter: &Filter) -> Result<(), String> {
        if self.context.settings.may_subscribe(filter) {
            return Ok(());
        }
        Err(format!("reading {filter} is not allowed by the settings"))
    }

    fn latest(&self, query: &str) -> Answer {
        let mut filters = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name != "filter" {
                let reason = format!("there is no parameter {name:?}: use ?filter=");
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
            _ => return text(StatusCode::BAD_REQUEST, "one filter at a time"),
        };
        if let Err(reason) = self.check_reading(filter) {
            return text(StatusCode::FORBIDDEN, reason);
        }
        self.context.take_in();
        let body = self.context.with(|shard, _| {
            let (epoch, position) = (shard.epoch(), shard.position());
            let (updates, is_all) = shard.latest(filter, LATEST_MAX_UPDATES);
            let mut body = format!(
                r#"{{"epoch":"{epoch}","position":{position},"complete":{is_all},"updates":["#
            )
            .into_bytes();
            body.extend(updates.join(&b','));
            body.extend_from_slice(b"]}\n");
            body
        });
        typed(StatusCode::OK, "application/json", body)
    }
}

const WELCOME: &str = "\
Tickcast pushes live data over WebSocket.

  /                    in a browser: all topics live, with charts
  /try                 in a browser: send messages by hand, and see what comes back
  /ws                  subscribe; JSON unless the subprotocol tickcast.v1.bincode is asked for
  /v1/latest?filter=#  the newest value of each topic, as JSON (write # as %23)
  /v1/stream?filter=#  the same as /ws, as server-sent events
  /echo                a WebSocket that returns what it is sent
  /metrics             numbers for Prometheus
  /healthz, /readyz    is it alive, does it take connections

In a browser's console:

  ws = new WebSocket(`ws://${location.host}/ws`)
  ws.onmessage = event => console.log(event.data)
  ws.onopen = () => ws.send('{\"type\":\"subscribe\",\"filters\":[\"#\"],\"max_rate_hz\":1}')
";

/// Whether it is a method that is answered here.
pub(crate) fn is_reading(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn found(file: Option<Answer>) -> Answer {
    file.unwrap_or_else(|| {
        text(
            StatusCode::NOT_FOUND,
            "there is nothing here; / tells what there is",
        )
    })
}

/// The page for browsers, words for all others.
fn welcome(headers: &HeaderMap) -> Answer {
    if page::is_browser(headers)
        && let Some(page) = page::index(headers)
    {
        return page;
    }
    let mut answer = text(StatusCode::OK, WELCOME);
    answer
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("accept"));
    answer
}

/// The encoding of the first subprotocol offered that we know; JSON if none is offered.
fn encoding(headers: &HeaderMap) -> Result<Encoding, Box<Answer>> {
    let mut offered = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .peekable();
    if offered.peek().is_none() {
        return Ok(Encoding::Json);
    }
    offered.find_map(Encoding::from_subprotocol).ok_or_else(|| {
        let known = [Encoding::Bincode, Encoding::Json]
            .map(Encoding::subprotocol)
            .join(" or ");
        Box::new(text(
            StatusCode::BAD_REQUEST,
            format!("none of the subprotocols is known here: use {known}"),
        ))
    })
}

/// A browser says on which site the page lives that wants to connect (RFC 6455, section 10.2).
/// Only the server's own pages and those named in the settings may; programs that are no browsers
/// do not send the header.
fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), String> {
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or("");
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("");
    let is_own = origin
        .split_once("://")
        .is_some_and(|(_, site)| site.eq_ignore_ascii_case(host));
    let is_allowed = allowed
        .iter()
        .any(|allowed| allowed == "*" || allowed == origin);
    if is_own || is_allowed {
        return Ok(());
    }
    Err(format!(
        "pages of {origin:?} may not connect: the setting `origins` lists those that may"
    ))
}

/// The TCP stream of an upgraded connection, and what was read of it already.
fn parts(upgraded: Upgraded) -> Option<(TcpStream, Bytes)> {
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    let stream = parts.io.into_inner();
    if let Err(error) = listener::leave_to_shard(&stream) {
        tracing::debug!(%error, "socket options");
    }
    Some((stream, parts.read_buf))
}

/// Alive, since it answers.
pub(crate) fn healthz() -> Answer {
    text(StatusCode::OK, "ok")
}

/// Whether new connections are welcome.
pub(crate) fn readyz(state: &ServerState) -> Answer {
    match state.stage() {
        Stage::Ready => text(StatusCode::OK, "ready"),
        Stage::Draining => text(StatusCode::SERVICE_UNAVAILABLE, "draining"),
    }
}

/// The answer to another method.
pub(crate) fn only_get() -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here");
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

pub(crate) fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    let mut body = body.into();
    if !body.ends_with('\n') {
        body.push('\n');
    }
    typed(status, "text/plain; charset=utf-8", body)
}

pub(crate) fn typed(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
