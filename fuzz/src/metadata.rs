//! Messages that describe devices.

use tickcast_server::testing::decode::metadata::Metadata;

/// The topics whose messages are read for what they tell, and one that is not.
const TOPICS: [&str; 7] = [
    "homeassistant/sensor/x/config",
    "homeassistant/device/x/config",
    "zigbee2mqtt/bridge/devices",
    "tasmota/discovery/A8/config",
    "tasmota/discovery/A8/sensors",
    "tasmota/discovery/A9/config",
    "zigbee2mqtt/hall",
];

/// Series that one message describes, at most.
const FACTS_MAX: usize = 16_384;

/// Messages, divided by zero bytes. The first byte of each selects its topic.
pub fn metadata(bytes: &[u8]) {
    let mut metadata = Metadata::default();
    for message in bytes.split(|byte| *byte == 0) {
        let Some((choice, payload)) = message.split_first() else {
            continue;
        };
        let topic = TOPICS[usize::from(*choice) % TOPICS.len()];
        let told = metadata.read(topic, payload);
        assert!(told.facts.len() <= FACTS_MAX);
        for (_, facts) in &told.facts {
            let texts = [&facts.unit, &facts.name, &facts.state_class];
            for text in texts.into_iter().flatten() {
                assert!(!text.is_empty() && text.trim() == &**text);
                assert!(!text.contains(char::is_control));
            }
        }
    }
}
