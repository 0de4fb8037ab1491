//! The list of devices that Zigbee2MQTT publishes, retained, at `BASE/bridge/devices`.
//!
//! Each device "exposes" its properties, some of them in groups. A device's topic is the base topic
//! and its friendly name, and its payloads have a member for each property.

use serde::Deserialize;
use serde_json::value::RawValue;
use tickcast_core::work::TopicFacts;

use super::{
    super::path::{part_topic, push_name},
    told::{Told, fact, full_name, words},
};

/// The end of the topic of the list.
pub(super) const DEVICES: &str = "/bridge/devices";

/// Set in `access` if the device's payloads have the property.
const IS_PUBLISHED: u64 = 1;

#[derive(Deserialize)]
struct Device {
    friendly_name: String,
    /// Missing for the coordinator and for unknown devices.
    definition: Option<Definition>,
}

#[derive(Deserialize)]
struct Definition {
    exposes: Option<Vec<Expose>>,
}

/// A property, or a group of them.
#[derive(Deserialize)]
struct Expose {
    /// The member of the payload. A group without it has its features in the payload itself.
    property: Option<String>,
    name: Option<String>,
    /// The name for people, in newer versions.
    label: Option<String>,
    unit: Option<String>,
    access: Option<u64>,
    features: Option<Vec<Expose>>,
}

/// Reads a list of devices.
pub(super) fn read(base: &str, payload: &str, told: &mut Told) {
    let Ok(devices) = serde_json::from_str::<Vec<&RawValue>>(payload) else {
        told.left_out += 1;
        return;
    };
    for device in devices {
        // One device that is described in another way must not hide the others.
        match serde_json::from_str(device.get()) {
            Ok(device) => read_device(base, &device, told),
            Err(_) => told.left_out += 1,
        }
    }
}

fn read_device(base: &str, device: &Device, told: &mut Told) {
    let Some(definition) = &device.definition else {
        return;
    };
    let topic = format!("{base}/{}", device.friendly_name);
    let exposes = definition.exposes.as_deref().unwrap_or_default();
    read_exposes(exposes, &topic, device, &mut String::new(), told);
}

/// Reads properties below a path. serde_json bounds the levels.
fn read_exposes(
    exposes: &[Expose],
    topic: &str,
    device: &Device,
    path: &mut String,
    told: &mut Told,
) {
    for expose in exposes {
        let before = path.len();
        if let Some(property) = &expose.property {
            push_name(path, property);
        }
        match &expose.features {
            Some(features) => read_exposes(features, topic, device, path, told),
            None if path.len() > before && is_published(expose) => {
                let name = expose.name.as_deref().or(expose.property.as_deref());
                let label = expose.label.clone().or_else(|| name.map(words));
                let facts = TopicFacts {
                    unit: expose.unit.as_deref().and_then(fact),
                    name: full_name(Some(&device.friendly_name), label.as_deref()),
                    state_class: None,
                };
                told.add(&part_topic(topic, path), &facts);
            }
            None => {}
        }
        path.truncate(before);
    }
}

fn is_published(expose: &Expose) -> bool {
    expose
        .access
        .is_none_or(|access| access & IS_PUBLISHED != 0)
}
