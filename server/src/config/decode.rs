//! The rules for decoding: `[[decode]]` in the file, and `--decode`.

use tickcast_protocol::topic::Filter;

use super::{
    rules::{Draft, setting},
    section::{Section, Setting},
    values::{choice, choice_name, parsed, put, text},
};
use crate::feed::decode::{
    DecodeRule, Format, JsonFormat, Shape, SidePointer, json::Pointer, time::TimeUnit,
};

#[derive(Debug, Clone, Default)]
pub(super) struct RuleDraft {
    filter: Option<Filter>,
    format: Option<FormatName>,
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
    time_unit: Option<TimeUnit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FormatName {
    Automatic,
    Number,
    Json,
    Text,
    Bytes,
}

const FORMATS: [(&str, FormatName); 5] = [
    ("auto", FormatName::Automatic),
    ("number", FormatName::Number),
    ("json", FormatName::Json),
    ("text", FormatName::Text),
    ("bytes", FormatName::Bytes),
];

/// A setting that is a pointer.
macro_rules! pointer {
    ($field:ident) => {
        setting(
            stringify!($field),
            |s, v| put(&mut s.$field, parsed(&v[0]).map(Some)),
            |s| s.$field.as_ref().and_then(text),
        )
    };
}

impl Section for RuleDraft {
    const PREFIX: &'static str = "decode";
    const TITLE: &'static str = "Decode";

    fn defaults() -> Self {
        Self::default()
    }

    const SETTINGS: &'static [Setting<Self>] = &[
        setting(
            "filter",
            |s, v| put(&mut s.filter, parsed(&v[0]).map(Some)),
            |s| s.filter.as_ref().and_then(text),
        ),
        setting(
            "format",
            |s, v| put(&mut s.format, choice(&v[0], &FORMATS).map(Some)),
            |s| choice_name(s.format.as_ref()?, &FORMATS),
        ),
        setting(
            "unit",
            |s, v| put(&mut s.unit, Ok(Some(v[0].clone()))),
            |s| s.unit.as_ref().and_then(text),
        ),
        pointer!(value),
        pointer!(price),
        pointer!(size),
        pointer!(side),
        pointer!(buyer_maker),
        pointer!(bid),
        pointer!(ask),
        pointer!(bid_size),
        pointer!(ask_size),
        pointer!(time),
        setting(
            "time_unit",
            |s, v| put(&mut s.time_unit, choice(&v[0], &TimeUnit::NAMES).map(Some)),
            |s| choice_name(s.time_unit.as_ref()?, &TimeUnit::NAMES),
        ),
    ];
}

impl Draft for RuleDraft {
    const FIRST: [&'static str; 2] = ["filter", "format"];
    const WHAT: &'static str = "a rule for decoding";

    type Rule = DecodeRule;

    fn build(mut self) -> Result<DecodeRule, String> {
        let filter = self.filter.take().ok_or("a rule needs a filter")?;
        let unit = self.unit.take().map(Into::into);
        let format = match self.format.take().ok_or("a rule needs a format")? {
            FormatName::Automatic => Format::Automatic,
            FormatName::Number => Format::Number,
            FormatName::Text => Format::Text,
            FormatName::Bytes => Format::Bytes,
            FormatName::Json => Format::Json(Box::new(self.take_json()?)),
        };
        // What has not been taken goes with another format or another kind of value.
        let mut rest = RuleDraft::SETTINGS
            .iter()
            .filter(|setting| (setting.get)(&self).is_some());
        if let Some(setting) = rest.next() {
            return Err(format!(
                "{} does not go with the rest of the rule",
                setting.key
            ));
        }
        Ok(DecodeRule {
            filter,
            format,
            unit,
        })
    }
}

impl RuleDraft {
    fn take_json(&mut self) -> Result<JsonFormat, String> {
        let shape = if let Some(value) = self.value.take() {
            Shape::Value(value)
        } else if let (Some(price), Some(size)) = (&self.price, &self.size) {
            let (price, size) = (price.clone(), size.clone());
            (self.price, self.size) = (None, None);
            let side = match self.side.take() {
                Some(side) => Some(SidePointer::Side(side)),
                None => self.buyer_maker.take().map(SidePointer::BuyerMaker),
            };
            Shape::Trade { price, size, side }
        } else if let (Some(bid), Some(ask)) = (&self.bid, &self.ask) {
            let (bid, ask) = (bid.clone(), ask.clone());
            (self.bid, self.ask) = (None, None);
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
