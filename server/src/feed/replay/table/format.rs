//! Formats of tables, as written in the settings.

use std::{fmt, str::FromStr};

use jiff::tz::{Offset, TimeZone};
use tickcast_protocol::decimal::Decimal;

use super::{
    civil::Order,
    column::Column,
    columns::{Cell, Columns, RowShape, SideColumn},
    numbers::NumberOptions,
    times::{TimeForm, TimeOptions},
    topics::TopicTemplate,
};
use crate::feed::decode::{MissingPolicy, Numerals, time::TimeUnit};

/// The format of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvFormat {
    /// The text in the settings.
    text: String,
    /// The meaning of the columns. Without it, the headings tell.
    pub(super) columns: Option<Box<Columns>>,
    pub(super) options: Box<Options>,
}

/// What the settings say about a table besides its columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Options {
    /// Whether there is a heading, if that is told.
    pub(super) header: Option<bool>,
    pub(super) delimiter: Option<u8>,
    /// Lines to skip at the beginning.
    pub(super) skip: usize,
    pub(super) times: TimeOptions,
    pub(super) numbers: NumberOptions,
    /// What a cell without a value means.
    pub(super) missing: Option<MissingPolicy>,
    /// The topic, if the columns are found by their headings.
    pub(super) topic: Option<TopicTemplate<Column>>,
}

/// Named formats. Those without a heading are tried where there is none.
pub const PRESETS: [(&str, &str); 8] = [
    (
        "trades",
        "time=timestamp,price=price,size=quantity,buyer_maker=buyer_maker",
    ),
    ("quotes", "time=timestamp,bid=bid,ask=ask"),
    ("readings", "time=timestamp,value=value"),
    (
        "histdata",
        "header=false,time=1,time_unit=histdata,utc_offset=-05:00,bid=2,ask=3",
    ),
    (
        "histdata-m1",
        "header=false,time=1,time_unit=yyyymmdd,utc_offset=-05:00,values=2:open|3:high|4:low|5:close|6:volume",
    ),
    ("binance-agg-trades", "time=6,price=2,size=3,buyer_maker=7"),
    ("binance-trades", "time=5,price=2,size=3,buyer_maker=6"),
    (
        "binance-klines",
        "time=1,values=2:open|3:high|4:low|5:close|6:volume",
    ),
];

/// The formats that are tried where there is no heading, and the columns that they have.
pub(super) const WITHOUT_HEADING: [(&str, std::ops::RangeInclusive<usize>); 5] = [
    ("histdata", 4..=4),
    ("histdata-m1", 6..=6),
    ("binance-agg-trades", 7..=8),
    ("binance-trades", 6..=7),
    ("binance-klines", 12..=12),
];

const DELIMITERS: [(&str, u8); 5] = [
    ("comma", b','),
    ("semicolon", b';'),
    ("tab", b'\t'),
    ("pipe", b'|'),
    ("space", b' '),
];

/// The name of a delimiter in the settings.
pub(super) fn delimiter_name(delimiter: u8) -> String {
    let name = DELIMITERS.iter().find(|(_, byte)| *byte == delimiter);
    name.map_or_else(
        || char::from(delimiter).to_string(),
        |(name, _)| (*name).to_owned(),
    )
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self {
            text: "auto".to_owned(),
            columns: None,
            options: Box::default(),
        }
    }
}

impl FromStr for CsvFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once(',').unwrap_or((text, ""));
        let (base, rest) = match name.contains('=') {
            true => ("", text),
            false if name.trim() == "auto" => ("", rest),
            false => {
                let preset = PRESETS.iter().find(|(preset, _)| *preset == name.trim());
                let preset = preset.ok_or_else(|| {
                    format!(
                        "expected auto, one of {}, or a list of columns such as \
                         \"time=timestamp,value=value\"",
                        PRESETS.map(|(name, _)| name).join(", ")
                    )
                })?;
                (preset.1, rest)
            }
        };
        let parsed = Members::parse(base, rest).and_then(Members::format);
        let (columns, options) = parsed.map_err(|reason| {
            format!("{reason}; expected columns such as \"time=ts,time_unit=ms,value=3\"")
        })?;
        Ok(Self {
            text: text.to_owned(),
            columns: columns.map(Box::new),
            options: Box::new(options),
        })
    }
}

impl fmt::Display for CsvFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The entries of a list of columns. Each is used once.
struct Members<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Members<'a> {
    /// The entries of both texts. Those of the second replace those of the first.
    fn parse(base: &'a str, text: &'a str) -> Result<Self, String> {
        let mut members: Vec<(&str, &str)> = Vec::new();
        for text in [base, text] {
            let kept = members.len();
            for member in text.split(',').filter(|_| !text.is_empty()) {
                let (key, value) = member
                    .split_once('=')
                    .ok_or_else(|| format!("{member:?} is not of the form key=column"))?;
                let (key, value) = (key.trim(), value.trim());
                if value.is_empty() {
                    return Err(format!("{key} is empty"));
                }
                match members.iter().position(|(other, _)| *other == key) {
                    Some(index) if index < kept => members[index].1 = value,
                    Some(_) => return Err(format!("{key} is given twice")),
                    None => members.push((key, value)),
                }
            }
        }
        Ok(Self(members))
    }

    fn take(&mut self, key: &str) -> Option<&'a str> {
        let index = self.0.iter().position(|(other, _)| *other == key)?;
        Some(self.0.swap_remove(index).1)
    }

    fn column(&mut self, key: &str) -> Option<Column> {
        self.take(key).map(Column::from)
    }

    /// One of several words.
    fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, String> {
        let Some(text) = self.take(key) else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                let words = words.join(", ");
                Err(format!("{key} {text:?} is unknown: use one of {words}"))
            }
        }
    }

    fn parsed<T: FromStr>(&mut self, key: &str, form: &str) -> Result<Option<T>, String> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| format!("{key} {text:?} is not {form}"))
        };
        self.take(key).map(parse).transpose()
    }

    /// A factor.
    fn scale(&mut self, key: &str) -> Result<Option<Decimal>, String> {
        let form = "a number above 0, such as 1e-8 or 0.01";
        let scale: Option<Decimal> = self.parsed(key, form)?;
        match scale.is_some_and(|scale| scale.mantissa() <= 0) {
            true => Err(format!("{key} is not {form}")),
            false => Ok(scale),
        }
    }

    fn format(mut self) -> Result<(Option<Columns>, Options), String> {
        let topic = self.take("topic").map(str::parse).transpose()?;
        let options = self.options()?;
        let shape = self.shape()?;
        let (date, time) = (self.column("date"), self.column("time"));
        let unit = self.column("unit");
        let columns = match (shape, time) {
            (Some(shape), Some(time)) => Some(Columns {
                date,
                time,
                unit,
                topic: topic.clone(),
                shape,
            }),
            (None, None) if date.is_none() && unit.is_none() => None,
            (None, _) => {
                return Err(
                    "there is no column for value, values, text, for price and size, or \
                            for bid and ask"
                        .into(),
                );
            }
            (_, None) => return Err("there is no column for time".into()),
        };
        if let Some((key, _)) = self.0.first() {
            return Err(format!(
                "{key} is unknown or cannot be combined with the others"
            ));
        }
        Ok((columns, Options { topic, ..options }))
    }

    fn options(&mut self) -> Result<Options, String> {
        let header = [
            ("true", Some(true)),
            ("false", Some(false)),
            ("auto", None),
            ("yes", Some(true)),
            ("no", Some(false)),
        ];
        let delimiter = match self.take("delimiter") {
            None | Some("auto") => None,
            Some(text) => match (
                DELIMITERS.iter().find(|(name, _)| *name == text),
                text.as_bytes(),
            ) {
                (Some((_, byte)), _) => Some(*byte),
                (None, [byte]) if byte.is_ascii() && *byte != b'"' => Some(*byte),
                _ => {
                    let names = DELIMITERS.map(|(name, _)| name).join(", ");
                    return Err(format!(
                        "delimiter {text:?} is neither one character nor one of {names}"
                    ));
                }
            },
        };
        let missing = [
            ("absent", MissingPolicy::Absent),
            ("skip", MissingPolicy::Skip),
            ("error", MissingPolicy::Error),
        ];
        let decimal = [("point", Numerals::Point), ("comma", Numerals::Comma)];
        Ok(Options {
            header: self.word("header", &header)?.flatten(),
            delimiter,
            skip: self.parsed("skip", "a number of lines")?.unwrap_or(0),
            times: self.times()?,
            numbers: NumberOptions {
                decimal: self.word("decimal", &decimal)?,
                price_scale: self.scale("price_scale")?,
                size_scale: self.scale("size_scale")?,
                value_scale: self.scale("value_scale")?,
            },
            missing: self.word("missing", &missing)?,
            topic: None,
        })
    }

    fn times(&mut self) -> Result<TimeOptions, String> {
        // A time of day alone has no place in a recording.
        let units = TimeUnit::NAMES.into_iter();
        let units = units.filter(|(_, unit)| *unit != TimeUnit::Clock);
        let mut units: Vec<_> = units.map(|(name, unit)| (name, Some(unit))).collect();
        units.push(("histdata", None));
        let unit = self.word("time_unit", &units)?;
        let pattern = self.take("time_format");
        if unit.is_some() && pattern.is_some() {
            return Err("time_unit and time_format say the same thing twice".into());
        }
        let unit = unit.map(|unit| unit.map_or(TimeForm::HistData, TimeForm::Unit));
        let zone = self.take("zone").map(|text| {
            TimeZone::get(text)
                .map_err(|_| format!("zone {text:?} is unknown: write it as in Europe/Berlin"))
        });
        let offset = self.take("utc_offset").map(|text| {
            parse_offset(text)
                .ok_or_else(|| format!("utc_offset {text:?} is not of the form +hh:mm"))
        });
        let orders = [("true", Order::DayFirst), ("false", Order::MonthFirst)];
        Ok(TimeOptions {
            form: pattern.map(|text| TimeForm::Pattern(text.into())).or(unit),
            zone: match (zone.transpose()?, offset.transpose()?) {
                (Some(_), Some(_)) => {
                    return Err("zone and utc_offset say the same thing twice".into());
                }
                (zone, offset) => zone.or(offset),
            },
            order: self.word("day_first", &orders)?,
        })
    }

    fn shape(&mut self) -> Result<Option<RowShape<Column>>, String> {
        if let Some(value) = self.column("value") {
            return Ok(Some(RowShape::Reading(value)));
        }
        if let Some(text) = self.column("text") {
            return Ok(Some(RowShape::Text(text)));
        }
        if let Some(values) = self.take("values") {
            return cells(values).map(Some);
        }
        let (price, size) = (self.column("price"), self.column("size"));
        if let (Some(price), Some(size)) = (price, size) {
            let side = self.column("side").map(SideColumn::Side);
            let buyer_maker = || self.column("buyer_maker").map(SideColumn::BuyerMaker);
            let side = side.or_else(buyer_maker);
            return Ok(Some(RowShape::Trade { price, size, side }));
        }
        let (bid, ask) = (self.column("bid"), self.column("ask"));
        Ok(match (bid, ask) {
            (Some(bid), Some(ask)) => Some(RowShape::Quote {
                bid,
                ask,
                bid_size: self.column("bid_size"),
                ask_size: self.column("ask_size"),
            }),
            _ => None,
        })
    }
}

/// `temp|hum`, `2:open|3:high` or `*`.
fn cells(text: &str) -> Result<RowShape<Column>, String> {
    if text == "*" {
        return Ok(RowShape::Rest);
    }
    let cells = text.split('|').map(|cell| {
        let (column, level) = match cell.rsplit_once(':') {
            Some((column, level)) => (column.trim(), level.trim()),
            None => (cell.trim(), cell.trim()),
        };
        if column.is_empty() || level.is_empty() {
            return Err(format!(
                "values {text:?} is not of the form temp|hum or 2:temp|3:hum"
            ));
        }
        let (column, level) = (Column::from(column), Some(level.to_owned()));
        Ok(Cell { column, level })
    });
    cells.collect::<Result<_, _>>().map(RowShape::Cells)
}

fn parse_offset(text: &str) -> Option<TimeZone> {
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
    let seconds = sign * (number(hours, 23)? * 3600 + number(minutes, 59)? * 60);
    Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
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
    fn formats_print_as_they_were_written() {
        let own = [
            "auto",
            "time=1,text=2,header=no",
            "decimal=comma",
            "auto,skip=2",
        ];
        let presets = PRESETS.map(|(name, _)| name);
        for text in own.into_iter().chain(presets) {
            let format: CsvFormat = text.parse().unwrap();
            assert_eq!(format.to_string(), text);
        }
        assert_eq!("auto".parse(), Ok(CsvFormat::default()));
        for (name, _) in WITHOUT_HEADING {
            assert!(presets.contains(&name), "{name}");
        }
    }

    #[test]
    fn keys_after_a_name_replace_those_of_the_name() {
        let format: CsvFormat = "histdata,utc_offset=+00:00,ask=4".parse().unwrap();
        assert_eq!(format.options.times.zone, Some(TimeZone::UTC));
        let columns = format.columns.unwrap();
        assert!(matches!(
            columns.shape,
            RowShape::Quote {
                ask: Column::Number(4),
                ..
            }
        ));
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
        check_error("time=t,value=v,header=maybe", "header \"maybe\" is unknown");
        check_error("time=t,value=v,time_unit=h", "time_unit \"h\"");
        check_error("time=t,value=v,time_unit=clock", "time_unit \"clock\"");
        check_error("time=t,value=v,utc_offset=5", "utc_offset \"5\"");
        check_error("zone=Mars/Olympus", "zone \"Mars/Olympus\"");
        check_error("zone=UTC,utc_offset=+01:00", "the same thing twice");
        check_error("time_unit=s,time_format=%s", "the same thing twice");
        check_error("day_first=maybe", "day_first \"maybe\"");
        check_error("decimal=,", "decimal is empty");
        check_error("price_scale=0", "price_scale is not a number above 0");
        check_error("price_scale=tiny", "price_scale \"tiny\" is not a number");
        check_error("topic=plant/{sensor", "topic \"plant/{sensor\"");
        check_error("time=t,values=a||b", "values \"a||b\"");
        check_error("time=t,value=v,delimiter=;;", "delimiter");
        check_error("time=t,value", "\"value\" is not of the form");
    }

    #[test]
    fn offsets_from_utc_are_read() {
        let seconds = |text| {
            let zone = parse_offset(text)?;
            zone.to_fixed_offset().ok().map(Offset::seconds)
        };
        assert_eq!(seconds("-05:00"), Some(-18_000));
        assert_eq!(seconds("+05:45"), Some(20_700));
        for text in ["", "05:00", "+5:00", "+24:00", "+05:60", "+a5:00", "é05:00"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
