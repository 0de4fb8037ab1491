//! The times of a table: their form, which the first rows show or the settings tell.

use jiff::{
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use tickcast_protocol::{decimal::Decimal, message::TimeNs};

use super::civil::{Civil, Order, Stamp};
use crate::feed::decode::time::{TimeError, TimeRule, TimeUnit, plausible};

/// What the settings say about times.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct TimeOptions {
    pub(super) form: Option<TimeForm>,
    /// The zone of times that name none; UTC by default.
    pub(super) zone: Option<TimeZone>,
    pub(super) order: Option<Order>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TimeForm {
    Unit(TimeUnit),
    /// `YYYYMMDD HHMMSSmmm`
    HistData,
    /// A pattern of strftime(3).
    Pattern(Box<str>),
}

/// The times of one file.
#[derive(Debug)]
pub(super) struct Times {
    form: Form,
    zone: TimeZone,
    /// The latest time so far.
    last_ns: TimeNs,
}

#[derive(Debug)]
enum Form {
    /// A number since 1970, whose size shows the unit.
    Number,
    /// A date, written out.
    Civil(Option<Order>),
    HistData,
    Rule(TimeRule),
}

const NS_PER_S: TimeNs = 1_000_000_000;

impl Times {
    /// Finds the form of the times in the first rows. An error says which setting tells it.
    pub(super) fn find(
        options: &TimeOptions,
        texts: &[String],
        now_ns: TimeNs,
    ) -> Result<Self, String> {
        let zone = options.zone.clone().unwrap_or(TimeZone::UTC);
        let rule = |unit, pattern| {
            Form::Rule(TimeRule {
                unit,
                pattern,
                zone: Some(zone.clone()),
            })
        };
        let form = match &options.form {
            Some(TimeForm::HistData) => Form::HistData,
            Some(TimeForm::Pattern(pattern)) => rule(TimeUnit::Automatic, Some(pattern.clone())),
            Some(TimeForm::Unit(unit)) if *unit != TimeUnit::Automatic => rule(*unit, None),
            _ => shown_form(options.order, texts, now_ns)?,
        };
        Ok(Self {
            form,
            zone,
            last_ns: TimeNs::MIN,
        })
    }

    /// Parses a time to nanoseconds since the Unix epoch.
    pub(super) fn parse(&mut self, text: &str) -> Result<TimeNs, TimeError> {
        let time_ns = match &self.form {
            Form::Number => epoch(text)?,
            Form::Civil(order) => {
                let civil = Civil::parse(text);
                match civil.and_then(|civil| civil.stamp(*order)) {
                    Some(stamp) => self.place(stamp)?,
                    // ISO 8601 has forms that tables do not use.
                    None => TimeRule {
                        unit: TimeUnit::Iso8601,
                        pattern: None,
                        zone: Some(self.zone.clone()),
                    }
                    .parse(text, 0)
                    .map_err(|_| TimeError::Syntax("a form that is known, or in this order"))?,
                }
            }
            Form::HistData => self.place(histdata(text)?)?,
            Form::Rule(rule) => rule.parse(text, 0)?,
        };
        self.last_ns = self.last_ns.max(time_ns);
        Ok(time_ns)
    }

    fn place(&self, stamp: Stamp) -> Result<TimeNs, TimeError> {
        let to_ns = |offset: Offset| {
            let time = offset.to_timestamp(stamp.civil);
            let time = time.map_err(|_| TimeError::Range)?.as_nanosecond();
            let time = time + i128::from(stamp.further_s) * i128::from(NS_PER_S);
            TimeNs::try_from(time).map_err(|_| TimeError::Range)
        };
        if let Some(offset_s) = stamp.offset_s {
            return to_ns(Offset::from_seconds(offset_s).map_err(|_| TimeError::Range)?);
        }
        match self.offset(stamp.civil) {
            AmbiguousOffset::Unambiguous { offset } => to_ns(offset),
            // As the clocks were before they went forward.
            AmbiguousOffset::Gap { before, .. } => to_ns(before),
            AmbiguousOffset::Fold { before, after } => {
                // An hour comes twice in autumn: the time nearer to the row before is meant.
                let (first, second) = (to_ns(before)?, to_ns(after)?);
                let is_second = second.abs_diff(self.last_ns) <= first.abs_diff(self.last_ns);
                Ok(if is_second { second } else { first })
            }
        }
    }

    fn offset(&self, time: DateTime) -> AmbiguousOffset {
        match self.zone.to_fixed_offset() {
            Ok(offset) => AmbiguousOffset::Unambiguous { offset },
            Err(_) => self.zone.to_ambiguous_timestamp(time).offset(),
        }
    }
}

/// Whether a text can be a time of any form.
pub(super) fn looks_like_time(options: &TimeOptions, text: &str) -> bool {
    if text.parse::<Decimal>().is_ok() || Civil::parse(text).is_some() {
        return true;
    }
    let form = TimeOptions {
        // Any order makes a date a date.
        order: options.order.or(Some(Order::DayFirst)),
        ..options.clone()
    };
    let texts = [text.to_owned()];
    let times = Times::find(&form, &texts, 0);
    times.is_ok_and(|mut times| times.parse(text).is_ok())
}

/// A number since 1970 whose unit its size shows.
fn epoch(text: &str) -> Result<TimeNs, TimeError> {
    const FROM_NS: TimeNs = 631_152_000 * NS_PER_S;
    const TO_NS: TimeNs = 4_102_444_800 * NS_PER_S;
    const ERROR: TimeError =
        TimeError::Syntax("a unit that its size shows (1990 to 2099): set time_unit");
    let time_ns = TimeUnit::Automatic.parse(text)?;
    match (FROM_NS..TO_NS).contains(&time_ns) {
        true => Ok(time_ns),
        false => Err(ERROR),
    }
}

/// The form that the first times have.
fn shown_form(order: Option<Order>, texts: &[String], now_ns: TimeNs) -> Result<Form, String> {
    let mut texts = texts.iter().filter(|text| !text.is_empty());
    let Some(first) = texts.clone().next() else {
        return Err("the column for time is empty".into());
    };
    if first.parse::<Decimal>().is_ok() {
        let epoch_ns = TimeUnit::Automatic.parse(first);
        return match epoch_ns.is_ok_and(|time_ns| plausible(time_ns, now_ns)) {
            true => Ok(Form::Number),
            false if Civil::parse(first).is_some() => Ok(Form::Civil(order)),
            false => Err(format!(
                "time {first:?}: the number shows no unit, since it would be a time before 1990 \
                 or after today: set time_unit in --replay-format (s, ms, us, ns or yyyymmdd)"
            )),
        };
    }
    let Some(civil) = Civil::parse(first) else {
        let rule = TimeRule {
            zone: Some(TimeZone::UTC),
            ..TimeRule::default()
        };
        return match rule.parse(first, now_ns) {
            Ok(_) => Ok(Form::Civil(order)),
            Err(_) => Err(format!(
                "time {first:?}: it is not a time in a form that is known: set time_format in \
                 --replay-format, as in time_format=%d.%m.%Y %H:%M"
            )),
        };
    };
    if !civil.has_order() || order.is_some() {
        return Ok(Form::Civil(order));
    }
    let mut shown = None;
    for civil in texts.by_ref().filter_map(|text| Civil::parse(text)) {
        match (shown, civil.order()) {
            (Some(shown), Some(other)) if shown != other => {
                return Err(format!(
                    "time {first:?}: some dates begin with the day and others with the month: set \
                     day_first=true or day_first=false in --replay-format"
                ));
            }
            (_, Some(order)) => shown = Some(order),
            _ => {}
        }
    }
    match shown {
        Some(order) => Ok(Form::Civil(Some(order))),
        None => Err(format!(
            "time {first:?}: it begins with the day or with the month: set day_first=true or \
             day_first=false in --replay-format"
        )),
    }
}

/// `YYYYMMDD HHMMSSmmm`
fn histdata(text: &str) -> Result<Stamp, TimeError> {
    const LEN: usize = "20200101 170000065".len();
    let is_so = text.len() == LEN && text.as_bytes()[8] == b' ';
    let civil = is_so.then(|| Civil::parse(text)).flatten();
    let stamp = civil.and_then(|civil| civil.stamp(None));
    stamp.ok_or(TimeError::Syntax("the form YYYYMMDD HHMMSSmmm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-06-01
    const NOW: TimeNs = 1_717_200_000 * NS_PER_S;

    fn find(options: &TimeOptions, texts: &[&str]) -> Result<Times, String> {
        let texts: Vec<_> = texts.iter().map(|&text| text.to_owned()).collect();
        Times::find(options, &texts, NOW)
    }

    #[track_caller]
    fn check(options: &TimeOptions, texts: &[&str], expected: &[TimeNs]) {
        let mut times = find(options, texts).unwrap();
        let times: Vec<_> = texts.iter().map(|text| times.parse(text)).collect();
        let expected: Vec<_> = expected.iter().map(|&time_ns| Ok(time_ns)).collect();
        assert_eq!(times, expected, "{texts:?}");
    }

    #[track_caller]
    fn check_error(texts: &[&str], part: &str) {
        let error = find(&TimeOptions::default(), texts).unwrap_err();
        assert!(error.contains(part), "{texts:?}: {error}");
    }

    #[test]
    fn the_size_of_a_number_shows_its_unit() {
        let t = 1_704_067_200 * NS_PER_S;
        for text in [
            "1704067200",
            "1704067200.0",
            "1704067200000",
            "1704067200000000",
            "1704067200000000000",
            "20240101",
            "20240101000000",
            "202401010000",
            "2024-01-01",
            "Mon, 01 Jan 2024 00:00:00 GMT",
        ] {
            check(&TimeOptions::default(), &[text], &[t]);
        }
        // One exchange changed from milliseconds to microseconds within its files.
        let mixed = ["1704067200000", "1704067200000001"];
        check(&TimeOptions::default(), &mixed, &[t, t + 1_000]);
    }

    #[test]
    fn a_number_without_a_plausible_unit_is_an_error_that_names_the_setting() {
        for text in [
            "0",
            "1",
            "1000",
            "45292.5",
            "86400",
            "99999999",
            "2024013112",
        ] {
            check_error(&[text], "set time_unit");
        }
        let seconds = TimeOptions {
            form: Some(TimeForm::Unit(TimeUnit::Seconds)),
            ..TimeOptions::default()
        };
        check(
            &seconds,
            &["1000", "1000.5"],
            &[1_000 * NS_PER_S, 1_000_500_000_000],
        );
    }

    #[test]
    fn the_order_of_day_and_month_is_shown_by_any_of_the_first_rows_or_told() {
        let (jan_2, feb_1) = (1_704_153_600 * NS_PER_S, 1_706_745_600 * NS_PER_S);
        check_error(&["01/02/2024"], "day_first=true or day_first=false");
        check_error(&["01/01/2024", "01/01/2024"], "day_first=");
        check_error(&["13/01/2024", "01/13/2024"], "some dates begin");
        let none = TimeOptions::default();
        let jan_13 = 1_705_104_000 * NS_PER_S;
        check(&none, &["01/02/2024", "01/13/2024"], &[jan_2, jan_13]);
        check(&none, &["01/02/2024", "13/01/2024"], &[feb_1, jan_13]);
        check(&none, &["01.02.2024"], &[feb_1]);
        for (order, expected) in [(Order::DayFirst, feb_1), (Order::MonthFirst, jan_2)] {
            let options = TimeOptions {
                order: Some(order),
                ..TimeOptions::default()
            };
            check(&options, &["01/02/2024"], &[expected]);
        }
    }

    #[test]
    fn local_times_are_of_the_zone_and_the_hour_that_comes_twice_goes_on() {
        let options = TimeOptions {
            zone: Some(TimeZone::get("Europe/Berlin").unwrap()),
            ..TimeOptions::default()
        };
        // 2024-10-27T00:30:00Z is half past two in summer, and an hour later it is that again.
        let first = 1_729_989_000 * NS_PER_S;
        let hour = 3_600 * NS_PER_S;
        check(
            &options,
            &[
                "2024-10-27 02:30:00",
                "2024-10-27 02:59:59",
                "2024-10-27 02:00:00",
                "2024-10-27 02:30:00",
                "2024-10-27 03:00:00",
                "2024-10-27T02:30:00Z",
            ],
            &[
                first,
                first + hour / 2 - NS_PER_S,
                first + hour / 2,
                first + hour,
                first + hour + hour / 2,
                first + 2 * hour,
            ],
        );
    }

    #[test]
    fn leap_seconds_and_times_of_histdata_are_read() {
        let new_year = 1_483_228_800 * NS_PER_S;
        let leap = ["2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z"];
        check(
            &TimeOptions::default(),
            &leap,
            &[new_year - NS_PER_S, new_year],
        );
        // New York's standard time all year: 2020-01-01T22:00:00.065Z and 2020-07-01T22:00:00.065Z
        let histdata = TimeOptions {
            form: Some(TimeForm::HistData),
            zone: Some(TimeZone::fixed(Offset::from_seconds(-18_000).unwrap())),
            order: None,
        };
        check(
            &histdata,
            &["20200101 170000065", "20200701 170000065"],
            &[1_577_916_000_065_000_000, 1_593_640_800_065_000_000],
        );
        for text in [
            "",
            "20200101 17000006",
            "20201301 170000065",
            "2020010a 170000065",
        ] {
            let mut times = find(&histdata, &[]).unwrap();
            assert!(times.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_reads_what_no_form_knows() {
        check_error(&["31.01.24 12h"], "set time_format");
        let options = TimeOptions {
            form: Some(TimeForm::Pattern("%d.%m.%y %Hh%M".into())),
            ..TimeOptions::default()
        };
        check(&options, &["01.01.24 00h30"], &[1_704_069_000 * NS_PER_S]);
    }
}
