//! The gate of both addresses: refuses requests for their host or origin, and counts and logs all
//! refusals.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use hyper::{
    HeaderMap, Method, Request, StatusCode, Version,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CONNECTION, HeaderValue,
        ORIGIN, VARY,
    },
};

use super::{
    answer::{Answer, text},
    refusal_log::RefusalLog,
    request::{host, origin},
};
use crate::{
    metrics::{Metrics, RefusalReason},
    settings::{ServerSettings, site::Authority},
};

/// The methods of all paths but those of WebSockets.
pub(super) const READING: &str = "GET, HEAD, OPTIONS";

/// The methods of the paths of WebSockets.
pub(super) const HANDSHAKE: &str = "GET, OPTIONS";

/// Both ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// The client's address.
    pub peer: SocketAddr,
    /// The server's address at which the connection arrived.
    pub local: SocketAddr,
}

/// The gate; see the module.
#[derive(Debug)]
pub(crate) struct Gate {
    settings: Arc<ServerSettings>,
    metrics: Arc<Metrics>,
    start: Instant,
    log: Mutex<RefusalLog>,
}

impl Gate {
    /// The gate of a server.
    pub(crate) fn new(settings: Arc<ServerSettings>, metrics: Arc<Metrics>) -> Self {
        Self {
            settings,
            metrics,
            start: Instant::now(),
            log: Mutex::default(),
        }
    }

    /// Checks the host that a request names, and returns it.
    pub(super) fn host<B>(
        &self,
        request: &Request<B>,
        ends: Ends,
    ) -> Result<Option<Authority>, Box<Answer>> {
        let named = host::requested(request.version(), request.uri(), request.headers());
        let checked = named.and_then(|named| {
            host::check(named.as_ref(), ends.local.ip(), &self.settings.hosts)?;
            Ok(named)
        });
        checked.map_err(|error| {
            let answer = self.refuse(RefusalReason::Host, ends, error.status(), error.to_string());
            // Another request of this connection would be to the same host.
            Box::new(closing(answer, request.version()))
        })
    }

    /// Checks the page that a request comes from, and returns its origin. `host` is the one that
    /// the request names.
    pub(super) fn origin<'a>(
        &self,
        headers: &'a HeaderMap,
        host: Option<&Authority>,
        ends: Ends,
    ) -> Result<Option<&'a HeaderValue>, Box<Answer>> {
        origin::check(headers, host, ends.local, &self.settings.origins).map_err(|error| {
            let (reason, status) = (RefusalReason::Origin, error.status());
            Box::new(self.refuse(reason, ends, status, error.to_string()))
        })
    }

    /// Refuses a method. `allow` lists the supported ones.
    pub(super) fn refuse_method(&self, ends: Ends, allow: &'static str) -> Answer {
        let reason = format!("the method is not supported here: use {allow}");
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let mut answer = self.refuse(RefusalReason::Method, ends, status, reason);
        let allow = HeaderValue::from_static(allow);
        answer.headers_mut().insert(ALLOW, allow);
        answer
    }

    /// Counts and logs a refusal, and makes its answer.
    pub(super) fn refuse(
        &self,
        reason: RefusalReason,
        ends: Ends,
        status: StatusCode,
        message: impl Into<String>,
    ) -> Answer {
        let message = message.into();
        self.note(reason, ends.peer, &message);
        text(status, message)
    }

    /// Counts and logs a refusal.
    pub(super) fn note(&self, reason: RefusalReason, peer: SocketAddr, message: &str) {
        self.metrics.refused.add(reason);
        let count = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.note(reason, self.start.elapsed())
        };
        let Some(count) = count else {
            return;
        };
        let name = reason.as_str();
        match reason {
            // An operator may have to change a setting or a proxy.
            RefusalReason::Connections
            | RefusalReason::Descriptors
            | RefusalReason::Host
            | RefusalReason::Origin
            | RefusalReason::Handshake => {
                tracing::warn!(reason = name, count, %peer, "refused: {message}");
            }
            RefusalReason::Method
            | RefusalReason::Parameters
            | RefusalReason::Permission
            | RefusalReason::Draining => {
                tracing::debug!(reason = name, count, %peer, "refused: {message}");
            }
        }
    }
}

/// Has the connection end with this answer.
pub(super) fn closing(mut answer: Answer, version: Version) -> Answer {
    // To an answer of HTTP/1.1 hyper would add "keep-alive" if a client of HTTP/1.0 offers it.
    *answer.version_mut() = version;
    let close = HeaderValue::from_static("close");
    answer.headers_mut().append(CONNECTION, close);
    answer
}

/// Answers OPTIONS. `allow` lists the supported methods.
pub(super) fn options(allow: &'static str) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let allow = HeaderValue::from_static(allow);
    answer.headers_mut().insert(ALLOW, allow);
    answer
}

/// Adds the headers that let a page read an answer of `/v1/...` (Fetch Standard, section 3.3).
/// `origin` is the page's, after [`Gate::origin`].
pub(super) fn share(answer: &mut HeaderMap, origin: Option<&HeaderValue>) {
    answer.append(VARY, HeaderValue::from(ORIGIN));
    if let Some(origin) = origin {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}

/// Adds the headers for a page that asks what it may send (a preflight).
pub(super) fn share_preflight(method: &Method, request: &HeaderMap, answer: &mut HeaderMap) {
    if method != Method::OPTIONS || !request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return;
    }
    // Libraries for event streams send these two headers, which a browser asks about first.
    let headers = HeaderValue::from_static("cache-control, last-event-id");
    answer.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD"),
    );
    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
    answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}
