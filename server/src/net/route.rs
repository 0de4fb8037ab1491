//! The paths of the clients' address.

use super::assets;

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// Subscribers' WebSocket.
    Subscribe,
    /// A WebSocket that returns each message.
    Echo,
    /// Newest values.
    Latest,
    /// An event stream.
    Stream,
    /// Whether the server is alive.
    Healthz,
    /// Whether it accepts connections.
    Readyz,
    /// The metrics.
    Metrics,
    /// The list of paths; in a browser the page.
    Welcome,
    /// The page's icon.
    Icon,
    /// The page to try the protocol.
    Console,
    /// A file that the pages load.
    Asset,
}

impl Route {
    /// The route of a path, if it exists. The metrics may be at the admin address instead.
    pub(super) fn of(path: &str, has_metrics: bool) -> Option<Self> {
        Some(match path {
            "/ws" => Self::Subscribe,
            "/echo" => Self::Echo,
            "/healthz" => Self::Healthz,
            "/readyz" => Self::Readyz,
            "/metrics" if has_metrics => Self::Metrics,
            "/v1/latest" => Self::Latest,
            "/v1/stream" => Self::Stream,
            "/" => Self::Welcome,
            // Browsers request this path on their own for pages without an icon.
            "/favicon.ico" => Self::Icon,
            "/try" => Self::Console,
            _ if assets::is_asset(path) => Self::Asset,
            _ => return None,
        })
    }

    /// Whether it is opened by a handshake.
    pub(super) fn is_web_socket(self) -> bool {
        matches!(self, Self::Subscribe | Self::Echo)
    }

    /// Whether pages of the settings' origins may read its answers.
    pub(super) fn is_shared(self) -> bool {
        matches!(self, Self::Latest | Self::Stream)
    }
}
