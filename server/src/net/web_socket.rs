//! The handshakes of WebSockets: `/ws` and `/echo`.

use std::rc::Rc;

use bytes::Bytes;
use fastwebsockets::upgrade;
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode,
    body::Incoming,
    header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL},
};

use super::{
    answer::{Answer, text},
    gate::{self, Ends, HANDSHAKE, closing},
    request::handshake,
    route::Route,
    routes::{Client, Routes},
    session,
    stream::Stream,
};
use crate::{metrics::RefusalReason, settings::site::Authority};

impl Routes {
    /// Answers a request to the path of a WebSocket. Unless it is a handshake that is accepted, the
    /// connection ends.
    pub(super) fn web_socket(
        &self,
        route: Route,
        request: Request<Incoming>,
        host: Option<&Authority>,
        client: &Client<'_>,
    ) -> Answer {
        if request.method() == Method::OPTIONS {
            return gate::options(HANDSHAKE);
        }
        let version = request.version();
        let checked = self
            .check_handshake(&request, host, client.ends)
            .and_then(|()| self.take_of_address(client.totals(), client.ends));
        let answer = checked.and_then(|()| match route {
            Route::Echo => self.echo(request, client),
            _ => self.subscriber(request, client),
        });
        answer.unwrap_or_else(|refusal| closing(*refusal, version))
    }

    /// Refuses a handshake that is wrong, comes from a page of another site, or comes too late.
    pub(super) fn check_handshake(
        &self,
        request: &Request<Incoming>,
        host: Option<&Authority>,
        ends: Ends,
    ) -> Result<(), Box<Answer>> {
        self.check_draining(ends)?;
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
        client: &Client<'_>,
    ) -> Result<Answer, Box<Answer>> {
        let encoding = handshake::encoding(request.headers())
            .map_err(|error| Box::new(self.refuse_handshake(error, client.ends)))?;
        let standing = self.standing(&request, client.ends)?;
        let access = self.access(client.ends.peer);
        let (shard, admitted) = (Rc::clone(&self.shard), client.admitted(access, standing));
        let message_timeout = self.settings.message_timeout;
        let named = request.headers().contains_key(SEC_WEBSOCKET_PROTOCOL);
        let mut answer = self.upgrade(request, client, async move |stream, read| {
            session::serve(shard, stream, read, encoding, admitted, message_timeout).await;
        })?;
        if named {
            let name = HeaderValue::from_static(encoding.subprotocol());
            answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
        }
        Ok(answer)
    }

    fn echo(&self, request: Request<Incoming>, client: &Client<'_>) -> Result<Answer, Box<Answer>> {
        let (echo, permit) = (Rc::clone(&self.echo), client.permit.clone());
        self.upgrade(request, client, async move |stream, read| {
            echo.serve(stream, read).await;
            drop(permit);
        })
    }

    /// Answers a handshake that was checked, and has the stream served after the answer is sent.
    pub(super) fn upgrade(
        &self,
        mut request: Request<Incoming>,
        client: &Client<'_>,
        serve: impl AsyncFnOnce(Stream, Bytes) + 'static,
    ) -> Result<Answer, Box<Answer>> {
        // hyper would hand over the stream through the second value, in another task.
        let (answer, _) = upgrade::upgrade(&mut request)
            .map_err(|error| Box::new(text(StatusCode::BAD_REQUEST, error.to_string())))?;
        self.take_over(client, serve);
        Ok(answer.map(|_| Full::default()))
    }
}
