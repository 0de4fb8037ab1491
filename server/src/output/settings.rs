//! The keys of `[[output]]`, and what is refused at the start.

use std::{fmt, ops::RangeInclusive, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use clap::{ArgAction, Args, ValueEnum};
use tickcast_protocol::{
    topic::{Filter, Topic},
    websocket::ServerUrl,
};

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

/// Longest prefix: a topic with it should still be one.
const PREFIX_MAX_BYTES: usize = 128;

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
    #[arg(value_name = "TOPIC", default_value = "tickcast", value_parser = prefix)]
    prefix: String,
    /// Form of a payload: value (a number or a text alone) or json (the update as clients get it).
    #[arg(value_name = "FORM", default_value = "value")]
    payload: Payload,
    /// Whether the broker keeps the newest value of each topic.
    #[arg(value_name = "BOOL", default_value = "true", action = ArgAction::Set)]
    retained: bool,
    /// Quality of service: 0, or 1 so that the broker acknowledges each message.
    #[arg(value_name = "NUMBER", default_value = "0", value_parser = number(0..=1_u8))]
    qos: u8,
    /// Shortest time between two values of a topic. Of those between, the newest is sent.
    #[arg(value_name = "TIME", default_value = "1s", value_parser = time(EVERY))]
    every: Duration,
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
    /// Shortest time between two values of a topic.
    pub every: Duration,
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
    /// The form of payloads.
    pub payload: Payload,
    /// Whether the broker keeps the newest values.
    pub is_retained: bool,
    /// Whether the broker acknowledges each message.
    pub is_acknowledged: bool,
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
        match url.path.contains('?') || url.port == 0 {
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
        let (kind, target, host) = match (keys.mqtt, keys.grafana) {
            (Some(url), None) => {
                if keys.token_file.is_some() {
                    return Err("token_file is for Grafana: set user and password".into());
                }
                if keys.discovery.is_some() && keys.payload == Payload::Json {
                    return Err(
                        "discovery tells Home Assistant of plain values: set payload = \
                                \"value\""
                            .into(),
                    );
                }
                if keys.discovery.is_some() && keys.prefix.is_empty() {
                    return Err(
                        "discovery needs a prefix, below which the status is: set prefix \
                                = \"tickcast\""
                            .into(),
                    );
                }
                let host = url.scheme.has_tls().then(|| url.host.clone());
                let target = MqttTarget {
                    url,
                    prefix: keys.prefix,
                    payload: keys.payload,
                    is_retained: keys.retained,
                    is_acknowledged: keys.qos > 0,
                    discovery: keys.discovery.filter(|prefix| !prefix.is_empty()),
                    version: keys.version,
                    user: keys.user,
                    password: keys.password,
                    client_id: keys.client_id,
                };
                ("mqtt", Target::Mqtt(target), host)
            }
            (None, Some(url)) => {
                for (key, is_set) in [
                    ("discovery", keys.discovery.is_some()),
                    ("user", keys.user.is_some()),
                    ("password", keys.password.is_some()),
                    ("client_id", keys.client_id.is_some()),
                ] {
                    if is_set {
                        return Err(format!("{key} is for a broker: leave it out"));
                    }
                }
                let host = url.0.is_tls.then(|| url.0.host.clone());
                let token_file = keys.token_file;
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
            every: keys.every,
            topics_max: keys.topics_max,
            tls: keys.tls,
            target,
        })
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
                         that leave these topics out, or another prefix"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What it publishes, as filters.
    fn published(&self, target: &MqttTarget) -> Vec<Filter> {
        let values = self.filters.iter().map(|filter| match &*target.prefix {
            "" => filter.as_str().to_owned(),
            prefix => format!("{prefix}/{filter}"),
        });
        let discovery = target.discovery.iter().map(|prefix| format!("{prefix}/#"));
        let filters = values.chain(discovery);
        filters
            .filter_map(|filter| Filter::new(&filter).ok())
            .collect()
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
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::{feed::mqtt::MqttSettings, settings::field::command};

    fn read(flags: &[&str]) -> Result<OutputSettings, String> {
        let matches = command::<OutputKeys>().try_get_matches_from(flags);
        let matches = matches.map_err(|error| error.to_string())?;
        OutputKeys::from_arg_matches(&matches).unwrap().try_into()
    }

    #[test]
    fn an_output_is_for_a_broker_or_for_grafana() {
        let output = read(&["--mqtt=h", "--prefix=home/", "--qos=1", "--every=0s"]).unwrap();
        let Target::Mqtt(target) = &output.target else {
            panic!("{output:?}");
        };
        assert_eq!(
            (output.name.as_str(), target.prefix.as_str()),
            ("mqtt", "home")
        );
        assert!(target.is_acknowledged && target.is_retained);
        let output = read(&["--grafana=https://g/api/live/push/s"]).unwrap();
        let Target::Grafana(target) = &output.target else {
            panic!("{output:?}");
        };
        assert_eq!(target.url.to_string(), "https://g/api/live/push/s");
        for (flags, expected) in [
            (&["--qos=1"][..], "neither mqtt nor grafana"),
            (&["--mqtt=h", "--grafana=http://g/"], "write two"),
            (&["--mqtt=h", "--qos=2"], "0 to 1"),
            (&["--mqtt=h", "--prefix=a/#"], "levels of a topic"),
            (&["--mqtt=h", "--tls_insecure=true"], "with TLS"),
            (&["--mqtt=h", "--token_file=f"], "is for Grafana"),
            (
                &["--mqtt=h", "--discovery=h", "--payload=json"],
                "plain values",
            ),
            (
                &["--mqtt=h", "--discovery=h", "--prefix="],
                "needs a prefix",
            ),
            (&["--grafana=ftp://g/"], "expected a URL"),
            (&["--grafana=http://g/?key=1"], "without a query"),
            (&["--grafana=http://g/", "--discovery=h"], "is for a broker"),
        ] {
            let error = read(flags).unwrap_err();
            assert!(error.contains(expected), "{flags:?}: {error}");
        }
    }

    #[test]
    fn an_output_that_would_feed_itself_is_refused() {
        let loops = |flags: &[&str], url: &str, filter: &str| {
            let feed = FeedSettings {
                name: "plant".into(),
                source: Source::Mqtt(MqttSettings {
                    url: url.parse().unwrap(),
                    filters: vec![Filter::new(filter).unwrap()],
                    ..MqttSettings::default()
                }),
            };
            let checked = read(flags).unwrap().check_loop(&[feed]);
            checked.is_err_and(|error| error.contains("the feed plant takes"))
        };
        let here = "localhost:1883";
        assert!(loops(&["--mqtt=127.0.0.1"], here, "#"));
        assert!(loops(&["--mqtt=localhost"], here, "tickcast/#"));
        assert!(loops(&["--mqtt=LOCALHOST", "--prefix="], here, "plant/#"));
        assert!(loops(
            &["--mqtt=localhost", "--discovery=homeassistant"],
            here,
            "homeassistant/#"
        ));
        assert!(!loops(&["--mqtt=localhost"], here, "plant/#"));
        // A host of Sparkplug subscribes to more than its filters.
        let sparkplug = FeedSettings {
            name: "cells".into(),
            source: Source::Mqtt(MqttSettings {
                filters: vec![Filter::new("plant/#").unwrap()],
                sparkplug: Some("host".into()),
                ..MqttSettings::default()
            }),
        };
        let output = read(&["--mqtt=localhost", "--prefix=spBv1.0"]).unwrap();
        assert!(output.check_loop(&[sparkplug]).is_err());
        assert!(!loops(&["--mqtt=localhost:1884"], here, "#"));
        assert!(!loops(&["--mqtt=other"], here, "#"));
        let apart = &["--mqtt=localhost", "--prefix=", "--filter=b/#"];
        assert!(!loops(apart, here, "a/#"));
    }
}
