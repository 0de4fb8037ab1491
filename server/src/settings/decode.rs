//! The keys of `[[decode]]` and `--decode`.

use std::str::FromStr;

use clap::{Args, ValueEnum, builder::PossibleValuesParser, builder::TypedValueParser};
use jiff::tz::TimeZone;
use tickcast_core::sequencer::{NAME_MAX_BYTES, UNIT_MAX_BYTES};
use tickcast_protocol::{decimal::SCALE_MAX, topic::Filter};

use super::values::{filter, number};
use crate::feed::decode::{
    Conditions, DecodeRule, FieldsFormat, Format, Hints, JsonFormat, MissingPolicy, Numerals,
    Shape, SidePointer, TopicTemplate,
    json::Pointer,
    time::{TimeRule, TimeUnit, is_pattern},
};

/// They have no texts, so that only the few that a rule has are printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct DecodeKeys {
    #[arg(value_parser = filter)]
    filter: Filter,
    format: FormatName,
    when: Option<Conditions>,
    reason: Option<Pointer>,
    #[arg(value_parser = unit)]
    unit: Option<String>,
    #[arg(value_parser = name)]
    name: Option<String>,
    value: Option<Pointer>,
    price: Option<Pointer>,
    size: Option<Pointer>,
    side: Option<Pointer>,
    side_of: Option<SideOf>,
    buy: Option<Names>,
    sell: Option<Names>,
    buyer_maker: Option<Pointer>,
    bid: Option<Pointer>,
    ask: Option<Pointer>,
    bid_size: Option<Pointer>,
    ask_size: Option<Pointer>,
    time: Option<Pointer>,
    #[arg(value_parser = time_unit())]
    time_unit: Option<TimeUnit>,
    #[arg(value_parser = time_format)]
    time_format: Option<String>,
    #[arg(value_parser = zone)]
    zone: Option<TimeZone>,
    #[arg(value_parser = utc_offset)]
    utc_offset: Option<TimeZone>,
    each: Option<Pointer>,
    topic: Option<TopicTemplate>,
    missing: Option<Missing>,
    #[arg(value_parser = number(0..=SCALE_MAX))]
    round: Option<u8>,
    decimal: Option<DecimalMark>,
    include: Option<Names>,
    exclude: Option<Names>,
    keep: Option<Keep>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatName {
    #[value(name = "auto")]
    Automatic,
    Fields,
    Number,
    Json,
    Text,
    Bytes,
    Skip,
    Error,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SideOf {
    Maker,
    Taker,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Missing {
    Error,
    Skip,
    Absent,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DecimalMark {
    Point,
    Comma,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Keep {
    Text,
}

/// Names with `|` between them.
#[derive(Debug, Clone)]
struct Names(Box<[Box<str>]>);

impl FromStr for Names {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names: Box<[Box<str>]> = text.split('|').map(Into::into).collect();
        match names.iter().any(|name| name.is_empty()) {
            true => Err("write names with | between them, as in buy|B".to_owned()),
            false => Ok(Self(names)),
        }
    }
}

fn time_unit() -> impl TypedValueParser<Value = TimeUnit> {
    let names = PossibleValuesParser::new(TimeUnit::NAMES.map(|(name, _)| name));
    names.map(|text| {
        let mut units = TimeUnit::NAMES.into_iter();
        let unit = units.find(|(name, _)| *name == text);
        unit.map(|(_, unit)| unit).unwrap_or_default()
    })
}

/// A text that clients show on one line.
fn line(text: &str, max_bytes: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > max_bytes || text.contains(char::is_control) {
        return Err(format!(
            "expected a text of 1 to {max_bytes} bytes on one line"
        ));
    }
    Ok(text.to_owned())
}

fn unit(text: &str) -> Result<String, String> {
    line(text, UNIT_MAX_BYTES)
}

fn name(text: &str) -> Result<String, String> {
    line(text, NAME_MAX_BYTES)
}

/// A pattern that no time fits would leave every value without its time.
fn time_format(text: &str) -> Result<String, String> {
    match is_pattern(text) {
        true => Ok(text.to_owned()),
        false => Err(
            "expected a pattern of strftime(3) that tells a date, as in %d.%m.%Y %H:%M".to_owned(),
        ),
    }
}

fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| {
        "it is no time zone: write it as in Europe/Berlin (the IANA database)".to_owned()
    })
}

fn utc_offset(text: &str) -> Result<TimeZone, String> {
    let wrong = || "write the offset from UTC as in +01:00 or -05:30".to_owned();
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(wrong()),
    };
    let (hours, minutes) = rest.split_once(':').ok_or_else(wrong)?;
    let (hours, minutes): (i32, i32) = match (hours.parse(), minutes.parse()) {
        (Ok(hours @ 0..=14), Ok(minutes @ 0..=59)) => (hours, minutes),
        _ => return Err(wrong()),
    };
    let offset = jiff::tz::Offset::from_seconds(sign * (hours * 3600 + minutes * 60));
    offset.map(TimeZone::fixed).map_err(|_| wrong())
}

impl TryFrom<DecodeKeys> for DecodeRule {
    type Error = String;

    fn try_from(mut keys: DecodeKeys) -> Result<Self, String> {
        if keys.time_unit.is_some() && keys.time_format.is_some() {
            return Err("time_unit and time_format say the same thing twice".to_owned());
        }
        let format = match keys.format {
            FormatName::Automatic => {
                let hints = keys.take_hints();
                Format::Automatic((hints != Hints::default()).then(|| Box::new(hints)))
            }
            FormatName::Fields => Format::Fields(Box::new(keys.take_fields())),
            FormatName::Number => Format::Number(keys.take_numerals()),
            FormatName::Text => Format::Text,
            FormatName::Bytes => Format::Bytes,
            FormatName::Skip => Format::Skip,
            FormatName::Error => Format::Error(keys.reason.take()),
            FormatName::Json => Format::Json(Box::new(keys.take_json()?)),
        };
        if let Some(key) = keys.left() {
            return Err(format!("{key} does not fit the other keys of the rule"));
        }
        Ok(Self {
            filter: keys.filter,
            format,
            unit: keys.unit.map(Into::into),
            name: keys.name.map(Into::into),
            when: keys.when.unwrap_or_default(),
        })
    }
}

impl DecodeKeys {
    fn take_fields(&mut self) -> FieldsFormat {
        FieldsFormat {
            include: take_names(&mut self.include),
            exclude: take_names(&mut self.exclude),
            keep_text: self.keep.take().is_some(),
            hints: self.take_hints(),
        }
    }

    fn take_hints(&mut self) -> Hints {
        Hints {
            time: self.time.take(),
            times: self.take_times(),
            numerals: self.take_numerals(),
        }
    }

    fn take_numerals(&mut self) -> Numerals {
        match self.decimal.take() {
            None => Numerals::Usual,
            Some(DecimalMark::Point) => Numerals::Point,
            Some(DecimalMark::Comma) => Numerals::Comma,
        }
    }

    fn take_json(&mut self) -> Result<JsonFormat, String> {
        let shape = if let Some(value) = self.value.take() {
            Shape::Value(value)
        } else if let Some((price, size)) = take_both(&mut self.price, &mut self.size) {
            let side = self.take_side();
            Shape::Trade { price, size, side }
        } else if let Some((bid, ask)) = take_both(&mut self.bid, &mut self.ask) {
            Shape::Quote {
                bid,
                ask,
                bid_size: self.bid_size.take(),
                ask_size: self.ask_size.take(),
            }
        } else {
            return Err("json needs pointers: value, price and size, or bid and ask".into());
        };
        let is_value = matches!(shape, Shape::Value(_));
        Ok(JsonFormat {
            each: self.each.take(),
            topic: self.topic.take(),
            shape,
            time: self.take_time(),
            missing: match self.missing.take() {
                None | Some(Missing::Error) => MissingPolicy::Error,
                Some(Missing::Skip) => MissingPolicy::Skip,
                Some(Missing::Absent) => MissingPolicy::Absent,
            },
            round: (!is_value).then(|| self.round.take()).flatten(),
            numerals: self.take_numerals(),
        })
    }

    fn take_side(&mut self) -> Option<SidePointer> {
        let Some(pointer) = self.side.take() else {
            return self.buyer_maker.take().map(SidePointer::BuyerMaker);
        };
        Some(SidePointer::Side {
            pointer,
            is_makers: matches!(self.side_of.take(), Some(SideOf::Maker)),
            buy: take_names(&mut self.buy),
            sell: take_names(&mut self.sell),
        })
    }

    fn take_time(&mut self) -> Option<(Pointer, TimeRule)> {
        Some((self.time.take()?, self.take_times()))
    }

    fn take_times(&mut self) -> TimeRule {
        TimeRule {
            unit: self.time_unit.take().unwrap_or_default(),
            pattern: self.time_format.take().map(Into::into),
            zone: self.zone.take().or_else(|| self.utc_offset.take()),
        }
    }

    /// A key that no other key needs: it belongs to another format or another kind of value.
    fn left(&self) -> Option<&'static str> {
        let left = [
            ("reason", self.reason.is_some()),
            ("value", self.value.is_some()),
            ("price", self.price.is_some()),
            ("size", self.size.is_some()),
            ("side", self.side.is_some()),
            ("side_of", self.side_of.is_some()),
            ("buy", self.buy.is_some()),
            ("sell", self.sell.is_some()),
            ("buyer_maker", self.buyer_maker.is_some()),
            ("bid", self.bid.is_some()),
            ("ask", self.ask.is_some()),
            ("bid_size", self.bid_size.is_some()),
            ("ask_size", self.ask_size.is_some()),
            ("time", self.time.is_some()),
            ("time_unit", self.time_unit.is_some()),
            ("time_format", self.time_format.is_some()),
            ("zone", self.zone.is_some()),
            ("utc_offset", self.utc_offset.is_some()),
            ("each", self.each.is_some()),
            ("topic", self.topic.is_some()),
            ("missing", self.missing.is_some()),
            ("round", self.round.is_some()),
            ("decimal", self.decimal.is_some()),
            ("include", self.include.is_some()),
            ("exclude", self.exclude.is_some()),
            ("keep", self.keep.is_some()),
        ];
        let (key, _) = left.into_iter().find(|(_, is_left)| *is_left)?;
        Some(key)
    }
}

fn take_names(names: &mut Option<Names>) -> Box<[Box<str>]> {
    names.take().map(|Names(names)| names).unwrap_or_default()
}

/// Both pointers, or neither.
fn take_both(one: &mut Option<Pointer>, other: &mut Option<Pointer>) -> Option<(Pointer, Pointer)> {
    match (one.take(), other.take()) {
        (Some(first), Some(second)) => Some((first, second)),
        (first, second) => {
            (*one, *other) = (first, second);
            None
        }
    }
}
