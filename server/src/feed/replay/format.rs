//! Formats of CSV files, as written in the settings.

use std::{fmt, str::FromStr};

use super::columns::{Column, Columns, RowShape, SideColumn, TimeFormat};
use crate::feed::decode::time::TimeUnit;

/// The format of a CSV file.
#[derive(Debug, Clone, PartialEq)]
pub enum CsvFormat {
    /// The first of [`PRESETS`] that fits the file's first line.
    Automatic,
    /// The listed columns.
    Columns(Box<Columns>),
}

/// Named formats, in the order in which they are tried.
pub const PRESETS: [(&str, &str); 4] = [
    (
        "trades",
        "time=timestamp,price=price,size=quantity,buyer_maker=buyer_maker",
    ),
    ("quotes", "time=timestamp,bid=bid,ask=ask"),
    ("readings", "time=timestamp,value=value"),
    (
        "histdata",
        "header=no,time=1,time_unit=histdata,utc_offset=-05:00,bid=2,ask=3",
    ),
];

impl FromStr for CsvFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Automatic);
        }
        let preset = PRESETS.iter().find(|(name, _)| *name == text);
        let columns = preset.map_or(text, |(_, columns)| columns);
        if !columns.contains('=') {
            let names: Vec<_> = PRESETS.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "expected auto, one of {}, or a list of columns such as \
                 \"time=timestamp,value=value\"",
                names.join(", ")
            ));
        }
        let columns = Columns::parse(text, columns).map_err(|reason| {
            format!("{reason}; expected columns such as \"time=ts,time_unit=ms,value=3\"")
        })?;
        Ok(Self::Columns(Box::new(columns)))
    }
}

impl fmt::Display for CsvFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => f.write_str("auto"),
            Self::Columns(columns) => f.write_str(&columns.text),
        }
    }
}

/// The entries of a list of columns. Each is used once.
struct Members<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Members<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        let mut members = Vec::new();
        for member in text.split(',') {
            let (key, value) = member
                .split_once('=')
                .ok_or_else(|| format!("{member:?} is not of the form key=column"))?;
            let (key, value) = (key.trim(), value.trim());
            if value.is_empty() {
                return Err(format!("{key} is empty"));
            }
            if members.iter().any(|(other, _)| *other == key) {
                return Err(format!("{key} is given twice"));
            }
            members.push((key, value));
        }
        Ok(Self(members))
    }

    fn take(&mut self, key: &str) -> Option<&'a str> {
        let index = self.0.iter().position(|(other, _)| *other == key)?;
        Some(self.0.swap_remove(index).1)
    }

    fn column(&mut self, key: &str) -> Option<Column> {
        let text = self.take(key)?;
        Some(match text.parse() {
            Ok(number) => Column::Number(number),
            Err(_) => Column::Name(text.into()),
        })
    }
}

impl Columns<Column> {
    pub(super) fn parse(text: &str, columns: &str) -> Result<Self, String> {
        let mut members = Members::parse(columns)?;
        let has_header = match members.take("header") {
            None | Some("yes") => true,
            Some("no") => false,
            Some(other) => return Err(format!("header {other:?} is neither yes nor no")),
        };
        let delimiter = match members.take("delimiter") {
            None => b',',
            Some("tab") => b'\t',
            Some(other) => match other.as_bytes() {
                [byte] => *byte,
                _ => {
                    return Err(format!(
                        "delimiter {other:?} is neither tab nor one character"
                    ));
                }
            },
        };
        let time_format = match members.take("time_unit") {
            None => TimeFormat::Unit(TimeUnit::Automatic),
            Some("histdata") => TimeFormat::HistData,
            Some(name) => match TimeUnit::NAMES.iter().find(|(other, _)| *other == name) {
                Some((_, unit)) => TimeFormat::Unit(*unit),
                None => {
                    let names = TimeUnit::NAMES.map(|(name, _)| name).join(", ");
                    return Err(format!(
                        "time_unit {name:?} is unknown: use histdata or one of {names}"
                    ));
                }
            },
        };
        let utc_offset_s = match members.take("utc_offset") {
            None => 0,
            Some(text) => parse_offset(text)
                .ok_or_else(|| format!("utc_offset {text:?} is not of the form +hh:mm"))?,
        };
        let time = members
            .column("time")
            .ok_or("there is no column for time")?;
        let shape = parse_shape(&mut members)?;
        if let Some((key, _)) = members.0.first() {
            return Err(format!(
                "{key} is unknown or cannot be combined with the others"
            ));
        }
        Ok(Self {
            text: text.into(),
            has_header,
            delimiter,
            time,
            time_format,
            utc_offset_s,
            shape,
        })
    }
}

fn parse_shape(members: &mut Members<'_>) -> Result<RowShape<Column>, String> {
    if let Some(value) = members.column("value") {
        return Ok(RowShape::Reading(value));
    }
    if let Some(text) = members.column("text") {
        return Ok(RowShape::Text(text));
    }
    let (price, size) = (members.column("price"), members.column("size"));
    if let (Some(price), Some(size)) = (price, size) {
        let side = members.column("side").map(SideColumn::Side);
        let buyer_maker = || members.column("buyer_maker").map(SideColumn::BuyerMaker);
        let side = side.or_else(buyer_maker);
        return Ok(RowShape::Trade { price, size, side });
    }
    let (bid, ask) = (members.column("bid"), members.column("ask"));
    if let (Some(bid), Some(ask)) = (bid, ask) {
        return Ok(RowShape::Quote {
            bid,
            ask,
            bid_size: members.column("bid_size"),
            ask_size: members.column("ask_size"),
        });
    }
    Err("there is no column for value, for text, for price and size, or for bid and ask".into())
}

fn parse_offset(text: &str) -> Option<i32> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str, max: i32| {
        let is_two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: i32 = is_two_digits.then(|| text.parse().ok())??;
        (number <= max).then_some(number)
    };
    Some(sign * (number(hours, 23)? * 3600 + number(minutes, 59)? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(text: &str, part: &str) {
        let error = text.parse::<CsvFormat>().unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }

    #[test]
    fn presets_and_lists_of_columns_print_as_they_were_written() {
        for text in [
            "auto",
            "histdata",
            "quotes",
            "trades",
            "readings",
            "time=1,text=2,header=no",
        ] {
            assert_eq!(text.parse::<CsvFormat>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bad_formats_are_refused_with_the_reason() {
        check_error("parquet", "expected auto, one of trades, quotes");
        check_error("time=t", "no column for value");
        check_error("value=v", "no column for time");
        check_error("time=t,price=p", "no column for value");
        check_error("time=t,value=v,bid=b", "bid is unknown or");
        check_error("time=t,time=t,value=v", "time is given twice");
        check_error("time=t,value=", "value is empty");
        check_error("time=t,value=v,header=maybe", "header");
        check_error("time=t,value=v,time_unit=h", "time_unit \"h\"");
        check_error("time=t,value=v,utc_offset=5", "utc_offset \"5\"");
        check_error("time=t,value=v,delimiter=;;", "delimiter");
        check_error("time=t,value", "\"value\" is not of the form");
    }

    #[test]
    fn offsets_from_utc_are_read() {
        assert_eq!(parse_offset("-05:00"), Some(-18_000));
        assert_eq!(parse_offset("+05:45"), Some(20_700));
        for text in ["", "05:00", "+5:00", "+24:00", "+05:60", "+a5:00", "é05:00"] {
            assert_eq!(parse_offset(text), None, "{text}");
        }
    }
}
