//! The discovery messages of Tasmota: `tasmota/discovery/MAC/config` has the topics and the names
//! of a device, `tasmota/discovery/MAC/sensors` a sample of what its sensors send.
//!
//! Both are needed: the sample does not name the topic. They come in any order, so what one of
//! them tells is kept.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value};
use tickcast_core::work::TopicFacts;

use super::{
    super::path::{SEPARATOR, part_topic, push_name},
    told::{Told, fact, full_name},
};

/// How these topics begin. Tasmota has no setting for it.
const PREFIX: &str = "tasmota/discovery/";

/// Devices that are kept, at most. One has up to [`SERIES_MAX`] series of about 100 bytes.
const DEVICES_MAX: usize = 4096;

/// Series of a device, at most: as many as a payload is split into.
const SERIES_MAX: usize = 256;

/// Relays of a device, at most, as in Tasmota.
const RELAYS_MAX: usize = 32;

/// Levels of a sample that are read.
const LEVELS_MAX: usize = 8;

/// Members of a sample that say in which unit others are.
const UNIT_NAMES: [&str; 3] = ["TempUnit", "PressureUnit", "SpeedUnit"];

/// Names of quantities with the units that Tasmota sends them in.
const UNITS: [(&str, &str); 20] = [
    ("Humidity", "%"),
    ("Moisture", "%"),
    ("Illuminance", "lx"),
    ("CarbonDioxide", "ppm"),
    ("TVOC", "ppb"),
    ("PM1", "µg/m³"),
    ("PM2.5", "µg/m³"),
    ("PM10", "µg/m³"),
    ("Distance", "cm"),
    ("Noise", "dB"),
    ("Weight", "kg"),
    ("Power", "W"),
    ("ApparentPower", "VA"),
    ("ReactivePower", "var"),
    ("Voltage", "V"),
    ("Current", "A"),
    ("Frequency", "Hz"),
    ("Total", "kWh"),
    ("Today", "kWh"),
    ("Yesterday", "kWh"),
];

/// The devices of one feed.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Devices(HashMap<Box<str>, Device>);

#[derive(Debug, Clone, Default)]
struct Device {
    config: Option<Config>,
    series: Vec<Series>,
}

/// What is used of a configuration. The names of the keys are short because the memory of these
/// devices is.
#[derive(Debug, Clone, Deserialize)]
struct Config {
    /// Device name.
    dn: Option<String>,
    /// Friendly names of the relays.
    #[serde(default, rename = "fn")]
    names: Vec<Option<String>>,
    /// Host name.
    #[serde(default)]
    hn: String,
    #[serde(default)]
    mac: String,
    /// Topic.
    t: String,
    /// Full topic, a template.
    ft: String,
    /// The prefixes of commands, answers and telemetry.
    tp: [String; 3],
    /// Kinds of relays; 0 for none.
    #[serde(default)]
    rl: Vec<u64>,
}

/// A number in a sample.
#[derive(Debug, Clone)]
struct Series {
    path: Box<str>,
    unit: Option<Arc<str>>,
}

/// Whether a topic is one of discovery messages.
pub(super) fn is_discovery(topic: &str) -> bool {
    parts(topic).is_some()
}

/// The device of a topic, and the kind of the message.
fn parts(topic: &str) -> Option<(&str, &str)> {
    let (device, kind) = topic.strip_prefix(PREFIX)?.split_once('/')?;
    matches!(kind, "config" | "sensors").then_some((device, kind))
}

/// Reads a discovery message.
pub(super) fn read(topic: &str, payload: &str, devices: &mut Devices, told: &mut Told) {
    // An empty message removes a device. What was known about its topics stays true.
    let Some((name, kind)) = parts(topic).filter(|_| !payload.trim_ascii().is_empty()) else {
        return;
    };
    if !devices.0.contains_key(name) && devices.0.len() >= DEVICES_MAX {
        told.left_out += 1;
        return;
    }
    let device = devices.0.entry(name.into()).or_default();
    let is_read = match kind {
        "config" => serde_json::from_str(payload).map(|config| device.config = Some(config)),
        _ => serde_json::from_str(payload).map(|message: Sensors| {
            device.series.clear();
            let mut series = Sample::new(&message.sn, &mut device.series);
            series.members(&message.sn, 1);
            told.left_out += series.left_out;
        }),
    };
    if is_read.is_err() {
        told.left_out += 1;
        return;
    }
    if let Some(config) = &device.config {
        tell(config, &device.series, kind == "config", told);
    }
}

/// The message with a sample.
#[derive(Deserialize)]
struct Sensors {
    sn: Map<String, Value>,
}

fn tell(config: &Config, series: &[Series], tells_relays: bool, told: &mut Told) {
    let device = config.dn.as_deref();
    let sensors = config.topic(&config.tp[2], "SENSOR");
    for series in series {
        let name = series.path.replace(SEPARATOR, " ");
        let facts = TopicFacts {
            unit: series.unit.clone(),
            name: full_name(device, Some(&name)),
            state_class: None,
        };
        told.add(&part_topic(&sensors, &series.path), &facts);
    }
    if !tells_relays {
        return;
    }
    let relays = config.rl.iter().take(RELAYS_MAX).enumerate();
    let relays: Vec<_> = relays.filter(|(_, kind)| **kind != 0).collect();
    for (index, _) in &relays {
        let own = config.names.get(*index).and_then(Option::as_deref);
        let facts = TopicFacts {
            name: own.or(device).and_then(fact),
            ..TopicFacts::default()
        };
        let member = match relays.len() {
            1 => "POWER".to_owned(),
            _ => format!("POWER{}", index + 1),
        };
        for (prefix, message) in [(1, "RESULT"), (2, "STATE")] {
            let topic = config.topic(&config.tp[prefix], message);
            told.add(&part_topic(&topic, &member), &facts);
        }
        told.add(&config.topic(&config.tp[1], &member), &facts);
    }
}

impl Config {
    /// A topic of the device: `tele/plug/SENSOR`.
    fn topic(&self, prefix: &str, message: &str) -> String {
        let id = self.mac.get(self.mac.len().saturating_sub(6)..);
        let topic = self.ft.replace("%prefix%", prefix);
        let topic = topic.replace("%topic%", &self.t);
        let topic = topic.replace("%hostname%", &self.hn);
        let topic = topic.replace("%id%", id.unwrap_or_default());
        match topic.ends_with('/') {
            true => topic + message,
            false => format!("{topic}/{message}"),
        }
    }
}

/// Collects the numbers of a sample.
struct Sample<'a> {
    units: &'a Map<String, Value>,
    path: String,
    series: &'a mut Vec<Series>,
    left_out: u64,
}

impl<'a> Sample<'a> {
    fn new(units: &'a Map<String, Value>, series: &'a mut Vec<Series>) -> Self {
        Self {
            units,
            path: String::new(),
            series,
            left_out: 0,
        }
    }

    fn members(&mut self, members: &Map<String, Value>, level: usize) {
        for (name, value) in members {
            self.part(name, name, value, level);
        }
    }

    fn part(&mut self, name: &str, quantity: &str, value: &Value, level: usize) {
        if level > LEVELS_MAX || self.series.len() >= SERIES_MAX {
            self.left_out += 1;
            return;
        }
        let before = self.path.len();
        push_name(&mut self.path, name);
        match value {
            Value::Object(members) => self.members(members, level + 1),
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.part(&index.to_string(), quantity, element, level + 1);
                }
            }
            Value::Number(_) | Value::Null => self.series.push(Series {
                path: self.path.as_str().into(),
                unit: self.unit(quantity),
            }),
            Value::String(_) | Value::Bool(_) => {}
        }
        self.path.truncate(before);
    }

    fn unit(&self, quantity: &str) -> Option<Arc<str>> {
        let told = |name: &str| self.units.get(name).and_then(Value::as_str);
        let [temperature, pressure, speed] = UNIT_NAMES;
        match quantity {
            "Temperature" | "DewPoint" | "Temp" => match told(temperature)? {
                "C" => Some("°C".into()),
                "F" => Some("°F".into()),
                other => fact(other),
            },
            "Pressure" | "SeaPressure" => fact(told(pressure)?),
            "Speed" => fact(told(speed)?),
            _ => {
                let (_, unit) = UNITS.iter().find(|(name, _)| *name == quantity)?;
                Some((*unit).into())
            }
        }
    }
}
