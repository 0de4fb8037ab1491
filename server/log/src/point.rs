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
        let Ok(time) = text.parse::<Timestamp>() else {
            return Err("expected a position or a time such as 2026-11-27T08:00:00Z");
        };
        // The nanoseconds of a time have 64 bits.
        TimeNs::try_from(time.as_nanosecond())
            .map(Self::Time)
            .map_err(|_| "expected a time between the years 1678 and 2261, or none for all")
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
        for wrong in ["", "noon", "-1", "2026-13-01T00:00:00Z"] {
            let error = wrong.parse::<Point>().unwrap_err();
            assert!(
                error.starts_with("expected a position or a time"),
                "{wrong:?}"
            );
        }
        for far in ["9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z"] {
            let error = far.parse::<Point>().unwrap_err();
            assert!(error.contains("the years 1678 and 2261"), "{far:?}");
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
