//! The paths of the clients' address.

use super::assets;

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// Subscribers' WebSocket.
    Subscribe,
    /// Clients of Socket.IO.
    SocketIo,
    /// A WebSocket that returns each message.
    Echo,
    /// Newest values.
    Latest,
    /// An event stream.
    Stream,
    /// Candles or rows of a topic.
    Candles,
    /// The updates of a topic in a range.
    History,
    /// Updates of a program.
    Publish,
    /// Tickets for event streams.
    Ticket,
    /// Whether the server is alive.
    Healthz,
    /// Whether it accepts connections.
    Readyz,
    /// The metrics.
    Metrics,
    /// The nodes of the cluster, which are where the metrics are.
    Cluster,
    /// The list of paths; in a browser the page.
    Welcome,
    /// The page's icon.
    Icon,
    /// The page to try the protocol.
    Console,
    /// A file that the pages load, or a description of the addresses.
    Asset,
}

/// Which of the paths exist that a listener can be without.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The metrics, which may be at the admin address instead.
    pub(super) metrics: bool,
    /// The page to try the protocol.
    pub(super) console: bool,
}

impl Route {
    /// The route of a path, if it exists.
    pub(super) fn of(path: &str, wanted: Wanted) -> Option<Self> {
        Some(match path {
            "/ws" => Self::Subscribe,
            "/socket.io/" => Self::SocketIo,
            "/echo" => Self::Echo,
            "/healthz" => Self::Healthz,
            "/readyz" => Self::Readyz,
            "/metrics" if wanted.metrics => Self::Metrics,
            "/v1/cluster" if wanted.metrics => Self::Cluster,
            "/v1/latest" => Self::Latest,
            "/v1/stream" => Self::Stream,
            "/v1/candles" => Self::Candles,
            "/v1/history" => Self::History,
            "/v1/publish" => Self::Publish,
            "/v1/ticket" => Self::Ticket,
            "/" => Self::Welcome,
            // Browsers request this path on their own for pages without an icon.
            "/favicon.ico" => Self::Icon,
            "/try" if wanted.console => Self::Console,
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
        matches!(
            self,
            Self::Latest
                | Self::Stream
                | Self::Candles
                | Self::History
                | Self::Publish
                | Self::Ticket
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Route::{self, *},
        Wanted,
    };

    const ALL: Wanted = Wanted {
        metrics: true,
        console: true,
    };

    /// Each path, its route, whether it is a WebSocket's, and whether pages of the settings'
    /// origins may read it.
    const ROUTES: [(&str, Route, bool, bool); 20] = [
        ("/ws", Subscribe, true, false),
        ("/socket.io/", SocketIo, false, false),
        ("/echo", Echo, true, false),
        ("/v1/latest", Latest, false, true),
        ("/v1/stream", Stream, false, true),
        ("/v1/candles", Candles, false, true),
        ("/v1/history", History, false, true),
        ("/v1/publish", Publish, false, true),
        ("/v1/ticket", Ticket, false, true),
        ("/healthz", Healthz, false, false),
        ("/readyz", Readyz, false, false),
        ("/metrics", Metrics, false, false),
        ("/v1/cluster", Cluster, false, false),
        ("/", Welcome, false, false),
        ("/favicon.ico", Icon, false, false),
        ("/try", Console, false, false),
        ("/assets/page/icon.svg", Asset, false, false),
        ("/assets/index.js", Asset, false, false),
        ("/openapi.yaml", Asset, false, false),
        ("/asyncapi.yaml", Asset, false, false),
    ];

    #[test]
    fn each_path_has_its_route_and_other_paths_have_none() {
        for (path, route, is_web_socket, is_shared) in ROUTES {
            assert_eq!(Route::of(path, ALL), Some(route), "{path}");
            assert_eq!(route.is_web_socket(), is_web_socket, "{path}");
            assert_eq!(route.is_shared(), is_shared, "{path}");
            let other = format!("{}x", path);
            assert_eq!(Route::of(&other, ALL), None, "{other}");
        }
        for path in [
            "",
            "//",
            "*",
            "/WS",
            "/ws/",
            "/v1",
            "/v1/",
            "/assets/",
            "/assets/../ws",
        ] {
            assert_eq!(Route::of(path, ALL), None, "{path}");
        }
    }

    #[test]
    fn a_listener_is_without_the_paths_that_are_switched_off_and_no_others() {
        for (metrics, console) in [(false, true), (true, false), (false, false)] {
            let wanted = Wanted { metrics, console };
            for (path, route, ..) in ROUTES {
                let is_of_metrics = ["/metrics", "/v1/cluster"].contains(&path);
                let is_off = (is_of_metrics && !metrics) || (path == "/try" && !console);
                let expected = (!is_off).then_some(route);
                assert_eq!(Route::of(path, wanted), expected, "{path}");
            }
        }
    }
}
