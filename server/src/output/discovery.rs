//! What Home Assistant is told about a topic, by its MQTT discovery
//! (<https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>).

use serde::Serialize;
use sha1::{Digest, Sha1};
use tickcast_protocol::{message::TopicInfo, value::Value};

/// Units that are of one quantity only, and its device class. Others are not certain: `%` may be
/// humidity or a battery, and `m/s` wind or any speed.
const CLASSES: &[(&str, &str)] = &[
    ("°C", "temperature"),
    ("°F", "temperature"),
    ("W", "power"),
    ("kW", "power"),
    ("MW", "power"),
    ("VA", "apparent_power"),
    ("V", "voltage"),
    ("mV", "voltage"),
    ("A", "current"),
    ("mA", "current"),
    ("Hz", "frequency"),
    ("kHz", "frequency"),
    ("MHz", "frequency"),
    ("GHz", "frequency"),
    ("lx", "illuminance"),
    ("hPa", "pressure"),
    ("mbar", "pressure"),
    ("kPa", "pressure"),
    ("bar", "pressure"),
    ("W/m²", "irradiance"),
];

/// Units of energy. Home Assistant takes them for what is added up only.
const ENERGY: &[&str] = &["Wh", "kWh", "MWh", "GWh"];

/// The texts of a binary sensor: on, and off.
const SWITCHES: &[(&str, &str)] = &[("true", "false"), ("ON", "OFF"), ("on", "off")];

/// Longest name, of the topic or of its device.
const NAME_MAX_CHARS: usize = 128;

/// What a topic is in Home Assistant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Component {
    /// A number.
    Number,
    /// A text.
    Text,
    /// One of two texts: on, and off.
    Binary(&'static str, &'static str),
}

impl Component {
    /// What a value makes of its topic. `None` for what says nothing about it, and for what has no
    /// place in Home Assistant.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Reading(_) | Value::Trade(_) | Value::Quote(_) => Some(Self::Number),
            Value::Text(text) => {
                let mut switches = SWITCHES.iter();
                let switch = switches.find(|(on, off)| text == on || text == off);
                Some(switch.map_or(Self::Text, |(on, off)| Self::Binary(on, off)))
            }
            Value::Bytes(_) | Value::Absent(_) => None,
        }
    }

    /// What a topic is that was something else. A topic changes twice at most: it ends as a text.
    pub(super) fn and(self, other: Self) -> Self {
        match self == other {
            true => self,
            false => Self::Text,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Number | Self::Text => "sensor",
            Self::Binary(..) => "binary_sensor",
        }
    }
}

#[derive(Debug, Serialize)]
struct Config<'a> {
    unique_id: &'a str,
    name: String,
    state_topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_of_measurement: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_class: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_on: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_off: Option<&'static str>,
    availability_mode: &'static str,
    availability: [Availability<'a>; 2],
    device: Device,
    origin: Origin,
}

#[derive(Debug, Serialize)]
struct Availability<'a> {
    topic: &'a str,
    payload_available: &'static str,
    payload_not_available: &'static str,
}

#[derive(Debug, Serialize)]
struct Device {
    identifiers: [String; 1],
    name: String,
}

#[derive(Debug, Serialize)]
struct Origin {
    name: &'static str,
    sw_version: &'static str,
}

/// Where a topic of the output is at the broker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    /// The prefix of the discovery.
    pub(super) discovery: &'a str,
    /// Where its values are.
    pub(super) state: &'a str,
    /// Where its device is: what its values would have if the device were a topic.
    pub(super) device: &'a str,
    /// Where its status is.
    pub(super) status: &'a str,
    /// Where the status of the output is.
    pub(super) output_status: &'a str,
}

/// Where the config of a topic is.
pub(super) fn config_topic(component: Component, places: Places<'_>) -> String {
    let (discovery, name) = (places.discovery, component.name());
    format!("{discovery}/{name}/tickcast/{}/config", id(places.state))
}

/// The config of a topic.
pub(super) fn config(component: Component, info: &TopicInfo, places: Places<'_>) -> Vec<u8> {
    let (group, last) = group(info.topic.as_str());
    let is_number = component == Component::Number;
    let unit = info.unit.as_deref().filter(|_| is_number);
    let state_class = info.state_class.as_deref().unwrap_or("measurement");
    let is_sum = state_class != "measurement";
    let class = CLASSES.iter().find(|(known, _)| unit == Some(known));
    let is_energy = is_sum && unit.is_some_and(|unit| ENERGY.contains(&unit));
    let unique_id = id(places.state);
    let (payload_on, payload_off) = match component {
        Component::Binary(on, off) => (Some(on), Some(off)),
        _ => (None, None),
    };
    let config = Config {
        name: short(info.name.as_deref().unwrap_or(last)),
        unit_of_measurement: unit,
        device_class: match is_energy {
            true => Some("energy"),
            false => class.map(|(_, class)| *class),
        },
        state_class: is_number.then_some(state_class),
        payload_on,
        payload_off,
        state_topic: places.state,
        availability_mode: "all",
        availability: [
            Availability {
                topic: places.output_status,
                payload_available: "online",
                payload_not_available: "offline",
            },
            Availability {
                topic: places.status,
                payload_available: "live",
                payload_not_available: "dead",
            },
        ],
        device: Device {
            identifiers: [id(places.device)],
            name: short(match group {
                "" => "Tickcast",
                group => group,
            }),
        },
        origin: Origin {
            name: "Tickcast",
            sw_version: env!("CARGO_PKG_VERSION"),
        },
        unique_id: &unique_id,
    };
    serde_json::to_vec(&config).expect("texts and lists are always JSON")
}

/// The device of a topic, which is all but its last level, and that level.
pub(super) fn group(topic: &str) -> (&str, &str) {
    topic.rsplit_once('/').unwrap_or(("", topic))
}

/// An id of letters, digits and `_`, which is the same after a restart: Home Assistant accepts no
/// other characters in the name of a config, and topics may differ in those only.
fn id(topic: &str) -> String {
    let digest = Sha1::digest(topic.as_bytes());
    let hex = digest[..8].iter().map(|byte| format!("{byte:02x}"));
    format!("tickcast_{}", hex.collect::<String>())
}

fn short(name: &str) -> String {
    name.chars().take(NAME_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;
    use tickcast_protocol::topic::Topic;

    use super::*;

    const PLACES: Places<'_> = Places {
        discovery: "homeassistant",
        state: "tickcast/plant/line1/temp",
        device: "tickcast/plant/line1",
        status: "tickcast/status/plant/line1/temp",
        output_status: "tickcast/status",
    };

    fn read(component: Component, change: impl FnOnce(&mut TopicInfo)) -> Json {
        let mut info = TopicInfo::new(7, Topic::new("plant/line1/temp").unwrap());
        change(&mut info);
        serde_json::from_slice(&config(component, &info, PLACES)).unwrap()
    }

    #[test]
    fn a_config_has_what_home_assistant_needs() {
        let json = read(Component::Number, |info| info.unit = Some("°C".into()));
        for (key, expected) in [
            ("name", "temp"),
            ("state_topic", "tickcast/plant/line1/temp"),
            ("unit_of_measurement", "°C"),
            ("device_class", "temperature"),
            ("state_class", "measurement"),
            ("availability_mode", "all"),
        ] {
            assert_eq!(json[key], expected, "{key}");
        }
        assert_eq!(json["device"]["name"], "plant/line1");
        assert_eq!(json["origin"]["name"], "Tickcast");
        assert_eq!(json["availability"][0]["topic"], "tickcast/status");
        assert_eq!(
            json["availability"][1]["topic"],
            "tickcast/status/plant/line1/temp"
        );
        let id = json["unique_id"].as_str().unwrap();
        assert_eq!(
            config_topic(Component::Number, PLACES),
            format!("homeassistant/sensor/tickcast/{id}/config")
        );
        assert!(
            id.chars()
                .all(|char| char.is_ascii_alphanumeric() || char == '_')
        );
    }

    #[test]
    fn a_class_is_named_where_the_unit_is_certain() {
        let class = |unit: &str, sum: Option<&str>| {
            let json = read(Component::Number, |info| {
                info.unit = Some(unit.into());
                info.state_class = sum.map(Into::into);
            });
            json["device_class"].as_str().map(str::to_owned)
        };
        assert_eq!(class("W", None).as_deref(), Some("power"));
        assert_eq!(class("%", None), None);
        // Energy that is not added up is refused by Home Assistant.
        assert_eq!(class("kWh", None), None);
        let sum = class("kWh", Some("total_increasing"));
        assert_eq!(sum.as_deref(), Some("energy"));
    }

    #[test]
    fn switches_are_binary_sensors_and_texts_have_no_state_class() {
        let of = |text: &str| Component::of(&Value::Text(text.into())).unwrap();
        assert_eq!(of("true"), Component::Binary("true", "false"));
        assert_eq!(of("OFF"), Component::Binary("ON", "OFF"));
        assert_eq!(of("open"), Component::Text);
        assert_eq!(Component::of(&Value::Absent("null".into())), None);
        let json = read(of("on"), |info| info.unit = Some("V".into()));
        assert_eq!(
            (&json["payload_on"], &json["payload_off"]),
            (&"on".into(), &"off".into())
        );
        assert!(json.get("unit_of_measurement").is_none());
        assert!(json.get("state_class").is_none());
        let named = read(Component::Text, |info| info.name = Some("Door".into()));
        assert_eq!(named["name"], "Door");
        assert_eq!(of("on").and(of("off")), of("on"));
        assert_eq!(of("on").and(Component::Number), Component::Text);
    }
}
