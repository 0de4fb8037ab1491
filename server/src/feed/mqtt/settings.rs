//! Settings of the MQTT feed, and their bounds.

use std::{ops::RangeInclusive, time::Duration};

use clap::Args;
use tickcast_protocol::topic::{Filter, Topic};

use crate::{
    feed::sparkplug::{HostState, all_filter, is_own_filter, state_topic},
    mqtt::{ClientSettings, MakeWill, MqttUrl, MqttVersion, Secret, Will},
    settings::values::{defaults, filter, number, size, time},
    tls::{ClientTls, TlsClient},
};

/// Settings of the feed. Each field is a setting of the server, see `crate::settings`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Feed mqtt")]
pub struct MqttSettings {
    /// The broker, such as `mqtt://user:password@host:1883` or `localhost:1883`. Scheme, user,
    /// password and port are optional. `mqtts://` is with TLS, `ws://` and `wss://` are over
    /// WebSocket, with /mqtt as the default path.
    #[arg(value_name = "URL", default_value = "mqtt://localhost:1883")]
    pub url: MqttUrl,
    /// Filters to subscribe to.
    #[arg(id = "filter", value_name = "FILTER", default_value = "#", value_parser = filter)]
    pub filters: Vec<Filter>,
    /// Reads Sparkplug B as the host application of this name. Subscribes to `spBv1.0/#` as well,
    /// unless a filter selects the groups, such as `spBv1.0/GROUP/#`.
    #[arg(value_name = "HOST", value_parser = host)]
    pub sparkplug: Option<String>,
    /// Version of the protocol.
    #[arg(value_name = "VERSION", default_value = "3.1.1")]
    pub version: MqttVersion,
    /// Highest quality of service that the broker may use.
    #[arg(value_name = "NUMBER", default_value = "1", value_parser = number(0..=2_u8))]
    pub qos: u8,
    /// User name. It has precedence over the one in the URL.
    #[arg(value_name = "NAME")]
    pub user: Option<String>,
    /// Password. It has precedence over the one in the URL. Other users of the machine see flags:
    /// use the environment or the file.
    #[arg(value_name = "TEXT")]
    pub password: Option<Secret>,
    /// The server's name at the broker [default: random].
    #[arg(value_name = "NAME")]
    pub client_id: Option<String>,
    /// How long the broker keeps messages (of quality of service 1 and 2) while the server is not
    /// connected; needs a client id. With 0s it keeps none. With 3.1.1 any time above 0s means
    /// without end.
    #[arg(value_name = "TIME", default_value = "0s", value_parser = time(EXPIRY))]
    pub session_expiry: Duration,
    /// Longest packet that is accepted. A longer message is skipped, counted and named in the log;
    /// a broker of version 5 does not send it.
    #[arg(id = "max_packet", value_name = "SIZE", default_value = "256KiB")]
    #[arg(value_parser = size(1..=PACKET_MAX_BYTES))]
    pub max_packet_bytes: usize,
    /// TLS, for `mqtts://` and `wss://`.
    #[command(flatten)]
    pub tls: ClientTls,
}

/// MQTT 5.0, 3.1.2.11.2: a whole number of seconds in 32 bits.
const EXPIRY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(u32::MAX as u64);

impl Default for MqttSettings {
    fn default() -> Self {
        defaults()
    }
}

/// Maximum number of filters in one feed. They are sent in one packet, which no broker should
/// refuse.
const FILTERS_MAX: usize = 1_024;

/// MQTT 5.0, 1.5.5: the longest packet there can be.
const PACKET_MAX_BYTES: usize = 268_435_455;

impl MqttSettings {
    /// The key and what is wrong with it.
    pub(in crate::feed) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.filters.is_empty() || self.filters.len() > FILTERS_MAX {
            let count = self.filters.len();
            let reason = format!("{count} filters: use 1 to {FILTERS_MAX}, such as plant/#");
            return Err(("filter", reason));
        }
        self.check_tls()?;
        if let Some(host) = &self.sparkplug {
            self::host(host).map_err(|reason| ("sparkplug", reason))?;
        }
        if self.qos > 2 {
            let reason = format!("quality of service {} is not 0, 1 or 2", self.qos);
            return Err(("qos", reason));
        }
        if self.max_packet_bytes == 0 || self.max_packet_bytes > PACKET_MAX_BYTES {
            let reason = format!(
                "a maximum packet of {} bytes is not between 1 and {PACKET_MAX_BYTES}",
                self.max_packet_bytes
            );
            return Err(("max_packet", reason));
        }
        if self.session_expiry.as_secs() > u64::from(u32::MAX) {
            let reason = "the session expiry is longer than 136 years".into();
            return Err(("session_expiry", reason));
        }
        if !self.session_expiry.is_zero() && self.client_id.is_none() {
            let reason = "a session that outlives its connection needs a client id: set \
                          --mqtt-client-id, such as tickcast-1"
                .into();
            return Err(("session_expiry", reason));
        }
        Ok(())
    }
}

impl MqttSettings {
    /// What the client is made with.
    pub(super) fn client(&self) -> ClientSettings {
        let will = |topic: String| -> MakeWill {
            Box::new(move |timestamp| {
                let state = HostState {
                    online: false,
                    timestamp,
                };
                let (topic, payload) = (topic.clone(), state.to_json());
                Will { topic, payload }
            })
        };
        ClientSettings {
            url: self.url.clone(),
            version: self.version,
            user: self.user.clone(),
            password: self.password.clone(),
            client_id: self.client_id.clone(),
            session_expiry: self.session_expiry,
            // What a host of Sparkplug says is true at its time only.
            keeps_outgoing: false,
            packet_max_bytes: self.max_packet_bytes,
            qos: self.qos,
            tls: self.tls.clone(),
            // A host of Sparkplug says with the time of the connection that it is gone (Sparkplug
            // 3.0.0, section 5.13).
            make_will: self.sparkplug.as_deref().map(state_topic).map(will),
        }
    }

    /// All filters to subscribe to.
    pub(crate) fn subscriptions(&self) -> Vec<Filter> {
        let mut filters = self.filters.clone();
        if let Some(host) = &self.sparkplug {
            let state = state_topic(host);
            let is_covered = filters.iter().any(|filter| filter.matches(&state));
            let has_own = filters.iter().any(|filter| is_own_filter(filter.as_str()));
            let missing = match (is_covered, has_own) {
                (true, _) => None,
                (false, true) => Some(state),
                (false, false) => Some(all_filter()),
            };
            // The check of the settings has refused a host that is no part of a filter.
            filters.extend(missing.and_then(|filter| Filter::new(&filter).ok()));
        }
        filters
    }

    fn check_tls(&self) -> Result<(), (&'static str, String)> {
        let has_tls = self.url.scheme.has_tls();
        match self.tls.key_in_use() {
            _ if has_tls => TlsClient::new(&self.tls, &self.url.host).map(drop),
            None => Ok(()),
            Some(key) => {
                let url = &self.url;
                let reason = format!("{url} is without TLS: use mqtts:// or wss://");
                Err((key, reason))
            }
        }
    }
}

/// The name of a host, which is a level of a topic (Sparkplug 3.0.0, section 1.4.1.8).
fn host(text: &str) -> Result<String, String> {
    let topic = Topic::new(&state_topic(text));
    match topic.is_ok() && !text.is_empty() && !text.contains('/') {
        true => Ok(text.into()),
        false => {
            let reason = "expected a name that can be a level of a topic, such as tickcast: without \
                          /, + and #, and not too long";
            Err(reason.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_sparkplug_subscribes_to_its_namespace_and_its_state() {
        let subscriptions = |filters: &[&str], sparkplug: Option<&str>| {
            let settings = MqttSettings {
                filters: filters
                    .iter()
                    .map(|text| Filter::new(text).unwrap())
                    .collect(),
                sparkplug: sparkplug.map(Into::into),
                ..MqttSettings::default()
            };
            settings.check().unwrap();
            let filters = settings.subscriptions();
            let filters: Vec<_> = filters.iter().map(|filter| filter.as_str()).collect();
            filters.join(" ")
        };
        for (filters, host, expected) in [
            (&["#"][..], None, "#"),
            (&["#"], Some("h"), "#"),
            (&["plant/#"], Some("h"), "plant/# spBv1.0/#"),
            (&["spBv1.0/#"], Some("h"), "spBv1.0/#"),
            (
                &["plant/#", "spBv1.0/G/#"],
                Some("h"),
                "plant/# spBv1.0/G/# spBv1.0/STATE/h",
            ),
        ] {
            assert_eq!(subscriptions(filters, host), expected);
        }
    }

    #[test]
    fn a_host_of_sparkplug_is_one_level_of_a_topic() {
        for host in ["", "a/b", "a+", "#", "a\u{1}"] {
            let settings = MqttSettings {
                sparkplug: Some(host.into()),
                ..MqttSettings::default()
            };
            let (key, reason) = settings.check().unwrap_err();
            assert_eq!(key, "sparkplug", "{reason}");
        }
    }

    #[test]
    fn settings_outside_their_bounds_are_refused() {
        let check = |change: fn(&mut MqttSettings), part: &str| {
            let mut settings = MqttSettings::default();
            settings.check().unwrap();
            change(&mut settings);
            let (_, error) = settings.check().unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check(|s| s.filters.clear(), "0 filters");
        check(|s| s.qos = 3, "quality of service 3");
        check(|s| s.max_packet_bytes = 0, "0 bytes");
        check(|s| s.tls.insecure = true, "is without TLS");
        check(
            |s| {
                s.url = "mqtts://h".parse().unwrap();
                s.tls.ca = Some("/nowhere/ca.pem".into());
            },
            "cannot read /nowhere/ca.pem",
        );
        check(
            |s| s.session_expiry = Duration::from_secs(60),
            "needs a client id",
        );
    }
}
