//! Whether a retained message is news.
//!
//! After each subscription a broker sends the last retained message of each topic, without its
//! time. It may be older than what came in the meantime: 10 is retained, 20 is published without
//! being retained, the feed reconnects and gets 10 again. So the feed remembers of each topic what
//! came last, and what was retained last.
//!
//! A retained message is old if it is what came last, or if its own time is not newer. If it is
//! the same as the retained one before, it is old as well, unless the topic is known to retain all
//! that it publishes: there it has changed back.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap};
use tickcast_protocol::message::TimeNs;

/// Topics that are remembered, at most: about 6 MB. Retained messages of further topics are always
/// taken, as if the feed had just started.
const TOPICS_MAX: usize = 100_000;

/// What is remembered, by the hash of the topic.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    topics: HashMap<u64, Seen>,
    hasher: DefaultHashBuilder,
}

/// What has come for a topic. Payloads are hashes.
#[derive(Debug, Clone, Copy)]
struct Seen {
    last: u64,
    is_last_retained: bool,
    retained: Option<u64>,
    newest_time_ns: Option<TimeNs>,
    /// Whether what was published without a break was retained later.
    retains_all: bool,
}

/// A message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    /// The newest of its own times.
    pub(super) time_ns: Option<TimeNs>,
}

impl Remembered {
    /// Takes note of a message that was published just now.
    pub(super) fn live(&mut self, message: Message<'_>) {
        let payload = self.hasher.hash_one(message.payload);
        self.change(message.topic, |seen| match seen {
            Some(seen) => {
                seen.last = payload;
                seen.is_last_retained = false;
                seen.newest_time_ns = seen.newest_time_ns.max(message.time_ns);
                None
            }
            None => Some(Seen {
                last: payload,
                is_last_retained: false,
                retained: None,
                newest_time_ns: message.time_ns,
                retains_all: false,
            }),
        });
    }

    /// Takes note of a retained message. Returns whether it is news.
    pub(super) fn retained(&mut self, message: Message<'_>) -> bool {
        let payload = self.hasher.hash_one(message.payload);
        let mut is_news = true;
        self.change(message.topic, |seen| {
            let Some(seen) = seen else {
                return Some(Seen {
                    last: payload,
                    is_last_retained: true,
                    retained: Some(payload),
                    newest_time_ns: message.time_ns,
                    retains_all: false,
                });
            };
            let is_same = seen.last == payload;
            if is_same && !seen.is_last_retained {
                seen.retains_all = true;
            }
            let is_before = message.time_ns.is_some() && message.time_ns <= seen.newest_time_ns;
            let is_newer = message.time_ns.is_some() && seen.newest_time_ns.is_some() && !is_before;
            let is_repeated = seen.retained == Some(payload) && !seen.retains_all && !is_newer;
            is_news = !(is_same || is_before || is_repeated);
            seen.retained = Some(payload);
            if is_news {
                seen.last = payload;
                seen.is_last_retained = true;
                seen.newest_time_ns = seen.newest_time_ns.max(message.time_ns);
            }
            None
        });
        is_news
    }

    fn change(&mut self, topic: &str, change: impl FnOnce(Option<&mut Seen>) -> Option<Seen>) {
        let topic = self.hasher.hash_one(topic);
        let has_room = self.topics.len() < TOPICS_MAX;
        if let Some(new) = change(self.topics.get_mut(&topic))
            && has_room
        {
            self.topics.insert(topic, new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct History(Remembered);

    impl History {
        fn live(&mut self, payload: &str) {
            self.live_at(payload, None);
        }

        fn live_at(&mut self, payload: &str, time_ns: Option<TimeNs>) {
            let payload = payload.as_bytes();
            self.0.live(Message {
                topic: "a",
                payload,
                time_ns,
            });
        }

        #[track_caller]
        fn retained(&mut self, payload: &str, is_news: bool) {
            self.retained_at(payload, None, is_news);
        }

        #[track_caller]
        fn retained_at(&mut self, payload: &str, time_ns: Option<TimeNs>, is_news: bool) {
            let message = Message {
                topic: "a",
                payload: payload.as_bytes(),
                time_ns,
            };
            assert_eq!(self.0.retained(message), is_news);
        }
    }

    fn history() -> History {
        History(Remembered::default())
    }

    #[test]
    fn a_retained_value_that_came_before_a_live_one_is_old() {
        let mut history = history();
        history.retained("10", true);
        history.live("20");
        history.retained("10", false);
        history.retained("10", false);
        history.live("10");
        history.retained("10", false);
    }

    #[test]
    fn a_retained_value_that_has_changed_is_news() {
        let mut history = history();
        history.retained("10", true);
        history.retained("11", true);
        history.retained("10", true);
        history.live("20");
        history.retained("30", true);
        history.retained("30", false);
    }

    #[test]
    fn a_topic_that_retains_all_may_change_back() {
        let mut history = history();
        history.retained("off", true);
        history.live("on");
        // A short break shows that what is published is retained.
        history.retained("on", false);
        history.live("off");
        history.retained("on", true);
    }

    #[test]
    fn the_time_of_a_value_decides_if_it_has_one() {
        let mut history = history();
        history.live_at("20", Some(20));
        history.retained_at("10", Some(10), false);
        history.retained_at("21", Some(20), false);
        history.retained_at("30", Some(30), true);
        history.live_at("40", Some(40));
        history.retained_at("30", Some(50), true);
    }

    #[test]
    fn the_number_of_topics_is_bounded_and_others_are_taken() {
        let mut remembered = Remembered::default();
        for number in 0..TOPICS_MAX + 10 {
            let topic = number.to_string();
            let message = Message {
                topic: &topic,
                payload: b"1",
                time_ns: None,
            };
            assert!(remembered.retained(message));
            assert_eq!(remembered.retained(message), number >= TOPICS_MAX);
        }
        assert_eq!(remembered.topics.len(), TOPICS_MAX);
    }
}
