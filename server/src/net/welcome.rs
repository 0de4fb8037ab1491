//! The answer at `/`: a page for browsers, the list of paths for all other clients.

use hyper::{
    HeaderMap, StatusCode,
    header::{HeaderValue, VARY},
};

use super::{
    answer::{Answer, text},
    assets,
};

const WELCOME: &str = "\
Tickcast pushes live data over WebSocket.

  /                    in a browser: all topics live, with charts
  /try                 in a browser: send messages by hand, and see the answers
  /ws                  subscribe; JSON unless you request the subprotocol tickcast.v1.bincode
  /socket.io/          the same for clients of Socket.IO
  /v1/latest?filter=#  the newest value of each topic, as JSON (write # as %23)
  /v1/stream?filter=#  a subscription like on /ws, as server-sent events
  /v1/candles?topic=a&interval=1m  candles of trades, or rows of readings, as JSON
  /v1/history?topic=a  the updates of a topic as lines of JSON or CSV
  /v1/publish          POST: puts updates on the tape, in JSON or as lines of JSON
  /v1/ticket           POST: a ticket for one event stream, for pages (servers with identities)
  /openapi.yaml        these paths for programs (OpenAPI)
  /asyncapi.yaml       the messages of /ws for programs (AsyncAPI)
  /echo                a WebSocket that returns each message
  /metrics             metrics for Prometheus
  /healthz, /readyz    whether it is alive, whether it accepts connections

In a browser's console:

  ws = new WebSocket(`ws://${location.host}/ws`)
  ws.onmessage = event => console.log(event.data)
  ws.onopen = () => ws.send('{\"type\":\"subscribe\",\"filters\":[\"#\"],\"max_rate_hz\":1}')
";

/// The file, or 404.
pub(super) fn found(file: Option<Answer>) -> Answer {
    file.unwrap_or_else(not_found)
}

/// The answer for a path that does not exist.
pub(super) fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "not found; GET / lists the paths")
}

/// The page for browsers, text for all other clients.
pub(super) fn welcome(headers: &HeaderMap) -> Answer {
    if assets::is_browser(headers)
        && let Some(page) = assets::index(headers)
    {
        return page;
    }
    let mut answer = text(StatusCode::OK, WELCOME);
    answer
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("accept"));
    answer
}
