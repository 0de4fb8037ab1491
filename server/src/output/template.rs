//! Where the values of a topic go at a broker.

use std::str::FromStr;

use tickcast_protocol::topic::{Filter, TOPIC_MAX_BYTES};

/// Longest template: levels around a topic, as those of a prefix.
const TEMPLATE_MAX_BYTES: usize = 256;

const EXPECTED: &str = "use {topic}, {1} (the first level), {2..} (the second level and all below \
                        it) or {last}, such as site/{topic}/state";

/// The text of the key `topic`: levels, some of which are taken from the topic of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    levels: Vec<Vec<Part>>,
}

/// A part of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// A text as it is.
    Text(String),
    /// The whole topic.
    Topic,
    /// A level of the topic, from 0.
    Level(usize),
    /// A level of the topic and all below it.
    Below(usize),
    /// The last level of the topic.
    Last,
}

impl Template {
    /// The topic itself below a prefix, or alone if that is empty.
    pub(super) fn below(prefix: &str) -> Self {
        let text = |level: &str| vec![Part::Text(level.into())];
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        let mut levels: Vec<_> = prefix
            .into_iter()
            .flat_map(|p| p.split('/'))
            .map(text)
            .collect();
        levels.push(vec![Part::Topic]);
        let text = prefix.map_or("{topic}".into(), |prefix| format!("{prefix}/{{topic}}"));
        Self { text, levels }
    }

    /// The template as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Refuses one place for the values of several topics, as far as it is the same for all.
    pub(super) fn check(&self, filters: &[Filter]) -> Result<(), String> {
        let mut parts = self.levels.iter().flatten();
        let is_fixed = parts.all(|part| matches!(part, Part::Text(_)));
        let is_one = matches!(filters, [filter] if filter.is_exact());
        match is_fixed && !is_one {
            true => Err(format!(
                "topic: the values of all topics would go to {:?}: {EXPECTED}",
                self.text
            )),
            false => Ok(()),
        }
    }

    /// Whether the whole topic is a part of each place, so that no two topics share one.
    pub(super) fn has_topic(&self) -> bool {
        self.levels.iter().any(|level| level[..] == [Part::Topic])
    }

    /// The place of a topic's values. `None` if the topic lacks a level of it, or if a broker would
    /// not accept it from a client.
    pub(super) fn place(&self, topic: &str) -> Option<String> {
        let mut place = String::new();
        for (index, level) in self.levels.iter().enumerate() {
            if index > 0 {
                place.push('/');
            }
            for part in level {
                let text = match part {
                    Part::Text(text) => text,
                    Part::Topic => topic,
                    Part::Level(level) => topic.split('/').nth(*level)?,
                    Part::Below(level) => topic.splitn(level + 1, '/').nth(*level)?,
                    Part::Last => topic.rsplit('/').next()?,
                };
                place.push_str(text);
            }
        }
        (!place.is_empty() && !place.starts_with('$')).then_some(place)
    }

    /// A filter with all places of the topics that match this one, and maybe others. `None` if
    /// there is no such place.
    pub(super) fn published(&self, filter: &Filter) -> Option<Filter> {
        let wanted: Vec<&str> = filter.as_str().split('/').collect();
        let is_open = wanted.last() == Some(&"#");
        // What any topic of the filter has at this level.
        let at = |level: usize| match wanted.get(level) {
            Some(&"#") => Some("+"),
            None if is_open => Some("+"),
            other => other.copied(),
        };
        let mut levels = Vec::new();
        for level in &self.levels {
            let below = match level[..] {
                [Part::Topic] => 0,
                [Part::Below(from)] => from,
                [Part::Text(ref text)] => {
                    levels.push(text.as_str());
                    continue;
                }
                [Part::Level(from)] => {
                    levels.push(at(from)?);
                    continue;
                }
                [Part::Last] if !is_open => {
                    levels.extend(wanted.last());
                    continue;
                }
                _ => {
                    levels.push("+");
                    continue;
                }
            };
            match wanted.get(below..) {
                Some(rest) if !rest.is_empty() => levels.extend(rest),
                _ if is_open => levels.push("#"),
                _ => return None,
            }
            if is_open {
                break;
            }
        }
        Filter::new(&levels.join("/")).ok().or_else(|| {
            // Too long for a filter of ours: one with more places, of the levels that fit.
            let mut bytes = 0;
            levels.retain(|level| {
                bytes += level.len() + 1;
                bytes < TOPIC_MAX_BYTES
            });
            levels.push("#");
            Filter::new(&levels.join("/")).ok()
        })
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > TEMPLATE_MAX_BYTES {
            let bytes = text.len();
            return Err(format!(
                "it has {bytes} bytes (limit {TEMPLATE_MAX_BYTES}): {EXPECTED}"
            ));
        }
        if text.is_empty() || text.starts_with('$') {
            return Err(format!(
                "a topic is not empty and has no $ in front: {EXPECTED}"
            ));
        }
        if let Some(bad) = text.find(|c: char| matches!(c, '+' | '#') || c.is_control()) {
            let bad = &text[bad..].chars().next().unwrap_or_default();
            return Err(format!("a topic has no {bad:?}: {EXPECTED}"));
        }
        let levels = text.split('/').map(read_level);
        Ok(Self {
            text: text.into(),
            levels: levels.collect::<Result<_, _>>()?,
        })
    }
}

/// The parts of a level.
fn read_level(level: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = level;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, name) = rest.split_at(at);
        let name = name.strip_prefix('{').and_then(|name| name.split_once('}'));
        let (name, after) =
            name.ok_or_else(|| format!("{level:?} has a brace without the other: {EXPECTED}"))?;
        if !before.is_empty() {
            parts.push(Part::Text(before.into()));
        }
        parts.push(read_name(name)?);
        rest = after;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    let has_levels = |part: &Part| matches!(part, Part::Topic | Part::Below(_));
    match parts.len() > 1 && parts.iter().any(has_levels) {
        true => Err(format!(
            "{level:?}: what may have several levels is between slashes alone: {EXPECTED}"
        )),
        false => Ok(parts),
    }
}

/// What is between two braces.
fn read_name(name: &str) -> Result<Part, String> {
    let level = |number: &str| number.parse::<usize>().ok()?.checked_sub(1);
    let part = match (name, name.strip_suffix("..")) {
        ("topic", _) => Some(Part::Topic),
        ("last", _) => Some(Part::Last),
        (_, Some(number)) => level(number).map(Part::Below),
        (number, None) => level(number).map(Part::Level),
    };
    part.filter(|part| match part {
        Part::Level(level) | Part::Below(level) => *level < TOPIC_MAX_BYTES,
        _ => true,
    })
    .ok_or_else(|| format!("{{{name}}} is no part of a topic: {EXPECTED}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Template {
        text.parse().unwrap()
    }

    #[test]
    fn a_place_is_made_of_the_levels_of_a_topic() {
        for (text, expected) in [
            ("{topic}", Some("plant/line1/temp")),
            ("site/{topic}/state", Some("site/plant/line1/temp/state")),
            ("{1}/x-{last}", Some("plant/x-temp")),
            ("{2}-{3}", Some("line1-temp")),
            ("a/{2..}", Some("a/line1/temp")),
            ("{3..}", Some("temp")),
            ("{4..}", None),
            ("{4}", None),
            ("one", Some("one")),
        ] {
            let place = template(text).place("plant/line1/temp");
            assert_eq!(place.as_deref(), expected, "{text}");
        }
        assert_eq!(template("{topic}").place("$SYS/uptime"), None);
        assert_eq!(template("{1}").place("/a"), None);
        for (prefix, text) in [("", "{topic}"), ("home/tickcast", "home/tickcast/{topic}")] {
            assert_eq!(Template::below(prefix), template(text));
        }
    }

    #[test]
    fn what_cannot_be_a_topic_is_refused_with_an_example() {
        for (text, expected) in [
            ("", "not empty"),
            ("$SYS/{topic}", "no $ in front"),
            ("a/+/{topic}", "has no '+'"),
            ("{topic}/#", "has no '#'"),
            ("a\n{topic}", "has no '\\n'"),
            ("{0}", "{0} is no part"),
            ("{name}", "{name} is no part"),
            ("{1..2}", "{1..2} is no part"),
            ("{999}", "{999} is no part"),
            ("{topic", "a brace without the other"),
            ("topic}", "a brace without the other"),
            ("{a{1}", "{a{1} is no part"),
            ("x-{topic}", "between slashes alone"),
            ("{2..}x", "between slashes alone"),
            (&"x".repeat(257), "257 bytes (limit 256)"),
        ] {
            let error = text.parse::<Template>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(error.contains("such as site/{topic}/state"), "{error}");
        }
    }

    #[test]
    fn one_place_is_for_one_topic() {
        let filters = |text: &str| [Filter::new(text).unwrap()];
        assert!(template("one").check(&filters("a/b")).is_ok());
        assert!(template("x/{1}").check(&filters("a/#")).is_ok());
        let error = template("one").check(&filters("a/+")).unwrap_err();
        assert!(error.contains("would go to \"one\""), "{error}");
    }

    #[test]
    fn all_places_match_the_filter_of_what_is_published() {
        let topics = ["a", "a/b", "a/b/c", "a/c/d/e", "b/b", "b/b/c/d"];
        for text in [
            "{topic}",
            "s/{topic}",
            "s/{topic}/x",
            "s/{1}/{last}",
            "{2..}",
            "{1}/{3..}/x",
            "p-{1}/{2}",
            "{last}/y",
        ] {
            for filter in ["#", "a/#", "a/+", "+/b/#", "a/b", "a/b/c", "+/+/+"] {
                let filter = Filter::new(filter).unwrap();
                let published = template(text).published(&filter);
                for topic in topics.iter().filter(|topic| filter.matches(topic)) {
                    let Some(place) = template(text).place(topic) else {
                        continue;
                    };
                    let is_in = published.as_ref().is_some_and(|all| all.matches(&place));
                    assert!(is_in, "{text} {filter} {topic}: {published:?}");
                }
            }
        }
        let published = |text: &str, filter: &str| {
            let filter = Filter::new(filter).unwrap();
            template(text)
                .published(&filter)
                .map(|filter| filter.to_string())
        };
        assert_eq!(published("s/{topic}/x", "a/+").as_deref(), Some("s/a/+/x"));
        assert_eq!(published("{3}", "a/b"), None);
        let long = published(&format!("{}/{{topic}}", "x".repeat(200)), &"y/".repeat(120));
        assert!(long.unwrap().ends_with("/y/#"));
    }
}
