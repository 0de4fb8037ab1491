//! The lines of a log: the messages of several topics in the order of time.

use tickcast_protocol::{
    message::{Position, TimeNs},
    topic::Topic,
};

use crate::{data::topics::Store, ui::panes::inspector::text_of};

/// The most lines of a log.
const LINES_MAX: usize = 1_000;

/// How severe a line is, as far as its words tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Plain,
    Warning,
    Error,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LogLine {
    pub(super) time_ns: TimeNs,
    /// The message that it is from.
    pub(super) position: Position,
    /// Which of the topics.
    pub(super) topic: usize,
    pub(super) text: String,
    pub(super) severity: Severity,
}

/// The severity that the first words of a line name.
fn severity(text: &str) -> Severity {
    let begin: String = text.chars().take(60).collect::<String>().to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| begin.contains(word));
    if has(&["error", "fatal", "critical", "panic", "fail"]) {
        Severity::Error
    } else if has(&["warn", "alert"]) {
        Severity::Warning
    } else {
        Severity::Plain
    }
}

/// The newest lines of the topics that contain all words of the filter, oldest first.
pub(super) fn lines(store: &Store, topics: &[Topic], filter: &str) -> Vec<LogLine> {
    let filter = filter.to_lowercase();
    let words: Vec<&str> = filter.split_whitespace().collect();
    let mut lines = Vec::new();
    for (number, name) in topics.iter().enumerate() {
        let topic = store.topic_named(name.as_str());
        let Some(messages) = topic.and_then(|topic| topic.messages()) else {
            continue;
        };
        for message in messages.iter() {
            let text = text_of(&message.value);
            let lower = text.to_lowercase();
            if words.iter().all(|word| lower.contains(word)) {
                lines.extend(text.lines().map(|line| LogLine {
                    time_ns: message.time_ns,
                    position: message.position,
                    topic: number,
                    text: line.to_owned(),
                    severity: severity(line),
                }));
            }
        }
    }
    lines.sort_by_key(|line| line.time_ns);
    let surplus = lines.len().saturating_sub(LINES_MAX);
    lines.drain(..surplus);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_tell_how_severe_a_line_is() {
        assert_eq!(severity("WARN  lqi low"), Severity::Warning);
        assert_eq!(severity("{\"level\":\"error\",\"x\":1}"), Severity::Error);
        assert_eq!(severity("info: all good"), Severity::Plain);
    }
}
