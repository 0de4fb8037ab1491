//! The token that a request shows.

use hyper::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL},
};

/// Begins the subprotocol in which a client that cannot set headers sends its token.
const SUBPROTOCOL: &str = "tickcast.bearer.";

/// Parameters of a URL in which clients of other servers send tokens.
const PARAMETERS: [&str; 4] = ["token", "access_token", "bearer", "jwt"];

/// Why a request is refused for its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// There is more than one.
    #[error(
        "there is more than one token: send one, in the header Authorization or in the subprotocol \
         tickcast.bearer.TOKEN"
    )]
    Several,
    /// It is no text that a token can be.
    #[error(
        "there is no token after \"Bearer\" in the header Authorization or after \
         \"tickcast.bearer.\" in the subprotocol, or it has a space or is not ASCII"
    )]
    Malformed,
    /// It is in the URL.
    #[error(
        "the URL has the parameter {0:?}: URLs end up in logs, so send a token in the header \
         `Authorization: Bearer TOKEN`, in the subprotocol tickcast.bearer.TOKEN, or in the first \
         message, `authenticate`. Replace the token that was sent"
    )]
    InUrl(&'static str),
}

impl BearerError {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

/// The token of a request (RFC 6750, section 2.1), if there is one. Other schemes than `Bearer` are
/// for a proxy in between.
pub fn token<'a>(
    headers: &'a HeaderMap,
    query: Option<&str>,
) -> Result<Option<&'a str>, BearerError> {
    let in_url = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find_map(|(name, _)| PARAMETERS.into_iter().find(|other| **other == *name));
    if let Some(name) = in_url {
        return Err(BearerError::InUrl(name));
    }
    let mut found = None;
    let mut add = |token: &'a str| {
        if token.is_empty() || token.contains(char::is_whitespace) {
            return Err(BearerError::Malformed);
        }
        match found.replace(token) {
            None => Ok(()),
            Some(_) => Err(BearerError::Several),
        }
    };
    for value in headers.get_all(AUTHORIZATION) {
        let value = value.to_str().map_err(|_| BearerError::Malformed)?;
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            add(rest.trim())?;
        }
    }
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let Ok(offers) = value.to_str() else {
            let mut parts = value.as_bytes().windows(SUBPROTOCOL.len());
            match parts.any(|part| part == SUBPROTOCOL.as_bytes()) {
                true => return Err(BearerError::Malformed),
                // Subprotocols of others.
                false => continue,
            }
        };
        for offer in offers.split(',') {
            if let Some(token) = offer.trim().strip_prefix(SUBPROTOCOL) {
                add(token)?;
            }
        }
    }
    Ok(found)
}
