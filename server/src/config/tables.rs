//! Every setting, once.

use std::{net::SocketAddr, thread, time::Duration};

use tickcast_protocol::topic::Filter;
use tracing_subscriber::EnvFilter;

use super::{
    LogSettings,
    section::{
        Kind::{List, One, Secret},
        Section, Setting,
    },
    values::{
        all_parsed, bytes, bytes_text, choice, choice_name, duration, duration_text, flag, number,
        parsed, put, text, texts, whole,
    },
};
use crate::{
    feed::{
        mqtt::{self, MqttSettings, MqttVersion},
        replay::{Clock, ReplaySettings, SourceTime, Speed},
        simulated::SimulatedSettings,
    },
    settings::{PublishFrom, ServerSettings},
};

/// Something to be done for each section that has flags and environment variables.
pub(super) trait Visitor {
    fn visit<T: Section>(&mut self);
}

/// All sections in the order of the help text.
pub(super) fn visit_sections(visitor: &mut impl Visitor) {
    visitor.visit::<ServerSettings>();
    visitor.visit::<SimulatedSettings>();
    visitor.visit::<MqttSettings>();
    visitor.visit::<ReplaySettings>();
    visitor.visit::<LogSettings>();
}

/// Times that are waited for: shorter ones would make a server busy with itself, longer ones are
/// mistakes.
const WAIT_MIN: Duration = Duration::from_millis(10);
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

fn wait(text: &[String]) -> Result<Duration, String> {
    duration(&text[0], WAIT_MIN..=WAIT_MAX)
}

fn filters(texts: &[String]) -> Result<Vec<Filter>, String> {
    all_parsed(texts)
}

const PUBLISHERS: [(&str, PublishFrom); 3] = [
    ("nobody", PublishFrom::Nobody),
    ("loopback", PublishFrom::Loopback),
    ("anybody", PublishFrom::Anybody),
];

impl Section for ServerSettings {
    const PREFIX: &'static str = "";
    const TITLE: &'static str = "Server";

    fn defaults() -> Self {
        Self {
            shards: thread::available_parallelism().map_or(1, Into::into),
            ..Self::default()
        }
    }

    const SETTINGS: &'static [Setting<Self>] = &[
        Setting {
            key: "listen",
            value_name: "ADDRESS",
            help: "Where to listen for WebSocket and HTTP; port 0 takes a free one",
            kind: One,
            set: |s, v| {
                let address = v[0].parse::<SocketAddr>();
                s.listen = address.map_err(|_| "it is not an address such as 127.0.0.1:7400")?;
                Ok(())
            },
            get: |s| text(s.listen),
        },
        Setting {
            key: "admin",
            value_name: "ADDRESS",
            help: "Where operators ask for health, metrics and slow clients; the metrics are then \
                   only there. By default nowhere",
            kind: One,
            set: |s, v| {
                let address = v[0].parse::<SocketAddr>();
                let address = address.map_err(|_| "it is not an address such as 127.0.0.1:7401")?;
                s.admin = Some(address);
                Ok(())
            },
            get: |s| s.admin.and_then(text),
        },
        Setting {
            key: "shards",
            value_name: "NUMBER",
            help: "Threads that serve connections; by default as many as there are cores",
            kind: One,
            set: |s, v| put(&mut s.shards, number(&v[0], 1..=1_024)),
            get: |s| whole(s.shards),
        },
        Setting {
            key: "io_uring",
            value_name: "BOOL",
            help: "Write to several clients in one system call, where the kernel offers that (Linux 5.6): \
                   true or false",
            kind: One,
            set: |s, v| put(&mut s.io_uring, flag(&v[0])),
            get: |s| Some(s.io_uring.into()),
        },
        Setting {
            key: "tape",
            value_name: "SIZE",
            help: "Memory for recent updates: what a client can miss without loss",
            kind: One,
            set: |s, v| put(&mut s.core.tape_bytes, bytes(&v[0], 64 << 10..=1 << 40)),
            get: |s| text(bytes_text(s.core.tape_bytes)),
        },
        Setting {
            key: "history_updates",
            value_name: "NUMBER",
            help: "Updates of each topic that are kept for charts, at most; 0 keeps none",
            kind: One,
            set: |s, v| put(&mut s.core.history.updates, number(&v[0], 0..=1_000_000)),
            get: |s| whole(s.core.history.updates),
        },
        Setting {
            key: "history",
            value_name: "SIZE",
            help: "Memory for the history of all topics",
            kind: One,
            set: |s, v| put(&mut s.core.history.bytes, bytes(&v[0], 64 << 10..=1 << 40)),
            get: |s| text(bytes_text(s.core.history.bytes)),
        },
        Setting {
            key: "topics_max",
            value_name: "NUMBER",
            help: "Topics, at most; each costs memory in every shard",
            kind: One,
            set: |s, v| put(&mut s.core.topics_max, number(&v[0], 1..=u32::MAX as usize)),
            get: |s| whole(s.core.topics_max),
        },
        Setting {
            key: "subscriptions_max",
            value_name: "NUMBER",
            help: "Subscriptions of one connection, at most",
            kind: One,
            set: |s, v| put(&mut s.core.subscriptions_max, number(&v[0], 1..=1_000_000)),
            get: |s| whole(s.core.subscriptions_max),
        },
        Setting {
            key: "connections_per_address_max",
            value_name: "NUMBER",
            help: "Connections from one address, at most; loopback is not counted",
            kind: One,
            set: |s, v| {
                put(
                    &mut s.connections_per_address_max,
                    number(&v[0], 1..=10_000_000),
                )
            },
            get: |s| whole(s.connections_per_address_max),
        },
        Setting {
            key: "requests_per_s",
            value_name: "NUMBER",
            help: "Requests of one connection per second, publishes not counted",
            kind: One,
            set: |s, v| put(&mut s.core.requests_per_s, number(&v[0], 1..=1_000_000)),
            get: |s| whole(s.core.requests_per_s),
        },
        Setting {
            key: "request_burst",
            value_name: "NUMBER",
            help: "Requests of one connection that may come at once",
            kind: One,
            set: |s, v| put(&mut s.core.request_burst, number(&v[0], 1..=1_000_000)),
            get: |s| whole(s.core.request_burst),
        },
        Setting {
            key: "heartbeat",
            value_name: "TIME",
            help: "A connection to which nothing was sent for so long gets a heartbeat",
            kind: One,
            set: |s, v| put(&mut s.core.heartbeat, wait(v)),
            get: |s| text(duration_text(s.core.heartbeat)),
        },
        Setting {
            key: "ping",
            value_name: "TIME",
            help: "A connection from which nothing came for so long gets a ping",
            kind: One,
            set: |s, v| put(&mut s.core.ping, wait(v)),
            get: |s| text(duration_text(s.core.ping)),
        },
        Setting {
            key: "pong_timeout",
            value_name: "TIME",
            help: "A connection that does not answer a ping for so long is closed",
            kind: One,
            set: |s, v| put(&mut s.core.pong_timeout, wait(v)),
            get: |s| text(duration_text(s.core.pong_timeout)),
        },
        Setting {
            key: "write_timeout",
            value_name: "TIME",
            help: "A connection that takes no byte for so long is closed",
            kind: One,
            set: |s, v| put(&mut s.core.write_timeout, wait(v)),
            get: |s| text(duration_text(s.core.write_timeout)),
        },
        Setting {
            key: "handshake_timeout",
            value_name: "TIME",
            help: "Time to finish the handshake",
            kind: One,
            set: |s, v| put(&mut s.handshake_timeout, wait(v)),
            get: |s| text(duration_text(s.handshake_timeout)),
        },
        Setting {
            key: "drain",
            value_name: "TIME",
            help: "Over how long connections are closed when the server ends",
            kind: One,
            set: |s, v| {
                put(
                    &mut s.core.drain,
                    duration(&v[0], Duration::ZERO..=WAIT_MAX),
                )
            },
            get: |s| text(duration_text(s.core.drain)),
        },
        Setting {
            key: "subscribe_allow",
            value_name: "FILTER",
            help: "What clients may subscribe to",
            kind: List,
            set: |s, v| put(&mut s.core.permissions.subscribe, filters(v)),
            get: |s| texts(&s.core.permissions.subscribe),
        },
        Setting {
            key: "publish_allow",
            value_name: "FILTER",
            help: "What clients may publish to",
            kind: List,
            set: |s, v| put(&mut s.core.permissions.publish, filters(v)),
            get: |s| texts(&s.core.permissions.publish),
        },
        Setting {
            key: "publish_from",
            value_name: "WHO",
            help: "Who may publish: nobody, clients on this machine (loopback) or anybody",
            kind: One,
            set: |s, v| put(&mut s.publish_from, choice(&v[0], &PUBLISHERS)),
            get: |s| choice_name(&s.publish_from, &PUBLISHERS),
        },
        Setting {
            key: "origins",
            value_name: "ORIGIN",
            help: "Web pages of other origins that may connect, such as https://example.org, or * \
                   for any",
            kind: List,
            set: |s, v| match v
                .iter()
                .find(|origin| *origin != "*" && !origin.contains("://"))
            {
                Some(bad) => Err(format!(
                    "{bad:?} is not an origin such as https://example.org"
                )),
                None => put(&mut s.origins, Ok(v.to_vec())),
            },
            get: |s| texts(&s.origins),
        },
    ];
}

impl Section for LogSettings {
    const PREFIX: &'static str = "";
    const TITLE: &'static str = "Log";

    fn defaults() -> Self {
        Self::default()
    }

    const SETTINGS: &'static [Setting<Self>] = &[Setting {
        key: "log",
        value_name: "FILTER",
        help: "What is logged: error, warn, info, debug or trace, also by module as in \
               warn,tickcast_server::feed=debug",
        kind: One,
        set: |s, v| {
            EnvFilter::try_new(&v[0]).map_err(|error| error.to_string())?;
            s.filter.clone_from(&v[0]);
            Ok(())
        },
        get: |s| text(&s.filter),
    }];
}

impl Section for SimulatedSettings {
    const PREFIX: &'static str = "sim";
    const TITLE: &'static str = "Feed simulated";

    fn defaults() -> Self {
        Self::default()
    }

    const SETTINGS: &'static [Setting<Self>] = &[
        Setting {
            key: "instruments",
            value_name: "NUMBER",
            help: "Markets, each with trades and quotes",
            kind: One,
            set: |s, v| put(&mut s.instruments, number(&v[0], 0..=usize::MAX)),
            get: |s| whole(s.instruments),
        },
        Setting {
            key: "sensors",
            value_name: "NUMBER",
            help: "Sensors of a plant and a building",
            kind: One,
            set: |s, v| put(&mut s.sensors, number(&v[0], 0..=usize::MAX)),
            get: |s| whole(s.sensors),
        },
        Setting {
            key: "rate",
            value_name: "NUMBER",
            help: "Updates per second of all together",
            kind: One,
            set: |s, v| put(&mut s.rate, parsed(&v[0])),
            get: |s| Some(s.rate.into()),
        },
        Setting {
            key: "seed",
            value_name: "NUMBER",
            help: "Another seed makes other updates",
            kind: One,
            // TOML has no integers beyond an i64.
            set: |s, v| put(&mut s.seed, number(&v[0], 0..=i64::MAX as u64)),
            get: |s| whole(s.seed),
        },
    ];
}

const MQTT_VERSIONS: [(&str, MqttVersion); 2] =
    [("3.1.1", MqttVersion::V3), ("5", MqttVersion::V5)];

impl Section for MqttSettings {
    const PREFIX: &'static str = "mqtt";
    const TITLE: &'static str = "Feed mqtt";

    fn defaults() -> Self {
        Self::default()
    }

    const SETTINGS: &'static [Setting<Self>] = &[
        Setting {
            key: "url",
            value_name: "URL",
            help: "The broker: mqtt://[user:password@]host[:port]",
            kind: Secret,
            set: |s, v| put(&mut s.url, parsed(&v[0])),
            get: |s| text(&s.url),
        },
        Setting {
            key: "filter",
            value_name: "FILTER",
            help: "What to subscribe to",
            kind: List,
            set: |s, v| put(&mut s.filters, filters(v)),
            get: |s| texts(&s.filters),
        },
        Setting {
            key: "version",
            value_name: "VERSION",
            help: "The version of the protocol: 3.1.1 or 5",
            kind: One,
            set: |s, v| put(&mut s.version, choice(&v[0], &MQTT_VERSIONS)),
            get: |s| choice_name(&s.version, &MQTT_VERSIONS),
        },
        Setting {
            key: "qos",
            value_name: "NUMBER",
            help: "The highest quality of service: 0, 1 or 2",
            kind: One,
            set: |s, v| put(&mut s.qos, number(&v[0], 0..=2)),
            get: |s| whole(s.qos),
        },
        Setting {
            key: "user",
            value_name: "NAME",
            help: "The user name, if it is not in the URL",
            kind: One,
            set: |s, v| put(&mut s.user, Ok(Some(v[0].clone()))),
            get: |s| s.user.as_ref().and_then(text),
        },
        Setting {
            key: "password",
            value_name: "TEXT",
            help: "The password, if it is not in the URL; others see flags, so better in the \
                   environment or the file",
            kind: Secret,
            set: |s, v| put(&mut s.password, Ok(Some(mqtt::Secret(v[0].clone())))),
            get: |s| s.password.as_ref().and_then(|_| text(mqtt::HIDDEN)),
        },
        Setting {
            key: "client_id",
            value_name: "NAME",
            help: "Our name at the broker; a random one if there is none",
            kind: One,
            set: |s, v| put(&mut s.client_id, Ok(Some(v[0].clone()))),
            get: |s| s.client_id.as_ref().and_then(text),
        },
        Setting {
            key: "session_expiry",
            value_name: "TIME",
            help: "How long the broker keeps messages while we are away; needs a client id. With \
                   3.1.1 every time but 0s means for ever",
            kind: One,
            set: |s, v| {
                let years = Duration::from_secs(u32::MAX.into());
                put(
                    &mut s.session_expiry,
                    duration(&v[0], Duration::ZERO..=years),
                )
            },
            get: |s| text(duration_text(s.session_expiry)),
        },
        Setting {
            key: "max_packet",
            value_name: "SIZE",
            help: "Longest packet that is accepted",
            kind: One,
            set: |s, v| {
                put(
                    &mut s.max_packet_bytes,
                    bytes(&v[0], 1..=mqtt::PACKET_MAX_BYTES),
                )
            },
            get: |s| text(bytes_text(s.max_packet_bytes)),
        },
    ];
}

const SOURCE_TIMES: [(&str, SourceTime); 2] =
    [("recorded", SourceTime::Recorded), ("now", SourceTime::Now)];

const CLOCKS: [(&str, Clock); 2] = [("each", Clock::Each), ("common", Clock::Common)];

impl Section for ReplaySettings {
    const PREFIX: &'static str = "replay";
    const TITLE: &'static str = "Feed replay";

    fn defaults() -> Self {
        Self::default()
    }

    const SETTINGS: &'static [Setting<Self>] = &[
        Setting {
            key: "file",
            value_name: "[TOPIC=]PATH",
            help: "A recorded CSV file and the topic it goes to, by default replay/ and its name",
            kind: List,
            set: |s, v| put(&mut s.files, all_parsed(v)),
            get: |s| {
                texts(
                    s.files
                        .iter()
                        .map(|file| format!("{}={}", file.topic, file.path.display())),
                )
            },
        },
        Setting {
            key: "format",
            value_name: "FORMAT",
            help: "auto, quotes, trades, readings, histdata, or the meaning of columns as in \
                   \"time=ts,time_unit=ms,value=3\"",
            kind: One,
            set: |s, v| put(&mut s.format, parsed(&v[0])),
            get: |s| text(&s.format),
        },
        Setting {
            key: "speed",
            value_name: "FACTOR",
            help: "So many times as fast as it was recorded, or max",
            kind: One,
            set: |s, v| {
                s.speed = match v[0].as_str() {
                    "max" => Speed::Max,
                    times => Speed::Times(
                        times
                            .parse()
                            .map_err(|_| "it is neither a number nor max")?,
                    ),
                };
                Ok(())
            },
            get: |s| match s.speed {
                Speed::Times(times) => Some(times.into()),
                Speed::Max => text("max"),
            },
        },
        Setting {
            key: "repeat",
            value_name: "BOOL",
            help: "Whether to begin again at the end: true or false",
            kind: One,
            set: |s, v| put(&mut s.repeat, flag(&v[0])),
            get: |s| Some(s.repeat.into()),
        },
        Setting {
            key: "source_time",
            value_name: "WHICH",
            help: "The time in the updates: recorded, or now so that live charts show them",
            kind: One,
            set: |s, v| put(&mut s.source_time, choice(&v[0], &SOURCE_TIMES)),
            get: |s| choice_name(&s.source_time, &SOURCE_TIMES),
        },
        Setting {
            key: "clock",
            value_name: "WHICH",
            help: "Several files begin each with its first row at once, or as far apart as they \
                   were recorded: each or common",
            kind: One,
            set: |s, v| put(&mut s.clock, choice(&v[0], &CLOCKS)),
            get: |s| choice_name(&s.clock, &CLOCKS),
        },
        Setting {
            key: "unit",
            value_name: "UNIT",
            help: "The unit of readings",
            kind: One,
            set: |s, v| put(&mut s.unit, Ok(Some(v[0].as_str().into()))),
            get: |s| s.unit.as_ref().and_then(text),
        },
    ];
}

#[cfg(test)]
mod tests {
    use tickcast_core::{
        permissions::Permissions, sequencer::HistorySettings, settings::CoreSettings,
    };

    use super::*;

    #[test]
    fn every_field_is_a_setting() {
        // A field that is added must be named here; then the count tells whether it got a setting.
        let ServerSettings {
            listen: _,
            admin: _,
            shards: _,
            io_uring: _,
            connections_per_address_max: _,
            handshake_timeout: _,
            publish_from: _,
            origins: _,
            core:
                CoreSettings {
                    tape_bytes: _,
                    history:
                        HistorySettings {
                            updates: _,
                            bytes: _,
                        },
                    topics_max: _,
                    subscriptions_max: _,
                    requests_per_s: _,
                    request_burst: _,
                    heartbeat: _,
                    ping: _,
                    pong_timeout: _,
                    write_timeout: _,
                    drain: _,
                    permissions:
                        Permissions {
                            subscribe: _,
                            publish: _,
                        },
                },
        } = ServerSettings::default();
        assert_eq!(ServerSettings::SETTINGS.len(), 22);
        let MqttSettings {
            url: _,
            filters: _,
            version: _,
            qos: _,
            client_id: _,
            user: _,
            password: _,
            max_packet_bytes: _,
            session_expiry: _,
        } = MqttSettings::default();
        assert_eq!(MqttSettings::SETTINGS.len(), 9);
        let ReplaySettings {
            files: _,
            format: _,
            speed: _,
            repeat: _,
            source_time: _,
            clock: _,
            unit: _,
        } = ReplaySettings::default();
        assert_eq!(ReplaySettings::SETTINGS.len(), 7);
    }

    #[test]
    fn every_default_is_read_back_as_it_is_printed() {
        struct Check;
        impl Visitor for Check {
            fn visit<T: Section>(&mut self) {
                for setting in T::SETTINGS {
                    let mut value = T::defaults();
                    let Some(before) = (setting.get)(&value) else {
                        continue;
                    };
                    let texts: Vec<String> = match &before {
                        toml::Value::Array(list) => list
                            .iter()
                            .map(|member| member.as_str().unwrap().into())
                            .collect(),
                        toml::Value::String(text) => vec![text.clone()],
                        other => vec![other.to_string()],
                    };
                    (setting.set)(&mut value, &texts).unwrap();
                    assert_eq!((setting.get)(&value), Some(before), "{}", setting.key);
                }
            }
        }
        visit_sections(&mut Check);
    }
}
