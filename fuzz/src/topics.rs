//! Topics and filters.

use tickcast_protocol::topic::{Filter, TOPIC_MAX_BYTES, Topic};

/// Two filters and a topic, one per line.
pub fn topics(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (one, other, name) = (next(), next(), next());
    if let Ok(topic) = Topic::new(name) {
        assert!(topic.as_str().len() <= TOPIC_MAX_BYTES);
        let itself = Filter::new(name).expect("every topic is a filter");
        assert!(itself.is_exact() && itself.matches(name));
        assert_eq!(Filter::all().matches(name), !name.starts_with('$'));
    }
    let (Ok(one), Ok(other)) = (Filter::new(one), Filter::new(other)) else {
        return;
    };
    assert!(one.includes(&one));
    if Topic::new(name).is_err() {
        return;
    }
    for filter in [&one, &other] {
        assert_eq!(filter.matches(name), should_match(filter.as_str(), name));
    }
    if one.includes(&other) && other.matches(name) {
        assert!(one.matches(name), "{one} includes {other}, but not {name}");
    }
}

/// MQTT 5.0, section 4.7, taken literally.
fn should_match(filter: &str, topic: &str) -> bool {
    fn levels_match(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) => true,
            ([], []) => true,
            ([wanted, filter @ ..], [level, topic @ ..]) if wanted == &"+" || wanted == level => {
                levels_match(filter, topic)
            }
            _ => false,
        }
    }
    let is_hidden = topic.starts_with('$') && filter.starts_with(['+', '#']);
    let (filter, topic): (Vec<_>, Vec<_>) =
        (filter.split('/').collect(), topic.split('/').collect());
    !is_hidden && levels_match(&filter, &topic)
}
