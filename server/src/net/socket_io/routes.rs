//! `/socket.io/`: which request gets which answer.

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;
use http_body_util::Either;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};
use tickcast_protocol::codec::CLIENT_MESSAGE_MAX_BYTES;
use tokio::{task::spawn_local, time::timeout};

use super::{
    connect::Visitor,
    exchange::{Exchange, Refused},
    packet::SEPARATOR,
    payload::Payload,
    session::{self, TIMES},
    sessions::SessionId,
    talk,
};
use crate::{
    metrics::RefusalReason,
    net::{
        answer::{Answer, try_later, typed},
        arrival::Arrived,
        body,
        gate::{self, closing},
        pipe::Pipe,
        request::bearer,
        routes::{AnyAnswer, Client, Routes},
    },
    settings::site::Authority,
};

/// The methods of this path.
const METHODS: &str = "GET, POST, OPTIONS";

/// Longest body of a request with packets. A client divides what is longer.
const POST_MAX_BYTES: usize = CLIENT_MESSAGE_MAX_BYTES;

/// Maximum number of packets in a request: shorter ones than those of a publisher are pongs.
const POST_PACKETS_MAX: usize = 512;

const TEXT: &str = "text/plain; charset=UTF-8";

/// The version of Engine.IO that is spoken here.
const VERSION: &str = "4";

/// What is wrong with a request, by the number that clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Transport = 0,
    Session = 1,
    Method = 2,
    Request = 3,
    Version = 5,
}

impl Wrong {
    fn text(self) -> &'static str {
        match self {
            Self::Transport => "Transport unknown",
            Self::Session => "Session ID unknown",
            Self::Method => "Bad handshake method",
            Self::Request => "Bad request",
            Self::Version => "Unsupported protocol version",
        }
    }
}

/// The parameters of a request.
#[derive(Debug, PartialEq, Eq)]
struct Params {
    is_web_socket: bool,
    session: Option<SessionId>,
}

impl Params {
    /// Parses a query. Parameters of clients' programs are theirs.
    fn parse(query: &str) -> Result<Self, Wrong> {
        let (mut version, mut transport, mut sid) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "EIO" => version = Some(value),
                "transport" => transport = Some(value),
                "sid" => sid = Some(value),
                _ => {}
            }
        }
        let is_web_socket = match transport.as_deref() {
            Some("polling") => false,
            Some("websocket") => true,
            _ => return Err(Wrong::Transport),
        };
        if version.as_deref() != Some(VERSION) {
            return Err(Wrong::Version);
        }
        let session = match sid {
            None => None,
            Some(sid) => Some(SessionId::parse(&sid).ok_or(Wrong::Session)?),
        };
        Ok(Self {
            is_web_socket,
            session,
        })
    }
}

impl Routes {
    /// Answers a request of a client of Socket.IO.
    pub(in crate::net) async fn socket_io(
        self: &Rc<Self>,
        request: Request<Incoming>,
        host: Option<&Authority>,
        client: &Client<'_>,
    ) -> AnyAnswer {
        let ends = client.ends;
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let origin = match self.gate.origin(&headers, host, ends) {
            Ok(origin) => origin,
            Err(mut refusal) => {
                gate::share(refusal.headers_mut(), None);
                return refusal.map(Either::Left);
            }
        };
        let taken = self.take_of_address(client.totals(), ends);
        let params = Params::parse(request.uri().query().unwrap_or(""));
        let mut answer = match (taken, params) {
            (Err(refusal), _) => refusal.map(Either::Left),
            _ if method == Method::OPTIONS => gate::options(METHODS).map(Either::Left),
            (_, Err(wrong)) => self.wrong(wrong, client).map(Either::Left),
            (_, Ok(params)) if params.is_web_socket => {
                let answer = self.socket_io_upgrade(params, request, host, client);
                return answer.map(Either::Left);
            }
            (_, Ok(Params { session: None, .. })) => match method {
                Method::GET => self.socket_io_begin(&request, client).map(Either::Left),
                _ => self.wrong(Wrong::Method, client).map(Either::Left),
            },
            (
                _,
                Ok(Params {
                    session: Some(id), ..
                }),
            ) => match self.socket_io.find(id) {
                None => self.wrong(Wrong::Session, client).map(Either::Left),
                Some(exchange) => match method {
                    Method::GET => self.poll(exchange, client),
                    Method::POST => self
                        .take_post(&exchange, request, client)
                        .await
                        .map(Either::Left),
                    _ => self.gate.refuse_method(ends, METHODS).map(Either::Left),
                },
            },
        };
        gate::share(answer.headers_mut(), origin);
        if origin.is_some() {
            gate::share_preflight(&method, "GET, POST", &headers, answer.headers_mut());
        }
        answer
    }

    fn wrong(&self, wrong: Wrong, client: &Client<'_>) -> Answer {
        let text = wrong.text();
        self.gate
            .note(RefusalReason::Parameters, client.ends.peer, text);
        let body = format!("{{\"code\":{},\"message\":\"{text}\"}}", wrong as u8);
        typed(
            StatusCode::BAD_REQUEST,
            "application/json",
            body.into_bytes(),
        )
    }

    /// The client of a request, before it says who it is.
    fn visitor(
        &self,
        request: &Request<Incoming>,
        client: &Client<'_>,
    ) -> Result<Visitor, Box<Answer>> {
        let token = bearer::token(request.headers(), request.uri().query()).map_err(|error| {
            let (reason, status) = (RefusalReason::Token, error.status());
            let text = error.to_string();
            Box::new(self.gate.refuse(reason, client.ends, status, text))
        })?;
        let access = self.access(client.ends.peer);
        Ok(Visitor {
            shard: Rc::clone(&self.shard),
            settings: Arc::clone(&self.settings),
            gate: Arc::clone(&self.gate),
            ends: client.ends,
            admitted: client.admitted(access, None),
            token: token.map(str::to_owned),
        })
    }

    /// Begins a session with polls.
    fn socket_io_begin(&self, request: &Request<Incoming>, client: &Client<'_>) -> Answer {
        let peer = client.ends.peer;
        let visitor = self
            .check_draining(client.ends)
            .and_then(|()| self.visitor(request, client));
        let mut visitor = match visitor {
            Ok(visitor) => visitor,
            Err(refusal) => return *refusal,
        };
        // The session outlives the connection of this request.
        let Some(permit) = self.permits.take(peer) else {
            return try_later(StatusCode::TOO_MANY_REQUESTS, self.too_many(peer));
        };
        visitor.admitted.permit = permit;
        let (exchange, incoming) = Exchange::new();
        let Some(entry) = self.socket_io.add(exchange) else {
            let reason = "too many clients of Socket.IO poll: begin with transport websocket";
            self.gate.note(RefusalReason::Connections, peer, reason);
            return try_later(StatusCode::SERVICE_UNAVAILABLE, reason);
        };
        let id = entry.id.to_string();
        let open = talk::open(&id, true, TIMES, POST_MAX_BYTES);
        let serving = session::serve_polls(visitor, entry, incoming);
        spawn_local(self.connections.contain(serving));
        typed(StatusCode::OK, TEXT, open)
    }

    /// Answers a poll as soon as there is a packet.
    fn poll(&self, exchange: Arc<Exchange>, client: &Client<'_>) -> AnyAnswer {
        match exchange.begin_poll() {
            Ok(()) => {}
            Err(Refused::Gone) => return self.wrong(Wrong::Session, client).map(Either::Left),
            Err(Refused::Overlap) => return self.wrong(Wrong::Request, client).map(Either::Left),
        }
        let pipe = Pipe::new(client.link());
        let mut answer = Response::new(Either::Right(Either::Left(pipe.body())));
        let fields = answer.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let poll = Poll {
            exchange,
            pipe,
            has_taken: false,
            is_done: false,
        };
        let write_timeout = self.settings.write_timeout;
        spawn_local(self.connections.contain(async move {
            // A poll that takes longer is given up when it is dropped.
            poll.run(write_timeout).await;
        }));
        answer
    }

    /// Takes the packets of a request.
    async fn take_post(
        &self,
        exchange: &Arc<Exchange>,
        request: Request<Incoming>,
        client: &Client<'_>,
    ) -> Answer {
        match exchange.begin_post() {
            Ok(()) => {}
            Err(Refused::Gone) => return self.wrong(Wrong::Session, client),
            Err(Refused::Overlap) => return self.wrong(Wrong::Request, client),
        }
        let _posting = Posting(exchange);
        let version = request.version();
        let body = request.into_body();
        let read = body::read(body, POST_MAX_BYTES, self.settings.message_timeout).await;
        let Ok(body) = read else {
            let reason = format!("the body is longer than maxPayload ({POST_MAX_BYTES} bytes)");
            let (refusal, status) = (RefusalReason::Parameters, StatusCode::PAYLOAD_TOO_LARGE);
            let answer = self.gate.refuse(refusal, client.ends, status, reason);
            return closing(answer, version);
        };
        let Ok(text) = std::str::from_utf8(&body) else {
            return self.wrong(Wrong::Request, client);
        };
        if text.split(SEPARATOR).count() > POST_PACKETS_MAX {
            return self.wrong(Wrong::Request, client);
        }
        for packet in text.split(SEPARATOR) {
            if !exchange.push(packet.to_owned()).await {
                return self.wrong(Wrong::Session, client);
            }
        }
        typed(StatusCode::OK, TEXT, "ok")
    }

    /// Answers a WebSocket's handshake, for a new session or for one that polls.
    fn socket_io_upgrade(
        self: &Rc<Self>,
        params: Params,
        request: Request<Incoming>,
        host: Option<&Authority>,
        client: &Client<'_>,
    ) -> Answer {
        let version = request.version();
        let answer = self
            .check_handshake(&request, host, client.ends)
            .and_then(|()| match params.session {
                None => {
                    let visitor = self.visitor(&request, client)?;
                    self.upgrade(request, client, async move |stream, read| {
                        session::serve_web_socket(visitor, stream, read).await;
                    })
                }
                Some(id) => {
                    let exchange = self.socket_io.find(id);
                    let exchange =
                        exchange.ok_or_else(|| Box::new(self.wrong(Wrong::Session, client)))?;
                    self.upgrade(request, client, async move |stream, read: Bytes| {
                        match Arrived::of(stream) {
                            // If it is not taken, the client sees its end and goes on with polls.
                            Ok(stream) => exchange.offer(stream, read),
                            Err(error) => tracing::debug!(%error, "cannot hand a WebSocket over"),
                        }
                    })
                }
            });
        answer.unwrap_or_else(|refusal| closing(*refusal, version))
    }
}

/// A request with packets is over when this is dropped.
struct Posting<'a>(&'a Exchange);

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.0.end_post();
    }
}

/// The answer to a poll, while it is made.
struct Poll {
    exchange: Arc<Exchange>,
    pipe: Pipe,
    /// Whether packets were taken that the client may not get.
    has_taken: bool,
    is_done: bool,
}

impl Poll {
    /// Moves packets from the exchange to the answer, until it is complete or its client has gone.
    async fn run(mut self, write_timeout: std::time::Duration) {
        let mut payload = Payload::default();
        let mut is_last = false;
        while !is_last {
            let mut part = Vec::new();
            tokio::select! {
                ended = self.exchange.next_part(&mut payload, &mut part) => is_last = ended,
                () = self.pipe.gone() => return,
            }
            self.has_taken |= !part.is_empty();
            let mut rest = part.as_slice();
            while !rest.is_empty() {
                match self.pipe.try_write(rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        if timeout(write_timeout, self.pipe.writable()).await.is_err() {
                            return;
                        }
                    }
                    Err(_) => return,
                }
            }
        }
        // A full pipe would be broken off.
        if timeout(write_timeout, self.pipe.writable()).await.is_ok() {
            self.is_done = true;
        }
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        match (self.is_done, self.has_taken) {
            (true, _) => return self.pipe.end(),
            (false, true) => self.exchange.lose(),
            (false, false) => self.exchange.give_up_poll(),
        }
        self.pipe.break_off();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_are_those_of_engine_io_4() {
        let sid = "0123456789abcdef0123456789abcdef";
        let parsed = Params::parse(&format!("EIO=4&transport=polling&t=abc&sid={sid}"));
        let id = SessionId::parse(sid);
        assert_eq!(
            parsed,
            Ok(Params {
                is_web_socket: false,
                session: id
            })
        );
        for (query, wrong) in [
            ("", Wrong::Transport),
            ("EIO=4", Wrong::Transport),
            ("EIO=4&transport=flash", Wrong::Transport),
            ("EIO=3&transport=polling", Wrong::Version),
            ("transport=websocket", Wrong::Version),
            ("EIO=4&transport=polling&sid=x", Wrong::Session),
        ] {
            assert_eq!(Params::parse(query), Err(wrong), "{query}");
        }
    }
}
