//! The rules for decoding: `[[decode]]` in the file, and `--decode`.

use tickcast_protocol::topic::Filter;

use super::{
    ENVIRONMENT_PREFIX, Environment, Problems,
    file::{File, Table},
    flags::Flags,
    print,
    section::{
        AnySection, Filled,
        Kind::{self, One},
        Origin, Section, Setting,
    },
    values::{choice, choice_name, parsed, put, text},
};
use crate::decode::{
    DecodeRule, Format, JsonFormat, Shape, SidePointer, json::Pointer, time::TimeUnit,
};

/// A rule, and what it was made of.
pub(super) struct Rule {
    pub(super) rule: DecodeRule,
    draft: Filled<RuleDraft>,
    origin: Origin,
}

impl Rule {
    pub(super) fn print(&self, out: &mut String) {
        out.push('\n');
        print::commented(out, "[[decode]]", &self.origin.described());
        for line in self.draft.lines() {
            if let Some(value) = line.value {
                out.push_str(&format!("{} = {value}\n", line.key));
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
struct RuleDraft {
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
        Setting {
            key: stringify!($field),
            value_name: "POINTER",
            help: "",
            kind: One,
            set: |s, v| put(&mut s.$field, parsed(&v[0]).map(Some)),
            get: |s| s.$field.as_ref().and_then(text),
        }
    };
}

const fn setting(
    key: &'static str,
    set: fn(&mut RuleDraft, &[String]) -> Result<(), String>,
    get: fn(&RuleDraft) -> Option<toml::Value>,
) -> Setting<RuleDraft> {
    Setting {
        key,
        value_name: "",
        help: "",
        kind: Kind::One,
        set,
        get,
    }
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

impl RuleDraft {
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

/// All rules; those of flags go before those of the environment, and those before the file's.
pub(super) fn read_rules(
    flags: &Flags,
    environment: &Environment,
    file: &mut File,
    problems: &mut Problems,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for text in flags.get("decode").unwrap_or_default() {
        rules.extend(parse_rule(text, Origin::Flag("--decode".into()), problems));
    }
    // A rule has commas: without the brackets of a list it is one.
    let from_environment = match environment.get("DECODE") {
        Some(text) if !text.starts_with('[') => vec![text],
        _ => {
            let list = environment.list("DECODE");
            list.and_then(|list| problems.note(list))
                .unwrap_or_default()
        }
    };
    for text in from_environment {
        let origin = Origin::Environment(format!("{ENVIRONMENT_PREFIX}DECODE"));
        rules.extend(parse_rule(&text, origin, problems));
    }
    for table in std::mem::take(&mut file.rules) {
        rules.extend(read_table(table, problems));
    }
    rules
}

fn read_table(mut table: Table, problems: &mut Problems) -> Option<Rule> {
    let origin = table.origin();
    let mut draft = Filled::default();
    let before = problems.0.len();
    draft.read_file(&mut table, problems);
    table.refuse_rest(" of a rule for decoding", problems);
    finish(draft, origin, before, problems)
}

/// `FILTER=FORMAT,KEY=VALUE,...`
fn parse_rule(text: &str, origin: Origin, problems: &mut Problems) -> Option<Rule> {
    let mut draft = Filled::default();
    let before = problems.0.len();
    for (index, member) in text.split(',').enumerate() {
        let Some((key, value)) = member.split_once('=') else {
            problems.add(format!(
                "{origin} {text:?}: {member:?} is not of the form KEY=VALUE"
            ));
            continue;
        };
        let mut take =
            |key: &str, value: &str| draft.take(key, &[value.into()], origin.clone(), problems);
        if index == 0 {
            take("filter", key);
            take("format", value);
        } else if !take(key, value) {
            problems.add(format!(
                "{origin} {text:?}: {key} is no setting of a rule for decoding"
            ));
        }
    }
    finish(draft, origin, before, problems)
}

/// `before` says how many problems there were before this rule.
fn finish(
    draft: Filled<RuleDraft>,
    origin: Origin,
    before: usize,
    problems: &mut Problems,
) -> Option<Rule> {
    if problems.0.len() > before {
        return None;
    }
    let rule = draft.value.clone().build();
    let rule = problems.note(rule.map_err(|problem| format!("{origin}: {problem}")))?;
    Some(Rule {
        rule,
        draft,
        origin,
    })
}
