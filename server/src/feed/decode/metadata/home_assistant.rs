//! Discovery messages of Home Assistant, for one component or for a whole device.
//!
//! Topics are `homeassistant/COMPONENT/[NODE/]OBJECT/config`, or with `device` as the component.
//! Each key has a long and a short form; the short ones are the list "Supported abbreviations" of
//! the documentation.

use serde_json::{Map, Value};
use tickcast_core::work::TopicFacts;

use super::{
    super::{
        path::{SEPARATOR, part_topic},
        sample::is_value_name,
    },
    told::{Told, fact, full_name, words},
    value_template::{self, Part},
};

/// How these topics begin, unless Home Assistant is set up otherwise.
const PREFIX: &str = "homeassistant/";

/// The last level of these topics.
const LAST_LEVEL: &str = "/config";

/// A key in its two forms.
struct Key(&'static str, &'static str);

const BASE: Key = Key("~", "~");
const COMPONENTS: Key = Key("components", "cmps");
const DEVICE: Key = Key("device", "dev");
const DEVICE_CLASS: Key = Key("device_class", "dev_cla");
const NAME: Key = Key("name", "name");
const STATE_CLASS: Key = Key("state_class", "stat_cla");
const STATE_TOPIC: Key = Key("state_topic", "stat_t");
const UNIT: Key = Key("unit_of_measurement", "unit_of_meas");
const VALUE_TEMPLATE: Key = Key("value_template", "val_tpl");

type Object = Map<String, Value>;

/// Whether a topic is one of discovery messages.
pub(super) fn is_discovery(topic: &str) -> bool {
    topic.starts_with(PREFIX) && topic.ends_with(LAST_LEVEL)
}

/// Reads a discovery message.
pub(super) fn read(payload: &str, told: &mut Told) {
    // An empty message removes a component. What was known about its topic stays true.
    if payload.trim_ascii().is_empty() {
        return;
    }
    let Ok(message) = serde_json::from_str::<Object>(payload) else {
        told.left_out += 1;
        return;
    };
    match get(&message, &COMPONENTS) {
        Some(Value::Object(components)) => {
            for component in components.values() {
                if let Value::Object(component) = component {
                    read_component(component, &message, told);
                }
            }
        }
        _ => read_component(&message, &message, told),
    }
}

/// Reads a component. `device` has the keys that it shares with others.
fn read_component(component: &Object, device: &Object, told: &mut Told) {
    let shared = |key: &Key| text(component, key).or_else(|| text(device, key));
    let Some(state_topic) = shared(&STATE_TOPIC) else {
        return;
    };
    let base = shared(&BASE).unwrap_or_default();
    let state_topic = with_base(state_topic, base);
    let facts = TopicFacts {
        unit: text(component, &UNIT).and_then(fact),
        name: name(component, device),
        state_class: text(component, &STATE_CLASS).and_then(fact),
    };
    let part = match text(component, &VALUE_TEMPLATE) {
        None => Some(Part::Whole),
        Some(template) => value_template::read(template),
    };
    match part {
        None => {}
        Some(Part::Whole) => told.add(&state_topic, &facts),
        Some(Part::At(path)) => {
            told.add(&part_topic(&state_topic, &path), &facts);
            // An object that is one value is a sample of the topic above.
            let (above, last) = path.rsplit_once(SEPARATOR).unwrap_or(("", &path));
            if is_value_name(last) {
                match above.is_empty() {
                    true => told.add(&state_topic, &facts),
                    false => told.add(&part_topic(&state_topic, above), &facts),
                }
            }
        }
    }
}

/// The name as Home Assistant shows it: the device's and the component's. A name that is null
/// stands for the device itself; without one the device class is the name.
fn name(component: &Object, device: &Object) -> Option<std::sync::Arc<str>> {
    let about = get(component, &DEVICE).or_else(|| get(device, &DEVICE));
    let about = about.and_then(Value::as_object);
    let device_name = about.and_then(|about| text(about, &NAME));
    let own = match get(component, &NAME) {
        Some(Value::String(name)) => Some(name.clone()),
        Some(_) => None,
        None => text(component, &DEVICE_CLASS).map(words),
    };
    full_name(device_name, own.as_deref())
}

/// A topic whose `~` at its beginning or end stands for the base topic.
fn with_base(topic: &str, base: &str) -> String {
    if let Some(rest) = topic.strip_prefix('~') {
        return format!("{base}{rest}");
    }
    match topic.strip_suffix('~') {
        Some(start) => format!("{start}{base}"),
        None => topic.to_owned(),
    }
}

fn get<'a>(object: &'a Object, key: &Key) -> Option<&'a Value> {
    object.get(key.0).or_else(|| object.get(key.1))
}

fn text<'a>(object: &'a Object, key: &Key) -> Option<&'a str> {
    get(object, key).and_then(Value::as_str)
}
