use super::{numbers::decimal, *};
use crate::data::time::{DAY, HOUR, MINUTE, MS, SECOND};

#[track_caller]
fn check(actual: String, expected: &str) {
    assert_eq!(actual, expected);
}

#[test]
fn numbers_are_grouped_by_three_digits() {
    check(number(39_484.64, 2), "39 484.64");
    check(number(-1_234_567.0, 0), "-1 234 567");
    check(number(999.0, 1), "999.0");
    check(number(-0.001, 2), "0.00");
    check(number(f64::NAN, 2), "NaN");
    check(number(1e300, 2), "1.0000e300");
    check(decimal("1218.440".parse().unwrap()), "1 218.440");
    check(count(1_482_119), "1 482 119");
    check(signed(0.119, 2), "+0.12");
    check(signed(-0.001, 2), "0.00");
}

#[test]
fn a_change_in_percent_has_room_in_a_column_whatever_it_is() {
    for (change, expected) in [
        (0.0, "0.00"),
        (-1.234, "-1.23"),
        (379.69, "+380"),
        (-99_999.4, "-99 999"),
        (460_900.0, "+461 k"),
        (-1.5e9, "-1 500 M"),
        (1e30, "+99 999 G"),
    ] {
        check(percent(change), expected);
        assert!(percent(change).len() <= "-99 999 G".len());
    }
}

#[test]
fn small_values_keep_their_digits_and_are_never_zero() {
    check(number(1e-12, 12), "1e-12");
    check(number(1.2e-7, 8), "0.00000012");
    check(number(-1.25e-9, 11), "-1.25e-9");
    check(number(0.0, 12), "0");
    check(number(0.5, 12), "0.50000000");
    check(value(1.234e-9, 3), "1.23e-9");
    check(value(0.0, 3), "0.000");
    check(value(-0.0004, 3), "-4e-4");
    check(number(-0.0004, 3), "0.000");
    assert_eq!(parse_number("-39 484.5"), Some(-39_484.5));
    assert_eq!(parse_number("inf"), None);
    assert_eq!(parse_number("1,5"), None);
}

#[test]
fn names_are_cut_at_the_front() {
    check(cut_front("plant/line-1/temperature", 12), "…temperature");
    check(cut_front("temperature", 12), "temperature");
    check(cut_front("äöü", 2), "…ü");
}

#[test]
fn rates_ages_and_durations_have_the_digits_that_matter() {
    check(rate(12_345.0), "12k");
    check(rate(4_040.0), "4.0k");
    check(rate(412.3), "412");
    check(rate(1.0), "1.0");
    check(rate(0.02), "0.02");
    check(rate(1.0 / 300.0), "0.003");
    check(age(100 * MS), "0.1 s");
    check(age(38 * SECOND), "38 s");
    check(age(125 * SECOND), "2 min");
    check(age(3 * HOUR), "3 h");
    check(duration(2 * HOUR + 14 * MINUTE), "2 h 14 min");
    check(duration(59_990 * MS), "59.9 s");
    check(latency(210_000), "0.21 ms");
    check(latency(84_000), "84 µs");
    check(latency(1_300 * MS), "1.3 s");
    check(mebibytes(118 * 1024 * 1024), "118");
}

#[test]
fn times_are_written_in_the_zone() {
    let time_ns = 1_610_098_812_386_214_000;
    let zone = Zone::default();
    check(zone.time(time_ns), "09:40:12.386");
    check(zone.time_us(time_ns), "09:40:12.386 214");
    check(zone.tick(time_ns - time_ns % MINUTE, MINUTE), "09:40");
    check(zone.tick(time_ns - time_ns % DAY, HOUR), "Fri 08");
    check(zone.name(time_ns), "UTC");
    let day = time_ns - time_ns % DAY;
    assert_eq!(zone.midnight(time_ns), Some(day));
    assert_eq!(zone.parse("09:30", time_ns), Some(day + 570 * MINUTE));
    let before = zone.parse(" 2021-01-07 23:00:05 ", time_ns);
    assert_eq!(before, Some(day - HOUR + 5 * SECOND));
    assert_eq!(zone.parse("soon", time_ns), None);
}

#[test]
fn long_texts_are_cut_between_characters() {
    check(cut("äöü\nsecond line", 2), "äö…");
    check(cut("äöü\nsecond line", 3), "äöü");
}

#[test]
fn durations_are_read_as_they_are_written() {
    for (text, ns) in [
        ("30 s", Some(30 * SECOND)),
        ("1.5min", Some(90 * SECOND)),
        (" 250 ms ", Some(250_000_000)),
        ("2 h", Some(7_200 * SECOND)),
        ("1 d", Some(86_400 * SECOND)),
        ("30", None),
        ("s", None),
        ("1.2.3 s", None),
        ("-1 s", None),
        ("99999999999999999999 d", None),
    ] {
        assert_eq!(parse_duration(text), ns, "{text}");
    }
}
