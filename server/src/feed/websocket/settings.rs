//! Settings of the WebSocket feed, and their bounds.

use std::{ops::RangeInclusive, time::Duration};

use clap::Args;
use tickcast_protocol::topic::Topic;

use super::address::{Header, WebsocketUrl};
use crate::{
    settings::values::{defaults, size, time},
    tls::{ClientTls, TlsClient},
};

/// Settings of the feed. Each field is a setting of the server, see `crate::settings`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Feed websocket")]
pub struct WebsocketSettings {
    /// The server, such as wss://stream.example/ws, or ws://... without TLS. The log and
    /// --print-config leave out what follows a question mark.
    #[arg(value_name = "URL")]
    pub url: Option<WebsocketUrl>,
    /// Texts to send after each connecting, in order: subscriptions.
    #[arg(value_name = "TEXT")]
    pub send: Vec<String>,
    /// Time between two of these texts.
    #[arg(value_name = "TIME", default_value = "250ms", value_parser = time(Duration::ZERO..=PAUSE_MAX))]
    pub send_interval: Duration,
    /// Time between two pings; 0 for none. If nothing at all comes for twice the time, the feed
    /// connects again.
    #[arg(value_name = "TIME", default_value = "20s", value_parser = time(Duration::ZERO..=WAIT_MAX))]
    pub ping: Duration,
    /// A text to send as a ping, such as {"op":"ping"} [default: a ping frame].
    #[arg(value_name = "TEXT")]
    pub ping_text: Option<String>,
    /// If no message comes for this long, the feed connects again; 0 to wait without end.
    #[arg(value_name = "TIME", default_value = "60s", value_parser = time(Duration::ZERO..=WAIT_MAX))]
    pub silence: Duration,
    /// Headers for the server, such as 'Authorization: Bearer abc'.
    #[arg(id = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<Header>,
    /// What the server is told as the name of the program [default: tickcast-server and its
    /// version].
    #[arg(value_name = "TEXT")]
    pub user_agent: Option<String>,
    /// The topic of all messages, by which rules know them [default: the name of the feed].
    #[arg(value_name = "TOPIC", value_parser = topic)]
    pub topic: Option<Topic>,
    /// Longest message that is accepted. A longer one ends the connection.
    #[arg(id = "max_message", value_name = "SIZE", default_value = "1MiB")]
    #[arg(value_parser = size(MESSAGE_BYTES))]
    pub message_max_bytes: usize,
    #[expect(
        missing_docs,
        reason = "its doc comment would be the text of the group"
    )]
    #[command(flatten)]
    pub tls: ClientTls,
}

impl Default for WebsocketSettings {
    fn default() -> Self {
        defaults()
    }
}

/// Longest wait. Longer ones are mistakes.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// Longest time between two texts.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Shortest time between two pings: servers end connections that send more often.
const PING_MIN: Duration = Duration::from_secs(1);

/// A message of an exchange has some kilobytes; snapshots of order books have up to a megabyte.
const MESSAGE_BYTES: RangeInclusive<usize> = 1024..=64 << 20;

/// Texts, at most. All are sent again after each connecting.
const TEXTS_MAX: usize = 1024;

/// Longest text. Exchanges accept some kilobytes.
const TEXT_MAX_BYTES: usize = 64 * 1024;

fn topic(text: &str) -> Result<Topic, String> {
    Topic::new(text).map_err(|error| format!("{error}; expected a topic such as exchange/trades"))
}

impl WebsocketSettings {
    /// The key and what is wrong with it.
    pub(in crate::feed) fn check(&self, name: &str) -> Result<(), (&'static str, String)> {
        let Some(url) = &self.url else {
            let reason = "there is no server: set url, such as wss://stream.example/ws";
            return Err(("url", reason.into()));
        };
        if self.send.len() > TEXTS_MAX {
            let reason = format!("{} texts: use at most {TEXTS_MAX}", self.send.len());
            return Err(("send", reason));
        }
        for (key, text) in self
            .send
            .iter()
            .map(|text| ("send", text))
            .chain(self.ping_text.iter().map(|text| ("ping_text", text)))
        {
            if text.len() > TEXT_MAX_BYTES {
                let bytes = text.len();
                let reason = format!("a text has {bytes} bytes (limit {TEXT_MAX_BYTES})");
                return Err((key, reason));
            }
        }
        if !self.ping.is_zero() && self.ping < PING_MIN {
            return Err((
                "ping",
                format!(
                    "a ping each {:?}: use 0 or at least 1s, such as 20s",
                    self.ping
                ),
            ));
        }
        if self.topic.is_none()
            && let Err(error) = Topic::new(name)
        {
            let reason = format!("the name {name:?} is no topic ({error}): set topic");
            return Err(("topic", reason));
        }
        if let Some(text) = &self.user_agent
            && hyper::header::HeaderValue::from_str(text).is_err()
        {
            return Err(("user_agent", "it cannot be a header's value".into()));
        }
        match (url.0.is_tls, self.tls.key_in_use()) {
            (true, _) => TlsClient::new(&self.tls, &url.0.host).map(drop),
            (false, Some(key)) => {
                let reason = format!("{key} has no effect on ws://, only on wss://");
                Err((key, reason))
            }
            (false, None) => Ok(()),
        }
    }
}
