//! The answer to a connection for which file descriptors are short: health as always, and 503 for
//! everything else.

use std::{convert::Infallible, rc::Rc, time::Duration};

use hyper::{
    Request, StatusCode,
    body::Incoming,
    header::{HeaderValue, RETRY_AFTER},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};

use super::{
    answer::{self, Answer},
    descriptors::Refusal,
    routes::Routes,
};

/// Maximum time for the request of such a connection, and as much again for the answer. A client
/// sends its request with the handshake of TCP; the descriptor must be free again soon.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(250);

/// Seconds after which a client may try again.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");

/// Answers one request, and closes the connection.
pub(super) async fn serve(routes: Rc<Routes>, stream: TcpStream, refusal: Refusal) {
    let service = service_fn(move |request| {
        let answer = answer(&routes, &request);
        async { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let served = timeout(2 * REQUEST_TIMEOUT, connection).await;
    if !matches!(served, Ok(Ok(()))) {
        tracing::debug!(?served, "a refused connection");
    }
    drop(refusal);
}

fn answer(routes: &Routes, request: &Request<Incoming>) -> Answer {
    match request.uri().path() {
        "/healthz" => answer::healthz(&routes.metrics),
        "/readyz" => answer::readyz(&routes.state, &routes.metrics),
        "/metrics" if routes.settings.admin.is_none() => answer::metrics(&routes.metrics),
        _ => {
            let reason = "the server is short of file descriptors; try again later";
            let mut answer = answer::text(StatusCode::SERVICE_UNAVAILABLE, reason);
            answer.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
            answer
        }
    }
}
