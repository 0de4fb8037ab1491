//! Places in a log, as people write them.

use std::str::FromStr;

use jiff::Timestamp;
use tickcast_protocol::message::{Position, TimeNs};

use crate::read::Range;

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The place of an update.
    Position(Position),
    /// A time, in ns since 1970.
    Time(TimeNs),
}

impl FromStr for Point {
    type Err = &'static str;

    /// Parses a position, or a time of RFC 3339.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(position));
        }
        let time = text.parse::<Timestamp>().ok();
        let ns = time.and_then(|time| TimeNs::try_from(time.as_nanosecond()).ok());
        ns.map(Self::Time)
            .ok_or("expected a position or a time such as 2026-11-27T08:00:00Z")
    }
}

impl Range {
    /// From a first position or an earliest time, to a last position or the time after the latest
    /// one.
    pub fn between(from: Option<Point>, to: Option<Point>) -> Self {
        let mut range = Self::ALL;
        match from {
            Some(Point::Position(position)) => range.from = position,
            Some(Point::Time(ns)) => range.from_ns = ns,
            None => {}
        }
        match to {
            Some(Point::Position(position)) => range.to = position,
            Some(Point::Time(ns)) => range.to_ns = ns,
            None => {}
        }
        range
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_position_or_a_time() {
        assert_eq!("12".parse(), Ok(Point::Position(12)));
        assert_eq!(
            "1970-01-01T00:00:01Z".parse(),
            Ok(Point::Time(1_000_000_000))
        );
        for wrong in ["", "noon", "-1", "9999-01-01T00:00:00Z"] {
            assert!(wrong.parse::<Point>().is_err(), "{wrong:?}");
        }
        let range = Range::between(Some(Point::Position(3)), Some(Point::Time(9)));
        let expected = Range {
            from: 3,
            to_ns: 9,
            ..Range::ALL
        };
        assert_eq!(range, expected);
    }
}
