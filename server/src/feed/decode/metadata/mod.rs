//! Messages that describe other topics: which series a device has, with their units and names.
//!
//! The facts about the formats are from the public documentation of Home Assistant ("MQTT
//! discovery", with its list of abbreviations), of Zigbee2MQTT ("MQTT topics and messages" and
//! "Exposes") and of Tasmota ("MQTT", "Commands", and the messages that its devices send).
//!
//! The files in reading order:
//!
//! * this file: which format a topic has
//! * `told`: what a message tells, within bounds
//! * `home_assistant`, `value_template`: discovery messages of Home Assistant
//! * `zigbee2mqtt`: the list of devices of Zigbee2MQTT
//! * `tasmota`: the two messages of a device of Tasmota
//!
//! A series that a message describes has the topic that the format `auto` gives it.

mod home_assistant;
mod tasmota;
#[cfg(test)]
mod tests;
mod told;
mod value_template;
mod zigbee2mqtt;

pub use told::{METADATA_MAX_BYTES, Told};

/// What is kept of messages that describe devices, because it takes several of them.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    tasmota: tasmota::Devices,
}

/// Topics that describe others by convention. What they say is one text, however it is built.
pub(super) fn is_metadata(topic: &str) -> bool {
    let mut levels = topic.split('/');
    let (first, second) = (levels.next(), levels.next());
    first == Some("$SYS")
        || second == Some("bridge")
        || topic.ends_with(zigbee2mqtt::DEVICES)
        || home_assistant::is_discovery(topic)
        || tasmota::is_discovery(topic)
}

impl Metadata {
    /// What a message tells about other topics. A message of another kind tells nothing.
    pub fn read(&mut self, topic: &str, payload: &[u8]) -> Told {
        let mut told = Told::default();
        if payload.len() > METADATA_MAX_BYTES {
            told.left_out += 1;
        } else if let Ok(text) = std::str::from_utf8(payload) {
            if home_assistant::is_discovery(topic) {
                home_assistant::read(text, &mut told);
            } else if tasmota::is_discovery(topic) {
                tasmota::read(topic, text, &mut self.tasmota, &mut told);
            } else if let Some(base) = topic.strip_suffix(zigbee2mqtt::DEVICES) {
                zigbee2mqtt::read(base, text, &mut told);
            }
        }
        told
    }
}
