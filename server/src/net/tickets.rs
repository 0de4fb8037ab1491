//! `/v1/ticket`: a ticket for an event stream, for pages, whose `EventSource` sends no header.

use hyper::{
    Method, Request, StatusCode,
    header::{CACHE_CONTROL, HeaderValue},
};
use tickcast_core::{
    Refusal,
    identity::{Standing, Who},
};
use tickcast_protocol::error::ErrorCode;

use super::{
    answer::{Answer, text, try_later, typed},
    gate::{self, Ends, POSTING},
    request::bearer,
    routes::Routes,
};
use crate::{auth::TICKET_LIFE, metrics::RefusalReason};

impl Routes {
    /// Gives a ticket to a client that has shown a token.
    pub(super) fn ticket<B>(&self, request: &Request<B>, ends: Ends) -> Answer {
        match *request.method() {
            Method::POST => {}
            Method::OPTIONS => return gate::options(POSTING),
            _ => return self.gate.refuse_method(ends, POSTING),
        }
        let Some(auth) = &self.shard.auth else {
            let reason = "the server has no identities: read without a ticket";
            return text(StatusCode::NOT_FOUND, reason);
        };
        let standing = match self.known(request, ends) {
            Ok(standing) => standing,
            Err(refusal) => return *refusal,
        };
        let identity = standing.as_ref().and_then(Standing::identity);
        let Some(identity) = identity.filter(|identity| !identity.claims.is_anonymous()) else {
            let reason = "a client without a token needs no ticket: send the header \
                          `Authorization: Bearer TOKEN` to get one";
            let refusal = RefusalReason::Ticket;
            return self
                .gate
                .refuse(refusal, ends, StatusCode::UNAUTHORIZED, reason);
        };
        let ticket = match auth.ticket(identity, self.shard.clock.now()) {
            Ok(ticket) => ticket,
            Err(error) => {
                let reason = error.to_string();
                self.gate.note(RefusalReason::Ticket, ends.peer, &reason);
                return try_later(StatusCode::TOO_MANY_REQUESTS, reason);
            }
        };
        if let Some(audit) = &self.shard.audit {
            audit.ticket(ends.peer, identity);
        }
        let life_ms = TICKET_LIFE.as_millis();
        let body = format!("{{\"ticket\":\"{ticket}\",\"expires_in_ms\":{life_ms}}}\n");
        let mut answer = typed(StatusCode::OK, "application/json", body.into_bytes());
        let store = HeaderValue::from_static("no-store");
        answer.headers_mut().insert(CACHE_CONTROL, store);
        answer
    }

    /// The standing of an event stream's client, by a ticket or by a token.
    pub(super) fn known_for_stream<B>(
        &self,
        request: &Request<B>,
        ends: Ends,
    ) -> Result<Option<Standing>, Box<Answer>> {
        let query = request.uri().query().unwrap_or("");
        let ticket = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "ticket");
        let (Some(auth), Some((_, ticket))) = (&self.shard.auth, ticket) else {
            return self.known(request, ends);
        };
        let refuse = |status, reason: String| {
            let refusal = RefusalReason::Ticket;
            Box::new(self.gate.refuse(refusal, ends, status, reason))
        };
        // A token in the URL is refused as well.
        let token = bearer::token(request.headers(), Some(query))
            .map_err(|error| refuse(error.status(), error.to_string()))?;
        if token.is_some() {
            let reason = "there are a token and a ticket: send one of them";
            return Err(refuse(StatusCode::BAD_REQUEST, reason.to_owned()));
        }
        let redeemed = auth.redeem(&ticket, self.shard.clock.now());
        let standing = redeemed.map_err(|Refusal { code, reason }| match code {
            ErrorCode::TooManyConnections => {
                let refusal = RefusalReason::IdentityConnections;
                self.gate.note(refusal, ends.peer, &reason);
                Box::new(try_later(StatusCode::TOO_MANY_REQUESTS, reason))
            }
            _ => refuse(StatusCode::UNAUTHORIZED, reason),
        })?;
        debug_assert!(matches!(standing.who(), Who::Known(_)));
        self.take_of_identity(&standing, ends)?;
        Ok(Some(standing))
    }
}
