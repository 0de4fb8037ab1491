//! What the columns of a recorded file mean.

use std::{fmt, str::FromStr};

use tickcast_protocol::{
    message::TimeNs,
    value::{Quote, Trade, Value},
};

use crate::decode::{
    DecodeError, bad, parse_decimal, parse_side, side_by_buyer_maker,
    time::{TimeError, TimeUnit, civil_to_ns, parse_iso8601},
};

/// The format of a CSV file.
#[derive(Debug, Clone, PartialEq)]
pub enum CsvFormat {
    /// The first of [`PRESETS`] that fits the file's first line.
    Automatic,
    /// As said.
    Columns(Box<Columns>),
}

/// Formats with a name, in the order in which they are tried.
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

/// The meaning of columns. `C` tells which one: [`Column`] as said, its index once a file is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns<C = Column> {
    /// As it was written.
    text: String,
    pub(super) has_header: bool,
    pub(super) delimiter: u8,
    time: C,
    time_format: TimeFormat,
    /// Of times that do not name it themselves.
    utc_offset_s: i32,
    shape: RowShape<C>,
}

/// A column, by its name in the header or its number from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// In the header.
    Name(String),
    /// From 1.
    Number(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeFormat {
    Unit(TimeUnit),
    /// `YYYYMMDD HHMMSSmmm`
    HistData,
}

#[derive(Debug, Clone, PartialEq)]
enum RowShape<C> {
    Reading(C),
    Text(C),
    Trade {
        price: C,
        size: C,
        side: Option<SideColumn<C>>,
    },
    Quote {
        bid: C,
        ask: C,
        bid_size: Option<C>,
        ask_size: Option<C>,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum SideColumn<C> {
    Side(C),
    BuyerMaker(C),
}

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
                "it is neither auto, one of {} nor a list of columns such as \
                 \"time=timestamp,value=value\"",
                names.join(", ")
            ));
        }
        Ok(Self::Columns(Box::new(Columns::parse(text, columns)?)))
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

/// The members of a list of columns, each to be taken once.
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
                None => return Err(format!("time_unit {name:?} is not known")),
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
                "{key} is not known, or does not go with the others"
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

    /// Finds the columns in a file's header.
    pub(super) fn locate(&self, header: &csv::StringRecord) -> Result<Columns<usize>, String> {
        let find = |column: &Column| match column {
            Column::Number(0) => Err("columns are counted from 1".into()),
            Column::Number(number) => Ok(number - 1),
            Column::Name(name) if !self.has_header => Err(format!(
                "column {name:?} must be a number, because there is no header"
            )),
            Column::Name(name) => header
                .iter()
                .position(|field| field.trim() == name)
                .ok_or_else(|| format!("there is no column {name:?}")),
        };
        self.map(find)
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

impl<C> Columns<C> {
    fn map<D, E>(&self, f: impl Fn(&C) -> Result<D, E>) -> Result<Columns<D>, E> {
        let maybe = |column: &Option<C>| column.as_ref().map(&f).transpose();
        let shape = match &self.shape {
            RowShape::Reading(value) => RowShape::Reading(f(value)?),
            RowShape::Text(text) => RowShape::Text(f(text)?),
            RowShape::Trade { price, size, side } => RowShape::Trade {
                price: f(price)?,
                size: f(size)?,
                side: match side {
                    None => None,
                    Some(SideColumn::Side(side)) => Some(SideColumn::Side(f(side)?)),
                    Some(SideColumn::BuyerMaker(maker)) => Some(SideColumn::BuyerMaker(f(maker)?)),
                },
            },
            RowShape::Quote {
                bid,
                ask,
                bid_size,
                ask_size,
            } => RowShape::Quote {
                bid: f(bid)?,
                ask: f(ask)?,
                bid_size: maybe(bid_size)?,
                ask_size: maybe(ask_size)?,
            },
        };
        Ok(Columns {
            text: self.text.clone(),
            has_header: self.has_header,
            delimiter: self.delimiter,
            time: f(&self.time)?,
            time_format: self.time_format,
            utc_offset_s: self.utc_offset_s,
            shape,
        })
    }
}

impl Columns<usize> {
    /// Time and value of a row.
    pub(super) fn read(&self, row: &csv::StringRecord) -> Result<(TimeNs, Value), DecodeError> {
        let field = |name: &'static str, index: usize| {
            let field = row.get(index).map(str::trim);
            field.ok_or_else(|| DecodeError::Missing {
                field: name,
                pointer: format!("column {}", index + 1),
            })
        };
        let decimal = |name, index| parse_decimal(name, field(name, index)?);
        let maybe_decimal =
            |name, index: &Option<usize>| index.map(|index| decimal(name, index)).transpose();
        let time = field("time", self.time)?;
        let time_ns = self
            .parse_time(time)
            .map_err(|error| bad("time", time, &error.to_string()))?;
        let value = match &self.shape {
            RowShape::Reading(index) => {
                let text = field("value", *index)?;
                let number = text
                    .parse()
                    .map_err(|_| bad("value", text, "it is not a number"))?;
                Value::Reading(number)
            }
            RowShape::Text(index) => Value::Text(field("text", *index)?.into()),
            RowShape::Trade { price, size, side } => Value::Trade(Trade {
                price: decimal("price", *price)?,
                size: decimal("size", *size)?,
                side: match side {
                    None => None,
                    Some(SideColumn::Side(index)) => Some(parse_side(field("side", *index)?)?),
                    Some(SideColumn::BuyerMaker(index)) => {
                        Some(side_by_buyer_maker(field("buyer_maker", *index)?)?)
                    }
                },
            }),
            RowShape::Quote {
                bid,
                ask,
                bid_size,
                ask_size,
            } => Value::Quote(Quote {
                bid: decimal("bid", *bid)?,
                ask: decimal("ask", *ask)?,
                bid_size: maybe_decimal("bid_size", bid_size)?,
                ask_size: maybe_decimal("ask_size", ask_size)?,
            }),
        };
        Ok((time_ns, value))
    }

    fn parse_time(&self, text: &str) -> Result<TimeNs, TimeError> {
        match self.time_format {
            TimeFormat::HistData => parse_histdata(text, self.utc_offset_s),
            TimeFormat::Unit(TimeUnit::Iso8601) => parse_iso8601(text, self.utc_offset_s),
            TimeFormat::Unit(TimeUnit::Automatic) if !is_number(text) => {
                parse_iso8601(text, self.utc_offset_s)
            }
            TimeFormat::Unit(unit) => unit.parse(text),
        }
    }
}

fn is_number(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
        && text.parse::<f64>().is_ok()
}

/// `YYYYMMDD HHMMSSmmm`
fn parse_histdata(text: &str, offset_s: i32) -> Result<TimeNs, TimeError> {
    const LEN: usize = "20200101 170000065".len();
    const ERROR: TimeError = TimeError::Syntax("the form YYYYMMDD HHMMSSmmm");
    let bytes = text.as_bytes();
    if bytes.len() != LEN || bytes[8] != b' ' {
        return Err(ERROR);
    }
    let number = |from: usize, to: usize| -> Result<i32, TimeError> {
        bytes[from..to].iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit()
                .then(|| number * 10 + i32::from(byte - b'0'))
                .ok_or(ERROR)
        })
    };
    // At most three digits from here on, so that they fit.
    let small = |from: usize| number(from, from + 2).map(|number| number as i8);
    let time = jiff::civil::DateTime::new(
        number(0, 4)? as i16,
        small(4)?,
        small(6)?,
        small(9)?,
        small(11)?,
        small(13)?,
        number(15, 18)? * 1_000_000,
    );
    civil_to_ns(time.map_err(|_| ERROR)?, offset_s)
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
    fn presets_and_lists_of_columns_are_formats_and_print_as_they_were_written() {
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
        check_error("parquet", "neither auto, one of trades, quotes");
        check_error("time=t", "no column for value");
        check_error("value=v", "no column for time");
        check_error("time=t,price=p", "no column for value");
        check_error("time=t,value=v,bid=b", "bid is not known, or");
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

    #[test]
    fn histdata_times_are_new_york_standard_time_all_year() {
        let est = |text| parse_histdata(text, -18_000);
        // 2020-01-01T22:00:00.065Z and 2020-07-01T22:00:00.065Z
        assert_eq!(est("20200101 170000065"), Ok(1_577_916_000_065_000_000));
        assert_eq!(est("20200701 170000065"), Ok(1_593_640_800_065_000_000));
        for text in [
            "",
            "20200101 17000006",
            "20201301 170000065",
            "2020010a 170000065",
        ] {
            assert!(est(text).is_err(), "{text}");
        }
    }
}
