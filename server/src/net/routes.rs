//! The routes: which request gets which answer or WebSocket.

use std::{cell::RefCell, io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use fastwebsockets::upgrade;
use http_body_util::{Either, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL},
};
use tickcast_core::permissions::Access;
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_local,
    time::timeout,
};

use super::{
    answer::{self, Answer, healthz, is_reading, readyz, text},
    assets,
    descriptors::RefusalPlace,
    echo::Echo,
    gate::{self, Ends, Gate, HANDSHAKE, READING, closing},
    http_connection,
    http_stream::{HttpLink, HttpStream},
    listener::{self, Admission},
    permits::Permit,
    pipe::PipeBody,
    request::handshake,
    route::Route,
    session,
    shard_handle::{Guest, ShardHandle},
    state::{ServerState, Stage},
    welcome::{found, not_found, welcome},
};
use crate::{
    metrics::{Metrics, RefusalReason},
    settings::{ServerSettings, site::Authority},
    tasks::Task,
};

/// Maximum number of connections of a shard that are told at the same time that there are too many
/// from their address. Further ones are cut without an answer.
pub(super) const TURNED_AWAY_MAX: usize = 32;

/// When a client that is turned away should try again: others may have left then.
const RETRY_AFTER_S: &str = "5";

/// The same while the server drains: another one may answer at once.
const DRAINING_RETRY_AFTER_S: &str = "1";

/// Time for a client that is turned away to send the header of its request.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(1);

/// The same while file descriptors are short, and as much again for the answer. A client sends its
/// request with the handshake of TCP; the descriptor must be free again soon.
const SHORT_TIMEOUT: Duration = Duration::from_millis(250);

pub(super) type AnyAnswer = Response<Either<Full<Bytes>, PipeBody>>;

/// Serves the stream of a handshake after the answer is sent, and gets the bytes already read.
type Session = Box<dyn FnOnce(TcpStream, Bytes)>;

/// The answers of one shard's listener.
#[derive(Debug)]
pub(super) struct Routes {
    /// The shard that accepted the connection.
    pub shard: Rc<ShardHandle>,
    /// The clients of `/echo` on the shard's thread.
    pub echo: Rc<Echo>,
    /// Settings of the whole server.
    pub settings: Arc<ServerSettings>,
    /// The server's stage of life.
    pub state: Arc<ServerState>,
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// Refuses requests.
    pub gate: Arc<Gate>,
    /// Connections that are being told that there are too many from their address.
    pub turned_away: Arc<Semaphore>,
    /// Stands for all tasks of single connections.
    pub connections: Task,
}

/// One connection, as its requests see it.
pub(super) struct Client {
    pub(super) ends: Ends,
    pub(super) permit: Permit,
    /// The connection, for the bounds of an event stream.
    pub(super) link: HttpLink,
    /// Set by the request that upgrades the connection.
    session: RefCell<Option<Session>>,
}

impl Routes {
    /// Serves a new connection, or tells it why not.
    pub(super) fn accepted(
        self: &Rc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        admission: Admission,
    ) {
        let (task, routes) = (&self.connections, Rc::clone(self));
        match admission {
            Admission::Granted(permit) => {
                spawn_local(task.contain(routes.serve(stream, peer, permit)));
            }
            Admission::Short(refusal) => {
                spawn_local(task.contain(routes.tell_short(stream, peer, refusal)));
            }
            Admission::TooMany => {
                let max = self.settings.connections_per_address_max;
                let reason = format!(
                    "too many connections from {} (limit {max}): close some of them, or raise \
                     `connections-per-address-max`",
                    peer.ip()
                );
                let refusal = RefusalReason::Connections;
                self.gate.note(refusal, peer, &reason);
                if let Ok(place) = Arc::clone(&self.turned_away).try_acquire_owned() {
                    spawn_local(task.contain(routes.turn_away(stream, reason, place)));
                }
            }
        }
    }

    /// Serves the requests of one connection.
    async fn serve(self: Rc<Self>, stream: TcpStream, peer: SocketAddr, permit: Permit) {
        let header_timeout = self.settings.handshake_timeout;
        let local = match self.prepare(&stream) {
            Ok(local) => local,
            Err(error) => {
                tracing::debug!(%peer, %error, "socket options");
                return;
            }
        };
        let stream = HttpStream::new(stream);
        let client = Client {
            ends: Ends { peer, local },
            link: stream.link(),
            permit,
            session: RefCell::default(),
        };
        let answer = async |request| self.answer(request, &client).await;
        let rest = http_connection::serve(stream, header_timeout, answer).await;
        let Some(stream) = rest.stream.into_inner() else {
            tracing::error!(%peer, "an event stream still uses a connection that has ended");
            return;
        };
        match client.session.take() {
            Some(session) if rest.is_sent => {
                if let Err(error) = listener::leave_to_shard(&stream) {
                    tracing::debug!(%peer, %error, "cannot set the socket options");
                }
                session(stream, rest.read);
            }
            _ => http_connection::close(stream).await,
        }
    }

    /// Tells a client that there are too many connections from its address. 429 concerns this
    /// client (RFC 6585, section 4); after 503 a load balancer would take the server for broken.
    async fn turn_away(
        self: Rc<Self>,
        stream: TcpStream,
        reason: String,
        place: OwnedSemaphorePermit,
    ) {
        if self.prepare(&stream).is_ok() {
            let answer = async |request: Request<Incoming>| {
                let answer = try_later(StatusCode::TOO_MANY_REQUESTS, reason.clone());
                closing(answer, request.version())
            };
            let rest = http_connection::serve(stream, TURN_AWAY_TIMEOUT, answer).await;
            http_connection::close(rest.stream).await;
        }
        drop(place);
    }

    /// Answers one request of a connection for which file descriptors are short: health as always,
    /// and 503 for everything else.
    async fn tell_short(self: Rc<Self>, stream: TcpStream, peer: SocketAddr, place: RefusalPlace) {
        if let Ok(local) = self.prepare(&stream) {
            let ends = Ends { peer, local };
            let answer = async |request: Request<Incoming>| {
                let answer = self.answer_short(&request, ends);
                closing(answer, request.version())
            };
            let told = async {
                let rest = http_connection::serve(stream, SHORT_TIMEOUT, answer).await;
                // The descriptor of a client that has asked nothing is free at once.
                if rest.is_sent {
                    http_connection::close(rest.stream).await;
                }
            };
            let is_told = tokio::select! {
                told = timeout(2 * SHORT_TIMEOUT, told) => told.is_ok(),
                () = place.is_in_the_way() => false,
            };
            if !is_told {
                tracing::debug!(%peer, "a client that was to be told of the shortage is cut off");
            }
        }
        drop(place);
    }

    fn answer_short(&self, request: &Request<Incoming>, ends: Ends) -> Answer {
        if let Err(refusal) = self.gate.host(request, ends) {
            return *refusal;
        }
        match Route::of(request.uri().path(), self.settings.admin.is_none()) {
            Some(route @ (Route::Healthz | Route::Readyz | Route::Metrics)) => {
                self.plain(route, request, ends)
            }
            _ => {
                let reason = "the server is short of file descriptors; try again later";
                try_later(StatusCode::SERVICE_UNAVAILABLE, reason)
            }
        }
    }

    /// Sets the options of a socket, and returns its own address.
    fn prepare(&self, stream: &TcpStream) -> io::Result<SocketAddr> {
        listener::set_options(stream, self.settings.write_timeout)?;
        stream.local_addr()
    }

    async fn answer(self: &Rc<Self>, request: Request<Incoming>, client: &Client) -> AnyAnswer {
        let host = match self.gate.host(&request, client.ends) {
            Ok(host) => host,
            Err(refusal) => return refusal.map(Either::Left),
        };
        let has_metrics = self.settings.admin.is_none();
        let Some(route) = Route::of(request.uri().path(), has_metrics) else {
            // The target of OPTIONS may be the whole server (RFC 9110, section 9.3.7).
            if request.method() == Method::OPTIONS && request.uri().path() == "*" {
                return gate::options(READING).map(Either::Left);
            }
            return not_found().map(Either::Left);
        };
        if route == Route::Echo && !self.settings.echo {
            let reason = "/echo is switched off by the setting `echo`: set it to true to use it";
            return text(StatusCode::NOT_FOUND, reason).map(Either::Left);
        }
        if route.is_web_socket() {
            let answer = self.web_socket(route, request, host.as_ref(), client);
            return answer.map(Either::Left);
        }
        if !route.is_shared() {
            return self.plain(route, &request, client.ends).map(Either::Left);
        }
        let (method, headers) = (request.method(), request.headers());
        let origin = match self.gate.origin(headers, host.as_ref(), client.ends) {
            Ok(origin) => origin,
            Err(mut refusal) => {
                gate::share(refusal.headers_mut(), None);
                return refusal.map(Either::Left);
            }
        };
        let mut answer = match route {
            Route::Ticket => self.ticket(&request, client.ends).map(Either::Left),
            _ if !is_reading(method) => self.plain(route, &request, client.ends).map(Either::Left),
            Route::Stream => self.stream(&request, client),
            Route::Candles => self.candles(&request, client.ends).await.map(Either::Left),
            _ => self.latest(&request, client.ends).await.map(Either::Left),
        };
        gate::share(answer.headers_mut(), origin);
        if origin.is_some() {
            let methods = match route {
                Route::Ticket => "POST",
                _ => "GET, HEAD",
            };
            gate::share_preflight(method, methods, headers, answer.headers_mut());
        }
        answer
    }

    /// Answers a request for something that every page and program may read, and OPTIONS.
    fn plain(&self, route: Route, request: &Request<Incoming>, ends: Ends) -> Answer {
        let (method, headers) = (request.method(), request.headers());
        if method == Method::OPTIONS {
            return gate::options(READING);
        }
        if !is_reading(method) {
            return self.gate.refuse_method(ends, READING);
        }
        match route {
            Route::Healthz => healthz(&self.metrics),
            Route::Readyz => readyz(&self.state, &self.metrics),
            Route::Metrics => answer::metrics(&self.metrics),
            Route::Welcome => welcome(headers),
            Route::Icon => found(assets::asset("/assets/page/icon.svg", headers)),
            Route::Console => found(assets::console(headers)),
            _ => found(assets::asset(request.uri().path(), headers)),
        }
    }

    /// Answers a request to the path of a WebSocket. Unless it is a handshake that is accepted, the
    /// connection ends.
    fn web_socket(
        self: &Rc<Self>,
        route: Route,
        request: Request<Incoming>,
        host: Option<&Authority>,
        client: &Client,
    ) -> Answer {
        if request.method() == Method::OPTIONS {
            return gate::options(HANDSHAKE);
        }
        let version = request.version();
        let checked = self.check_handshake(&request, host, client.ends);
        let answer = checked.and_then(|()| match route {
            Route::Echo => self.echo(request, client),
            _ => self.subscriber(request, client),
        });
        answer.unwrap_or_else(|refusal| closing(*refusal, version))
    }

    fn check_handshake(
        &self,
        request: &Request<Incoming>,
        host: Option<&Authority>,
        ends: Ends,
    ) -> Result<(), Box<Answer>> {
        if self.state.stage() == Stage::Draining {
            let (reason, status) = (RefusalReason::Draining, StatusCode::SERVICE_UNAVAILABLE);
            let answer = self
                .gate
                .refuse(reason, ends, status, "the server is draining");
            return Err(Box::new(retry_after(answer, DRAINING_RETRY_AFTER_S)));
        }
        let headers = request.headers();
        handshake::check(request.method(), request.version(), headers)
            .map_err(|error| Box::new(self.refuse_handshake(error, ends)))?;
        self.gate.origin(headers, host, ends)?;
        Ok(())
    }

    fn refuse_handshake(&self, error: handshake::HandshakeError, ends: Ends) -> Answer {
        if error == handshake::HandshakeError::Method {
            return self.gate.refuse_method(ends, HANDSHAKE);
        }
        let reason = RefusalReason::Handshake;
        let mut answer = self
            .gate
            .refuse(reason, ends, error.status(), error.to_string());
        answer.headers_mut().extend(error.headers());
        answer
    }

    fn subscriber(
        &self,
        request: Request<Incoming>,
        client: &Client,
    ) -> Result<Answer, Box<Answer>> {
        let encoding = handshake::encoding(request.headers())
            .map_err(|error| Box::new(self.refuse_handshake(error, client.ends)))?;
        let standing = self.standing(&request, client.ends)?;
        let access = Access {
            may_publish: self.settings.publish_from.includes(client.ends.peer.ip()),
        };
        let guest = Guest {
            peer: client.ends.peer,
            access,
            standing,
        };
        let (shard, permit) = (Rc::clone(&self.shard), client.permit.clone());
        let message_timeout = self.settings.message_timeout;
        let named = request.headers().contains_key(SEC_WEBSOCKET_PROTOCOL);
        let mut answer = self.upgrade(request, client, async move |stream, read| {
            session::serve(shard, stream, read, encoding, guest, message_timeout).await;
            drop(permit);
        })?;
        if named {
            let name = HeaderValue::from_static(encoding.subprotocol());
            answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
        }
        Ok(answer)
    }

    fn echo(&self, request: Request<Incoming>, client: &Client) -> Result<Answer, Box<Answer>> {
        let (echo, permit) = (Rc::clone(&self.echo), client.permit.clone());
        self.upgrade(request, client, async move |stream, read| {
            echo.serve(stream, read).await;
            drop(permit);
        })
    }

    /// Answers a handshake that was checked, and has the stream served after the answer is sent.
    fn upgrade(
        &self,
        mut request: Request<Incoming>,
        client: &Client,
        serve: impl AsyncFnOnce(TcpStream, Bytes) + 'static,
    ) -> Result<Answer, Box<Answer>> {
        // hyper would hand over the stream through the second value, in another task.
        let (answer, _) = upgrade::upgrade(&mut request)
            .map_err(|error| Box::new(text(StatusCode::BAD_REQUEST, error.to_string())))?;
        let connections = self.connections.clone();
        let session: Session = Box::new(move |stream, read| {
            spawn_local(connections.contain(async move { serve(stream, read).await }));
        });
        client.session.replace(Some(session));
        Ok(answer.map(|_| Full::default()))
    }
}

/// A refusal that does not last.
pub(super) fn try_later(status: StatusCode, reason: impl Into<String>) -> Answer {
    retry_after(text(status, reason), RETRY_AFTER_S)
}

fn retry_after(mut answer: Answer, seconds: &'static str) -> Answer {
    let seconds = HeaderValue::from_static(seconds);
    answer.headers_mut().insert(RETRY_AFTER, seconds);
    answer
}
