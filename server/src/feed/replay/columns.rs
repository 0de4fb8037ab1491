//! The columns of a recorded file: their meaning, and reading a row by it.

use tickcast_protocol::{
    message::TimeNs,
    value::{Quote, Trade, Value},
};

use crate::feed::decode::{
    DecodeError, bad, parse_decimal, parse_side, side_by_buyer_maker,
    time::{TimeError, TimeUnit, civil_to_ns, parse_iso8601},
};

/// The meaning of columns. `C` identifies one: a [`Column`] in the settings, an index in an open
/// file.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns<C = Column> {
    /// The text in the settings.
    pub(super) text: String,
    pub(super) has_header: bool,
    pub(super) delimiter: u8,
    pub(super) time: C,
    pub(super) time_format: TimeFormat,
    /// Offset from UTC of times that do not name one, in seconds.
    pub(super) utc_offset_s: i32,
    pub(super) shape: RowShape<C>,
}

/// A column, by its name in the header or by its number from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Its name in the header.
    Name(String),
    /// Its number, from 1.
    Number(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeFormat {
    Unit(TimeUnit),
    /// `YYYYMMDD HHMMSSmmm`
    HistData,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum RowShape<C> {
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
pub(super) enum SideColumn<C> {
    Side(C),
    BuyerMaker(C),
}

impl Columns<Column> {
    /// Finds the columns in the header of a file.
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
    /// Reads the time and the value of a row.
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
            RowShape::Reading(index) => match field("value", *index)? {
                text if is_absent(text) => Value::Absent(text.to_owned()),
                text => match text.parse() {
                    Ok(number) => Value::Reading(number),
                    Err(_) => return Err(bad("value", text, "it is not a number")),
                },
            },
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
            } => {
                // An empty field is a side without offers.
                let side = |name, index: usize| match field(name, index)? {
                    "" => Ok(None),
                    text => parse_decimal(name, text).map(Some),
                };
                let quote = Quote {
                    bid: side("bid", *bid)?,
                    ask: side("ask", *ask)?,
                    bid_size: maybe_decimal("bid_size", bid_size)?,
                    ask_size: maybe_decimal("ask_size", ask_size)?,
                };
                match (quote.bid, quote.ask) {
                    (None, None) => Value::Absent(String::new()),
                    _ => Value::Quote(quote),
                }
            }
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

/// What data frames and loggers write where there is no value.
fn is_absent(text: &str) -> bool {
    const WORDS: [&str; 5] = ["na", "n/a", "nan", "null", "none"];
    text.is_empty() || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
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
    // Up to three digits from here on, which fit.
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
