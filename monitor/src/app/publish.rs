//! Publishing values.

use tickcast_protocol::{topic::Topic, value::Value};

use super::monitor::Monitor;
use crate::data::published::LastPublished;

impl Monitor {
    /// Publishes a value. The answer is shown where it was typed.
    pub(super) fn publish(&mut self, topic: Topic, value: Value) {
        let words = match &value {
            Value::Reading(number) => number.to_string(),
            Value::Text(text) => format!("{text:?}"),
            other => format!("{other:?}"),
        };
        let sent = if self.recordings.playing.is_some() {
            Err("nothing is published while a recording is played".to_owned())
        } else {
            self.line.requests.publish(&topic, value)
        };
        self.screen.published = Some(LastPublished::new(topic, words, sent));
    }

    /// What became of the value that was published last, in words.
    pub fn published(&self) -> Option<String> {
        self.screen.published.as_ref().map(LastPublished::words)
    }
}
