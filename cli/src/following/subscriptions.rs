//! Follows filters until what was asked for has happened.

use std::collections::HashMap;

use tickcast_protocol::{
    client::{ClientBatch, Event},
    message::{Mode, Start, TopicInfo},
    topic::{Filter, Topic},
};

use crate::{
    connection::Link,
    exit::{Exit, Failure},
    output::{Origin, Output, PIECE_BYTES, Taker},
    selection::is_first,
    words::{count, say},
};

/// Topics whose unit is known: as many as a server holds by default. The units of further ones are
/// left out.
const UNITS_MAX: usize = 1_000_000;

/// Units by topic.
#[derive(Debug, Default)]
struct Units(HashMap<Topic, String>);

impl Units {
    fn learn(&mut self, topics: &[TopicInfo]) {
        for info in topics {
            match &info.unit {
                Some(unit) if self.0.len() < UNITS_MAX || self.0.contains_key(&info.topic) => {
                    self.0.insert(info.topic.clone(), unit.clone());
                }
                _ => {
                    self.0.remove(&info.topic);
                }
            }
        }
    }

    fn of(&self, topic: &Topic) -> Option<&str> {
        self.0.get(topic).map(String::as_str)
    }
}

/// What is followed, and how long.
pub(crate) struct Following {
    pub(crate) filters: Vec<Filter>,
    pub(crate) mode: Mode,
    pub(crate) max_rate_hz: Option<f64>,
    /// Whether values that are there at the start, or after a gap, are wanted.
    pub(crate) wants_old: bool,
    /// Updates that are still wanted; `None`: without end.
    pub(crate) left: Option<u64>,
    /// Whether a loss is the end.
    pub(crate) until_gap: bool,
}

impl Following {
    /// Follows the filters until what was asked for has happened.
    pub(crate) async fn run(
        &mut self,
        link: &mut Link,
        taker: &mut impl Taker,
        output: &mut Output,
    ) -> Result<Exit, Failure> {
        if self.left == Some(0) {
            return Ok(Exit::Done);
        }
        let filters = self.filters.clone();
        let subscribed = link
            .handle()
            .subscribe(filters, self.mode, self.max_rate_hz);
        subscribed.map_err(|error| Failure::Failed(error.to_string()))?;
        let mut units = Units::default();
        loop {
            let event = link.next().await?;
            let mut out = Vec::new();
            let end = match event {
                Event::Batch(batch) => self.batch(batch, &mut units, taker, output).await?,
                Event::Status {
                    filter,
                    topics,
                    statuses,
                } => {
                    units.learn(&topics);
                    for status in statuses {
                        if is_first(&self.filters, &filter, &status.topic) {
                            taker.status(status, self.mode == Mode::Every, &mut out)?;
                        }
                    }
                    None
                }
                event => self.told(event, taker, &mut out)?,
            };
            output.write(out).await?;
            if let Some(exit) = end {
                return Ok(exit);
            }
        }
    }

    /// Takes a batch. Returns the end, if it brought it.
    async fn batch(
        &mut self,
        batch: ClientBatch,
        units: &mut Units,
        taker: &mut impl Taker,
        output: &mut Output,
    ) -> Result<Option<Exit>, Failure> {
        units.learn(&batch.topics);
        if batch.snapshot && !self.wants_old {
            return Ok(None);
        }
        let origin = Origin {
            is_every: self.mode == Mode::Every && !batch.snapshot,
            is_old: batch.snapshot,
        };
        let mut out = Vec::new();
        for update in batch.updates {
            if !is_first(&self.filters, &batch.filter, &update.topic) {
                continue;
            }
            let topic = update.topic.clone();
            taker.update(update, units.of(&topic), origin, &mut out)?;
            if let Some(left) = &mut self.left {
                *left -= 1;
                if *left == 0 {
                    output.write(out).await?;
                    return Ok(Some(Exit::Done));
                }
            }
            if out.len() >= PIECE_BYTES {
                output.write(std::mem::take(&mut out)).await?;
            }
        }
        output.write(out).await?;
        Ok(None)
    }

    /// Tells what is no update. Returns the end, if it is one.
    fn told(
        &self,
        event: Event,
        taker: &mut impl Taker,
        out: &mut Vec<u8>,
    ) -> Result<Option<Exit>, Failure> {
        let is_gap = match event {
            Event::Gap { filter, lost, .. } => {
                let lost = match lost {
                    Some(lost) => format!("{} lost", count(lost, "update")),
                    None => "an unknown number of updates is lost".to_owned(),
                };
                taker.note(&format!("{filter}: {lost}"), out);
                true
            }
            Event::Truncated {
                filter, kept, lost, ..
            } => {
                let lost = match lost {
                    Some(lost) => count(lost, "update"),
                    None => "updates".to_owned(),
                };
                let text = format!(
                    "{filter}: the server was restarted and has lost {lost} after position {kept}; \
                     it goes on there"
                );
                taker.note(&text, out);
                true
            }
            Event::Reset { filter, start, .. } => {
                let why = match start {
                    Start::EpochChanged => "the server has begun anew",
                    _ => "the subscription begins anew",
                };
                let text = format!("{filter}: {why}; what was lost meanwhile is unknown");
                taker.note(&text, out);
                true
            }
            Event::ChainBroken { filter, error } => {
                taker.note(&format!("{filter}: {error}; resuming"), out);
                false
            }
            Event::Refused {
                filter,
                code,
                reason,
            } => return Err(Failure::refused(filter.as_str(), code, &reason)),
            Event::Ended { filter, reason, .. } => {
                return Err(Failure::Refused(format!(
                    "{filter}: the server ends the subscription: {reason}"
                )));
            }
            Event::Error(error) => {
                say(&format!(
                    "the server reports: {}: {}",
                    error.code, error.reason
                ));
                false
            }
            Event::Draining(_) => {
                say("the server is about to end");
                false
            }
            _ => false,
        };
        Ok((is_gap && self.until_gap).then_some(Exit::Gap))
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        error::ErrorCode,
        message::{TopicStatus, Update},
    };

    use super::*;

    /// Keeps what it is told.
    #[derive(Default)]
    struct Told(Vec<String>);

    impl Taker for Told {
        fn update(
            &mut self,
            _: Update<Topic>,
            _: Option<&str>,
            _: Origin,
            _: &mut Vec<u8>,
        ) -> Result<(), Failure> {
            Ok(())
        }

        fn status(
            &mut self,
            _: TopicStatus<Topic>,
            _: bool,
            _: &mut Vec<u8>,
        ) -> Result<(), Failure> {
            Ok(())
        }

        fn note(&mut self, text: &str, _: &mut Vec<u8>) {
            self.0.push(text.to_owned());
        }
    }

    #[test]
    fn a_gap_is_told_with_its_number_and_is_the_end_if_that_was_asked_for() {
        let mut following = Following {
            filters: vec![Filter::all()],
            mode: Mode::Every,
            max_rate_hz: None,
            wants_old: true,
            left: None,
            until_gap: false,
        };
        let gap = |lost| Event::Gap {
            filter: Filter::all(),
            from: 7,
            to: 2_000,
            lost,
        };
        let (mut told, mut out) = (Told::default(), Vec::new());
        let end = following.told(gap(Some(1_204)), &mut told, &mut out);
        assert!(matches!(end, Ok(None)));
        following.until_gap = true;
        let end = following.told(gap(None), &mut told, &mut out);
        assert!(matches!(end, Ok(Some(Exit::Gap))));
        let truncated = Event::Truncated {
            filter: Filter::all(),
            kept: 7,
            position: 9,
            lost: Some(2),
        };
        let end = following.told(truncated, &mut told, &mut out);
        assert!(matches!(end, Ok(Some(Exit::Gap))));
        let expected = [
            "#: 1,204 updates lost",
            "#: an unknown number of updates is lost",
            "#: the server was restarted and has lost 2 updates after position 7; it goes on there",
        ];
        assert_eq!(told.0, expected);
        let refused = Event::Refused {
            filter: Filter::all(),
            code: ErrorCode::SubscribeForbidden,
            reason: "not here".to_owned(),
        };
        let end = following.told(refused, &mut told, &mut out);
        assert!(matches!(end, Err(Failure::Refused(_))));
    }

    #[test]
    fn units_are_those_of_now() {
        let topic = Topic::new("a").unwrap();
        let mut units = Units::default();
        let mut info = TopicInfo::new(1, topic.clone());
        info.unit = Some("°C".to_owned());
        units.learn(&[info.clone()]);
        assert_eq!(units.of(&topic), Some("°C"));
        info.unit = None;
        units.learn(&[info]);
        assert_eq!(units.of(&topic), None);
    }
}
