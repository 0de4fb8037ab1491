//! The keys of `[[output]]`, and what is refused at the start.

use std::{fmt, ops::RangeInclusive, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use clap::{ArgAction, Args, ValueEnum};
use tickcast_protocol::{
    token_file::read_token,
    topic::{Filter, Topic},
    websocket::ServerUrl,
};

use super::template::Template;
use crate::{
    feed::{FeedSettings, Source},
    metrics::OutputStats,
    mqtt::{MqttUrl, MqttVersion, Secret},
    settings::values::{filter, number, time},
    tls::{ClientTls, TlsClient},
};

/// Filters of one output, at most: each new topic is compared with all of them.
const FILTERS_MAX: usize = 64;

/// Topics of one output, at most. The newest value of each is kept.
const TOPICS: RangeInclusive<usize> = 1..=100_000;

/// Longest interval. Longer ones are mistakes.
const EVERY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(24 * 3600);
const EVERY_DEFAULT: Duration = Duration::from_secs(1);

/// Updates that wait in mode `every`: with short values, some hundred megabytes at most.
const QUEUE: RangeInclusive<usize> = 1..=1_000_000;
const QUEUE_DEFAULT: usize = 10_000;

/// Longest prefix: a topic with it should still be one.
const PREFIX_MAX_BYTES: usize = 128;

/// The levels in front of each topic if none are set.
const PREFIX_DEFAULT: &str = "tickcast";

/// Outputs, at most: each makes its own copy of the newest values.
pub(crate) const OUTPUTS_MAX: usize = 16;

/// The keys of a table.
#[derive(Debug, Clone, Args)]
pub(crate) struct OutputKeys {
    /// A broker to publish at, such as `mqtt://user:password@host:1883`, with the same forms as the
    /// url of a feed. Either this or grafana.
    #[arg(value_name = "URL")]
    mqtt: Option<MqttUrl>,
    /// Grafana's address for live values, such as `http://grafana:3000/api/live/push/tickcast`. The
    /// last part is the name of the stream.
    #[arg(value_name = "URL")]
    grafana: Option<PushUrl>,
    /// Distinguishes the output in logs and metrics [default: mqtt or grafana].
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Which topics.
    #[arg(id = "filter", value_name = "FILTER", default_value = "#", value_parser = filter)]
    filters: Vec<Filter>,
    /// Levels in front of each topic at the broker. Empty for none.
    #[arg(value_name = "TOPIC", default_value = PREFIX_DEFAULT, value_parser = prefix)]
    prefix: String,
    /// Where the values of a topic go: {topic} is the topic, {1} its first level, {2..} the second
    /// one and all below it, and {last} its last one, such as `site/{topic}/state` [default: the
    /// prefix and the topic].
    #[arg(value_name = "TEMPLATE")]
    topic: Option<Template>,
    /// Form of a payload: value (a number or a text alone) or json (the update as clients get it).
    #[arg(value_name = "FORM", default_value = "value")]
    payload: Payload,
    /// Whether the broker keeps the newest value of each topic.
    #[arg(value_name = "BOOL", default_value = "true", action = ArgAction::Set)]
    retained: bool,
    /// Quality of service: 0, 1 so that the broker acknowledges each message, or 2 so that it takes
    /// each once only.
    #[arg(value_name = "NUMBER", default_value = "0", value_parser = number(0..=2_u8))]
    qos: u8,
    /// Which updates: latest (the newest value of each topic) or, to a broker, every (each update,
    /// in order).
    #[arg(value_name = "MODE", default_value = "latest")]
    mode: Mode,
    /// In mode latest: shortest time between two values of a topic. Of those between, the newest is
    /// sent [default: 1s].
    #[arg(value_name = "TIME", value_parser = time(EVERY))]
    every: Option<Duration>,
    /// In mode every: maximum number of updates that wait for the broker. The oldest ones beyond it
    /// are lost and counted [default: 10000].
    #[arg(value_name = "NUMBER", value_parser = number(QUEUE))]
    queue_max: Option<usize>,
    /// Maximum number of topics. Further ones are left out and counted.
    #[arg(value_name = "NUMBER", default_value = "10000", value_parser = number(TOPICS))]
    topics_max: usize,
    /// Tells Home Assistant about each topic, below this prefix of its discovery, which is usually
    /// homeassistant [default: off].
    #[arg(value_name = "TOPIC", value_parser = prefix)]
    discovery: Option<String>,
    /// Version of MQTT.
    #[arg(value_name = "VERSION", default_value = "3.1.1")]
    version: MqttVersion,
    /// User name at the broker. It has precedence over the one in the URL.
    #[arg(value_name = "NAME")]
    user: Option<String>,
    /// Password at the broker. It has precedence over the one in the URL.
    #[arg(value_name = "TEXT")]
    password: Option<Secret>,
    /// The server's name at the broker [default: random].
    #[arg(value_name = "NAME")]
    client_id: Option<String>,
    /// File with the token of a service account of Grafana. It is read again for each connection.
    #[arg(value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: ClientTls,
}

/// What the key `mode` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// The newest value of each topic.
    Latest,
    /// Each update.
    Every,
}

/// Which updates of its topics an output sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updates {
    /// The newest value of each topic.
    Latest {
        /// Shortest time between two values of a topic.
        every: Duration,
    },
    /// Each update, in order.
    Every {
        /// Maximum number of updates that wait.
        queue_max: usize,
    },
}

/// The form of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Payload {
    /// A number or a text alone.
    Value,
    /// The update as clients get it.
    Json,
}

/// Where values go besides clients.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSettings {
    /// Distinguishes the output in logs and metrics.
    pub name: String,
    /// Which topics; its own settings are its permissions.
    pub filters: Vec<Filter>,
    /// Which of their updates.
    pub updates: Updates,
    /// Maximum number of topics.
    pub topics_max: usize,
    /// TLS of its connections.
    pub tls: ClientTls,
    /// Who receives them.
    pub target: Target,
}

/// Who receives the values of an output.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a server has a few, made at the start"
)]
pub enum Target {
    /// A broker.
    Mqtt(MqttTarget),
    /// Grafana Live.
    Grafana(GrafanaTarget),
}

/// What is published at a broker, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct MqttTarget {
    /// The broker.
    pub url: MqttUrl,
    /// Levels in front of each topic, without a slash at the end; may be empty.
    pub prefix: String,
    /// Where the values of a topic go.
    pub topic: Template,
    /// The form of payloads.
    pub payload: Payload,
    /// Whether the broker keeps the newest values.
    pub is_retained: bool,
    /// Quality of service of values.
    pub qos: u8,
    /// The prefix of Home Assistant's discovery, if it is told about topics.
    pub discovery: Option<String>,
    /// Version of MQTT.
    pub version: MqttVersion,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// The name at the broker; random if there is none.
    pub client_id: Option<String>,
}

/// Where lines are pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrafanaTarget {
    /// Host, port and path.
    pub url: PushUrl,
    /// The file with the token.
    pub token_file: Option<PathBuf>,
}

/// An address for HTTP POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushUrl(pub ServerUrl);

impl FromStr for PushUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected a URL such as http://grafana:3000/api/live/push/tickcast, without a query";
        let (scheme, rest) = text.split_once("://").ok_or(EXPECTED)?;
        let scheme = match scheme {
            "http" => "ws",
            "https" => "wss",
            _ => return Err(EXPECTED.into()),
        };
        // Both schemes have the same hosts, ports and paths (RFC 6455, section 3).
        let url = ServerUrl::from_url(&format!("{scheme}://{rest}"));
        let url = url.map_err(|error| format!("{error}; {EXPECTED}"))?;
        // The last part names the stream.
        let has_stream = !url.path.ends_with('/');
        match url.path.contains('?') || url.port == 0 || !has_stream {
            true => Err(EXPECTED.into()),
            false => Ok(Self(url)),
        }
    }
}

impl fmt::Display for PushUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.0.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.0.authority, self.0.path)
    }
}

/// Levels in front of a topic.
fn prefix(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    let is_right = text.is_empty() || Topic::new(text).is_ok() && !text.starts_with('$');
    match is_right && text.len() <= PREFIX_MAX_BYTES {
        true => Ok(text.into()),
        false => Err(format!(
            "expected levels of a topic such as home/tickcast: without +, # and a $ in front, and \
             with at most {PREFIX_MAX_BYTES} bytes"
        )),
    }
}

impl TryFrom<OutputKeys> for OutputSettings {
    type Error = String;

    fn try_from(keys: OutputKeys) -> Result<Self, String> {
        if keys.filters.is_empty() || keys.filters.len() > FILTERS_MAX {
            let count = keys.filters.len();
            return Err(format!("filter: {count} filters: use 1 to {FILTERS_MAX}"));
        }
        keys.check()?;
        let updates = keys.updates()?;
        let (kind, target, host) = match (keys.mqtt, keys.grafana) {
            (Some(url), None) => {
                let host = url.scheme.has_tls().then(|| url.host.clone());
                let topic = keys.topic.unwrap_or_else(|| Template::below(&keys.prefix));
                topic.check(&keys.filters)?;
                let target = MqttTarget {
                    url,
                    prefix: keys.prefix,
                    topic,
                    payload: keys.payload,
                    is_retained: keys.retained,
                    qos: keys.qos,
                    discovery: keys.discovery.filter(|prefix| !prefix.is_empty()),
                    version: keys.version,
                    user: keys.user,
                    password: keys.password,
                    client_id: keys.client_id,
                };
                ("mqtt", Target::Mqtt(target), host)
            }
            (None, Some(url)) => {
                let host = url.0.is_tls.then(|| url.0.host.clone());
                let token_file = keys.token_file;
                if let Some(file) = &token_file {
                    // Each connection reads it again. A wrong path is known now.
                    read_token(file).map_err(|reason| format!("token_file: {reason}"))?;
                }
                let target = Target::Grafana(GrafanaTarget { url, token_file });
                ("grafana", target, host)
            }
            (Some(_), Some(_)) => return Err("mqtt and grafana are both set: write two".into()),
            (None, None) => {
                return Err("neither mqtt nor grafana is set: write mqtt = \"localhost\"".into());
            }
        };
        match (&host, keys.tls.key_in_use()) {
            (Some(host), _) => {
                let tls = TlsClient::new(&keys.tls, host);
                tls.map_err(|(key, reason)| format!("{key}: {reason}"))?;
            }
            (None, Some(key)) => {
                return Err(format!("{key} is for a URL with TLS: use mqtts or https"));
            }
            (None, None) => {}
        }
        Ok(Self {
            name: keys.name.unwrap_or_else(|| kind.into()),
            filters: keys.filters,
            updates,
            topics_max: keys.topics_max,
            tls: keys.tls,
            target,
        })
    }
}

impl OutputKeys {
    /// Refuses keys that do not go together.
    fn check(&self) -> Result<(), String> {
        if self.mqtt.is_some() && self.token_file.is_some() {
            return Err("token_file is for Grafana: set user and password".into());
        }
        if self.grafana.is_some() {
            for (key, is_set) in [
                ("topic", self.topic.is_some()),
                ("mode = \"every\"", self.mode == Mode::Every),
                ("discovery", self.discovery.is_some()),
                ("user", self.user.is_some()),
                ("password", self.password.is_some()),
                ("client_id", self.client_id.is_some()),
                ("prefix", self.prefix != PREFIX_DEFAULT),
                ("payload", self.payload != Payload::Value),
                ("retained", !self.retained),
                ("qos", self.qos != 0),
                ("version", self.version != MqttVersion::V3),
            ] {
                if is_set {
                    return Err(format!("{key} is for a broker: leave it out"));
                }
            }
        }
        if self.discovery.is_none() {
            return Ok(());
        }
        let problem = match &self.topic {
            _ if self.payload == Payload::Json => {
                "tells Home Assistant of plain values: set payload = \"value\""
            }
            _ if self.mode == Mode::Every => {
                "tells Home Assistant where the newest values are: set mode = \"latest\""
            }
            _ if self.prefix.is_empty() => {
                "needs a prefix, below which the status is: set prefix = \"tickcast\""
            }
            Some(topic) if !topic.has_topic() => {
                "needs a place for each topic: set a topic with {topic}, such as \
                 \"site/{topic}/state\""
            }
            _ => return Ok(()),
        };
        Err(format!("discovery {problem}"))
    }

    /// Which updates are sent.
    fn updates(&self) -> Result<Updates, String> {
        match self.mode {
            Mode::Latest if self.queue_max.is_some() => Err("queue_max is for each update: set \
                 mode = \"every\", or leave it out"
                .into()),
            Mode::Every if self.every.is_some() => {
                Err("every is for newest values: set mode = \"latest\", or leave it out".into())
            }
            Mode::Latest => Ok(Updates::Latest {
                every: self.every.unwrap_or(EVERY_DEFAULT),
            }),
            Mode::Every => Ok(Updates::Every {
                queue_max: self.queue_max.unwrap_or(QUEUE_DEFAULT),
            }),
        }
    }
}

impl OutputSettings {
    /// Its counters, which are all 0.
    pub(crate) fn stats(&self) -> OutputStats {
        OutputStats {
            name: self.name.clone(),
            kind: self.kind(),
            metrics: Arc::default(),
        }
    }

    /// The kind of who receives it.
    fn kind(&self) -> &'static str {
        match self.target {
            Target::Mqtt(_) => "mqtt",
            Target::Grafana(_) => "grafana",
        }
    }

    /// Refuses an output that would publish what a feed of the same broker takes in: it would feed
    /// itself, with longer and longer names.
    pub(crate) fn check_loop(&self, feeds: &[FeedSettings]) -> Result<(), String> {
        let Target::Mqtt(target) = &self.target else {
            return Ok(());
        };
        let own = |feed: &FeedSettings| match &feed.source {
            Source::Mqtt(settings) if is_same_broker(&settings.url, &target.url) => {
                Some((feed.name.clone(), settings.subscriptions()))
            }
            _ => None,
        };
        for (name, wanted) in feeds.iter().filter_map(own) {
            for published in self.published(target) {
                let taken = wanted
                    .iter()
                    .find(|wanted| wanted.intersection(&published).is_some());
                if let Some(taken) = taken {
                    return Err(format!(
                        "the feed {name} takes {taken} from the same broker, where this output \
                         publishes {published}: it would feed itself. Use filters of the feed \
                         that leave these topics out, or another prefix or topic"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What it publishes, as filters.
    fn published(&self, target: &MqttTarget) -> Vec<Filter> {
        let filters = self.filters.iter();
        let values = filters.filter_map(|filter| target.topic.published(filter));
        let prefix = Some(&target.prefix).filter(|prefix| !prefix.is_empty());
        let status = prefix.map(|prefix| format!("{prefix}/status/#"));
        let discovery = target.discovery.iter().map(|prefix| format!("{prefix}/#"));
        let others = status.into_iter().chain(discovery);
        let others = others.filter_map(|filter| Filter::new(&filter).ok());
        values.chain(others).collect()
    }
}

/// Whether two URLs are of one broker, as far as their texts tell.
fn is_same_broker(one: &MqttUrl, other: &MqttUrl) -> bool {
    let host = |url: &MqttUrl| match url.host.to_lowercase().as_str() {
        "127.0.0.1" | "[::1]" | "::1" => "localhost".to_owned(),
        host => host.to_owned(),
    };
    host(one) == host(other) && one.port == other.port
}

#[cfg(test)]
mod tests;
