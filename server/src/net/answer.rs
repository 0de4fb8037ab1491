//! Plain HTTP answers, and the answers that both addresses give.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};

use super::state::{ServerState, Stage};
use crate::metrics::{Metrics, prometheus};

/// An answer whose body is complete.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Whether a method only reads. Other methods are refused.
pub(super) fn is_reading(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Reports that the server is alive, which the answer itself proves.
pub(super) fn healthz() -> Answer {
    text(StatusCode::OK, "ok")
}

/// Reports whether the server accepts new connections.
pub(super) fn readyz(state: &ServerState) -> Answer {
    match state.stage() {
        Stage::Ready => text(StatusCode::OK, "ready"),
        Stage::Draining => text(StatusCode::SERVICE_UNAVAILABLE, "draining"),
    }
}

/// All metrics, for Prometheus.
pub(super) fn metrics(metrics: &Arc<Metrics>) -> Answer {
    let text = prometheus::text(metrics);
    typed(StatusCode::OK, prometheus::CONTENT_TYPE, text)
}

/// An answer in plain text.
pub(super) fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    let mut body = body.into();
    if !body.ends_with('\n') {
        body.push('\n');
    }
    typed(status, "text/plain; charset=utf-8", body)
}

/// An answer with a content type. It must not be cached.
pub(super) fn typed(
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
