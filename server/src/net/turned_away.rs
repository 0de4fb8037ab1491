//! Connections that are only told why they are not served.

use std::{rc::Rc, sync::Arc, time::Duration};

use hyper::{Request, StatusCode, body::Incoming};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use super::{
    answer::{Answer, try_later},
    arrival::ListenerInfo,
    descriptors::RefusalPlace,
    gate::{Ends, closing},
    http_connection,
    http_stream::HttpStream,
    peer::Peer,
    route::Route,
    routes::Routes,
    stream::Stream,
};

/// Maximum number of connections of a shard that are told at the same time that there are too many
/// from their address. Further ones are cut without an answer.
pub(super) const TURNED_AWAY_MAX: usize = 32;

/// Time for a client that is turned away to send the header of its request.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(1);

/// The same while file descriptors are short, and as much again for the answer. A client sends its
/// request with the handshake of TCP; the descriptor must be free again soon.
const SHORT_TIMEOUT: Duration = Duration::from_millis(250);

impl Routes {
    /// Tells a client that there are too many connections from its address. 429 concerns this
    /// client (RFC 6585, section 4); after 503 a load balancer would take the server for broken.
    pub(super) async fn turn_away(
        self: Rc<Self>,
        stream: Stream,
        info: Arc<ListenerInfo>,
        reason: String,
        place: OwnedSemaphorePermit,
    ) {
        // What it is told does not depend on its address.
        if self.prepare(&stream, Peer::unix(), &info).is_ok() {
            let answer = async |request: Request<Incoming>| {
                let answer = try_later(StatusCode::TOO_MANY_REQUESTS, reason.clone());
                closing(answer, request.version())
            };
            let stream = HttpStream::new(stream);
            let rest = http_connection::serve(stream, TURN_AWAY_TIMEOUT, answer).await;
            if let Some(stream) = rest.stream.into_inner() {
                http_connection::close(stream).await;
            }
        }
        drop(place);
    }

    /// Answers one request of a connection for which file descriptors are short: health as always,
    /// and 503 for everything else.
    pub(super) async fn tell_short(
        self: Rc<Self>,
        stream: Stream,
        peer: Peer,
        info: Arc<ListenerInfo>,
        place: RefusalPlace,
    ) {
        if let Ok(ends) = self.prepare(&stream, peer, &info) {
            let answer = async |request: Request<Incoming>| {
                let answer = self.answer_short(&request, ends, &info);
                closing(answer, request.version())
            };
            let told = async {
                let stream = HttpStream::new(stream);
                let rest = http_connection::serve(stream, SHORT_TIMEOUT, answer).await;
                // The descriptor of a client that has asked nothing is free at once.
                if rest.is_sent
                    && let Some(stream) = rest.stream.into_inner()
                {
                    http_connection::close(stream).await;
                }
            };
            let is_cut_off = tokio::select! {
                told = timeout(2 * SHORT_TIMEOUT, told) => told.is_err(),
                () = place.is_in_the_way() => true,
            };
            if is_cut_off {
                tracing::debug!(%peer, "a client that was to be told of the shortage is cut off");
            }
        }
        drop(place);
    }

    fn answer_short(&self, request: &Request<Incoming>, ends: Ends, info: &ListenerInfo) -> Answer {
        if let Err(refusal) = self.gate.host(request, ends) {
            return *refusal;
        }
        match Route::of(request.uri().path(), self.wanted(info)) {
            Some(route @ (Route::Healthz | Route::Readyz | Route::Metrics)) => {
                self.plain(route, request, ends)
            }
            _ => {
                let reason = "the server is short of file descriptors; try again later";
                try_later(StatusCode::SERVICE_UNAVAILABLE, reason)
            }
        }
    }
}
