//! What messages of Home Assistant's discovery and of Zigbee2MQTT tell.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Metadata, Told};

/// What a message tells alone.
fn read(topic: &str, payload: &[u8]) -> Told {
    Metadata::default().read(topic, payload)
}

/// One line for each topic: the topic, and what is told about it.
#[track_caller]
fn check(topic: &str, payload: &Value, expected: &[&str]) {
    let told = read(topic, payload.to_string().as_bytes());
    assert_eq!(told.left_out, 0);
    let part = |text: &Option<Arc<str>>| text.as_deref().unwrap_or("-").to_owned();
    let lines = told.facts.iter().map(|(topic, facts)| {
        let (unit, name) = (part(&facts.unit), part(&facts.name));
        format!("{topic}: {name}, {unit}, {}", part(&facts.state_class))
    });
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_discovery_message_tells_the_unit_the_name_and_the_state_class() {
    let long = json!({
        "device": {"identifiers": ["0x1"], "name": "hall"},
        "device_class": "temperature",
        "state_class": "measurement",
        "state_topic": "zigbee2mqtt/hall",
        "unit_of_measurement": "°C",
        "value_template": "{{ value_json.temperature }}",
    });
    let expected = ["zigbee2mqtt/hall/temperature: hall Temperature, °C, measurement"];
    check(
        "homeassistant/sensor/0x1/temperature/config",
        &long,
        &expected,
    );
    let short = json!({
        "~": "tele/plug", "dev": {"name": "Plug"}, "name": "Power", "stat_t": "~/SENSOR",
        "stat_cla": "measurement", "unit_of_meas": "W", "val_tpl": "{{ value_json['ENERGY'].Power }}",
    });
    let expected = ["tele/plug/SENSOR/ENERGY/Power: Plug Power, W, measurement"];
    check("homeassistant/sensor/plug_power/config", &short, &expected);
}

#[test]
fn a_message_about_a_device_tells_of_all_its_components() {
    let message = json!({
        "dev": {"ids": "x", "name": "Cellar"}, "o": {"name": "maker"}, "~": "cellar",
        "stat_t": "~/state",
        "cmps": {
            "a": {"p": "sensor", "dev_cla": "humidity", "unit_of_meas": "%", "val_tpl": "{{ value_json.h }}"},
            "b": {"p": "sensor", "name": null, "stat_t": "other/~", "unit_of_meas": "lx"},
            "removed": {"p": "sensor"},
        },
    });
    let expected = [
        "cellar/state/h: Cellar Humidity, %, -",
        "other/cellar: Cellar, lx, -",
        "cellar/state: Cellar, -, -",
    ];
    check("homeassistant/device/x/config", &message, &expected);
}

#[test]
fn names_become_the_levels_that_a_split_payload_has() {
    let message = json!({
        "name": "Hall T", "device": {"name": "Hall"}, "stat_t": "a/b", "unit_of_meas": " °C\n",
        "val_tpl": "{{ value_json['in/out']['t#1'] }}",
    });
    check(
        "homeassistant/sensor/x/config",
        &message,
        &["a/b/in_out/t_1: Hall T, °C, -"],
    );
    let value = json!({"stat_t": "s", "unit_of_meas": "V", "val_tpl": "{{ value_json.value }}"});
    let expected = ["s/value: -, V, -", "s: -, V, -"];
    check("homeassistant/sensor/x/config", &value, &expected);
}

#[test]
fn what_computes_or_has_no_state_tells_nothing() {
    let nothing = [
        json!({"stat_t": "a", "unit_of_meas": "°C", "val_tpl": "{{ value_json.t / 10 }}"}),
        json!({"cmd_t": "a", "name": "Button"}),
        json!({"stat_t": "a"}),
    ];
    for message in nothing {
        check("homeassistant/sensor/x/config", &message, &[]);
        check("homeassistant/status", &message, &[]);
        check("plant/config", &message, &[]);
    }
    assert_eq!(read("homeassistant/sensor/x/config", b"").left_out, 0);
    assert_eq!(read("homeassistant/sensor/x/config", b"[1]").left_out, 1);
    let wildcard = json!({"stat_t": "a/#", "unit_of_meas": "V"}).to_string();
    assert_eq!(
        read("homeassistant/sensor/x/config", wildcard.as_bytes()).left_out,
        1
    );
}

#[test]
fn the_list_of_devices_tells_of_all_published_properties() {
    let devices = json!([
        {"friendly_name": "Coordinator", "type": "Coordinator", "definition": null},
        {"friendly_name": "hall", "definition": {"exposes": [
            {"type": "numeric", "name": "temperature", "label": "Temperature", "property": "temperature",
             "unit": "°C", "access": 1},
            {"type": "numeric", "name": "humidity", "property": "humidity", "unit": "%", "access": 5},
            {"type": "enum", "name": "effect", "property": "effect", "access": 2},
        ]}},
        {"friendly_name": "up/lamp", "definition": {"exposes": [
            {"type": "light", "features": [
                {"name": "brightness", "property": "brightness", "access": 7},
                {"type": "composite", "name": "color_xy", "property": "color", "access": 7, "features": [
                    {"name": "x", "property": "x", "access": 7},
                ]},
            ]},
            {"type": "numeric", "name": "power_on_time", "property": "power_on_time", "unit": "s", "access": 1},
        ]}},
    ]);
    let expected = [
        "zigbee2mqtt/hall/temperature: hall Temperature, °C, -",
        "zigbee2mqtt/hall/humidity: hall Humidity, %, -",
        "zigbee2mqtt/up/lamp/brightness: up/lamp Brightness, -, -",
        "zigbee2mqtt/up/lamp/color/x: up/lamp X, -, -",
        "zigbee2mqtt/up/lamp/power_on_time: up/lamp Power on time, s, -",
    ];
    check("zigbee2mqtt/bridge/devices", &devices, &expected);
}

#[test]
fn a_device_that_cannot_be_read_hides_no_other() {
    let devices = json!([
        {"friendly_name": 7},
        {"friendly_name": "a", "definition": {"exposes": [{"property": "t", "unit": "K"}]}},
    ]);
    let told = read("z/y/bridge/devices", devices.to_string().as_bytes());
    assert_eq!((told.facts.len(), told.left_out), (1, 1));
    assert_eq!(told.facts[0].0.as_str(), "z/y/a/t");
}

const PLUG: &str = r#"{"ip":"10.0.0.3","dn":"Cellar","fn":["Pump",null],"hn":"plug-1","mac":"A8B9CADBECFD",
    "t":"plug","ft":"%prefix%/%topic%/","tp":["cmnd","stat","tele"],"rl":[1,0],"ver":1}"#;

const PLUG_SENSORS: &str = r#"{"sn":{"Time":"2024-01-01T12:00:00","ENERGY":{"TotalStartTime":"2023-01-01T00:00:00",
    "Total":1.2,"Power":[12,13],"Factor":0.5},"BME280":{"Temperature":21.5,"Pressure":1013},
    "TempUnit":"C","PressureUnit":"hPa"},"ver":1}"#;

#[test]
fn the_two_messages_of_a_tasmota_device_tell_in_any_order() {
    let (config, sensors) = (
        "tasmota/discovery/A8/config",
        "tasmota/discovery/A8/sensors",
    );
    let messages = [(config, PLUG), (sensors, PLUG_SENSORS)];
    for order in [[0, 1], [1, 0]] {
        let mut metadata = Metadata::default();
        let mut lines = Vec::new();
        for index in order {
            let (topic, payload) = messages[index];
            let told = metadata.read(topic, payload.as_bytes());
            assert_eq!(told.left_out, 0);
            lines.extend(told.facts.iter().map(|(topic, facts)| {
                let unit = facts.unit.as_deref().unwrap_or("-");
                format!("{topic}: {}, {unit}", facts.name.as_deref().unwrap_or("-"))
            }));
        }
        lines.sort();
        assert_eq!(
            lines,
            [
                "stat/plug/POWER: Pump, -",
                "stat/plug/RESULT/POWER: Pump, -",
                "tele/plug/SENSOR/BME280/Pressure: Cellar BME280 Pressure, hPa",
                "tele/plug/SENSOR/BME280/Temperature: Cellar BME280 Temperature, °C",
                "tele/plug/SENSOR/ENERGY/Factor: Cellar ENERGY Factor, -",
                "tele/plug/SENSOR/ENERGY/Power/0: Cellar ENERGY Power 0, W",
                "tele/plug/SENSOR/ENERGY/Power/1: Cellar ENERGY Power 1, W",
                "tele/plug/SENSOR/ENERGY/Total: Cellar ENERGY Total, kWh",
                "tele/plug/STATE/POWER: Pump, -",
            ]
        );
    }
}

#[test]
fn the_topics_of_a_tasmota_device_are_made_by_its_template() {
    let config = PLUG.replace("%prefix%/%topic%/", "home/%id%/%hostname%/%topic%/%prefix%");
    let told = read("tasmota/discovery/A8/config", config.as_bytes());
    let topics: Vec<_> = told.facts.iter().map(|(topic, _)| topic.as_str()).collect();
    assert_eq!(topics[0], "home/DBECFD/plug-1/plug/stat/RESULT/POWER");
    // Two relays have numbers.
    let two = PLUG.replace("[1,0]", "[1,1]");
    let told = read("tasmota/discovery/A8/config", two.as_bytes());
    let names: Vec<_> = told
        .facts
        .iter()
        .map(|(topic, facts)| (topic.as_str(), facts.name.as_deref()))
        .collect();
    assert!(
        names.contains(&("tele/plug/STATE/POWER1", Some("Pump"))),
        "{names:?}"
    );
    assert!(
        names.contains(&("tele/plug/STATE/POWER2", Some("Cellar"))),
        "{names:?}"
    );
}

#[test]
fn what_is_no_message_of_a_tasmota_device_is_counted() {
    for payload in ["7", "{", "{}", r#"{"sn":7}"#] {
        assert_eq!(
            read("tasmota/discovery/A8/sensors", payload.as_bytes()).left_out,
            1
        );
        assert_eq!(
            read("tasmota/discovery/A8/config", payload.as_bytes()).left_out,
            1
        );
    }
    assert_eq!(read("tasmota/discovery/A8/config", b"").left_out, 0);
    let mut metadata = Metadata::default();
    let left_out: u64 = (0..5_000)
        .map(|n| {
            metadata
                .read(&format!("tasmota/discovery/{n}/config"), PLUG.as_bytes())
                .left_out
        })
        .sum();
    assert_eq!(left_out, 5_000 - 4_096);
    let members: Vec<_> = (0..300).map(|n| format!("\"m{n}\":1")).collect();
    let wide = format!("{{\"sn\":{{{}}}}}", members.join(","));
    assert_eq!(
        read("tasmota/discovery/A8/sensors", wide.as_bytes()).left_out,
        44
    );
}

#[test]
fn a_message_tells_of_16384_series_at_most() {
    let exposes: Vec<_> = (0..20_000)
        .map(|n| json!({"property": format!("p{n}")}))
        .collect();
    let devices = json!([{"friendly_name": "a", "definition": {"exposes": exposes}}]);
    let told = read("z/bridge/devices", devices.to_string().as_bytes());
    assert_eq!((told.facts.len(), told.left_out), (16_384, 20_000 - 16_384));
    let long = " ".repeat(super::METADATA_MAX_BYTES + 1);
    assert_eq!(read("z/bridge/devices", long.as_bytes()).left_out, 1);
}

/// Keys and texts that the formats know, so that random documents reach deep.
fn word() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 37] = [
        "sn",
        "dn",
        "fn",
        "t",
        "ft",
        "tp",
        "rl",
        "%prefix%/%topic%",
        "~",
        "cmps",
        "components",
        "dev",
        "device",
        "name",
        "stat_t",
        "state_topic",
        "unit_of_meas",
        "val_tpl",
        "value_template",
        "stat_cla",
        "dev_cla",
        "friendly_name",
        "definition",
        "exposes",
        "property",
        "features",
        "unit",
        "access",
        "label",
        "{{ value_json.a }}",
        "{{ value_json['",
        "{{ value_json[0].b | round(1) }}",
        "{{",
        "a/~",
        "~/b",
        "°C",
        "",
    ];
    prop_oneof![
        4 => prop::sample::select(&KNOWN[..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        word().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(7, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(word(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_is_read_without_a_panic_and_tells_of_topics_only(
        document in document(), cut in any::<prop::sample::Index>(),
    ) {
        let text = document.to_string();
        let mut metadata = Metadata::default();
        for topic in [
            "homeassistant/sensor/x/config",
            "z/bridge/devices",
            "/bridge/devices",
            "tasmota/discovery/A8/config",
            "tasmota/discovery/A8/sensors",
        ] {
            let told = metadata.read(topic, text.as_bytes());
            for (_, facts) in &told.facts {
                for text in [&facts.unit, &facts.name, &facts.state_class].into_iter().flatten() {
                    prop_assert!(!text.is_empty() && !text.contains(char::is_control));
                    prop_assert!(text.trim() == &**text);
                }
            }
            // Cut off in the middle, as a broken device sends it.
            metadata.read(topic, &text.as_bytes()[..cut.index(text.len() + 1)]);
        }
    }
}
