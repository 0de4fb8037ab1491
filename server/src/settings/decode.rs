//! The keys of `[[decode]]` and `--decode`.

use clap::{Args, ValueEnum, builder::PossibleValuesParser, builder::TypedValueParser};
use tickcast_protocol::topic::Filter;

use super::values::filter;
use crate::feed::decode::{
    DecodeRule, Format, JsonFormat, Shape, SidePointer, json::Pointer, time::TimeUnit,
};

/// They have no texts, so that only the few that a rule has are printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct DecodeKeys {
    #[arg(value_parser = filter)]
    filter: Filter,
    format: FormatName,
    unit: Option<String>,
    value: Option<Pointer>,
    price: Option<Pointer>,
    size: Option<Pointer>,
    side: Option<Pointer>,
    buyer_maker: Option<Pointer>,
    bid: Option<Pointer>,
    ask: Option<Pointer>,
    bid_size: Option<Pointer>,
    ask_size: Option<Pointer>,
    time: Option<Pointer>,
    #[arg(value_parser = time_unit())]
    time_unit: Option<TimeUnit>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatName {
    #[value(name = "auto")]
    Automatic,
    Number,
    Json,
    Text,
    Bytes,
}

fn time_unit() -> impl TypedValueParser<Value = TimeUnit> {
    let names = PossibleValuesParser::new(TimeUnit::NAMES.map(|(name, _)| name));
    names.map(|text| {
        let mut units = TimeUnit::NAMES.into_iter();
        let unit = units.find(|(name, _)| *name == text);
        unit.map(|(_, unit)| unit).unwrap_or_default()
    })
}

impl TryFrom<DecodeKeys> for DecodeRule {
    type Error = String;

    fn try_from(mut keys: DecodeKeys) -> Result<Self, String> {
        let format = match keys.format {
            FormatName::Automatic => Format::Automatic,
            FormatName::Number => Format::Number,
            FormatName::Text => Format::Text,
            FormatName::Bytes => Format::Bytes,
            FormatName::Json => Format::Json(Box::new(keys.take_json()?)),
        };
        // A pointer that is left belongs to another format or another kind of value.
        let pointers = [
            ("value", &keys.value),
            ("price", &keys.price),
            ("size", &keys.size),
            ("side", &keys.side),
            ("buyer_maker", &keys.buyer_maker),
            ("bid", &keys.bid),
            ("ask", &keys.ask),
            ("bid_size", &keys.bid_size),
            ("ask_size", &keys.ask_size),
            ("time", &keys.time),
        ];
        let left = pointers.iter().find(|(_, pointer)| pointer.is_some());
        let time_unit = keys.time_unit.map(|_| "time_unit");
        if let Some(key) = left.map(|(key, _)| *key).or(time_unit) {
            return Err(format!("{key} does not fit the other keys of the rule"));
        }
        Ok(Self {
            filter: keys.filter,
            format,
            unit: keys.unit.map(Into::into),
        })
    }
}

impl DecodeKeys {
    fn take_json(&mut self) -> Result<JsonFormat, String> {
        let shape = if let Some(value) = self.value.take() {
            Shape::Value(value)
        } else if let Some((price, size)) = take_both(&mut self.price, &mut self.size) {
            let side = match self.side.take() {
                Some(side) => Some(SidePointer::Side(side)),
                None => self.buyer_maker.take().map(SidePointer::BuyerMaker),
            };
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
        let time = self.time.take();
        let time = time.map(|pointer| (pointer, self.time_unit.take().unwrap_or_default()));
        Ok(JsonFormat { shape, time })
    }
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
