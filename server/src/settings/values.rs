//! Parsers of values, each for the `value_parser` of a setting. Their errors say what they expect.

use std::{
    fmt::Display,
    net::{Ipv4Addr, SocketAddr, ToSocketAddrs},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

use clap::Args;
use jiff::SignedDuration;
use tickcast_protocol::topic::Filter;

/// A struct of settings with nothing set.
pub(crate) fn defaults<T: Args>() -> T {
    let command = T::augment_args(clap::Command::new("defaults")).no_binary_name(true);
    let command = command.mut_args(|arg| {
        let key = arg.get_id().to_string();
        arg.long(key)
    });
    let matches = command.get_matches_from([""; 0]);
    T::from_arg_matches(&matches).expect("every setting has a default or is optional")
}

/// A number in a range.
pub(crate) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + Display + Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (from, to) = (range.start(), range.end());
        number.ok_or_else(|| format!("expected a number from {from} to {to}"))
    }
}

/// `250ms`, `10s`, `1.5m`, `2h` or `0`, in a range.
pub(crate) fn time(
    range: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        let time = match text {
            "0" => Some(Duration::ZERO),
            text => text
                .parse::<SignedDuration>()
                .ok()
                .and_then(|time| time.try_into().ok()),
        };
        let time = time.ok_or("expected a time such as 250ms, 10s, 5m or 1h")?;
        if !range.contains(&time) {
            let (from, to) = (time_text(*range.start()), time_text(*range.end()));
            return Err(format!("expected a time from {from} to {to}"));
        }
        Ok(time)
    }
}

/// A text that [`time`] reads as this time.
fn time_text(time: Duration) -> String {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    format!("{time:#}")
}

const SIZE_UNITS: [(&str, usize); 6] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

/// `64MiB`, `100kB` or a plain number of bytes, in a range.
pub(crate) fn size(range: RangeInclusive<usize>) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        let (digits, unit) = SIZE_UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?.trim_end(), *unit)))
            .unwrap_or((text, 1));
        let number: Option<usize> = digits.parse().ok();
        let bytes = number
            .and_then(|number| number.checked_mul(unit))
            .ok_or("expected a size such as 65536, 64KiB or 10MB")?;
        if !range.contains(&bytes) {
            let (from, to) = (size_text(*range.start()), size_text(*range.end()));
            return Err(format!("expected a size from {from} to {to}"));
        }
        Ok(bytes)
    }
}

/// The shortest text that [`size`] reads as this number of bytes.
fn size_text(bytes: usize) -> String {
    let mut binary = SIZE_UNITS[..3].iter();
    match binary.find(|(_, unit)| bytes != 0 && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// A number with decimals above 0, up to a limit.
pub(crate) fn positive(max: f64) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let number = text.parse().ok();
        let number = number.filter(|number| *number > 0.0 && *number <= max);
        number.ok_or_else(|| format!("expected a number above 0 and at most {max}, such as 2.5"))
    }
}

/// An address to listen on: see [`place`]. Of the addresses of a name the first of IPv4 is taken,
/// which is what clients try for `localhost`.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    match place(text)? {
        Place::Address(address) => Ok(address),
        Place::Name(addresses) => {
            let v4 = addresses.iter().find(|address| address.is_ipv4());
            Ok(*v4.unwrap_or(&addresses[0]))
        }
    }
}

/// What a text says where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Address(SocketAddr),
    /// A name with its addresses of now; there is at least one.
    Name(Vec<SocketAddr>),
}

/// `HOST:PORT`, or `:PORT` for all addresses of IPv4. A name is resolved now.
pub(crate) fn place(text: &str) -> Result<Place, String> {
    if let Ok(address) = text.parse() {
        return Ok(Place::Address(address));
    }
    let (host, port) = text.rsplit_once(':').ok_or(ADDRESS_FORM)?;
    let port: u16 = port.parse().map_err(|_| ADDRESS_FORM)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || ['-', '.', '_'].contains(&c);
    match host {
        "" => return Ok(Place::Address((Ipv4Addr::UNSPECIFIED, port).into())),
        host if !host.chars().all(is_name) => return Err(ADDRESS_FORM.into()),
        _ => {}
    }
    let failed = |reason: String| format!("cannot resolve {host:?}: {reason}; {ADDRESS_FORM}");
    let found = (host, port).to_socket_addrs();
    let found: Vec<_> = found.map_err(|error| failed(error.to_string()))?.collect();
    match found.is_empty() {
        true => Err(failed("it has no address".into())),
        false => Ok(Place::Name(found)),
    }
}

const ADDRESS_FORM: &str = "expected HOST:PORT, such as 127.0.0.1:7400, localhost:7400, \
                            [::1]:7400, or :7400 for all addresses";

/// A filter of MQTT.
pub(crate) fn filter(text: &str) -> Result<Filter, String> {
    Filter::new(text)
        .map_err(|error| format!("{error}; expected a filter such as plant/#, market/+/trade or #"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANY_TIME: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(1 << 40);

    #[test]
    fn times_have_units() {
        let check = |text: &str, ms: u64| {
            let expected = Ok(Duration::from_millis(ms));
            assert_eq!(time(ANY_TIME)(text), expected, "{text}");
        };
        check("250ms", 250);
        check("10s", 10_000);
        check("1.5m", 90_000);
        check("2h", 7_200_000);
        check("0", 0);
        check("10 s", 10_000);
        for text in ["", "10", "s", "-1s", "1d", "nans", "1e400s", "infs"] {
            assert!(time(ANY_TIME)(text).is_err(), "{text}");
        }
        let up_to_a_minute = time(Duration::from_secs(1)..=Duration::from_secs(60));
        assert_eq!(
            up_to_a_minute("2m"),
            Err("expected a time from 1s to 1m".into())
        );
    }

    #[test]
    fn sizes_have_units_or_are_bytes() {
        let check = |text: &str, expected: usize| {
            assert_eq!(size(0..=usize::MAX)(text), Ok(expected), "{text}");
        };
        check("3GiB", 3_221_225_472);
        check("64MiB", 64 << 20);
        check("1 KiB", 1024);
        check("10kB", 10_000);
        check("7", 7);
        for text in ["", "MiB", "-1", "1.5MiB", "1TiB", "99999999999999GiB"] {
            assert!(size(0..=usize::MAX)(text).is_err(), "{text}");
        }
        assert_eq!(
            size(0..=1024)("2KiB"),
            Err("expected a size from 0 to 1KiB".into())
        );
    }

    #[test]
    fn addresses_have_a_host_or_are_all_and_have_a_port() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                address(text).map(|found| found.to_string()),
                Ok(expected.into())
            );
        };
        check("127.0.0.1:7400", "127.0.0.1:7400");
        check("[::1]:7400", "[::1]:7400");
        check("localhost:7400", "127.0.0.1:7400");
        check(":7400", "0.0.0.0:7400");
        check(":0", "0.0.0.0:0");
        for text in [
            "",
            ":",
            "7400",
            "localhost",
            "localhost:",
            "a b:1",
            "::1:70000",
            "http://h:1",
        ] {
            let error = address(text).unwrap_err();
            assert_eq!(error, ADDRESS_FORM, "{text}");
        }
        let error = address("no-such-host.invalid:7400").unwrap_err();
        assert!(
            error.starts_with("cannot resolve \"no-such-host.invalid\": "),
            "{error}"
        );
    }

    #[test]
    fn a_positive_number_is_above_0_and_at_most_its_maximum() {
        let parse = positive(10.0);
        for (text, expected) in [("10", 10.0), ("0.001", 0.001), ("1e1", 10.0)] {
            assert_eq!(parse(text), Ok(expected));
        }
        for text in ["0", "-1", "-0", "10.001", "inf", "nan", "", "x"] {
            let error = "expected a number above 0 and at most 10, such as 2.5";
            assert_eq!(parse(text), Err(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_number_is_in_its_range() {
        let parse = number(1..=3_u8);
        for (text, expected) in [("1", 1), ("2", 2), ("3", 3)] {
            assert_eq!(parse(text), Ok(expected));
        }
        for text in ["0", "4", "-1", "300", "", "x", "1.0"] {
            let error = "expected a number from 1 to 3";
            assert_eq!(parse(text), Err(error.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn times_and_sizes_read_as_they_are_written(ms in 0u64..1 << 40, bytes: usize) {
            let expected = Duration::from_millis(ms);
            prop_assert_eq!(time(ANY_TIME)(&time_text(expected)), Ok(expected));
            prop_assert_eq!(size(0..=usize::MAX)(&size_text(bytes)), Ok(bytes));
        }
    }
}
