//! Who sends a request: the standing of a client by the token that its request shows.

use hyper::{
    Request, StatusCode,
    header::{HeaderValue, WWW_AUTHENTICATE},
};
use tickcast_core::{
    Refusal,
    identity::{Standing, Who},
};
use tickcast_protocol::error::ErrorCode;

use super::{
    answer::{Answer, try_later},
    gate::Ends,
    request::bearer,
    routes::Routes,
};
use crate::metrics::RefusalReason;

/// What a client has to do to be known (RFC 6750, section 3).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"tickcast\"");
const CHALLENGE_REFUSED: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"tickcast\", error=\"invalid_token\"");

impl Routes {
    /// The standing of a WebSocket's client, who may still prove an identity by a message; `None`
    /// if the server has no identities.
    pub(super) fn standing<B>(
        &self,
        request: &Request<B>,
        ends: Ends,
    ) -> Result<Option<Standing>, Box<Answer>> {
        let Some(auth) = &self.shard.auth else {
            return Ok(None);
        };
        let token = bearer::token(request.headers(), request.uri().query());
        let token = token.map_err(|error| {
            let reason = RefusalReason::Token;
            Box::new(
                self.gate
                    .refuse(reason, ends, error.status(), error.to_string()),
            )
        })?;
        let standing = auth.begin(token, self.shard.clock.now());
        let standing = standing.map_err(|refusal| self.refuse_token(refusal, ends))?;
        self.take_of_identity(&standing, ends)?;
        Ok(Some(standing))
    }

    /// The standing of a client that cannot prove an identity later.
    pub(super) fn known<B>(
        &self,
        request: &Request<B>,
        ends: Ends,
    ) -> Result<Option<Standing>, Box<Answer>> {
        let standing = self.standing(request, ends)?;
        let is_unknown = |standing: &Standing| matches!(standing.who(), Who::Unknown);
        if standing.as_ref().is_some_and(is_unknown) {
            let reason = "this server needs a token: send the header `Authorization: Bearer TOKEN`";
            let refusal = Refusal::new(ErrorCode::NotAuthenticated, reason);
            return Err(self.refuse_token(refusal, ends));
        }
        Ok(standing)
    }

    fn refuse_token(&self, Refusal { code, reason }: Refusal, ends: Ends) -> Box<Answer> {
        if code == ErrorCode::TooManyConnections {
            self.gate
                .note(RefusalReason::IdentityConnections, ends.peer, &reason);
            return Box::new(try_later(StatusCode::TOO_MANY_REQUESTS, reason));
        }
        let status = StatusCode::UNAUTHORIZED;
        let mut answer = self.gate.refuse(RefusalReason::Token, ends, status, reason);
        let challenge = match code {
            ErrorCode::NotAuthenticated => CHALLENGE,
            _ => CHALLENGE_REFUSED,
        };
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        Box::new(answer)
    }
}
