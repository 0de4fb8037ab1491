//! One TCP connection as HTTP: from its first byte to its end, or until it becomes a WebSocket or
//! an event stream.

use std::{convert::Infallible, future::poll_fn, task::Poll, time::Duration};

use bytes::Bytes;
use hyper::{
    Request, Response,
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{closing, stream::Stream};

/// Longest request header.
const HEADER_MAX_BYTES: usize = 16 * 1024;

/// Maximum number of header fields in a request.
const HEADERS_MAX: usize = 64;

/// Maximum number of bytes that are read and dropped after the last answer: as much as a client may
/// have sent before it saw the answer.
const DISCARD_MAX_BYTES: usize = 256 * 1024;

/// What is left of a connection after its last answer.
#[derive(Debug)]
pub(super) struct Rest<S> {
    /// The connection.
    pub stream: S,
    /// Bytes that are already read from it.
    pub read: Bytes,
    /// Whether the last answer was sent, or its head.
    pub is_sent: bool,
}

/// Answers requests until one of the answers ends the connection, or upgrades it.
pub(super) async fn serve<S, B>(
    stream: S,
    header_timeout: Duration,
    answer: impl AsyncFn(Request<Incoming>) -> Response<B>,
) -> Rest<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    serve_until(stream, header_timeout, answer, || false).await
}

/// Does the same. It also ends after an answer's head, once `is_head_sent` says so: then the caller
/// writes the body.
pub(super) async fn serve_until<S, B>(
    stream: S,
    header_timeout: Duration,
    answer: impl AsyncFn(Request<Incoming>) -> Response<B>,
    is_head_sent: impl Fn() -> bool,
) -> Rest<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Boxed, so that a connection has no memory for an answer that is not being made.
    let service = service_fn(|request| {
        let answer = &answer;
        Box::pin(async move { Ok::<_, Infallible>(answer(request).await) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // hyper's own shutdown would also end a connection that becomes a WebSocket, and would close
    // one with unread bytes, which resets it.
    let ended = poll_fn(|context| match connection.poll_without_shutdown(context) {
        Poll::Pending if is_head_sent() => Poll::Ready(Ok(())),
        polled => polled,
    })
    .await;
    if let Err(error) = &ended {
        tracing::debug!(%error, "the HTTP connection failed");
    }
    let parts = connection.into_parts();
    Rest {
        stream: parts.io.into_inner(),
        read: parts.read_buf,
        is_sent: ended.is_ok(),
    }
}

/// Closes a connection so that the client can read the last answer: bytes that are unread when a
/// socket is closed reset it, and a reset may overtake the answer (RFC 9112, section 9.6).
pub(super) async fn close(stream: Stream) {
    stream.end_writing();
    closing::read_on(stream, DISCARD_MAX_BYTES).await;
}
