//! What the change of a value is measured from.

use serde::{Deserialize, Serialize};
use tickcast_protocol::{message::TimeNs, value::Value};

use super::{latest::Latest, topic_state::MonitoredTopic};
use crate::data::{
    format::Zone,
    history::{LANE_MAIN, LANE_SECOND, SampleSeries, SeriesKind},
    percentage,
    time::{DAY, MINUTE},
};

/// What the change of a value is measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeReference {
    /// The first value that the monitor saw.
    #[default]
    Session,
    /// The value of a day before.
    Day,
    /// The value at this time.
    Since(TimeNs),
    /// The value that the user has set for the topic.
    Value,
}

impl ChangeReference {
    /// The references to choose from, each with its words.
    pub(crate) fn choices(zone: &Zone, now_ns: TimeNs) -> Vec<(&'static str, Self)> {
        let mut choices = vec![
            ("Change since the session began", Self::Session),
            ("Change within 24 hours", Self::Day),
            ("Change since now", Self::Since(now_ns)),
        ];
        if let Some(midnight_ns) = zone.midnight(now_ns) {
            choices.push(("Change since midnight", Self::Since(midnight_ns)));
        }
        choices.push(("Change from the topic's own value", Self::Value));
        choices
    }

    /// The heading of a column of changes, and its explanation.
    pub(crate) fn heading(self, zone: &Zone) -> (String, String) {
        let (short, long) = match self {
            Self::Session => (
                "session".to_owned(),
                "since the monitor first saw the topic".to_owned(),
            ),
            Self::Day => (
                "24 h".to_owned(),
                "within 24 hours, where the history reaches so far back".to_owned(),
            ),
            Self::Since(time_ns) => (
                zone.clock(time_ns, MINUTE),
                format!("since {}", zone.date_time(time_ns)),
            ),
            Self::Value => (
                "value".to_owned(),
                "from the value that is set for the topic".to_owned(),
            ),
        };
        let tip = format!(
            "Change {long}. A dash: what it is measured from is too small beside the range of the \
             values for a percentage. Right click: another reference"
        );
        (format!("% {short}"), tip)
    }
}

impl MonitoredTopic {
    /// The change of the value in percent; `None` where it is not known or says nothing.
    pub(crate) fn change_percent(&self, reference: ChangeReference, now_ns: TimeNs) -> Option<f64> {
        let from = self.measured_from(reference, now_ns)?;
        let change = (self.number? - from) / from.abs() * 100.0;
        let is_told = change.is_finite() && !self.is_too_small(reference, from);
        is_told.then_some(change)
    }

    /// What the change is measured from, if that is too small beside the range of all values for a
    /// percentage; and that range.
    pub(crate) fn small_base(
        &self,
        reference: ChangeReference,
        now_ns: TimeNs,
    ) -> Option<(f64, (f64, f64))> {
        let from = self.measured_from(reference, now_ns)?;
        let range = self.range.filter(|_| self.is_too_small(reference, from))?;
        Some((from, range))
    }

    fn measured_from(&self, reference: ChangeReference, now_ns: TimeNs) -> Option<f64> {
        match reference {
            ChangeReference::Session => self.first_number,
            ChangeReference::Day => self.number_at(now_ns.saturating_sub(DAY)),
            ChangeReference::Since(time_ns) => self.number_at(time_ns),
            ChangeReference::Value => self.settings.as_ref()?.reference,
        }
    }

    fn is_too_small(&self, reference: ChangeReference, from: f64) -> bool {
        // What the user has set is no chance.
        let is_chance = reference != ChangeReference::Value;
        let is_price = matches!(
            &self.latest,
            Some(Latest::Value(Value::Trade(_) | Value::Quote(_)))
        );
        let mut range = self.range.into_iter();
        is_chance && range.any(|range| percentage::is_too_small(from, range, is_price))
    }

    /// The number that held at a time, if the history reaches back to it.
    fn number_at(&self, time_ns: TimeNs) -> Option<f64> {
        let series = self.series.as_ref()?;
        let index = series.index_at(time_ns.saturating_add(1)).checked_sub(1)?;
        (index >= series.start()).then(|| number(series, index))
    }
}

/// The number that a sample is shown as: of a quote the middle.
fn number(series: &SampleSeries, index: u64) -> f64 {
    let main = series.value(LANE_MAIN, index);
    match series.kind() {
        SeriesKind::Quote => (main + series.value(LANE_SECOND, index)) / 2.0,
        SeriesKind::Reading | SeriesKind::Trade => main,
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{topic::Topic, value::Trade};

    use super::*;
    use crate::data::{time::SECOND, topics::TopicSettings};

    #[test]
    fn a_change_is_measured_from_what_was_chosen_and_unknown_without_history() {
        let mut topic = MonitoredTopic::new(Topic::new("t").unwrap());
        topic.first_number = Some(100.0);
        topic.number = Some(150.0);
        let mut series = SampleSeries::new(SeriesKind::Reading);
        series.append(10 * SECOND, [120.0, 0.0]);
        series.append(20 * SECOND, [150.0, 0.0]);
        topic.series = Some(series);
        let change = |topic: &MonitoredTopic, reference| topic.change_percent(reference, DAY);
        assert_eq!(change(&topic, ChangeReference::Session), Some(50.0));
        let since = ChangeReference::Since;
        assert_eq!(change(&topic, since(15 * SECOND)), Some(25.0));
        assert_eq!(change(&topic, since(10 * SECOND)), Some(25.0));
        assert_eq!(change(&topic, since(9 * SECOND)), None);
        assert_eq!(change(&topic, ChangeReference::Day), None);
        assert_eq!(
            topic.change_percent(ChangeReference::Day, DAY + 12 * SECOND),
            Some(25.0)
        );
        assert_eq!(change(&topic, ChangeReference::Value), None);
        topic.settings = Some(Box::new(TopicSettings {
            reference: Some(75.0),
            ..TopicSettings::default()
        }));
        assert_eq!(change(&topic, ChangeReference::Value), Some(100.0));
    }
    #[test]
    fn a_value_that_began_near_zero_has_no_percentage_once_it_has_moved() {
        let shown = |values: &[f64], of: &dyn Fn(f64) -> Value| {
            let mut topic = MonitoredTopic::new(Topic::new("t").unwrap());
            for &value in values {
                topic.show(Latest::Value(of(value)), 0);
            }
            topic
        };
        let change = |topic: &MonitoredTopic| topic.change_percent(ChangeReference::Session, 0);
        let small = |topic: &MonitoredTopic| topic.small_base(ChangeReference::Session, 0);
        let topic = shown(&[0.004, 0.005], &Value::Reading);
        assert!((change(&topic).unwrap() - 25.0).abs() < 1e-9);
        assert_eq!(small(&topic), None);
        // It stays so when the value comes back.
        let mut topic = shown(&[0.004, 18.4, -20.0, 0.005], &Value::Reading);
        assert_eq!(change(&topic), None);
        assert_eq!(small(&topic), Some((0.004, (-20.0, 18.4))));
        topic.settings = Some(Box::new(TopicSettings {
            reference: Some(0.1),
            ..TopicSettings::default()
        }));
        let from_own = topic.change_percent(ChangeReference::Value, 0);
        assert!((from_own.unwrap() + 95.0).abs() < 1e-9, "{from_own:?}");
        let trade = |price: f64| {
            Value::Trade(Trade {
                price: format!("{price:.3}").parse().unwrap(),
                size: "1".parse().unwrap(),
                side: None,
            })
        };
        assert!(change(&shown(&[0.004, 18.4], &trade)).unwrap() > 100_000.0);
        assert_eq!(change(&shown(&[0.0, 18.4], &Value::Reading)), None);
        assert!(small(&shown(&[0.0, 18.4], &Value::Reading)).is_some());
    }
}
