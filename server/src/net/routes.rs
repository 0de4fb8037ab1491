//! The routes: which request gets which answer or WebSocket.

use std::{
    cell::RefCell,
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use tickcast_core::{
    identity::Standing,
    permissions::Access,
    shard::Publisher,
    totals::{TotalLimits, Totals},
};
use tokio::{sync::Semaphore, task::spawn_local};

use super::{
    answer::{self, Answer, healthz, is_reading, readyz, retry_after, text, try_later},
    arrival::{Admission, ListenerInfo},
    assets,
    echo::Echo,
    gate::{self, Ends, Gate, READING},
    http_connection,
    http_stream::{HeadAlone, HttpLink, HttpStream},
    peer::Peer,
    permits::{Permit, Permits},
    pipe::PipeBody,
    preamble,
    request::forwarded,
    route::{Route, Wanted},
    session::Admitted,
    shard_handle::{Guest, ShardHandle},
    socket_io::Sessions,
    state::{ServerState, Stage},
    stream::Stream,
    welcome::{found, not_found, welcome},
};
use crate::{
    metrics::{Metrics, RefusalReason},
    settings::{ServerSettings, listen::OffPath},
    tasks::Task,
};

/// When a client should try again while the server drains: another one may answer at once.
const DRAINING_RETRY_AFTER_S: &str = "1";

pub(super) type AnyAnswer = Response<Either<Full<Bytes>, Either<PipeBody, HeadAlone>>>;

/// Serves the connection of a WebSocket or an event stream after the answer, or its head, is sent.
/// It gets the bytes already read.
type Session = Box<dyn FnOnce(Stream, Bytes)>;

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
    /// Clients of Socket.IO that poll, of all shards.
    pub socket_io: Arc<Sessions>,
    /// Counts the connections of each address.
    pub permits: Arc<Permits>,
    /// Connections that are being told that there are too many from their address.
    pub turned_away: Arc<Semaphore>,
    /// Answers about history that are under way.
    pub histories: Arc<Semaphore>,
    /// Stands for all tasks of single connections.
    pub connections: Task,
}

/// One connection, as its requests see it.
pub(super) struct Connection {
    ends: Ends,
    permit: Permit,
    info: Arc<ListenerInfo>,
    /// Whether its requests say for which client they are.
    is_proxy: bool,
    /// Whether the settings have limits for all connections of an address together.
    is_limited: bool,
    /// The connection, for bodies that are written little by little.
    link: HttpLink,
    /// What its publishes share.
    publisher: RefCell<Option<Publisher>>,
    /// Set by the request that takes the connection over.
    session: RefCell<Option<Session>>,
}

/// The client of one request.
pub(super) struct Client<'a> {
    pub(super) ends: Ends,
    pub(super) permit: Permit,
    connection: &'a Connection,
}

impl Client<'_> {
    /// The connection, for bodies that are written little by little.
    pub(super) fn link(&self) -> HttpLink {
        self.connection.link.clone()
    }

    /// What the publishes of its connection share, once there was one.
    pub(super) fn publisher(&self) -> &RefCell<Option<Publisher>> {
        &self.connection.publisher
    }

    /// What all connections of its address use together, if the settings limit that.
    pub(super) fn limited_totals(&self) -> Option<&Arc<Totals>> {
        self.totals().filter(|_| self.connection.is_limited)
    }

    /// What all connections of its address use together, if they are counted.
    pub(super) fn totals(&self) -> Option<&Arc<Totals>> {
        self.permit.totals()
    }

    /// What a session needs to know about it.
    pub(super) fn admitted(&self, access: Access, standing: Option<Standing>) -> Admitted {
        let connection = self.connection;
        let is_hidden = connection.is_proxy || connection.info.hides_peers;
        let peer = self.ends.peer;
        Admitted {
            guest: Guest {
                peer,
                name: is_hidden.then(|| peer.to_string().into()),
                access,
                standing,
                address: self.limited_totals().cloned(),
            },
            permit: self.permit.clone(),
        }
    }
}

impl Routes {
    /// Serves a new connection, or tells it why not.
    pub(super) fn accepted(
        self: &Rc<Self>,
        stream: Stream,
        peer: Peer,
        info: &Arc<ListenerInfo>,
        admission: Admission,
    ) {
        let (task, routes, info) = (&self.connections, Rc::clone(self), Arc::clone(info));
        match admission {
            Admission::Granted(permit) => {
                spawn_local(task.contain(routes.serve(stream, peer, info, permit)));
            }
            Admission::Short(refusal) => {
                spawn_local(task.contain(routes.tell_short(stream, peer, info, refusal)));
            }
            Admission::TooMany => {
                let reason = self.too_many(peer);
                if let Ok(place) = Arc::clone(&self.turned_away).try_acquire_owned() {
                    spawn_local(task.contain(routes.turn_away(stream, info, reason, place)));
                }
            }
        }
    }

    /// Counts and logs that there are too many connections from an address. Returns the reason.
    pub(super) fn too_many(&self, peer: Peer) -> String {
        let reason = preamble::too_many(peer, self.settings.connections_per_address_max);
        self.gate.note(RefusalReason::Connections, peer, &reason);
        reason
    }

    /// Serves the requests of one connection.
    async fn serve(
        self: Rc<Self>,
        stream: Stream,
        peer: Peer,
        info: Arc<ListenerInfo>,
        permit: Permit,
    ) {
        let header_timeout = self.settings.handshake_timeout;
        let ends = match self.prepare(&stream, peer, &info) {
            Ok(ends) => ends,
            Err(error) => {
                tracing::debug!(%peer, %error, "socket options");
                return;
            }
        };
        let stream = HttpStream::new(stream);
        let connection = Connection {
            ends,
            is_proxy: peer.is_trusted(&self.settings.trusted_proxies),
            is_limited: self.settings.of_address() != TotalLimits::default(),
            info,
            link: stream.link(),
            permit,
            publisher: RefCell::default(),
            session: RefCell::default(),
        };
        let answer = async |request| self.answer(request, &connection).await;
        let is_head_sent = || connection.link.is_head_sent();
        let rest = http_connection::serve_until(stream, header_timeout, answer, is_head_sent).await;
        let Some(stream) = rest.stream.into_inner() else {
            tracing::error!(%peer, "an answer still uses a connection that has ended");
            return;
        };
        if !rest.is_sent
            && let Some(reason) = preamble::unexpected(&rest.read)
        {
            self.gate.note(RefusalReason::Preamble, peer, reason);
        }
        match connection.session.take() {
            Some(session) if rest.is_sent => {
                // The shard counts and reports a client that does not read.
                if let Err(error) = stream.set_unread_timeout(None)
                    && !connection.info.is_unix
                {
                    tracing::debug!(%peer, %error, "cannot set the socket options");
                }
                session(stream, rest.read);
            }
            _ => http_connection::close(stream).await,
        }
    }

    /// Sets the options of a socket, and returns both ends.
    pub(super) fn prepare(
        &self,
        stream: &Stream,
        peer: Peer,
        info: &ListenerInfo,
    ) -> io::Result<Ends> {
        let is_tls = info.is_tls;
        let local = if info.is_unix {
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
        } else {
            stream.set_options(self.settings.write_timeout)?;
            stream.local_addr()?
        };
        Ok(Ends {
            peer,
            local,
            is_tls,
        })
    }

    /// The paths that exist at a listener.
    pub(super) fn wanted(&self, info: &ListenerInfo) -> Wanted {
        Wanted {
            metrics: self.settings.admin.is_none() && info.has(OffPath::Metrics),
            console: info.has(OffPath::Try),
        }
    }

    /// The client that a request comes from.
    fn client<'a>(
        &self,
        request: &Request<Incoming>,
        connection: &'a Connection,
    ) -> Result<Client<'a>, Box<Answer>> {
        let (mut ends, mut permit) = (connection.ends, connection.permit.clone());
        if connection.is_proxy {
            let trusted = &self.settings.trusted_proxies;
            ends.peer = forwarded::client(request.headers(), ends.peer, trusted);
            let taken = self.permits.take(ends.peer);
            permit = taken.ok_or_else(|| {
                let reason = self.too_many(ends.peer);
                Box::new(try_later(StatusCode::TOO_MANY_REQUESTS, reason))
            })?;
        }
        Ok(Client {
            ends,
            permit,
            connection,
        })
    }

    async fn answer(
        self: &Rc<Self>,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> AnyAnswer {
        let client = match self.client(&request, connection) {
            Ok(client) => client,
            Err(refusal) => return refusal.map(Either::Left),
        };
        let client = &client;
        let host = match self.gate.host(&request, client.ends) {
            Ok(host) => host,
            Err(refusal) => return refusal.map(Either::Left),
        };
        let info = &connection.info;
        let Some(route) = Route::of(request.uri().path(), self.wanted(info)) else {
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
        if route == Route::Echo && !info.has(OffPath::Echo) {
            return not_found().map(Either::Left);
        }
        if route == Route::SocketIo {
            return self.socket_io(request, host.as_ref(), client).await;
        }
        if route.is_web_socket() {
            let answer = self.web_socket(route, request, host.as_ref(), client);
            return answer.map(Either::Left);
        }
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, ());
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
        let taken = self.take_of_address(client.totals(), client.ends);
        let mut answer = match (taken, route) {
            (Err(refusal), _) => refusal.map(Either::Left),
            (_, Route::Ticket) => self.ticket(&request, client.ends).map(Either::Left),
            (_, Route::Publish) => self.publish(&request, body, client).await.map(Either::Left),
            _ if !is_reading(method) => self.plain(route, &request, client.ends).map(Either::Left),
            (_, Route::Stream) => self.stream(&request, client),
            (_, Route::History) => self.history(&request, client).await,
            (_, Route::Candles) => self.candles(&request, client.ends).await.map(Either::Left),
            _ => self.latest(&request, client.ends).await.map(Either::Left),
        };
        gate::share(answer.headers_mut(), origin);
        if origin.is_some() {
            let methods = match route {
                Route::Ticket | Route::Publish => "POST",
                _ => "GET, HEAD",
            };
            gate::share_preflight(method, methods, headers, answer.headers_mut());
        }
        answer
    }

    /// Answers a request for something that every page and program may read, and OPTIONS.
    pub(super) fn plain<B>(&self, route: Route, request: &Request<B>, ends: Ends) -> Answer {
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
            Route::Cluster => answer::cluster(&self.metrics),
            Route::Welcome => welcome(headers),
            Route::Icon => found(assets::asset("/assets/page/icon.svg", headers)),
            Route::Console => found(assets::console(headers)),
            _ => found(assets::asset(request.uri().path(), headers)),
        }
    }

    /// Refuses what begins while the server drains.
    pub(super) fn check_draining(&self, ends: Ends) -> Result<(), Box<Answer>> {
        if self.state.stage() != Stage::Draining {
            return Ok(());
        }
        let (reason, status) = (RefusalReason::Draining, StatusCode::SERVICE_UNAVAILABLE);
        let answer = self
            .gate
            .refuse(reason, ends, status, "the server is draining");
        Err(Box::new(retry_after(answer, DRAINING_RETRY_AFTER_S)))
    }

    /// What the settings allow a client at an address.
    pub(super) fn access(&self, peer: Peer) -> Access {
        Access {
            may_publish: self.settings.publish_from.includes(peer.is_local()),
        }
    }

    /// Has the connection served by a session after the answer, or its head, is sent.
    pub(super) fn take_over(
        &self,
        client: &Client<'_>,
        serve: impl AsyncFnOnce(Stream, Bytes) + 'static,
    ) {
        let connections = self.connections.clone();
        let session: Session = Box::new(move |stream, read| {
            spawn_local(connections.contain(async move { serve(stream, read).await }));
        });
        client.connection.session.replace(Some(session));
    }
}
