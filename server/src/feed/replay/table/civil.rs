//! Dates and times of day as tables have them: in any order of day, month and year.

use jiff::civil::{Date, DateTime, Time};

/// A date with a time of day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Civil {
    date: DateForm,
    clock: Clock,
}

/// Which of two small numbers is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    DayFirst,
    MonthFirst,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum DateForm {
    Certain(Date),
    /// The year is last.
    YearLast {
        first: i8,
        second: i8,
        year: i16,
        has_points: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Clock {
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    /// What a leap second, or the hour 24, adds.
    further_s: i8,
    is_next_day: bool,
    offset_s: Option<i32>,
}

/// A civil time, and what is known of its place on the time line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stamp {
    pub(super) civil: DateTime,
    pub(super) offset_s: Option<i32>,
    /// Seconds to add: 1 in a leap second, which POSIX counts as the next second.
    pub(super) further_s: i8,
}

impl Civil {
    /// Reads a date with or without a time of day.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut scan = Scan(text.trim().as_bytes());
        let date = scan.date()?;
        let clock = scan.clock()?;
        scan.0.is_empty().then_some(Self { date, clock })
    }

    /// The order that the text shows by itself: a number above 12 is a day, and dates with points
    /// begin with the day. `None` if it shows none, or if the year is first.
    pub(super) fn order(&self) -> Option<Order> {
        match self.date {
            DateForm::YearLast { first, .. } if first > 12 => Some(Order::DayFirst),
            DateForm::YearLast { second, .. } if second > 12 => Some(Order::MonthFirst),
            DateForm::YearLast {
                has_points: true, ..
            } => Some(Order::DayFirst),
            _ => None,
        }
    }

    /// Whether day and month could be the other way round.
    pub(super) fn has_order(&self) -> bool {
        matches!(self.date, DateForm::YearLast { .. })
    }

    /// The time, if the date exists in this order.
    pub(super) fn stamp(&self, order: Option<Order>) -> Option<Stamp> {
        let date = match self.date {
            DateForm::Certain(date) => date,
            DateForm::YearLast {
                first,
                second,
                year,
                ..
            } => match order.or(self.order())? {
                Order::DayFirst => Date::new(year, second, first).ok()?,
                Order::MonthFirst => Date::new(year, first, second).ok()?,
            },
        };
        let clock = &self.clock;
        let time = Time::new(clock.hour, clock.minute, clock.second, clock.nanosecond).ok()?;
        let date = match clock.is_next_day {
            true => date.tomorrow().ok()?,
            false => date,
        };
        Some(Stamp {
            civil: DateTime::from_parts(date, time),
            offset_s: clock.offset_s,
            further_s: clock.further_s,
        })
    }
}

/// Puts a date and a time of two cells together.
pub(super) fn join(date: &str, time: &str, joined: &mut String) {
    joined.clear();
    joined.push_str(date);
    joined.push(' ');
    // 93000 is half past nine: programs that take a time for a number drop its zero.
    if matches!(time.len(), 3 | 5) && time.bytes().all(|byte| byte.is_ascii_digit()) {
        joined.push('0');
    }
    match time {
        "0" => joined.push_str("00:00"),
        time => joined.push_str(time),
    }
}

/// The rest of a text.
struct Scan<'a>(&'a [u8]);

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn skip(&mut self, count: usize) {
        self.0 = &self.0[count..];
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.skip(1);
        }
        is_next
    }

    fn spaces(&mut self) {
        while self.take(b' ') {}
    }

    fn digits(&self) -> usize {
        let is_digit = |byte: &&u8| byte.is_ascii_digit();
        self.0.iter().take_while(is_digit).count()
    }

    /// A number of at most this many digits.
    fn number(&mut self, max_digits: usize) -> Option<i32> {
        let len = self.digits().min(max_digits);
        let digits = self.0.get(..len).filter(|digits| !digits.is_empty())?;
        let number = digits
            .iter()
            .fold(0, |number, byte| number * 10 + i32::from(byte - b'0'));
        self.skip(len);
        Some(number)
    }

    /// One or two digits.
    fn small(&mut self) -> Option<i8> {
        self.number(2).map(|number| number as i8)
    }

    fn date(&mut self) -> Option<DateForm> {
        match self.digits() {
            0 => self.named_month_first(),
            4 => self.year_first(),
            // 202401311230, with any number of digits of the time
            8 | 12 | 14 | 17 => {
                let year = self.number(4)? as i16;
                let (month, day) = (self.small()?, self.small()?);
                Date::new(year, month, day).ok().map(DateForm::Certain)
            }
            1 | 2 => self.year_last(),
            _ => None,
        }
    }

    fn year_first(&mut self) -> Option<DateForm> {
        let year = self.number(4)? as i16;
        let separator = self.peek().filter(|byte| b"-/.".contains(byte))?;
        self.skip(1);
        let month = self.small()?;
        if !self.take(separator) {
            return None;
        }
        let day = self.small()?;
        Date::new(year, month, day).ok().map(DateForm::Certain)
    }

    fn year_last(&mut self) -> Option<DateForm> {
        let first = self.small()?;
        let separator = self.peek().filter(|byte| b"-/. ".contains(byte))?;
        self.skip(1);
        self.spaces();
        if let Some(month) = self.month() {
            // 31-Jan-2024, 31 January 2024
            while self.peek().is_some_and(|byte| b"-/. ,".contains(&byte)) {
                self.skip(1);
            }
            let year = self.year()?;
            return Date::new(year, month, first).ok().map(DateForm::Certain);
        }
        if separator == b' ' {
            return None;
        }
        let second = self.small()?;
        if !self.take(separator) {
            return None;
        }
        let year = self.year()?;
        Some(DateForm::YearLast {
            first,
            second,
            year,
            has_points: separator == b'.',
        })
    }

    /// `Jan 31, 2024`, with or without the day of the week, and `Wed, 31 Jan 2024`.
    fn named_month_first(&mut self) -> Option<DateForm> {
        let month = match self.month() {
            Some(month) => month,
            None => {
                self.word();
                self.take(b',');
                self.spaces();
                if self.digits() > 0 {
                    return self.year_last();
                }
                self.month()?
            }
        };
        self.spaces();
        let day = self.small()?;
        self.take(b',');
        self.spaces();
        let year = self.year()?;
        Date::new(year, month, day).ok().map(DateForm::Certain)
    }

    fn year(&mut self) -> Option<i16> {
        (self.digits() == 4).then(|| self.number(4).map(|year| year as i16))?
    }

    fn word(&mut self) -> usize {
        let len = self
            .0
            .iter()
            .take_while(|b| b.is_ascii_alphabetic())
            .count();
        self.skip(len);
        len
    }

    /// The English name of a month, whole or its first three letters.
    fn month(&mut self) -> Option<i8> {
        let begin = self.0.get(..3)?;
        let is_begin = |month: &&[u8]| begin.eq_ignore_ascii_case(month);
        let month = MONTHS.iter().position(is_begin)?;
        self.word();
        Some(month as i8 + 1)
    }

    fn clock(&mut self) -> Option<Clock> {
        let mut clock = Clock::default();
        self.take(b',');
        self.spaces();
        if self.take(b'T') || self.take(b't') || self.take(b'-') {
            self.spaces();
        }
        if self.0.is_empty() {
            return Some(clock);
        }
        match self.digits() {
            1 | 2 => {
                clock.hour = self.small()?;
                if self.take(b':') {
                    clock.minute = self.small()?;
                    if self.take(b':') {
                        clock.second = self.small()?;
                        clock.nanosecond = self.fraction()?;
                    }
                }
            }
            // 0930, 170000, 170000065
            digits @ (4 | 6 | 9) => {
                (clock.hour, clock.minute) = (self.small()?, self.small()?);
                if digits > 4 {
                    clock.second = self.small()?;
                    clock.nanosecond = match digits {
                        9 => self.number(3)? * 1_000_000,
                        _ => self.fraction()?,
                    };
                }
            }
            // A date with an offset and no time would be no date.
            _ => return None,
        }
        self.half_day(&mut clock)?;
        if clock.second == 60 {
            (clock.second, clock.further_s) = (59, 1);
        }
        if (clock.hour, clock.minute, clock.second, clock.nanosecond) == (24, 0, 0, 0) {
            (clock.hour, clock.is_next_day) = (0, true);
        }
        clock.offset_s = self.offset()?;
        Some(clock)
    }

    /// Nanoseconds. More than nine digits are cut off.
    fn fraction(&mut self) -> Option<i32> {
        if !self.take(b'.') && !self.take(b',') {
            return Some(0);
        }
        let digits = self.digits();
        let kept = self.number(9)?;
        self.skip(digits.saturating_sub(9));
        Some(kept * 10i32.pow(9u32.saturating_sub(digits as u32)))
    }

    /// `AM` or `PM` after a clock of twelve hours.
    fn half_day(&mut self, clock: &mut Clock) -> Option<()> {
        let rest = self.0.trim_ascii_start();
        let rest = rest.strip_prefix(b"-").unwrap_or(rest);
        let is_pm = match rest.get(..2) {
            Some(word) if word.eq_ignore_ascii_case(b"am") => false,
            Some(word) if word.eq_ignore_ascii_case(b"pm") => true,
            _ => return Some(()),
        };
        self.0 = &rest[2..];
        if !(1..=12).contains(&clock.hour) {
            return None;
        }
        clock.hour = clock.hour % 12 + if is_pm { 12 } else { 0 };
        Some(())
    }

    /// `Z`, `UTC`, `+01:00`, `GMT+0100`; `Some(None)` if there is none.
    fn offset(&mut self) -> Option<Option<i32>> {
        self.spaces();
        if self.0.is_empty() {
            return Some(None);
        }
        if self.take(b'Z') || self.take(b'z') {
            return Some(Some(0));
        }
        if [&b"UTC"[..], b"GMT"].contains(&self.0.get(..3).unwrap_or_default()) {
            self.skip(3);
            if self.0.is_empty() {
                return Some(Some(0));
            }
        }
        let sign = match self.peek()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.skip(1);
        let hours = self.number(2)?;
        self.take(b':');
        let minutes = match self.0.is_empty() {
            true => 0,
            false => self.number(2)?,
        };
        (hours <= 23 && minutes <= 59).then_some(Some(sign * (hours * 3600 + minutes * 60)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, order: Option<Order>, expected: &str) {
        let stamp = Civil::parse(text).and_then(|civil| civil.stamp(order));
        let stamp = stamp.unwrap_or_else(|| panic!("{text} is no time"));
        let offset = stamp.offset_s.map(|s| format!(" {s}")).unwrap_or_default();
        assert_eq!(format!("{}{offset}", stamp.civil), expected, "{text}");
    }

    #[test]
    fn dates_and_times_of_many_tables_are_read() {
        for text in [
            "2024-01-31 17:00:05",
            "2024-01-31T17:00:05",
            "2024/1/31 17:00:05",
            "2024.01.31 17:00:05",
            "20240131 170005",
            "20240131170005",
            "31.01.2024 17:00:05",
            "31/01/2024 17:00:05",
            "1/31/2024 5:00:05 PM",
            "31-Jan-2024 17:00:05",
            "31 January 2024, 17:00:05",
            "Jan 31, 2024 17:00:05",
            "Wed Jan 31 2024 17:00:05",
            "Wed, 31 Jan 2024 17:00:05",
        ] {
            check(text, None, "2024-01-31T17:00:05");
        }
        check("2024-01-31", None, "2024-01-31T00:00:00");
        check("2020-01-01 12-AM", None, "2020-01-01T00:00:00");
        check("202401311230", None, "2024-01-31T12:30:00");
        check("20200101 170000065", None, "2020-01-01T17:00:00.065");
        check("2024-01-31 17:00:05,25", None, "2024-01-31T17:00:05.25");
        let long = "2024-01-31 17:00:05.1234567891";
        check(long, None, "2024-01-31T17:00:05.123456789");
        check("2024-01-31 24:00:00", None, "2024-02-01T00:00:00");
        check("2024-01-31T17:00Z", None, "2024-01-31T17:00:00 0");
        check("2024-01-31T17:00-05:30", None, "2024-01-31T17:00:00 -19800");
        check("2024-01-31 17:00 UTC", None, "2024-01-31T17:00:00 0");
        let gmt = "31.01.2024 17:00:00.000 GMT+0100";
        check(gmt, None, "2024-01-31T17:00:00 3600");
    }

    #[test]
    fn the_order_of_day_and_month_is_told_or_shown() {
        let first = |text: &str| Civil::parse(text).unwrap();
        assert_eq!(first("01/02/2024").order(), None);
        assert_eq!(first("01/02/2024").stamp(None), None);
        assert_eq!(first("13/02/2024").order(), Some(Order::DayFirst));
        assert_eq!(first("02/13/2024").order(), Some(Order::MonthFirst));
        assert_eq!(first("01.02.2024").order(), Some(Order::DayFirst));
        let (day, month) = (Some(Order::DayFirst), Some(Order::MonthFirst));
        check("01/02/2024", day, "2024-02-01T00:00:00");
        check("01/02/2024", month, "2024-01-02T00:00:00");
        assert_eq!(first("13/02/2024").stamp(month), None);
        assert!(!first("2024-01-02").has_order());
    }

    #[test]
    fn a_leap_second_is_the_next_second() {
        let stamp = Civil::parse("2016-12-31 23:59:60.5").unwrap().stamp(None);
        let stamp = stamp.unwrap();
        assert_eq!(stamp.civil.to_string(), "2016-12-31T23:59:59.5");
        assert_eq!(stamp.further_s, 1);
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "17:00:05",
            "2024",
            "2024-01",
            "2024-13-01",
            "20241301",
            "31.01.24",
            "1.5",
            "-5",
            "2024-01-31 25:00:00",
            "2024-01-31 17:61",
            "2024-01-31 13:00 PM",
            "2024-01-31 17:00 EST",
            "2024-01-31x",
            "2024-01/31",
            "yesterday",
            "é",
        ] {
            let stamp = Civil::parse(text).and_then(|civil| civil.stamp(None));
            assert_eq!(stamp, None, "{text:?}");
        }
    }
}
